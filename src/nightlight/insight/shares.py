"""Shares of platforms and of their owners, each with its limits and with what it rests on; or why there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from nightlight.insight.caveats import Caveat, caveats_of, owner_caveats
from nightlight.insight.period import Period
from nightlight.insight.platforms import OTHER, UNMATCHED, Platforms
from nightlight.insight.sheet import Place
from nightlight.insight.span import Span
from nightlight.insight.tally import Tally
from nightlight.insight.wilson import wilson

#: A share that numbers which are not stated exactly move by no more than this is said: published ones are in percent.
CLOSE = 0.01


@dataclass(frozen=True, slots=True)
class Refusal:
    """A figure that the data do not support. ``code``: ``no_known_platform``, ``no_common_force``,
    ``groups_differ``, ``periods_mixed``, ``periods_overlap`` or ``period_not_stated``.
    """

    name: str
    code: str
    words: str


@dataclass(frozen=True, slots=True)
class Figure:
    """``numerator`` of ``denominator``, the offences whose platform is known.

    ``share``: between 0 and 1; None where the numbers are not stated exactly enough for one. ``low`` and ``high``:
    Wilson's interval of 95 % around everything that the numbers can be. ``least`` and ``most``: of all offences, if
    none or all of those that may be meant were; ``most`` is 1 where the unknown ones are not stated.
    """

    name: str
    numerator: Span
    denominator: Span
    share: float | None
    low: float
    high: float
    least: float
    most: float
    caveats: tuple[Caveat, ...] = ()
    #: How far ``share`` may be off, because numbers are not stated exactly: at most half of ``CLOSE``.
    off: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """``least`` and ``most`` of all offences; everything else of ``denominator``, those with a known platform."""
        return {
            "name": self.name.lower(),
            "offences": span_json(self.numerator),
            "share": self.share,
            "low": self.low,
            "high": self.high,
            "numerator": span_json(self.numerator),
            "denominator": span_json(self.denominator),
            "least": self.least,
            "most": self.most,
            "off": self.off,
            "caveats": [caveat.as_json() for caveat in self.caveats],
        }


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A spelling that the table does not have, with what a person may want to look at. Never used in a figure."""

    text: str
    count: Span
    suggestion: str | None

    def as_json(self) -> dict[str, Any]:
        return {"text": self.text, "count": span_json(self.count), "suggestion": self.suggestion}


@dataclass(frozen=True, slots=True)
class Shares:
    """Everything that is said about one tally. ``refusals``: figures that were asked for and that there are none of.

    ``answered``: the forces that figures come from. ``refused``, ``no_data``, ``left_out``: those that none come from,
    the last because their figures contradict each other or name no platform. A force may stand in several of them.
    """

    offences: Span
    known: Span
    likely_known: int | None
    unknown: Span
    forces: int
    platforms: tuple[Figure, ...]
    owners: tuple[Figure, ...]
    unmatched: tuple[Unmatched, ...]
    caveats: tuple[Caveat, ...]
    refusals: tuple[Refusal, ...] = ()
    answered: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    no_data: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def unknown_share(self) -> float | None:
        """Of all offences, those without a known platform; None where it is not stated exactly."""
        unknown, known = self.unknown.exact, self.likely_known
        return unknown / (unknown + known) if unknown is not None and known is not None and unknown + known else None

    @property
    def unknown_limits(self) -> tuple[float, float] | None:
        """Between which that share lies, whatever is stated; None where there are no offences at all."""
        unknown, known = self.unknown, self.known
        if not (unknown.low or known.low or known.high):
            return None
        low = unknown.low / (unknown.low + known.high) if known.high is not None and unknown.low else 0.0
        if unknown.high is None:
            return low, 1.0
        return low, unknown.high / (unknown.high + known.low) if unknown.high else 0.0

    def as_json(self) -> dict[str, Any]:
        """Numbers; where only limits are stated, ``{"low", "high"}``, with null for what nothing limits."""
        said = [caveat.as_json() for caveat in self.caveats]
        said += [{"code": refusal.code, "text": refusal.words} for refusal in self.refusals]
        figures = (*self.platforms, *self.owners)
        said += [caveat.as_json() for figure in figures for caveat in figure.caveats]
        known = span_json(self.known) if self.likely_known is None else self.likely_known
        offences = span_json(self.offences)
        if self.likely_known is not None and self.offences.exact is None and self.unknown.exact is not None:
            offences = self.likely_known + self.unknown.exact
        return {
            "offences": offences,
            "known": known,
            "unknown": span_json(self.unknown),
            "forces": self.forces,
            "platforms": [figure.as_json() for figure in self.platforms],
            "owners": [figure.as_json() for figure in self.owners],
            "unmatched": [one.as_json() for one in self.unmatched],
            "caveats": said,
            "unknown_share": self.unknown_share,
            "unknown_limits": None if self.unknown_limits is None else list(self.unknown_limits),
            "answered": list(self.answered),
            "refused": list(self.refused),
            "no_data": list(self.no_data),
            "left_out": list(self.left_out),
        }


