"""The service's own record: what was reported, how soon people looked and decided, what followed, what was taken back.

Made of counts alone (``record_rows``). What it says can be published (``published``) or is exact and for inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nightlight.insight.record_period import RecordPeriod
from nightlight.insight.record_rows import Counted, Other
from nightlight.insight.sections import Section, Shown, Table, exact, publish, time_table
from nightlight.insight.suppression import K_MIN, small
from nightlight.insight.waits import Spread, Targets
from nightlight.model.action import PREVENTION, ActionKind, ActionState
from nightlight.model.case import POLICY_TITLES, CaseSource, Outcome, Policy
from nightlight.model.draft import AgencyKind
from nightlight.model.referral import ReferralState
from nightlight.model.report import SEVERITY, Category, ReportSource
from nightlight.model.verdict import Verdict
from nightlight.respond.calendar import DAY_MS

NOT_FOR_PUBLICATION = "NOT FOR PUBLICATION"
NO_MESSAGE = "no_message"

_CATEGORY: Mapping[str, str] = {category: category.replace("_", " ") for category in Category}
_SEVERITY = {
    str(grade): f"{grade}: " + ", ".join(_CATEGORY[one] for one in Category if SEVERITY[one] == grade)
    for grade in sorted(set(SEVERITY.values()))
}
_VERDICT: Mapping[str, str] = {
    Verdict.VERIFIED: "proven",
    Verdict.VERIFIED_REDACTED: "proven in part",
    Verdict.HASH_ONLY: "digest alone",
    Verdict.UNVERIFIABLE: "neither proven nor disproven",
    Verdict.REFUSED: "does not fit what was sent",
    NO_MESSAGE: "names no message",
}
_SOURCE: Mapping[str, str] = {
    ReportSource.API: "sent with Nightlight",
    ReportSource.EVENT_REPORT: "the app's report button",
    ReportSource.USER_REPORT: "report of an account",
    ReportSource.OWN_PAGE: "the person's own page",
}
_CASE_SOURCE: Mapping[str, str] = {CaseSource.REPORT: "reports", CaseSource.DETECTION: "detection"}
_OUTCOME: Mapping[str, str] = {
    Outcome.VIOLATION: "violation",
    Outcome.NO_VIOLATION: "no violation",
    Outcome.INSUFFICIENT: "not enough evidence",
}
_POLICY: Mapping[str, str] = {policy: title for policy, title in POLICY_TITLES.items()}  # noqa: C416 - of another type
_AGENCY: Mapping[str, str] = {
    AgencyKind.NCMEC: "NCMEC",
    AgencyKind.NCA: "NCA",
    AgencyKind.IWF: "IWF",
    AgencyKind.POLICE: "police and others",
}
_KINDS = tuple(kind for kind in ActionKind if kind not in PREVENTION)
ERASED_AGENCY = "erased"
#: What each single number is called.
OTHER_WORDS: dict[Other, str] = {
    Other.EVIDENCE_ERASED: "cases whose evidence was erased by retention",
    Other.REPORTS_ERASED: "cases whose accounts and rooms were erased by retention",
    Other.HOLDS_PLACED: "holds placed",
    Other.HOLDS_RELEASED: "holds released by two people",
    Other.SIGNALS_LIVE: "signals of live detection rules",
    Other.SIGNALS_SHADOW: "signals of detection rules in shadow",
}
#: Kept only for as long as events are.
_SHORT_LIVED = frozenset({Other.SIGNALS_LIVE, Other.SIGNALS_SHADOW})


@dataclass(frozen=True, slots=True)
class RecordTargets:
    """How soon somebody should look, decide and refer, each since the case was opened: the operator's own aims."""

    first_look: Targets
    decision: Targets
    handed_over: Targets


