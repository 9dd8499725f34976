"""Insight: what police forces answered, turned into shares of apps that say how sure they are. Pure."""
