"""A real homeserver, real clients that really encrypt, and the story they play, all on loopback."""
