"""The sealed worker: a process that opens an attachment, and can do nothing with it but count and digest it."""
