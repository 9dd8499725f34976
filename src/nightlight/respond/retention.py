"""The plan of what is kept until when, and what goes now and why: pure, for one case or for a million.

Of limits (``at_most``) the shortest counts, of duties (``at_least``) the longest, and a duty that is longer than the
limit wins over it: a duty prolongs and never shortens. A hold wins over everything; what is open or on its way to an
agency stays whatever its age.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from nightlight.model.case import CaseSource, Outcome
from nightlight.model.referral import ReferralState
from nightlight.model.retention import NOT_BEFORE, Phase, Record
from nightlight.respond.calendar import DAY_MS, date_words, over_at
from nightlight.respond.retention_rules import ANYBODY, CLOCK_WORDS, ClockStart, RetentionRules, Rule

#: How far a referral is. A state that is not here counts as under way: what nobody thought of is not erased.
PHASE_OF: dict[ReferralState, Phase] = {
    ReferralState.DRAFT: Phase.UNDER_WAY,
    ReferralState.PROPOSED: Phase.UNDER_WAY,
    ReferralState.APPROVED: Phase.UNDER_WAY,
    ReferralState.EXPORTED: Phase.FINISHED,
    ReferralState.FILED: Phase.FINISHED,
    ReferralState.WITHDRAWN: Phase.WITHDRAWN,
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


class Term(NamedTuple):
    """How long one record is kept by the rules alone: ``until`` when, by which ``rule``; None while nothing counts."""

    record: Record
    until: int | None
    rule: Rule | None


_UNFINISHED = frozenset({Phase.UNDER_WAY, Phase.FAILED})
#: What is worked out for days and not for milliseconds is the same for very many cases.
_ALIKE_MAX = 200_000


@dataclass(frozen=True, slots=True)
class _Applying:
    """The duties and limits that apply to one record."""

    duties: tuple[Rule, ...]
    limits: tuple[Rule, ...]


class Planner:
    """Applies rules to cases, and remembers what it worked out for cases that are alike."""

    def __init__(self, rules: RetentionRules) -> None:
        self.rules = rules
        self._codes: dict[str, tuple[str, str]] = {}
        self._alike: dict[tuple[object, ...], tuple[Term, ...]] = {}

    def plan(self, kept: Kept, now: int) -> list[Line]:
        """One line for each record that there still is."""
        anyway = self.kept_anyway(kept)
        return [_line(kept, term, anyway, now) for term in self.terms(kept)]

    def over(self, kept: Kept, now: int) -> set[Record]:
        """The records that go."""
        if self.kept_anyway(kept) is not None:
            return set()
        return {term.record for term in self.terms(kept) if term.until is not None and term.until <= now}

    def kept_anyway(self, kept: Kept) -> Fate | None:
        """Why nothing of the case goes, whatever the rules say, or None."""
        if kept.holds:
            return Fate.HELD
        if kept.decided_at is None:
            return Fate.OPEN
        if kept.busy:
            return Fate.UNDER_WAY
        for referral in kept.referrals:
            if referral.phase in _UNFINISHED:
                return Fate.UNDER_WAY
        return None

    def terms(self, kept: Kept) -> tuple[Term, ...]:
        """For each record of the case its term. Cases that are alike get the very same tuple."""
        decided_at, preserved_at = kept.decided_at, kept.preserved_at
        # Periods are counted in days, so times of the same day make no difference.
        likeness = (
            None if decided_at is None else decided_at // DAY_MS,
            kept.reported_at // DAY_MS,
            kept.outcome,
            kept.source,
            kept.records,
            None if preserved_at is None else preserved_at // DAY_MS,
            kept.referrals and _likeness(kept.referrals),
        )
        found = self._alike.get(likeness)
        if found is None:
            if len(self._alike) >= _ALIKE_MAX:
                self._alike.clear()
            found = self._alike[likeness] = self._work_out(kept)
        return found

    def _work_out(self, kept: Kept) -> tuple[Term, ...]:
        if kept.decided_at is None:
            return tuple(Term(record, None, None) for record in kept.records)
        agencies = {referral.agency for referral in _sent(kept)}
        rules = [rule for rule in self.rules.rules if self._applies(rule, kept, agencies)]
        terms: dict[Record, Term] = {}
        for record in kept.records:
            until, rule = self._end(kept, _applying(record, rules))
            for other in NOT_BEFORE.get(record, ()):
                before = terms.get(other)
                if before is not None and before.until is not None and before.until > until:
                    until, rule = before.until, before.rule or rule
            terms[record] = Term(record, until, rule)
        return tuple(terms.values())

    def _end(self, kept: Kept, applying: _Applying) -> tuple[int, Rule]:
        ends = [(self._over(kept, rule), rule) for rule in applying.duties]
        if applying.limits:
            ends.append(min(((self._over(kept, rule), rule) for rule in applying.limits), key=_first))
        return max(ends, key=_first)

    def _over(self, kept: Kept, rule: Rule) -> int:
        return over_at(self._start(kept, rule), rule.period)

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

    def _applies(self, rule: Rule, kept: Kept, agencies: Collection[str]) -> bool:
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


def _line(kept: Kept, term: Term, anyway: Fate | None, now: int) -> Line:
    over = term.until is not None and term.until <= now
    fate = anyway or (Fate.GOES if over else Fate.KEPT)
    return Line(kept.case_id, term.record, fate, term.until, term.rule, kept.holds)


def _likeness(referrals: tuple[Referred, ...]) -> tuple[object, ...]:
    return tuple(
        (item.agency, item.phase, None if item.finished_at is None else item.finished_at // DAY_MS)
        for item in referrals
    )


def _sent(kept: Kept) -> Iterator[Referred]:
    """Referrals by which an agency may have been given something."""
    return (item for item in kept.referrals if item.phase is not Phase.WITHDRAWN or item.finished_at is not None)


def _applying(record: Record, rules: Iterable[Rule]) -> _Applying:
    mine = [rule for rule in rules if record in rule.records]
    return _Applying(tuple(rule for rule in mine if rule.duty), tuple(rule for rule in mine if not rule.duty))


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