def shares_of(tally: Tally, table: Platforms) -> Shares:
    """The figures of a tally: platforms and owners by size, ``other`` last."""
    platforms = [platform_figure(tally, name) for name in sorted(tally.names - {UNMATCHED})]
    owners = [owner_figure(tally, table, owner) for owner in table.owners if _concerns(tally, table, owner)]
    refused = {figure.code: figure for figure in (*platforms, *owners) if isinstance(figure, Refusal)}
    if not refused and not tally.known.high:
        refused = {"no_known_platform": _no_known("any platform")}
    overlap = tally.overlapping is not None
    if overlap:
        refused = {"periods_overlap": _overlap("any platform", tally)}
    return Shares(
        _counted_once(tally, tally.offences, [sheet.offences for sheet in tally.sheets]),
        _counted_once(tally, tally.known, [sheet.known for sheet in tally.sheets]),
        None if overlap else tally.likely_known.exact,
        _counted_once(tally, tally.unknown, [sheet.unknown for sheet in tally.sheets]),
        len(tally.forces),
        _by_size(platforms),
        _by_size(owners),
        tuple(
            Unmatched(text, count, table.suggestion(text))
            for text, count in sorted(tally.unmatched.items(), key=lambda item: (-(item[1].high or 0), item[0]))
        ),
        tuple(caveats_of(tally)),
        tuple(refused.values()),
        tuple(sorted(tally.forces)),
        _forces(tally.refused),
        _forces(tally.no_data),
        _forces(tally.contradictory | tally.without_platforms),
    )


def platform_figure(tally: Tally, name: str) -> Figure | Refusal:
    return _figure(tally, name, tally.platform(name), lambda _: frozenset({name}))


def owner_figure(tally: Tally, table: Platforms, owner: str) -> Figure | Refusal:
    """Every offence once, whatever number of the owner's platforms it names; limits where rows do not tell."""
    changed = any(table.owned(owner, period)[1] for period in tally.periods)
    numerator = tally.owner(table, owner)
    return _figure(
        tally,
        owner,
        numerator,
        lambda period: frozenset().union(*table.owned(owner, period)),
        tuple(owner_caveats(owner, numerator, changed=changed)),
    )


def _figure(
    tally: Tally,
    name: str,
    part: Span,
    names: Callable[[Period], frozenset[str]],
    caveats: tuple[Caveat, ...] = (),
) -> Figure | Refusal:
    if tally.overlapping is not None:
        return _overlap(name, tally)
    whole, likely = tally.known, tally.likely_known
    # Every line has a limit, so what is known has one; what is unknown may have none.
    highest = whole.high or 0
    if not highest:
        return _no_known(name)
    part_high = min(part.high or 0, highest)
    smallest = max(whole.low, part_high)
    share, off = _share(part, likely)
    could_be = tally.could_be(names).high
    return Figure(
        name,
        part,
        whole,
        share,
        wilson(part.low, highest)[0],
        wilson(part_high, smallest)[1],
        0.0 if tally.unknown.high is None else part.low / (highest + tally.unknown.high),
        _most(highest if could_be is None else min(could_be, highest), whole.low, tally.unknown.high),
        caveats,
        off,
    )


def _forces(places: Iterable[Place]) -> tuple[str, ...]:
    return tuple(sorted({place.force for place in places}))


def _share(part: Span, whole: Span) -> tuple[float | None, float]:
    """The middle of what it can be, and how far off that is; None where that is more than half of ``CLOSE``."""
    if part.high is None or not whole.low or not whole.high:
        return None, 0.0
    low, high = part.low / whole.high, min(1.0, part.high / whole.low)
    return ((low + high) / 2, (high - low) / 2) if high - low <= CLOSE else (None, 0.0)


def _most(part: int, whole: int, unknown: int | None) -> float:
    if unknown is None:
        return 1.0
    return min(1.0, (part + unknown) / (max(whole, part) + unknown))


def _no_known(name: str) -> Refusal:
    return Refusal(name, "no_known_platform", f"No share of {name}: of no offence is the platform known.")


def _overlap(name: str, tally: Tally) -> Refusal:
    words = f"No share of {name} over all periods: some of them overlap, and their offences would count twice."
    if tally.overlapping is not None:
        earlier, later = tally.overlapping
        words = (
            f"No share of {name} over all periods: {earlier.force} answers about {earlier.offence_group} for "
            f"{earlier.period} and for {later.period}, which overlap or may, and offences would count twice. "
            "Figures by period stand."
        )
    return Refusal(name, "periods_overlap", words)


def _counted_once(tally: Tally, added_up: Span, sheets: list[Span]) -> Span:
    """Where periods overlap, the sum is a limit only: there are at least as many as in the largest sheet."""
    return added_up if tally.overlapping is None else Span(max(one.low for one in sheets), added_up.high)


def _concerns(tally: Tally, table: Platforms, owner: str) -> bool:
    return any(not tally.names.isdisjoint(frozenset().union(*table.owned(owner, one))) for one in tally.periods)


def _by_size(figures: list[Figure | Refusal]) -> tuple[Figure, ...]:
    found = [figure for figure in figures if isinstance(figure, Figure)]
    return tuple(sorted(found, key=lambda one: (one.name == OTHER, -one.numerator.low, -one.high, one.name)))


def span_json(span: Span) -> int | dict[str, int | None]:
    return {"low": span.low, "high": span.high} if span.exact is None else span.exact
