"""Translators to the outside world. They never decide."""
