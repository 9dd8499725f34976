"""The log of events on NATS JetStream: groups of consecutive events, dealt out to partitions in turn."""
