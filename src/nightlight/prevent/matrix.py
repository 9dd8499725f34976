"""A policy's matrix as people read it: few lines for 500 cells."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from nightlight.model.account import MINORS, AgeBand, Assurance
from nightlight.model.contact import ContactDecision, ContactFacts, Direction, Relation
from nightlight.prevent.decide import CompiledPolicy
from nightlight.prevent.policy import CELLS, Cell

V = TypeVar("V")
#: Above every bound that a condition may ask for.
_PLENTY = 10**9


def standing(policy: CompiledPolicy) -> dict[Cell, ContactDecision]:
    """What holds in every cell while nothing speaks for a risk: rows, and protections that nobody loosened."""
    return {cell: policy.decide(_quiet(cell)) for cell in CELLS}


def _quiet(cell: Cell) -> ContactFacts:
    return ContactFacts(
        cell.direction,
        cell.from_band,
        cell.to_band,
        cell.relation,
        from_assurance=Assurance.VERIFIED,
        account_age=_PLENTY,
        mutual_connections=_PLENTY,
        shared_rooms=_PLENTY,
    )


@dataclass(frozen=True, slots=True)
class Line(Generic[V]):
    """One line of a sheet: the same for every pair of these bands. ``values``: one for each relation, in its order."""

    from_bands: tuple[AgeBand, ...]
    to_bands: tuple[AgeBand, ...]
    values: tuple[V, ...]


def sheet(direction: Direction, values: Mapping[Cell, V]) -> list[Line[V]]:
    """All of one direction, pairs of bands with equal values in one line. Lines are ordered by who is asked."""
    by_target: dict[tuple[AgeBand, tuple[V, ...]], list[AgeBand]] = {}
    for to in AgeBand:
        for who in AgeBand:
            found = tuple(values[Cell(who, to, relation, direction)] for relation in Relation)
            by_target.setdefault((to, found), []).append(who)
    lines: dict[tuple[tuple[AgeBand, ...], tuple[V, ...]], list[AgeBand]] = {}
    for (to, found), who_all in by_target.items():
        lines.setdefault((tuple(who_all), found), []).append(to)
    return [Line(who, tuple(to), found) for (who, found), to in lines.items()]


@dataclass(frozen=True, slots=True)
class Box:
    """Cells that can be said in one line: every combination of these."""

    from_bands: frozenset[AgeBand]
    to_bands: frozenset[AgeBand]
    relations: frozenset[Relation]
    directions: frozenset[Direction]

    def __len__(self) -> int:
        return len(self.from_bands) * len(self.to_bands) * len(self.relations) * len(self.directions)

    def __str__(self) -> str:
        return (
            f"{bands_words(self.from_bands)} → {bands_words(self.to_bands)}, "
            f"{any_words(self.relations, Relation, 'any relation')}, "
            f"{any_words(self.directions, Direction, 'any direction')}"
        )


def boxes(cells: Iterable[Cell]) -> list[Box]:
    """The cells as few boxes that do not overlap, the largest first."""
    found: list[tuple[frozenset[str], ...]] = [
        (frozenset({c.from_band}), frozenset({c.to_band}), frozenset({c.relation}), frozenset({c.direction}))
        for c in cells
    ]
    for side in (2, 3, 1, 0):
        merged: dict[tuple[frozenset[str], ...], frozenset[str]] = {}
        for box in found:
            rest = box[:side] + box[side + 1 :]
            merged[rest] = merged.get(rest, frozenset()) | box[side]
        found = [(*rest[:side], whole, *rest[side:]) for rest, whole in merged.items()]
    made = [
        Box(
            frozenset(map(AgeBand, who)),
            frozenset(map(AgeBand, to)),
            frozenset(map(Relation, relations)),
            frozenset(map(Direction, directions)),
        )
        for who, to, relations, directions in found
    ]
    return sorted(made, key=lambda box: (-len(box), str(box)))


def bands_words(bands: Collection[AgeBand]) -> str:
    """``anyone``, or the bands; three bands of minors are said as ``minor``."""
    if len(set(bands)) == len(AgeBand):
        return "anyone"
    rest = [band.value for band in AgeBand if band in bands]
    if set(MINORS) <= set(bands):
        rest = ["minor", *(word for word in rest if AgeBand(word) not in MINORS)]
    return ", ".join(rest)


def any_words(
    some: Collection[Relation] | Collection[Direction], kind: type[Relation] | type[Direction], all_: str
) -> str:
    return all_ if len(set(some)) == len(kind) else ", ".join(item.value for item in kind if item in some)
