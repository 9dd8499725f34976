"""Whether two steps that need two people were taken by two."""

from __future__ import annotations


def same_person(one: str, other: str) -> bool:
    """Whether two names are one person's, as far as names say."""
    return one.strip().casefold() == other.strip().casefold()