@dataclass(frozen=True, slots=True)
class Record:
    """``as_of``: when it was counted, milliseconds since 1970; what waits, waits at that time."""

    period: RecordPeriod
    as_of: int
    targets: RecordTargets
    sections: tuple[Section, ...]
    #: None where it is no longer held.
    others: Mapping[Other, int | None]

    def shown(self, *, whole: bool) -> RecordShown:
        """``whole``: exact numbers, which are not for publication."""
        others = {
            other: None if count is not None and not whole and small(count, K_MIN) else count
            for other, count in self.others.items()
        }
        gone = frozenset(other for other, count in self.others.items() if count is None)
        sections = tuple(exact(one) if whole else publish(one) for one in self.sections)
        return RecordShown(self, whole, sections, others, gone)


@dataclass(frozen=True, slots=True)
class RecordShown:
    """``not_held``: numbers that are no longer known, as opposed to those that are kept back."""

    record: Record
    whole: bool
    sections: tuple[Shown, ...]
    others: Mapping[Other, int | None]
    not_held: frozenset[Other]

    def section(self, name: str) -> Shown:
        return next(one for one in self.sections if one.section.name == name)


def make_record(
    period: RecordPeriod, counted: Counted, targets: RecordTargets, as_of: int, events_days: float
) -> Record:
    """``events_days``: how long signals are kept; of a time before that they cannot be counted any more."""
    complete = period.start >= as_of - events_days * DAY_MS
    others = {
        other: None if other in _SHORT_LIVED and not complete else counted.others.get(other, 0) for other in Other
    }
    sections = (
        _reports(counted),
        _cases(counted, targets),
        _decisions(counted),
        _overturned(counted),
        _actions(counted),
        _referrals(counted),
        _handed_over(counted, targets),
    )
    return Record(period, as_of, targets, sections, others)


def _reports(counted: Counted) -> Section:
    verdicts = {(category, verdict or NO_MESSAGE): 0 for category, verdict, _ in counted.reports}
    for (category, verdict, _), count in counted.reports.items():
        verdicts[category, verdict or NO_MESSAGE] += count
    sources = _sum((((category, source), count) for (category, _, source), count in counted.reports.items()))
    return Section(
        "reports",
        "Reports received",
        "reports",
        "By the category the reporter chose, the best verdict on a message that the report is about, and the door it "
        "came by. One person may report the same more than once; reports that were refused unread are not in it.",
        _rows(Category, ((key[0], n) for key, n in counted.reports.items())),
        _CATEGORY,
        (
            _table("verdict", "By verdict", (*Verdict, NO_MESSAGE), verdicts, _VERDICT),
            _table("source", "By source", tuple(ReportSource), sources, _SOURCE),
        ),
    )


def _cases(counted: Counted, targets: RecordTargets) -> Section:
    sources = _sum(((str(severity), source), count) for (severity, source, _), count in counted.looked.items())
    looked, looked_times = time_table(
        "first_look",
        "Time until somebody first looked",
        _spreads((severity, step, count) for (severity, _, step), count in counted.looked.items()),
        targets.first_look,
    )
    decided, decided_times = time_table(
        "decision",
        "Time until the decision",
        _spreads((severity, step, count) for (severity, step), count in counted.decided.items()),
        targets.decision,
    )
    return Section(
        "cases",
        "Cases opened",
        "cases",
        "By severity, 0 the gravest: from the gravest category that was reported; lower for reports that nothing "
        "bears out. Times count from the opening, nights and holidays included; what nobody has looked at or decided "
        "yet counts as longer than anything.",
        _rows(_SEVERITY, ((key[0], n) for key, n in counted.decided.items())),
        _SEVERITY,
        (_table("source", "By what brought them up", tuple(CaseSource), sources, _CASE_SOURCE), looked, decided),
        (looked_times, decided_times),
    )


def _decisions(counted: Counted) -> Section:
    return Section(
        "decisions",
        "Decisions made",
        "decisions",
        "As they were decided, each by a person; none was automated. A policy is named only where it was broken.",
        _rows(Outcome, ((key[0], n) for key, n in counted.decisions.items())),
        _OUTCOME,
        (_table("policy", "By policy", tuple(Policy), counted.decisions, _POLICY, sums=False),),
    )


