"""Shares through the periods: of one group of offences, over the forces that answered for all periods and no others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

from nightlight.insight.caveats import Caveat, unknown_share
from nightlight.insight.period import Period
from nightlight.insight.platforms import UNMATCHED, Platforms
from nightlight.insight.shares import Figure, Refusal, owner_figure, platform_figure
from nightlight.insight.tally import Tally
from nightlight.insight.years import Change, following, incomparable, owner_change, period_caveats, platform_change


class Kind(StrEnum):
    PLATFORM = "platform"
    OWNER = "owner"


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """Whose share it is. An owner may be called like a platform of its own."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """From one period to the next: by how much a share changed, or why that cannot be said. ``name`` is None if that
    holds for every share.
    """

    name: Name | None
    offence_group: str
    earlier: Period
    later: Period
    change: Change | Refusal

    def as_json(self) -> dict[str, Any]:
        between = {
            "name": None if self.name is None else self.name.text.lower(),
            "kind": None if self.name is None else self.name.kind.value,
            "offence": self.offence_group,
            "from": str(self.earlier),
            "to": str(self.later),
        }
        if isinstance(self.change, Refusal):
            return between | {"refused": self.change.code, "text": self.change.words}
        return between | {
            "difference": self.change.difference,
            "low": self.change.low,
            "high": self.change.high,
            "beyond_chance": self.change.certain,
            "forces": sorted(self.change.forces),
            "earlier": self.change.earlier.as_json(),
            "later": self.change.later.as_json(),
            "caveats": [caveat.as_json() for caveat in self.change.caveats],
        }


@dataclass(frozen=True, slots=True)
class Trend:
    """``figures``: for every name one in each of ``periods``. ``unknown``: the share of all offences whose platform
    nobody knows, None where it is not stated exactly. All of ``forces`` alone.
    """

    offence_group: str
    periods: tuple[Period, ...]
    forces: frozenset[str]
    figures: Mapping[Name, tuple[Figure | Refusal, ...]]
    unknown: tuple[float | None, ...]
    caveats: tuple[Caveat, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "offence": self.offence_group,
            "periods": list(map(str, self.periods)),
            "forces": sorted(self.forces),
            "unknown_share": list(self.unknown),
            "lines": [
                {
                    "name": name.text.lower(),
                    "kind": name.kind.value,
                    "figures": [None if isinstance(one, Refusal) else one.as_json() for one in figures],
                }
                for name, figures in self.figures.items()
            ],
            "caveats": [caveat.as_json() for caveat in self.caveats],
        }


def names_of(tally: Tally, table: Platforms) -> tuple[Name, ...]:
    """Every platform that a tally names, and every owner that had one of them in one of its periods."""
    had = {
        owner: frozenset(name for period in tally.periods for names in table.owned(owner, period) for name in names)
        for owner in table.owners
    }
    return (
        *(Name(Kind.PLATFORM, name) for name in sorted(tally.names - {UNMATCHED})),
        *(Name(Kind.OWNER, owner) for owner, names in had.items() if not tally.names.isdisjoint(names)),
    )


def figure_of(name: Name, tally: Tally, table: Platforms) -> Figure | Refusal:
    if name.kind is Kind.OWNER:
        return owner_figure(tally, table, name.text)
    return platform_figure(tally, name.text)


def steps(
    names: tuple[Name, ...], offence_group: str, tallies: Mapping[Period, Tally], table: Platforms
) -> tuple[Step, ...]:
    """Every change from a period to the one that follows it. ``tallies``: of one group of offences, by period."""
    made = []
    for earlier in sorted(tallies):
        later = following(earlier, tallies.keys())
        if later is None:
            continue
        before, after = tallies[earlier], tallies[later]
        refusal = incomparable("any share", before, after)
        if refusal is not None:
            made.append(Step(None, offence_group, earlier, later, refusal))
            continue
        for name in names:
            change = (
                owner_change(name.text, table, before, after)
                if name.kind is Kind.OWNER
                else platform_change(name.text, before, after)
            )
            made.append(Step(name, offence_group, earlier, later, change))
    return tuple(made)


def trend(
    names: tuple[Name, ...], offence_group: str, tallies: Mapping[Period, Tally], table: Platforms
) -> Trend | Refusal | None:
    """Along the most periods that follow each other; None where there are no two. ``tallies``: as for ``steps``."""
    periods = max(map(tuple, _rows(tallies)), key=lambda row: (len(row), row), default=())
    if len(periods) < 2:
        return None
    forces = frozenset.intersection(*(tallies[period].forces for period in periods))
    if not forces:
        words = f"No trend of {offence_group}: no force answered for all of {', '.join(map(str, periods))}."
        return Refusal(offence_group, "no_common_force", words)
    common = [tallies[period].only(forces) for period in periods]
    said = [caveat for before, after in pairwise(periods) for caveat in period_caveats(before, after)]
    return Trend(
        offence_group,
        periods,
        forces,
        {name: tuple(figure_of(name, tally, table) for tally in common) for name in names},
        tuple(unknown_share(tally) for tally in common),
        tuple(said),
    )


def _rows(tallies: Mapping[Period, Tally]) -> list[list[Period]]:
    """Periods one after another, from each that follows none."""
    after = {period: following(period, tallies.keys()) for period in tallies}
    rows = []
    for first in sorted(tallies.keys() - set(after.values())):
        row = [first]
        while (later := after[row[-1]]) is not None:
            row.append(later)
        rows.append(row)
    return rows
