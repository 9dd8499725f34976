"""Matrix: the homeserver's admin and OpenID interfaces, and the client-server API for people who report."""
