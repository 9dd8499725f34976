"""Responding: how reports become cases, and what a decision may do. Pure."""
