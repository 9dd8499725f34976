"""The stories: take a report, collect the homeserver's own reports, review a case, enforce a decision, sign in."""
