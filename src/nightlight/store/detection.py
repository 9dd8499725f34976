"""What detection knows and says: arrivals, signals, alerts, the rules in force, backtests that were run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select, update

from nightlight.model.contact import SignalFamily
from nightlight.model.signal import (
    Alert,
    AlertKind,
    AlertState,
    BacktestRecord,
    ChangeKind,
    RuleChange,
    RuleMode,
    Severity,
    Signal,
)
from nightlight.store.detection_schema import alerts, arrivals, backtests, rule_changes, rule_packs, signals
from nightlight.store.held import names_none_held
from nightlight.store.many import write_many
from nightlight.store.numbering import Numbering

# Made once: putting a statement together takes longer than running it.
_ADD_ARRIVAL = insert(arrivals)
_ADD_SIGNAL = insert(signals)
_LAST_CHANGE = select(func.max(rule_changes.c.number))

_SIGNAL_COLUMNS = (
    "number",
    "rule",
    "about",
    "account",
    "raised_at",
    "until",
    "family",
    "severity",
    "mode",
    "pack",
    "reason",
    "values",
    "outcome",
)


class DetectionTables:
    _connection: Connection
    _numbering: Numbering

    # What was known when events arrived
    def detected(self) -> int:
        return self._numbering.detected()

    def detected_up_to(self, number: int) -> None:
        self._numbering.detected_up_to(number)

    def add_arrival(self, first: int, last: int, sealed: bytes) -> None:
        write_many(self._connection, _ADD_ARRIVAL, ("first", "last", "sealed"), [(first, last, sealed)])

    def arrivals(self, first: int, last: int) -> list[tuple[int, int, bytes]]:
        """Those that say something about events from ``first`` to ``last``, in their order."""
        rows = self._connection.execute(
            select(arrivals).where(arrivals.c.first <= last, arrivals.c.last >= first).order_by(arrivals.c.first)
        )
        return [(row.first, row.last, bytes(row.sealed)) for row in rows]

    # Signals
    def add_signals(self, new: Sequence[Signal]) -> None:
        write_many(self._connection, _ADD_SIGNAL, _SIGNAL_COLUMNS, [_signal_values(one) for one in new])

    def active_signals(self, about: int, now: int) -> list[Signal]:
        """Those about an account that have not run out, the oldest first."""
        return self._signals(signals.c.about == about, signals.c.until > now)

    def signals_about(self, about: int, limit: int) -> list[Signal]:
        """The newest ``limit`` about an account, the newest first."""
        query = select(signals).where(signals.c.about == about)
        rows = self._connection.execute(query.order_by(signals.c.number.desc(), signals.c.rule).limit(limit))
        return [_signal(row) for row in rows]

    def signals_of(self, rule: str, limit: int) -> list[Signal]:
        """The newest ``limit`` of a rule, the newest first."""
        query = select(signals).where(signals.c.rule == rule)
        rows = self._connection.execute(query.order_by(signals.c.raised_at.desc()).limit(limit))
        return [_signal(row) for row in rows]

    def signals_at(self, number: int) -> list[Signal]:
        """Those that the event raised."""
        return self._signals(signals.c.number == number)

    def count_signals(self, since: int) -> dict[tuple[str, str], int]:
        """By rule and mode, how many were raised later than ``since``."""
        table = signals.c
        rows = self._connection.execute(
            select(table.rule, table.mode, func.count()).where(table.raised_at > since).group_by(table.rule, table.mode)
        )
        return {(rule, mode): count for rule, mode, count in rows}

    def signals_since(self, rule: str, since: int) -> int:
        """How many signals the rule raised later than ``since``."""
        those = and_(signals.c.rule == rule, signals.c.raised_at > since)
        return self._connection.scalar(select(func.count()).select_from(signals).where(those)) or 0

    def signal_outcomes(self, since: int) -> dict[tuple[str, str], int]:
        """By rule and outcome, about how many accounts with signals later than ``since`` reviewers found that."""
        table = signals.c
        rows = self._connection.execute(
            select(table.rule, table.outcome, func.count(table.about.distinct()))
            .where(table.raised_at > since, table.outcome != "")
            .group_by(table.rule, table.outcome)
        )
        return {(rule, outcome): count for rule, outcome, count in rows}

    def signals_by_day(self, rule: str, since: int, day_ms: int) -> dict[int, int]:
        """How many signals the rule raised on each day, counted from 1970."""
        day = (signals.c.raised_at - signals.c.raised_at % day_ms) / day_ms
        rows = self._connection.execute(
            select(day, func.count()).where(signals.c.rule == rule, signals.c.raised_at > since).group_by(day)
        )
        return {int(number): count for number, count in rows}

    def settle_signals(self, about: int, since: int, outcome: str) -> int:
        """Writes what reviewers found beside the account's signals since then that have no outcome yet."""
        table = signals.c
        those = and_(table.about == about, table.raised_at >= since, table.outcome == "")
        return self._connection.execute(update(signals).where(those).values(outcome=outcome)).rowcount

    def overturn_signals(self, about: int, since: int, until: int, before: str, after: str) -> int:
        """Writes another outcome beside the account's signals of that time that have the outcome ``before``."""
        table = signals.c
        those = and_(table.about == about, table.raised_at.between(since, until), table.outcome == before)
        return self._connection.execute(update(signals).where(those).values(outcome=after)).rowcount

    def remove_signals_before(self, raised_at: int, limit: int, now: int) -> int:
        """At most about ``limit``, and not those about accounts under a hold; returns how many."""
        table = signals.c
        those = and_(table.raised_at < raised_at, names_none_held(now, table.account))
        old = select(table.number).where(those).order_by(table.raised_at).limit(limit)
        return self._connection.execute(delete(signals).where(table.number.in_(old), those)).rowcount

    def remove_signals_of(self, about: int, account: str) -> int:
        """Removes an account's signals, and its name from alerts that no case rests on."""
        gone = self._connection.execute(delete(signals).where(signals.c.about == about)).rowcount
        for alert in self.alerts(None, 1_000_000):
            if account in alert.accounts and alert.case_id is None:
                gone += self._connection.execute(delete(alerts).where(alerts.c.alert_id == alert.alert_id)).rowcount
        return gone

    def _signals(self, *where: Any) -> list[Signal]:
        rows = self._connection.execute(select(signals).where(*where).order_by(signals.c.number, signals.c.rule))
        return [_signal(row) for row in rows]

    # Alerts
    def add_alert(self, alert: Alert) -> None:
        self._connection.execute(insert(alerts), _alert_values(alert))

    def save_alert(self, alert: Alert) -> None:
        self._connection.execute(update(alerts).where(alerts.c.alert_id == alert.alert_id), _alert_values(alert))

    def alert(self, alert_id: str) -> Alert | None:
        row = self._connection.execute(select(alerts).where(alerts.c.alert_id == alert_id)).first()
        return _alert(row) if row else None

    def open_alert(self, kind: AlertKind, identity: int) -> Alert | None:
        those = and_(alerts.c.kind == kind, alerts.c.identity == identity, alerts.c.state == AlertState.OPEN)
        row = self._connection.execute(select(alerts).where(those)).first()
        return _alert(row) if row else None

    def alerts(self, state: AlertState | None, limit: int) -> list[Alert]:
        """The newest first; of any state, or of this one."""
        query = select(alerts) if state is None else select(alerts).where(alerts.c.state == state)
        rows = self._connection.execute(query.order_by(alerts.c.changed_at.desc()).limit(limit))
        return [_alert(row) for row in rows]

    def alerts_of(self, case_id: str) -> list[Alert]:
        rows = self._connection.execute(select(alerts).where(alerts.c.case_id == case_id).order_by(alerts.c.opened_at))
        return [_alert(row) for row in rows]

    def alerts_since(self, kind: AlertKind, changed_at: int, limit: int) -> list[Alert]:
        """Those that are open, and those that changed later than that; the newest first."""
        table = alerts.c
        which = and_(table.kind == kind, or_(table.state == AlertState.OPEN, table.changed_at > changed_at))
        rows = self._connection.execute(
            select(alerts).where(which).order_by(table.changed_at.desc(), table.alert_id).limit(limit)
        )
        return [_alert(row) for row in rows]

    def remove_alerts_before(self, changed_at: int, limit: int) -> int:
        """Removes alerts that are closed, have no case and did not change since; returns how many."""
        table = alerts.c
        old = and_(table.state == AlertState.CLOSED, table.changed_at < changed_at, table.case_id.is_(None))
        those = select(table.alert_id).where(old).limit(limit)
        return self._connection.execute(delete(alerts).where(table.alert_id.in_(those))).rowcount

    def alerts_about(self, account: str, limit: int) -> list[Alert]:
        """Those that name the account, the newest first."""
        # Some databases find names in other letters, too: those are left out afterwards.
        named = alerts.c.accounts.contains(json.dumps(account), autoescape=True)
        query = select(alerts).where(named).order_by(alerts.c.changed_at.desc())
        found = (_alert(row) for row in self._connection.execute(query))
        return [alert for alert in found if account in alert.accounts][:limit]

    # Rules in force
    def add_rule_pack(self, digest: str, text: bytes) -> None:
        """Keeps the text of a pack; one that is there stays."""
        if self.rule_pack(digest) is None:
            self._connection.execute(insert(rule_packs), {"digest": digest, "text": text})

    def rule_pack(self, digest: str) -> bytes | None:
        text = self._connection.scalar(select(rule_packs.c.text).where(rule_packs.c.digest == digest))
        return None if text is None else bytes(text)

    def last_rule_change(self) -> int:
        return self._connection.scalar(_LAST_CHANGE) or 0

    def add_rule_change(self, change: RuleChange) -> None:
        values = {
            "number": change.number,
            "at": change.at,
            "kind": change.kind.value,
            "rule": change.rule,
            "by": change.by,
            "note": change.note,
            "pack": change.pack,
            "modes": json.dumps(dict(change.modes), sort_keys=True),
            "proposed": json.dumps(dict(change.proposed), sort_keys=True),
        }
        self._connection.execute(insert(rule_changes), values)

    def rule_changes(self, limit: int) -> list[RuleChange]:
        """The newest first."""
        rows = self._connection.execute(select(rule_changes).order_by(rule_changes.c.number.desc()).limit(limit))
        return [_change(row) for row in rows]

    def add_backtest(self, record: BacktestRecord) -> None:
        values = {
            "at": record.at,
            "by": record.by,
            "pack": record.pack,
            "rules": json.dumps(dict(record.rules), sort_keys=True),
            "summary": json.dumps(dict(record.summary), sort_keys=True),
        }
        self._connection.execute(insert(backtests), values)

    def backtests(self, since: int) -> list[BacktestRecord]:
        """Those run later than ``since``, the newest first."""
        rows = self._connection.execute(select(backtests).where(backtests.c.at > since).order_by(backtests.c.at.desc()))
        return [
            BacktestRecord(row.at, row.by, row.pack, json.loads(row.rules), json.loads(row.summary)) for row in rows
        ]


