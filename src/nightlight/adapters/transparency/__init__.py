"""A log somewhere else, over HTTP, as whoever follows it sees it."""
