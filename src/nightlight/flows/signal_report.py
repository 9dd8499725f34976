"""What detection said about one account, and its alerts. Nobody looks unseen: the log has it before it is shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from nightlight.detect.joints import Joint
from nightlight.detect.ring_picture import Picture, Row, ring_picture, ring_table
from nightlight.detect.ring_values import ring_from_values
from nightlight.errors import RefusedError
from nightlight.evidence.log import LogKind
from nightlight.flows.people import People
from nightlight.flows.rule_book import RuleBook, RulesInForce
from nightlight.model.case import Case
from nightlight.model.contact import WATCH_FAMILIES, SignalFamily
from nightlight.model.relation import Tie
from nightlight.model.signal import Alert, AlertState, Signal
from nightlight.ports import Clock, Store, Transaction

#: The newest signals, alerts and cases about an account that its page shows.
SIGNALS_MAX = 300
_ALERTS_MAX = 50
_CASES_MAX = 50
#: The newest alerts of each state that the list shows.
LISTED_MAX = 100
#: Matrix: an id has at most 255 bytes.
_ACCOUNT = re.compile(r"@[^\s:\0]{1,253}:[^\s\0]{1,253}")
_ACCOUNT_BYTES_MAX = 255


@dataclass(frozen=True, slots=True)
class AccountFile:
    """``families``: that count about the account now, and until when; as contact policy sees it."""

    account: str
    families: Mapping[SignalFamily, int]
    signals: Sequence[Signal]
    alerts: Sequence[Alert]
    cases: Sequence[Case]
    in_force: RulesInForce
    #: Whether there are older signals than the page shows.
    more: bool

    @property
    def watched(self) -> bool:
        return len(self.families) >= WATCH_FAMILIES


@dataclass(frozen=True, slots=True)
class RingSheet:
    """A ring as a picture and as a table. ``error``: why there is neither."""

    picture: Picture | None
    rows: Sequence[Row]
    error: RefusedError | None = None


@dataclass(frozen=True, slots=True)
class AlertFile:
    alert: Alert
    ring: RingSheet | None


@dataclass(frozen=True, slots=True)
class SignalReport:
    store: Store
    clock: Clock
    people: People
    book: RuleBook

    def account(self, account: str, reviewer: str) -> AccountFile:
        """By its exact id. The look is logged, for accounts that nothing is known about, too.

        ``RefusedError('account_malformed')``.
        """
        account = account.strip()
        if not _ACCOUNT.fullmatch(account) or len(account.encode("utf-8", "replace")) > _ACCOUNT_BYTES_MAX:
            raise RefusedError("account_malformed", "That is no account.", "Type the whole id: @name:server.")
        about, now = self.people.number(account), self.clock.now()
        with self.store.write() as tx:
            tx.log(now, LogKind.SIGNALS_VIEWED, reviewer, self.people.pseudonym(account), {})
            signals = tx.signals_about(about, SIGNALS_MAX + 1)
            return AccountFile(
                account,
                self._families(tx, about, now),
                signals[:SIGNALS_MAX],
                tx.alerts_about(account, _ALERTS_MAX),
                tx.cases_about(account, _CASES_MAX),
                self.book.in_force(tx),
                len(signals) > SIGNALS_MAX,
            )

    def alerts(self, state: AlertState) -> list[Alert]:
        """The newest first."""
        with self.store.read() as tx:
            return tx.alerts(state, LISTED_MAX)

    def alert(self, alert_id: str, reviewer: str) -> AlertFile:
        """The look is logged. ``RefusedError('alert_not_found')``."""
        with self.store.write() as tx:
            alert = tx.alert(alert_id)
            if alert is None:
                raise RefusedError("alert_not_found", "There is no such alert.")
            tx.log(self.clock.now(), LogKind.SIGNALS_VIEWED, reviewer, alert.alert_id, {})
        return AlertFile(alert, ring_sheet(alert, self.people.number))

    def _families(self, tx: Transaction, about: int, now: int) -> dict[SignalFamily, int]:
        found = {}
        for number, family in self.people.families.items():
            until = tx.relation(about, Tie.SIGNAL, number)
            if until is not None and until > now:
                found[family] = until
        return found


def ring_sheet(alert: Alert, number: Callable[[str], int]) -> RingSheet | None:
    """None: it is about no ring. Accounts that the alert names have their names; children stay numbers."""
    if "ring" not in alert.detail:
        return None
    try:
        ring = ring_from_values(alert.detail["ring"])
    except RefusedError as e:
        return RingSheet(None, (), e)
    names: dict[int | Joint, str] = {number(account): account for account in alert.accounts}
    return RingSheet(ring_picture(ring, names), ring_table(ring, names))
