"""The plan of what is kept until when, and what goes now and why: pure, for one case or for a million.

Of limits (``at_most``) the shortest counts, of duties (``at_least``) the longest, and a duty that is longer than the
limit wins over it: a duty prolongs and never shortens. A hold wins over everything; what is open or on its way to an
agency stays whatever its age.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from nightlight.model.case import CaseSource, Outcome
from nightlight.model.referral import ReferralState
from nightlight.model.retention import NOT_BEFORE, Phase, Record
from nightlight.respond.calendar import DAY_MS, Period, date_words, over_at
from nightlight.respond.retention_rules import ANYBODY, CLOCK_WORDS, ClockStart, RetentionRules, Rule

#: How far a referral is. A state that is not here counts as under way: what nobody thought of is not erased.
PHASE_OF: dict[ReferralState, Phase] = {
    ReferralState.PROPOSED: Phase.UNDER_WAY,
    ReferralState.APPROVED: Phase.UNDER_WAY,
    ReferralState.EXPORTED: Phase.FINISHED,
}


class Referred(NamedTuple):
    """A referral of a case: the agency as the operator calls it. ``finished_at``: None where it is not known."""

    agency: str
    phase: Phase
    finished_at: int | None


class Kept(NamedTuple):
    """What retention needs to know of a case. Times in milliseconds since 1970, UTC.

    ``records``: what there still is of it. ``reported_at``: when the last report came, or the case was opened.
    ``preserved_at``: when an agency last asked to preserve it. ``holds``: ids of those in force. ``busy``: actions of
    the case are still on their way.
    """

    case_id: str
    reported_at: int
    decided_at: int | None
    outcome: Outcome | None
    source: CaseSource
    records: tuple[Record, ...]
    referrals: tuple[Referred, ...] = ()
    preserved_at: int | None = None
    holds: tuple[str, ...] = ()
    busy: bool = False


class Fate(StrEnum):
    """What becomes of a record. A closed list."""

    GOES = "goes"
    KEPT = "kept"
    HELD = "held"
    OPEN = "open"
    UNDER_WAY = "under_way"


FATE_WORDS: dict[Fate, str] = {
    Fate.GOES: "its period is over",
    Fate.KEPT: "kept until its period is over",
    Fate.HELD: "under a hold",
    Fate.OPEN: "the case is not decided",
    Fate.UNDER_WAY: "a referral or an action is not finished, or a referral failed",
}


class Line(NamedTuple):
    """One record of a case. ``until``: when its period is over, None while it has none; ``rule``: whose period it is.

    ``held_by``: ids of holds. A held record has its period all the same: that is when it goes once it is let go.
    """

    case_id: str
    record: Record
    fate: Fate
    until: int | None = None
    rule: Rule | None = None
    held_by: tuple[str, ...] = ()


_UNFINISHED = frozenset({Phase.UNDER_WAY, Phase.FAILED})
#: Duties and limits that apply to one record.
_Applying = tuple[tuple[Rule, ...], tuple[Rule, ...]]
_Likeness = tuple[Outcome | None, CaseSource, frozenset[str], bool]


class Planner:
    """Applies rules to cases. Remembers what it worked out for cases that are alike."""

    def __init__(self, rules: RetentionRules) -> None:
        self.rules = rules
        self._codes: dict[str, tuple[str, str]] = {}
        self._applying: dict[_Likeness, dict[Record, _Applying]] = {}
        self._ends: dict[tuple[int, Period], int] = {}

    def plan(self, kept: Kept, now: int) -> list[Line]:
        """One line for each record that there still is."""
        lines: dict[Record, Line] = {}
        fate = self._kept_anyway(kept)
        applying = self._applying_to(kept) if kept.decided_at is not None else {}
        for record in kept.records:
            if not applying:
                lines[record] = Line(kept.case_id, record, Fate.OPEN)
                continue
            until, rule = self._end(kept, applying[record])
            for other in NOT_BEFORE.get(record, ()):
                before = lines.get(other)
                if before is not None and before.until is not None and before.until > until:
                    until, rule = before.until, before.rule or rule
            lines[record] = Line(
                kept.case_id, record, fate or (Fate.GOES if until <= now else Fate.KEPT), until, rule, kept.holds
            )
        return list(lines.values())

    def _kept_anyway(self, kept: Kept) -> Fate | None:
        if kept.holds:
            return Fate.HELD
        if kept.busy or any(referral.phase in _UNFINISHED for referral in kept.referrals):
            return Fate.UNDER_WAY
        return None

    def _end(self, kept: Kept, applying: _Applying) -> tuple[int, Rule]:
        duties, limits = applying
        if not duties:
            if len(limits) == 1:
                return self._over(kept, limits[0]), limits[0]
            return min(((self._over(kept, rule), rule) for rule in limits), key=_first)
        longest = max(((self._over(kept, rule), rule) for rule in duties), key=_first)
        if not limits:
            return longest
        shortest = min(((self._over(kept, rule), rule) for rule in limits), key=_first)
        return max(longest, shortest, key=_first)

    def _over(self, kept: Kept, rule: Rule) -> int:
        start = self._start(kept, rule)
        day = start // DAY_MS
        ends = self._ends.get((day, rule.period))
        if ends is None:
            ends = self._ends[day, rule.period] = over_at(start, rule.period)
        return ends

    def _start(self, kept: Kept, rule: Rule) -> int:
        """From when the period counts. What is not known counts from the decision: preserving waits for nobody."""
        decided = kept.decided_at if kept.decided_at is not None else kept.reported_at
        match rule.start:
            case ClockStart.CASE_DECIDED:
                return decided
            case ClockStart.REPORT_RECEIVED:
                return kept.reported_at
            case ClockStart.PRESERVATION_REQUESTED:
                return kept.preserved_at if kept.preserved_at is not None else decided
            case ClockStart.REFERRAL_FINISHED:
                ends = [
                    decided if referral.finished_at is None else referral.finished_at
                    for referral in _sent(kept)
                    if self._meant(rule, referral.agency)
                ]
                return max(ends, default=decided)

    def _applying_to(self, kept: Kept) -> dict[Record, _Applying]:
        agencies = frozenset(referral.agency for referral in _sent(kept)) if kept.referrals else frozenset()
        likeness = (kept.outcome, kept.source, agencies, kept.preserved_at is not None)
        found = self._applying.get(likeness)
        if found is None:
            rules = [rule for rule in self.rules.rules if self._applies(rule, kept, agencies)]
            found = {record: _sorted_for(record, rules) for record in Record}
            self._applying[likeness] = found
        return found

    def _applies(self, rule: Rule, kept: Kept, agencies: frozenset[str]) -> bool:
        return (
            (not rule.outcomes or kept.outcome in rule.outcomes)
            and (not rule.sources or kept.source in rule.sources)
            and (not rule.preservation or kept.preserved_at is not None)
            and (not rule.about_referrals or any(self._meant(rule, agency) for agency in agencies))
        )

    def _meant(self, rule: Rule, agency: str) -> bool:
        """Whether the rule is about referrals to the agency that the operator calls so."""
        if agency not in self._codes:
            known = self.rules.agency(agency)
            self._codes[agency] = (known.code, known.country) if known else ("", "")
        code, country = self._codes[agency]
        to = not rule.referred_to or ANYBODY in rule.referred_to or code in rule.referred_to
        return to and (not rule.countries or country in rule.countries)


def _sent(kept: Kept) -> Iterator[Referred]:
    """Referrals by which an agency may have been given something."""
    return (item for item in kept.referrals if item.phase is not Phase.WITHDRAWN or item.finished_at is not None)


def _sorted_for(record: Record, rules: Iterable[Rule]) -> _Applying:
    mine = [rule for rule in rules if record in rule.records]
    return tuple(rule for rule in mine if rule.duty), tuple(rule for rule in mine if not rule.duty)


def _first(pair: tuple[int, Rule]) -> int:
    return pair[0]


def why(line: Line) -> str:
    """Why a record is kept, or goes, in a sentence."""
    if line.rule is None or line.until is None:
        return f"Kept: {FATE_WORDS[line.fate]}."
    rule = line.rule
    bound = "at least" if rule.duty else "at most"
    period = f"{rule.id}: {bound} {rule.period} from {CLOCK_WORDS[rule.start]}, over on {date_words(line.until)}"
    match line.fate:
        case Fate.GOES:
            return f"Goes: {period}."
        case Fate.KEPT:
            return f"Kept until then: {period}."
        case Fate.HELD:
            return f"Held by {', '.join(line.held_by)}; otherwise {period}."
        case _:
            return f"Kept: {FATE_WORDS[line.fate]}; otherwise {period}."
