"""Everything that one run says: the whole, its parts, what changed, what every file was taken for, and every caveat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from nightlight.errors import RefusedError
from nightlight.insight.period import UNSTATED, Period
from nightlight.insight.platforms import Platforms
from nightlight.insight.reading import Answered, Reading
from nightlight.insight.shares import Figure, Refusal, Shares, shares_of
from nightlight.insight.sheet import Sheet
from nightlight.insight.spelling import shown
from nightlight.insight.tally import Tally
from nightlight.insight.trends import Kind, Name, Step, Trend, figure_of, names_of, steps, trend

FORMAT = "nightlight-prevalence/1"
#: More parts than anybody reads, and than there are police forces in one country.
GROUPS_MAX = 1_000


class By(StrEnum):
    PERIOD = "period"
    FORCE = "force"
    OFFENCE = "offence"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Group:
    """One period, force or group of offences. ``name``: in words."""

    name: str
    shares: Shares

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name} | self.shares.as_json()


@dataclass(frozen=True, slots=True)
class Line:
    """One platform or owner: its figure in every period, of all forces that answered for it, and its changes, of
    those that answered for both.
    """

    name: Name
    figures: tuple[tuple[Period, Figure | Refusal], ...]
    steps: tuple[Step, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name.text.lower(),
            "kind": self.name.kind.value,
            "periods": [
                {"period": str(period)}
                | ({"refused": figure.code, "text": figure.words} if isinstance(figure, Refusal) else figure.as_json())
                for period, figure in self.figures
            ],
            "changes": [step.as_json() for step in self.steps],
        }


@dataclass(frozen=True, slots=True)
class Findings:
    """``period`` and ``offence_group``: what was chosen, None for all. ``groups`` or ``lines`` are of ``by``.

    ``unshown``: trends that there are none of, with the reason.
    """

    whole: Shares
    by: By | None
    period: Period | None
    offence_group: str | None
    groups: tuple[Group, ...]
    lines: tuple[Line, ...]
    steps: tuple[Step, ...]
    trends: tuple[Trend, ...]
    unshown: tuple[Refusal, ...]
    periods: tuple[Period, ...]
    offence_groups: tuple[str, ...]
    readings: tuple[Reading, ...]

    def as_json(self) -> dict[str, Any]:
        """What is said of the whole, and then further keys: the form of ``nightlight prevalence --format json``."""
        whole = self.whole.as_json()
        whole["caveats"] += [
            caveat.as_json() | {"file": reading.name} for reading in self.readings for caveat in reading.caveats
        ]
        whole["caveats"] += [{"code": refusal.code, "text": refusal.words} for refusal in self.unshown]
        return whole | {
            "format": FORMAT,
            "chosen": {"period": None if self.period is None else str(self.period), "offence": self.offence_group},
            "periods": list(map(str, self.periods)),
            "offence_groups": list(self.offence_groups),
            "by": None if self.by is None else self.by.value,
            "groups": [group.as_json() for group in self.groups] + [line.as_json() for line in self.lines],
            "changes": [step.as_json() for step in self.steps],
            "trends": [one.as_json() for one in self.trends],
            "files": [_file(reading) for reading in self.readings],
        }


def findings_of(
    answered: Answered,
    table: Platforms,
    *,
    by: By | None = None,
    period: Period | None = None,
    offence_group: str | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Findings:
    """``table``: with the owners that are wanted. ``tell``: hears what is being worked out.

    ``RefusedError``: ``no_such_period``, ``no_such_offence``, ``too_many_groups``.
    """
    offences = answered.offences
    places = offences.places
    periods, groups = sorted({place.period for place in places}), sorted({place.offence_group for place in places})
    if period is not None and period not in periods:
        raise _not_there("period", str(period), list(map(str, periods)))
    if offence_group is not None and offence_group not in groups:
        raise _not_there("offence", offence_group, groups)
    tell("Adding up")
    whole_tally = offences.tally(period, offence_group)
    whole = shares_of(whole_tally, table)
    names = _by_size(names_of(whole_tally, table), whole)
    tell("Comparing periods")
    walked: list[Step] = []
    found: list[Trend | Refusal] = []
    if (refusal := _too_many(whole_tally)) is not None:
        found.append(refusal)
    else:
        for group, tallies in _by_group(whole_tally).items():
            walked += steps(names, group, tallies, table)
            run = trend(names, group, tallies, table)
            found += [run] if run is not None else []
    return Findings(
        whole,
        by,
        period,
        offence_group,
        _groups(answered, table, by, period, offence_group, tell),
        _lines(names, whole_tally, table, walked) if by is By.PLATFORM else (),
        tuple(walked),
        tuple(one for one in found if isinstance(one, Trend)),
        tuple(one for one in found if isinstance(one, Refusal)),
        tuple(sorted({place.period for place in places if period in (None, place.period)})),
        tuple(group for group in groups if offence_group in (None, group)),
        answered.readings,
    )


def _groups(
    answered: Answered,
    table: Platforms,
    by: By | None,
    period: Period | None,
    offence_group: str | None,
    tell: Callable[[str], None],
) -> tuple[Group, ...]:
    offences = answered.offences
    places = [
        place
        for place in offences.places
        if period in (None, place.period) and offence_group in (None, place.offence_group)
    ]
    tallies: dict[str, Callable[[], Tally]] = {}
    if by is By.PERIOD:
        for one in sorted({place.period for place in places}):
            tallies[str(one)] = partial(offences.tally, one, offence_group)
    elif by is By.FORCE:
        for force in sorted({place.force for place in places}):
            tallies[force] = partial(offences.tally, period, offence_group, force=force)
    elif by is By.OFFENCE:
        for group in sorted({place.offence_group for place in places}):
            tallies[group] = partial(offences.tally, period, group)
    if len(tallies) > GROUPS_MAX:
        raise RefusedError(
            "too_many_groups",
            f"There are {len(tallies):,} of what --by {by} asks for; {GROUPS_MAX:,} can be shown.",
            "Look at how the column was understood: nightlight prevalence inspect FILE.",
        )
    made = []
    for name, tally in tallies.items():
        tell(f"By {by}: {shown(name)}")
        made.append(Group(name, shares_of(tally(), table)))
    return tuple(made)


def _lines(names: tuple[Name, ...], whole: Tally, table: Platforms, walked: list[Step]) -> tuple[Line, ...]:
    by_period: dict[Period, Tally] = {}
    for period in sorted(whole.periods):
        by_period[period] = Tally(tuple(sheet for sheet in whole.sheets if sheet.place.period == period))
    return tuple(
        Line(
            name,
            tuple((period, figure_of(name, tally, table)) for period, tally in by_period.items()),
            tuple(step for step in walked if step.name in (None, name)),
        )
        for name in names
    )


def _by_group(tally: Tally) -> dict[str, dict[Period, Tally]]:
    """Sheets that figures come from, parted. Who did not answer is of no interest between periods, nor is what says no
    period.
    """
    parted: dict[str, dict[Period, list[Sheet]]] = {}
    for sheet in tally.sheets:
        if sheet.place.period == UNSTATED:
            continue
        parted.setdefault(sheet.place.offence_group, {}).setdefault(sheet.place.period, []).append(sheet)
    return {
        group: {period: Tally(tuple(sheets)) for period, sheets in periods.items()}
        for group, periods in sorted(parted.items())
    }


def _by_size(names: tuple[Name, ...], whole: Shares) -> tuple[Name, ...]:
    """Platforms and then owners, in the order in which the whole shows them."""
    order = {Name(Kind.PLATFORM, figure.name): place for place, figure in enumerate(whole.platforms)} | {
        Name(Kind.OWNER, figure.name): place for place, figure in enumerate(whole.owners)
    }
    return tuple(sorted(names, key=lambda name: (name.kind is Kind.OWNER, order.get(name, len(order)), name)))


def _too_many(tally: Tally) -> Refusal | None:
    pairs = len({(sheet.place.offence_group, sheet.place.period) for sheet in tally.sheets})
    if pairs <= GROUPS_MAX:
        return None
    words = f"No changes: there are {pairs:,} periods of groups of offences, and {GROUPS_MAX:,} can be compared."
    return Refusal("changes", "too_many_periods", words)


def _not_there(what: str, asked: str, there: list[str]) -> RefusedError:
    listed = ", ".join(shown(one) for one in there[:20]) + (f" and {len(there) - 20:,} more" if len(there) > 20 else "")
    return RefusedError(f"no_such_{what}", f"There is no answer about {what} {shown(asked)}.", f"There are: {listed}.")


def _file(reading: Reading) -> dict[str, Any]:
    return {
        "name": reading.name,
        "sha256": reading.sha256,
        "rows": reading.rows,
        "columns": [
            {"header": column.header, "role": column.role, "understood": column.words} for column in reading.columns
        ],
        "caveats": [caveat.as_json() for caveat in reading.caveats],
    }
