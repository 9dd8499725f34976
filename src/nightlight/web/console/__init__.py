"""The console: where reviewers look at cases and decide. Server-rendered; works without JavaScript, quicker with it."""
