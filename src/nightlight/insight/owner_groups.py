"""Owners as a person names them: ``meta=facebook,messenger,instagram,whatsapp``. They stand for those of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nightlight.errors import RefusedError
from nightlight.insight.platforms import Ownership, Platforms
from nightlight.insight.spelling import shown

OWNERS_MAX = 50
_NAME_MAX = 80


def with_owners(table: Platforms, groups: Sequence[str]) -> Platforms:
    """The table with these owners alone, each of all times; with its own if there are none of these.

    ``RefusedError('owner_malformed')``; ``no_such_platform`` for a word that the table does not have.
    """
    if not groups:
        return table
    if len(groups) > OWNERS_MAX:
        raise RefusedError("owner_malformed", f"There are {len(groups):,} owners.", f"There can be {OWNERS_MAX}.")
    ownerships: list[Ownership] = []
    for text in groups:
        read = _read(text, table)
        if any(one.owner.casefold() == read[0].owner.casefold() for one in ownerships):
            raise RefusedError(
                "owner_malformed", f"The owner {read[0].owner!r} stands there twice.", "Name all its platforms at once."
            )
        ownerships += read
    return replace(table, ownerships=tuple(ownerships))


def _read(text: str, table: Platforms) -> list[Ownership]:
    name, mark, platforms = text.partition("=")
    owner, words = shown(name), [word for word in platforms.split(",") if word.strip()]
    if not mark or not owner or len(owner) > _NAME_MAX or not words:
        raise RefusedError(
            "owner_malformed",
            f"{shown(text)!r} is not an owner with its platforms.",
            "Write a short name and platforms of the table: meta=facebook,messenger,instagram,whatsapp",
        )
    return [Ownership(owner, platform) for platform in dict.fromkeys(_platform(word, owner, table) for word in words)]


def _platform(word: str, owner: str, table: Platforms) -> str:
    platform = table.normalise(word)
    if platform is not None:
        return platform.name
    suggestion = table.suggestion(word)
    raise RefusedError(
        "no_such_platform",
        f"{shown(word)!r}, of {owner}, is not in the table of platforms.",
        f'Is it "{suggestion}"?' if suggestion else "Add it to a table of your own, and name that with --platforms.",
    )