def _signal_values(one: Signal) -> tuple[Any, ...]:
    return (
        one.number,
        one.rule,
        one.about,
        one.account,
        one.raised_at,
        one.until,
        one.family.value,
        one.severity.value,
        one.mode.value,
        one.pack,
        one.reason,
        json.dumps(dict(one.values), sort_keys=True),
        one.outcome,
    )


def _signal(row: Row[Any]) -> Signal:
    values: Mapping[str, float] = json.loads(row._mapping["values"])
    return Signal(
        row.number,
        row.rule,
        row.about,
        row.account,
        row.raised_at,
        row.until,
        SignalFamily(row.family),
        Severity(row.severity),
        RuleMode(row.mode),
        row.pack,
        row.reason,
        values,
        row.outcome,
    )


def _alert_values(alert: Alert) -> dict[str, Any]:
    return {
        "alert_id": alert.alert_id,
        "kind": alert.kind.value,
        "identity": alert.identity,
        "accounts": json.dumps(alert.accounts),
        "opened_at": alert.opened_at,
        "changed_at": alert.changed_at,
        "state": alert.state.value,
        "case_id": alert.case_id,
        "reasons": json.dumps(alert.reasons),
        "detail": json.dumps(dict(alert.detail), sort_keys=True),
    }


def _alert(row: Row[Any]) -> Alert:
    return Alert(
        row.alert_id,
        AlertKind(row.kind),
        row.identity,
        tuple(json.loads(row.accounts)),
        row.opened_at,
        row.changed_at,
        AlertState(row.state),
        row.case_id,
        tuple(json.loads(row.reasons)),
        json.loads(row.detail),
    )


def _change(row: Row[Any]) -> RuleChange:
    modes = {name: RuleMode(mode) for name, mode in json.loads(row.modes).items()}
    return RuleChange(
        row.number, row.at, ChangeKind(row.kind), row.rule, row.by, row.note, row.pack, modes, json.loads(row.proposed)
    )
