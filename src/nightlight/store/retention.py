"""Holds, announced and finished erasures, and what retention needs to know of cases."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select, update

from nightlight.model.action import ActionState
from nightlight.model.case import CaseSource, Outcome
from nightlight.model.draft import AgencyKind
from nightlight.model.hold import Hold, HoldKind, HoldScope
from nightlight.model.report import ReportState
from nightlight.model.retention import Erasure, Phase, Record
from nightlight.respond.retention import PHASE_OF, Kept, Referred
from nightlight.store.detection_schema import alerts
from nightlight.store.record import first_view
from nightlight.store.retention_schema import erasures, holds
from nightlight.store.schema import actions, cases, decisions, referrals, reported_messages, reports

_IN_MAX = 500
#: What holds now, and since when: periods count from there, so overturning a decision brings no erasure nearer than
#: deciding so in the first place would.
_HOLDS = func.coalesce(decisions.c.overturned_to, decisions.c.outcome)
_SINCE = func.coalesce(decisions.c.overturned_at, decisions.c.decided_at)
_DECIDED = select(_SINCE.label("decided_at"), _HOLDS.label("outcome"))
_OVERTURNED = select(decisions.c.case_id, decisions.c.overturned_at).where(decisions.c.overturned_at.is_not(None))
#: Cases fetched at once. A plan over a million of them must not hold them all in memory.
_FETCHED = 5_000

_OUTCOMES = {str(outcome): outcome for outcome in Outcome}
_SOURCES = {str(source): source for source in CaseSource}
_PHASES = {str(state): phase for state, phase in PHASE_OF.items()}
#: Statements made once, as one runs for every case that is looked at.
_PENDING = select(actions.c.case_id).where(actions.c.state == ActionState.PENDING, actions.c.case_id.is_not(None))


class RetentionTables:
    _connection: Connection

    # Holds
    def add_hold(self, hold: Hold) -> None:
        self._connection.execute(insert(holds), asdict(hold))

    def save_hold(self, hold: Hold) -> None:
        self._connection.execute(update(holds).where(holds.c.hold_id == hold.hold_id), asdict(hold))

    def hold(self, hold_id: str) -> Hold | None:
        row = self._connection.execute(select(holds).where(holds.c.hold_id == hold_id)).first()
        return _hold(row) if row else None

    def holds(self) -> list[Hold]:
        """All that ever were, the newest first."""
        return [_hold(row) for row in self._connection.execute(_newest_first())]

    def holds_on_account(self, account: str) -> list[Hold]:
        """All that ever were on this account, the newest first."""
        these = and_(holds.c.scope == HoldScope.ACCOUNT, holds.c.target == account)
        return [_hold(row) for row in self._connection.execute(_newest_first().where(these))]

    def holds_of(self, case_id: str) -> list[Hold]:
        """All that ever were on the case or on an account in it, the newest first."""
        accounts = self.accounts_of(case_id)
        on_case = and_(holds.c.scope == HoldScope.CASE, holds.c.target == case_id)
        on_account = and_(holds.c.scope == HoldScope.ACCOUNT, holds.c.target.in_(accounts))
        return [_hold(row) for row in self._connection.execute(_newest_first().where(or_(on_case, on_account)))]

    def accounts_of(self, case_id: str) -> list[str]:
        """Accounts that the case is about, that reported in it, or that sent one of its messages."""
        found: set[str | None] = set()
        for column, those in _NAMING:
            found.update(self._connection.scalars(select(column).where(those == case_id).distinct()))
        messages = _SENDERS.where(reports.c.case_id == case_id)
        found.update(row.sender for row in self._connection.execute(messages))
        for listed in self._connection.scalars(select(alerts.c.accounts).where(alerts.c.case_id == case_id)):
            found.update(json.loads(listed))
        return sorted(account for account in found if account)

    # Erasures
    def erasures_of(self, case_id: str) -> list[Erasure]:
        """What of the case is announced to go, and what is gone."""
        rows = self._connection.execute(select(erasures).where(erasures.c.case_id == case_id))
        return sorted(map(_erasure, rows), key=lambda erasure: list(Record).index(erasure.record))

    def announced(self) -> list[Erasure]:
        """All that are announced and not gone, the next to go first."""
        query = select(erasures).where(erasures.c.erased_at.is_(None)).order_by(erasures.c.not_before)
        return [_erasure(row) for row in self._connection.execute(query)]

    def erasures_with_files(self) -> list[str]:
        """Cases of which something is gone, and whose files are still to be removed."""
        query = select(erasures.c.case_id).where(erasures.c.files).distinct().order_by(erasures.c.case_id)
        return list(self._connection.scalars(query))

    def all_erased(self) -> dict[str, set[Record]]:
        """What is gone, by case."""
        gone: dict[str, set[Record]] = defaultdict(set)
        query = select(erasures.c.case_id, erasures.c.record).where(erasures.c.erased_at.is_not(None))
        for case_id, record in self._connection.execute(query):
            gone[case_id].add(Record(record))
        return dict(gone)

    def announce(self, erasure: Erasure) -> None:
        self._connection.execute(insert(erasures), asdict(erasure))

    def withdraw(self, case_id: str, record: Record) -> None:
        """Takes an announcement back. What is gone cannot be taken back."""
        those = and_(erasures.c.case_id == case_id, erasures.c.record == record, erasures.c.erased_at.is_(None))
        self._connection.execute(delete(erasures).where(those))

    def mark_erased(self, case_id: str, records: Collection[Record], at: int) -> None:
        for record in records:
            these = and_(erasures.c.case_id == case_id, erasures.c.record == record)
            changes = {"erased_at": at, "files": record is Record.CASE_EVIDENCE}
            self._connection.execute(update(erasures).where(these), changes)
        gone = [one.record for one in self.erasures_of(case_id) if one.erased_at is not None]
        self._connection.execute(update(cases).where(cases.c.case_id == case_id), {"erased": " ".join(gone)})

    def mark_files_removed(self, case_id: str) -> None:
        self._connection.execute(update(erasures).where(erasures.c.case_id == case_id), {"files": False})

    # What retention needs to know
    def kept_case(self, case_id: str, now: int) -> Kept | None:
        """From the tables that the audit holds against the log; the copies in ``cases`` are for looking through."""
        case = self._connection.execute(
            select(cases.c.case_id, cases.c.opened_at, cases.c.source).where(cases.c.case_id == case_id)
        ).first()
        if case is None:
            return None
        decided = self._connection.execute(_DECIDED.where(decisions.c.case_id == case_id)).first()
        reported = self._connection.scalar(select(func.max(reports.c.received_at)).where(reports.c.case_id == case_id))
        referred = self._connection.execute(_REFERRED.where(referrals.c.case_id == case_id)).all()
        gone = {one.record for one in self.erasures_of(case_id) if one.erased_at is not None}
        on_it = self.holds_of(case_id)
        return Kept(
            case_id,
            case.opened_at if reported is None else reported,
            decided.decided_at if decided else None,
            _OUTCOMES[decided.outcome] if decided else None,
            _SOURCES[case.source],
            _there(reported is not None, bool(referred), gone),
            tuple(_referred(*row[1:]) for row in referred),
            _preserved_at(on_it),
            tuple(sorted(hold.hold_id for hold in on_it if hold.holds(now))),
            any(
                self._connection.scalar(query.limit(1)) is not None
                for query in (
                    _PENDING.where(actions.c.case_id == case_id),
                    _AWAITED.where(reports.c.case_id == case_id),
                )
            ),
        )

    def kept_cases(self, now: int) -> Iterator[Kept]:
        """Of every case that has something left, in no order; for a reading transaction that sees one instant."""
        referred: dict[str, tuple[Referred, ...]] = {}
        for case_id, *rest in self._connection.execute(_REFERRED):
            referred[case_id] = (*referred.get(case_id, ()), _referred(*rest))
        held = self._held(now)
        overturned = {row.case_id: row.overturned_at for row in self._connection.execute(_OVERTURNED)}
        busy = {*self._connection.scalars(_PENDING), *self._connection.scalars(_AWAITED.distinct())}
        there: dict[tuple[str, bool, bool], tuple[Record, ...]] = {}
        columns = cases.c
        query = select(
            *(columns.case_id, columns.opened_at, columns.reported_at, columns.decided_at, columns.outcome),
            *(columns.source, columns.reports, columns.erased),
        )
        rows = self._connection.execute(query, execution_options={"yield_per": _FETCHED})
        for case_id, opened_at, reported_at, decided_at, outcome, source, count, erased in chain.from_iterable(
            rows.partitions()  # row by row it takes twice as long
        ):
            sent = referred.get(case_id, ())
            likeness = (erased, count > 0, bool(sent))
            records = there.get(likeness)
            if records is None:
                records = there[likeness] = _there(count > 0, bool(sent), set(map(Record, erased.split())))
            if not records:
                continue
            preserved_at, on_it = held.get(case_id, (None, ()))
            yield Kept(
                case_id,
                opened_at if reported_at is None else reported_at,
                overturned.get(case_id, decided_at),
                None if outcome is None else _OUTCOMES[outcome],
                _SOURCES[source],
                records,
                sent,
                preserved_at,
                on_it,
                case_id in busy,
            )

    def miscopied_case(self) -> str | None:
        """The first case whose copies of times and outcome are not what reports, decisions and erasures say."""
        last = select(func.max(reports.c.received_at)).where(reports.c.case_id == cases.c.case_id).scalar_subquery()
        query = (
            select(cases.c.case_id)
            .outerjoin(decisions, decisions.c.case_id == cases.c.case_id)
            .where(
                or_(
                    cases.c.decided_at.is_distinct_from(decisions.c.decided_at),
                    cases.c.outcome.is_distinct_from(_HOLDS),
                    cases.c.reported_at.is_distinct_from(last),
                    cases.c.seen_at.is_distinct_from(first_view(cases.c.case_id)),
                )
            )
            .limit(1)
        )
        found = self._connection.scalar(query)
        if found is not None:
            return str(found)
        gone = self.all_erased()
        copied = self._connection.execute(select(cases.c.case_id, cases.c.erased).where(cases.c.erased != ""))
        erased = {row.case_id: set(map(Record, row.erased.split())) for row in copied}
        return next(
            iter(sorted(case for case in gone.keys() | erased.keys() if gone.get(case) != erased.get(case))), None
        )

    def _held(self, now: int) -> Mapping[str, tuple[int | None, tuple[str, ...]]]:
        """By case: when it was last asked to be preserved, and the holds on it."""
        every = self.holds()
        by_account: dict[str, list[Hold]] = defaultdict(list)
        by_case: dict[str, list[Hold]] = defaultdict(list)
        for hold in every:
            if hold.holds(now) or hold.kind is HoldKind.PRESERVATION:
                (by_case if hold.scope is HoldScope.CASE else by_account)[hold.target].append(hold)
        for account, case_id in self._naming(by_account):
            by_case[case_id] += by_account[account]
        return {
            case_id: (_preserved_at(on_it), tuple(sorted({hold.hold_id for hold in on_it if hold.holds(now)})))
            for case_id, on_it in by_case.items()
        }

    def _naming(self, accounts: Collection[str]) -> set[tuple[str, str]]:
        """Account and case, for each case that names one of these accounts. Looks through whole tables."""
        found: set[tuple[str, str]] = set()
        wanted = sorted(accounts)
        for start in range(0, len(wanted), _IN_MAX):
            part = wanted[start : start + _IN_MAX]
            for column, case_of in _NAMING:
                rows = self._connection.execute(select(column, case_of).where(column.in_(part), case_of.is_not(None)))
                found.update((row[0], row[1]) for row in rows)
            rows = self._connection.execute(
                _SENDERS.where(reported_messages.c.sender.in_(part), reports.c.case_id.is_not(None))
            )
            found.update((row[0], row[1]) for row in rows)
        if wanted:
            rows = self._connection.execute(
                select(alerts.c.accounts, alerts.c.case_id).where(alerts.c.case_id.is_not(None))
            )
            for listed, case_id in rows:
                found.update((account, case_id) for account in accounts & set(json.loads(listed)))  # type: ignore[operator]
        return found


#: Where accounts are named, beside which case.
_NAMING = (
    (cases.c.subject, cases.c.case_id),
    (reports.c.reporter, reports.c.case_id),
    (reports.c.target_account, reports.c.case_id),
    (actions.c.target, actions.c.case_id),
)
_SENDERS = (
    select(reported_messages.c.sender, reports.c.case_id)
    .join(reports, reports.c.report_id == reported_messages.c.report_id)
    .distinct()
)
_REFERRED = select(
    referrals.c.case_id, referrals.c.agency, referrals.c.kind, referrals.c.state, referrals.c.finished_at
)
#: A report that waits to be checked may need what was preserved of a message that is in another case already.
_waiting, _awaited = reports.alias(), reported_messages.alias()
_AWAITED = (
    select(reports.c.case_id)
    .join(reported_messages, reported_messages.c.report_id == reports.c.report_id)
    .join(_awaited, _awaited.c.event_id == reported_messages.c.event_id)
    .join(_waiting, _waiting.c.report_id == _awaited.c.report_id)
    .where(_waiting.c.state == ReportState.PENDING, reports.c.case_id.is_not(None))
)


def _newest_first() -> Any:
    return select(holds).order_by(holds.c.placed_at.desc(), holds.c.hold_id)


def _there(reported: bool, referred: bool, gone: Collection[Record]) -> tuple[Record, ...]:
    """What there is of a case, in the order in which it is planned."""
    there = {Record.REPORT, Record.DECISION}
    if reported:
        there.add(Record.CASE_EVIDENCE)
    if referred:
        there |= {Record.REFERRAL_RECORD, Record.AGENCY_REFERENCE}
    return tuple(record for record in Record if record in there and record not in gone)


def _referred(agency: str, kind: str, state: str, finished_at: int | None) -> Referred:
    # Police forces have one kind and many names; the rules call every other agency by its kind.
    name = agency if kind == AgencyKind.POLICE else kind
    return Referred(name, _PHASES.get(state, Phase.UNDER_WAY), finished_at)


def _preserved_at(on_it: Collection[Hold]) -> int | None:
    return max((hold.placed_at for hold in on_it if hold.kind is HoldKind.PRESERVATION), default=None)


def _hold(row: Row[Any]) -> Hold:
    return Hold(**{**row._mapping, "kind": HoldKind(row.kind), "scope": HoldScope(row.scope)})


def _erasure(row: Row[Any]) -> Erasure:
    return Erasure(**{**row._mapping, "record": Record(row.record), "files": bool(row.files)})
