"""Which platform a police force means by a word, and who owned it when: a reviewed table, never a guess."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property, lru_cache

import yaml

from nightlight.hazmat.strict_yaml import MalformedError, Reader, read_nodes
from nightlight.insight.period import Period, read_month
from nightlight.insight.spelling import PARTS_MAX, key_of, split_text

FORMAT = "nightlight-platforms/1"
CODE = "platforms_malformed"
#: A platform is known and has no name: what it stands for differs from force to force.
OTHER = "other"
#: A platform is named, by a word that the table does not have.
UNMATCHED = "unmatched"
#: Nothing is said about the platform.
UNKNOWN = "unknown"
#: Words of the figures themselves, which no platform may be called.
RESERVED = frozenset({OTHER, UNMATCHED, UNKNOWN, "known", "total"})
PLATFORMS_MAX = 1_000
_NAME = re.compile(r"[a-z0-9][a-z0-9 .]{0,39}\Z")
#: Alike enough to ask a person about; a shorter word is like everything.
_CUTOFF, _SUGGEST_MIN, _SUGGEST_MAX = 0.8, 4, 60
#: So many cells, of so many characters, are remembered.
_OFTEN_MAX, _OFTEN_CHARS = 4_096, 200


@dataclass(frozen=True, slots=True, order=True)
class Platform:
    """``name`` in small letters, as it stands in the published figures: ``facebook messenger``."""

    name: str


@dataclass(frozen=True, slots=True)
class Ownership:
    """``since`` and ``until`` in months, both included; None: always so far as figures reach."""

    owner: str
    platform: str
    since: int | None = None
    until: int | None = None

    def holds(self, period: Period) -> bool | None:
        """Whether it held in the whole of a period; None: in a part of it."""
        first = period.first if self.since is None else max(period.first, self.since)
        last = period.last if self.until is None else min(period.last, self.until)
        if first > last:
            return False
        return True if (first, last) == (period.first, period.last) else None


@dataclass(frozen=True, slots=True)
class Cell:
    """What one cell says. ``platforms``: names, ``other`` included. ``unmatched``: spellings that nothing matches.

    ``known``: a platform is stated. A spelling that the table does not have is a stated platform: it stays in the
    denominator, so that a new app does not raise the shares of all others.
    """

    platforms: frozenset[str]
    unmatched: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        return bool(self.platforms or self.unmatched)


@dataclass(frozen=True)
class Platforms:
    """``spellings``: by key, the name, ``other`` or ``unknown``."""

    spellings: Mapping[str, str]
    ownerships: tuple[Ownership, ...] = ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(set(self.spellings.values()) - RESERVED))

    @property
    def owners(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.owner for one in self.ownerships))

    def normalise(self, text: str) -> Platform | None:
        """The one platform that a word means; None for a word that means none, and for one that nobody has reviewed."""
        name = self.spellings.get(key_of(text), UNKNOWN)
        return None if name in RESERVED else Platform(name)

    def split_cell(self, text: str) -> tuple[str, ...]:
        """The spellings in a cell that may name several platforms, each once, in the order in which they stand."""
        return tuple(dict.fromkeys(piece.text for piece in split_text(text, self.spellings)))

    def read_cell(self, text: str) -> Cell:
        """What a cell says: "Insta & unknown" names one platform, "not stated" none. Never raises."""
        return self._read_often(text) if len(text) <= _OFTEN_CHARS else self._read_cell(text)

    @cached_property
    def _read_often(self) -> Callable[[str], Cell]:
        """A few spellings make up nearly all cells."""
        return lru_cache(_OFTEN_MAX)(self._read_cell)

    def _read_cell(self, text: str) -> Cell:
        names: set[str] = set()
        unmatched: dict[str, None] = {}
        for piece in split_text(text, self.spellings):
            name = self.spellings.get(piece.key)
            if name is None:
                unmatched[piece.text] = None
            elif name != UNKNOWN:
                names.add(name)
        return Cell(frozenset(names), tuple(unmatched))

    def suggestion(self, text: str) -> str | None:
        """Which platform a person may want to enter a spelling for. Only ever shown, never used in a figure."""
        return self._suggest_often(key_of(text))

    @cached_property
    def _suggest_often(self) -> Callable[[str], str | None]:
        """The same spellings come back in every part of the figures."""
        return lru_cache(_OFTEN_MAX)(self._suggestion)

    def _suggestion(self, key: str) -> str | None:
        if key in self.spellings or not _SUGGEST_MIN <= len(key) <= _SUGGEST_MAX:
            return None
        # A name with words around it: "Snapchat messages".
        inside = [known for known in self._suggested if len(known) > _SUGGEST_MIN and known in key]
        close = [max(inside, key=len)] if inside else get_close_matches(key, self._suggested, n=1, cutoff=_CUTOFF)
        return self.spellings[close[0]] if close else None

    @cached_property
    def _suggested(self) -> tuple[str, ...]:
        return tuple(key for key, name in self.spellings.items() if name not in RESERVED and len(key) >= _SUGGEST_MIN)

    def owned(self, owner: str, period: Period) -> tuple[frozenset[str], frozenset[str]]:
        """What an owner had in the whole of a period, and what in a part of it only."""
        held = {one.platform: one.holds(period) for one in self.ownerships if one.owner == owner}
        return (
            frozenset(name for name, whole in held.items() if whole),
            frozenset(name for name, whole in held.items() if whole is None),
        )


def read_platforms(data: bytes) -> Platforms:
    """``MalformedError('platforms_malformed')`` carries every mistake with its line and column."""
    root = read_nodes(data, CODE)
    reader = _PlatformReader()
    platforms = reader.platforms(root)
    if reader.problems:
        raise MalformedError(CODE, reader.problems)
    return platforms


class _PlatformReader(Reader):
    def platforms(self, root: yaml.Node) -> Platforms:
        found = self.mapping(root, ("format", "unknown", "unnamed", "platforms"), ("owners",))
        if "format" in found and self.text(found["format"], "format") != FORMAT:
            self.complain(found["format"], f'The format is "{FORMAT}".')
        spellings: dict[str, str] = {}
        for word, meaning in (("unknown", UNKNOWN), ("unnamed", OTHER)):
            for node in self.items(found[word]) if word in found else []:
                self._spelling(node, meaning, spellings)
        nodes = self.items(found["platforms"]) if "platforms" in found else []
        if len(nodes) > PLATFORMS_MAX:
            self.complain(root, f"There are more than {PLATFORMS_MAX:,} platforms.")
            return Platforms({})
        for node in nodes:
            self._platform(node, spellings)
        names = set(spellings.values()) - RESERVED
        owners = self.items(found["owners"]) if "owners" in found else []
        return Platforms(spellings, tuple(one for node in owners for one in self._owner(node, names)))

    def _platform(self, node: yaml.Node, spellings: dict[str, str]) -> None:
        found = self.mapping(node, ("name",), ("spellings",))
        if "name" not in found:
            return
        name = self.text(found["name"], "name")
        if not _NAME.match(name) or name in RESERVED:
            self.complain(found["name"], "A name has small letters, digits, spaces and points, and is no word of ours.")
            return
        self._spelling(found["name"], name, spellings)
        for spelled in self.items(found["spellings"]) if "spellings" in found else []:
            self._spelling(spelled, name, spellings)

    def _spelling(self, node: yaml.Node, name: str, spellings: dict[str, str]) -> None:
        key = key_of(self.text(node, "spelling", 80))
        if not key or sum(key.count(mark) for mark in ";,/&") >= PARTS_MAX:
            self.complain(node, f"A spelling has letters or digits, in at most {PARTS_MAX} parts.")
        elif spellings.setdefault(key, name) != name:
            self.complain(node, f'This spelling already means "{spellings[key]}".')

    def _owner(self, node: yaml.Node, names: set[str]) -> list[Ownership]:
        found = self.mapping(node, ("name", "platforms"))
        owner = self.text(found["name"], "name", 80) if "name" in found else ""
        owned: list[Ownership] = []
        for item in self.items(found["platforms"]) if "platforms" in found else []:
            fields = self.mapping(item, ("name",), ("since", "until"))
            if "name" not in fields:
                continue
            name = self.choice(fields["name"], "platform", sorted(names))
            since, until = (self._month(fields[word]) if word in fields else None for word in ("since", "until"))
            if since is not None and until is not None and since > until:
                self.complain(item, "The last month comes before the first.")
            if any(one.platform == name for one in owned):
                self.complain(item, f'"{name}" stands here twice.')
            owned.append(Ownership(owner, name, since, until))
        return owned

    def _month(self, node: yaml.Node) -> int | None:
        month = read_month(self.text(node, "month"))
        if month is None:
            self.complain(node, "A month is a year and a month: 2012-04.")
        return month