def _overturned(counted: Counted) -> Section:
    return Section(
        "overturned",
        "Decisions overturned",
        "decisions",
        "Taken back in the period by another reviewer, whenever they were made. By what was decided first, and what "
        "holds since. Decisions that nobody looked at again are not known to be right.",
        _rows(Outcome, ((key[0], n) for key, n in counted.overturned.items())),
        _OUTCOME,
        (_table("to", "By what holds since", tuple(Outcome), counted.overturned, _OUTCOME),),
    )


def _actions(counted: Counted) -> Section:
    return Section(
        "actions",
        "Actions",
        "actions",
        "Ordered by decisions, with notices to reporters, by their last change in the period. What prevention does by "
        "itself is not in it: that is removed after a while.",
        _rows(_KINDS, ((key[0], n) for key, n in counted.actions.items())),
        {kind: kind.replace("_", " ") for kind in _KINDS},
        (_table("state", "By state", tuple(ActionState), counted.actions, None),),
    )


def _referrals(counted: Counted) -> Section:
    states = _sum(((kind, state), count) for (kind, _, state), count in counted.referrals.items())
    agencies = _sum(((kind, agency or ERASED_AGENCY), count) for (kind, agency, _), count in counted.referrals.items())
    names = tuple(sorted({agency for _, agency in agencies}))
    return Section(
        "referrals",
        "Referrals begun",
        "referrals",
        "By kind of agency, how far they are now, and the agency's name as long as retention keeps it.",
        _rows(AgencyKind, ((key[0], n) for key, n in counted.referrals.items())),
        _AGENCY,
        (
            _table("state", "By state", tuple(ReferralState), states, None),
            Table("agency", "By agency", names, agencies, sums=False, open=True),
        ),
    )


def _handed_over(counted: Counted, targets: RecordTargets) -> Section:
    table, times = time_table(
        "time",
        "Time until an agency had it",
        _spreads((severity, step, count) for (severity, step), count in counted.handed_over.items()),
        targets.handed_over,
        waits=False,
    )
    return Section(
        "handed_over",
        "Referrals handed over",
        "referrals",
        "First given to an agency in the period, by the severity of their case; times count from the case's opening.",
        _rows(_SEVERITY, ((key[0], n) for key, n in counted.handed_over.items())),
        _SEVERITY,
        (table,),
        (times,),
    )


def _rows(keys: Iterable[str], counts: Iterable[tuple[object, int]]) -> dict[str, int]:
    """Every key in its order, and whatever else was counted behind them: nothing is left out for want of a name."""
    rows = {str(key): 0 for key in keys}
    for key, count in counts:
        row = str(key)
        rows[row] = rows.get(row, 0) + count
    return rows


def _table(
    name: str,
    title: str,
    columns: tuple[str, ...],
    cells: Mapping[tuple[str, str], int],
    words: Mapping[str, str] | None,
    *,
    sums: bool = True,
) -> Table:
    known = [str(column) for column in columns]
    more = sorted({column for _, column in cells} - set(known))
    return Table(name, title, (*known, *more), cells, sums=sums, words=words)


def _sum(pairs: Iterable[tuple[tuple[str, str], int]]) -> dict[tuple[str, str], int]:
    sums: dict[tuple[str, str], int] = {}
    for key, count in pairs:
        sums[key] = sums.get(key, 0) + count
    return sums


def _spreads(counts: Iterable[tuple[int, int | None, int]]) -> dict[str, Spread]:
    took: dict[str, dict[int, int]] = {}
    waiting: dict[str, int] = {}
    for severity, step, count in counts:
        row = str(severity)
        steps = took.setdefault(row, {})
        if step is None:
            waiting[row] = waiting.get(row, 0) + count
        else:
            steps[step] = steps.get(step, 0) + count
    return {row: Spread(steps, waiting.get(row, 0)) for row, steps in took.items()}
