"""The doors: a JSON interface for reporters and a console for reviewers, in one ASGI application."""
