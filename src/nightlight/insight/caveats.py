"""What has to be said beside a figure so that nobody reads more out of it than is in it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from nightlight.insight.period import UNSTATED
from nightlight.insight.platforms import OTHER
from nightlight.insight.sheet import Place
from nightlight.insight.span import NONE, Span
from nightlight.insight.tally import Tally


class CaveatCode(StrEnum):
    RECORDED_ONLY = "recorded_only"
    CHANCE_ONLY = "chance_only"
    UNKNOWN_PLATFORM = "unknown_platform"
    UNKNOWN_NOT_STATED = "unknown_not_stated"
    KNOWN_IS_A_SUM = "known_is_a_sum"
    SEVERAL_PLATFORMS = "several_platforms"
    SMALL_NUMBERS = "small_numbers"
    UNMATCHED = "unmatched"
    OTHER_DIFFERS = "other_differs"
    REFUSED = "refused"
    NO_DATA = "no_data"
    CONTRADICTORY = "contradictory"
    WITHOUT_PLATFORMS = "without_platforms"
    PERIODS_MIXED = "periods_mixed"
    GROUPS_MIXED = "groups_mixed"
    OVERLAP_NOT_STATED = "overlap_not_stated"
    OWNER_CHANGED = "owner_changed"
    UNKNOWN_MOVED = "unknown_moved"
    PERIODS_APART = "periods_apart"
    PERIODS_UNEQUAL = "periods_unequal"
    PERIOD_NOT_STATED = "period_not_stated"
    #: Found while files are read.
    TOTALS_DIFFER = "totals_differ"
    LINES_LEFT_OUT = "lines_left_out"
    CELLS_LEFT_OUT = "cells_left_out"
    FOOTNOTES = "footnotes"
    MERGED_CELLS = "merged_cells"
    FORCE_NAMES = "force_names"
    FORCE_FROM_FILE = "force_from_file"
    DATES = "dates"
    SETS_OF_PLATFORMS = "sets_of_platforms"
    ENCODING = "encoding"
    SHEETS_LEFT_OUT = "sheets_left_out"
    EXTERNAL_LINKS = "external_links"
    TAKEN_FROM_MAPPING = "taken_from_mapping"


@dataclass(frozen=True, slots=True)
class Caveat:
    code: CaveatCode
    words: str

    def as_json(self) -> dict[str, str]:
        return {"code": self.code.value, "text": self.words}


RECORDED_ONLY = Caveat(
    CaveatCode.RECORDED_ONLY,
    "Counted is what was reported to the police and recorded by them, not everything that happens. A share says which "
    "apps offences are recorded for, not how dangerous an app is for those who use it.",
)
CHANCE_ONLY = Caveat(
    CaveatCode.CHANCE_ONLY,
    "The limits, of 95 %, are for chance and for numbers that are not stated exactly. They do not cover which forces "
    "answered or how each records.",
)


def caveats_of(tally: Tally) -> Iterator[Caveat]:
    """What holds for every figure of a tally."""
    yield RECORDED_ONLY
    yield CHANCE_ONLY
    if tally.overlapping is None:
        yield from _about_unknown(tally)
    yield from _about_sums(tally)
    yield from _about_spellings(tally)
    yield from _about_answers(tally)
    silent = {sheet.place for sheet in tally.sheets if sheet.place.period == UNSTATED}
    if silent:
        yield Caveat(
            CaveatCode.PERIOD_NOT_STATED,
            f"For which months they answer is not stated by {_forces(silent)}. Owners are those of today.",
        )
    if len(tally.periods) > 1:
        periods = ", ".join(map(str, sorted(tally.periods)))
        yield Caveat(CaveatCode.PERIODS_MIXED, f"Several periods are added up, each with its own forces: {periods}.")
    if len(tally.offence_groups) > 1:
        groups = ", ".join(sorted(tally.offence_groups))
        yield Caveat(CaveatCode.GROUPS_MIXED, f"Several groups of offences are added up: {groups}.")


def unknown_share(tally: Tally) -> float | None:
    """Of all offences, those without a known platform; None where it is not stated exactly."""
    unknown, known = tally.unknown.exact, tally.likely_known.exact
    return unknown / (unknown + known) if unknown is not None and known is not None and unknown + known else None


def _about_unknown(tally: Tally) -> Iterator[Caveat]:
    share = unknown_share(tally)
    if share:
        yield Caveat(
            CaveatCode.UNKNOWN_PLATFORM,
            f"For {_percent(share)} of the offences ({_number(tally.unknown)}) no platform is known. Shares are of "
            "the others, and hold for all only if the unknown ones are like them.",
        )
    elif tally.unknown != NONE:
        yield Caveat(
            CaveatCode.UNKNOWN_PLATFORM,
            f"For {_number(tally.unknown)} offences no platform is known. Shares are of the others.",
        )
    silent = {sheet.place for sheet in tally.sheets if sheet.unknown.high is None}
    if silent:
        yield Caveat(
            CaveatCode.UNKNOWN_NOT_STATED,
            f"How many offences have no known platform is not stated by {_forces(silent)}.",
        )


def _about_sums(tally: Tally) -> Iterator[Caveat]:
    summed = {sheet.place for sheet in tally.sheets if not sheet.known_is_stated}
    if summed:
        yield Caveat(
            CaveatCode.KNOWN_IS_A_SUM,
            f"How many offences have a known platform is not stated by {_forces(summed)}; the sum of the table's lines "
            "stands in for it. If offences stand in several lines they are fewer, and shares are larger.",
        )
    if any(len(names) > 1 for sheet in tally.sheets for names in sheet.sets):
        yield Caveat(
            CaveatCode.SEVERAL_PLATFORMS,
            "One offence can name several platforms: shares may add up to more than 100 %.",
        )
    hidden = {sheet.place for sheet in tally.sheets if any(span.exact is None for span in sheet.lines.values())}
    if hidden:
        yield Caveat(
            CaveatCode.SMALL_NUMBERS,
            f"Small numbers are suppressed by {_forces(hidden)}. They count as everything they can be, never as zero. "
            "A share that they move by no more than one point is given as the middle of what it can be.",
        )


def _about_spellings(tally: Tally) -> Iterator[Caveat]:
    if tally.unmatched or tally.unmatched_more != NONE:
        further = (
            "" if tally.unmatched_more == NONE else f", and {_number(tally.unmatched_more)} mentions of further ones"
        )
        yield Caveat(
            CaveatCode.UNMATCHED,
            f"Not in the table of platforms: {len(tally.unmatched):,} spelling"
            f"{'s' * (len(tally.unmatched) != 1)}{further}. What is spelled so counts as a known platform without a "
            "name, and may be one that is named.",
        )
    if OTHER in tally.names:
        yield Caveat(CaveatCode.OTHER_DIFFERS, '"other" is what a force does not name: it differs from force to force.')


def _about_answers(tally: Tally) -> Iterator[Caveat]:
    for code, places, words in (
        (CaveatCode.REFUSED, tally.refused, "Refused to answer"),
        (CaveatCode.NO_DATA, tally.no_data, "Hold no data, or cannot search for it"),
        (CaveatCode.CONTRADICTORY, tally.contradictory, "Left out, because their own figures contradict each other"),
        (CaveatCode.WITHOUT_PLATFORMS, tally.without_platforms, "Left out, because they name no platform"),
    ):
        if places:
            yield Caveat(code, f"{words}: {_forces(places)}.")


def owner_caveats(owner: str, numerator: Span, *, changed: bool) -> Iterator[Caveat]:
    """What holds for the figure of one owner. ``changed``: it had a platform in a part of a period only."""
    if changed:
        yield Caveat(CaveatCode.OWNER_CHANGED, f"{owner} owned a platform in a part of a period only.")
    if numerator.exact is None:
        yield Caveat(
            CaveatCode.OVERLAP_NOT_STATED,
            f"{owner}: {_number(numerator)} offences. How many name several of its platforms is not stated.",
        )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _number(span: Span) -> str:
    if span.exact is not None:
        return f"{span.exact:,}"
    return f"{span.low:,} or more" if span.high is None else f"{span.low:,} to {span.high:,}"


def _forces(places: Collection[Place]) -> str:
    names = sorted({place.force for place in places})
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
