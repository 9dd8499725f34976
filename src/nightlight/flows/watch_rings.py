"""Rings while Nightlight runs: follows the log, works out rings on schedule, and brings new ones before people."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from nightlight.detect.engine import Memory
from nightlight.detect.joints import Edge
from nightlight.detect.ring import Member, Ring, RingRule, carried, rings_of
from nightlight.detect.ring_state import KINDS, RingState
from nightlight.detect.ring_values import ring_from_values, ring_values
from nightlight.errors import RefusedError
from nightlight.flows.alerts import Alerts
from nightlight.flows.detect import Judged
from nightlight.flows.people import People
from nightlight.model.account import AgeBand, month_of
from nightlight.model.event import LoggedEvent
from nightlight.model.relation import DAY_MS
from nightlight.model.signal import Alert, AlertKind, AlertState, RuleMode
from nightlight.ports import Clock, RelationView, Store, Transaction

_log = logging.getLogger(__name__)

#: New rings that are brought up within a day; the strongest reasons come first, and the rest is said in the log.
NEW_IN_A_DAY = 50
#: What a reviewer has decided about a ring counts so long, unless accounts or reasons come.
DECIDED_MS = 90 * DAY_MS
#: The memory is freed of what is over, and everything is joined anew.
REBUILD_MS = DAY_MS
#: Without anything new, rings are looked for again after this time: edges end by themselves.
AGAIN_MS = 3_600_000
_KEEP_MS = 600_000
_PAGE = 5_000
_ALERTS_MAX = 10_000
_SAME_INSTANT_MAX = 50_000

#: Events as detection sees them, with what was known when they arrived.
Judge = Callable[[Transaction, Sequence[LoggedEvent]], list[Judged]]


class RingWatch:
    """``memory`` keeps the state where a restart finds it. One thread calls ``run``; ``forget`` may come from any."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        people: People,
        view: RelationView,
        judge: Judge,
        alerts: Alerts,
        memory: Memory,
        rule: RingRule | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._people = people
        self._view = view
        self._judge = judge
        self._alerts = alerts
        self._memory = memory
        self._rule = rule or RingRule()
        self._state: RingState | None = None
        self._to_forget: deque[int] = deque()
        self._looked_at = self._kept_at = self._rebuilt_at = 0

    def forget(self, one: int) -> None:
        """Everything about an account is removed: from the state at the next run, from the disk at once."""
        self._to_forget.append(one)
        self._memory.drop()

    def run(self) -> list[Alert]:
        """Takes over what is new in the log. Returns the alerts that are new or have changed."""
        now = self._clock.now()
        state = self._state = self._state or self._recalled()
        self._forget(state)
        new = self._follow(state)
        if now - self._rebuilt_at >= REBUILD_MS:
            state.rebuild(now)
            self._rebuilt_at = now
        raised: list[Alert] = []
        if new or now - self._looked_at >= AGAIN_MS:
            raised = self._look(state, now)
            self._looked_at = now
        if now - self._kept_at >= _KEEP_MS:
            self._memory.keep(state.to_bytes(now))
            self._kept_at = now
            if self._to_forget:  # it is still in what was just kept
                self._memory.drop()
        return raised

    # The state

    def _recalled(self) -> RingState:
        kept = self._memory.recall()
        if kept is not None:
            try:
                state = RingState.from_bytes(kept)
            except RefusedError as e:
                _log.warning("rings: %s They are worked out anew from the log.", e.message)
                self._memory.drop()
            else:
                with self._store.read() as tx:
                    if state.number <= tx.last_event()[0]:
                        return state
        return RingState()

    def _forget(self, state: RingState) -> None:
        gone = []
        while self._to_forget:
            gone.append(self._to_forget.popleft())
        if gone:
            state.forget(gone)

    def _follow(self, state: RingState) -> bool:
        """Whether anything came that rings are made of."""
        new = False
        while True:
            with self._store.read() as tx:
                last, _ = tx.last_event()
                page = tx.events_after(state.number, _PAGE, KINDS)
                state.see(one.seen for one in self._judge(tx, page))
            new = new or bool(page)
            if len(page) < _PAGE:
                state.number = max(state.number, last)
                return new
            state.number = page[-1].number

    # What follows

    def _look(self, state: RingState, now: int) -> list[Alert]:
        self._view.follow()
        month = month_of(now)

        def band(account: int) -> AgeBand:
            return self._view.age(account).in_month(month)

        found = rings_of(state.rings, max(now, state.rings.last_t), state.facts(now, band), rule=self._rule)
        with self._store.read() as tx:
            if not found and not any(_shadow(one) for one in self._before(tx, now)):
                return []
        with self._store.write() as tx:
            before = self._before(tx, now)
            rings = carried(found, [ring for one in before if (ring := _ring_of(one)) is not None])
            return self._bring_up(tx, rings, before, now)

    def _before(self, tx: Transaction, now: int) -> list[Alert]:
        return tx.alerts_since(AlertKind.RING, now - DECIDED_MS, _ALERTS_MAX)

    def _bring_up(self, tx: Transaction, rings: Sequence[Ring], before: Sequence[Alert], now: int) -> list[Alert]:
        by_identity = {one.identity: one for one in reversed(before)}
        room = NEW_IN_A_DAY - sum(one.opened_at > now - DAY_MS for one in before)
        raised, waiting = [], 0
        for ring in sorted(rings, key=_strength, reverse=True):
            identity = self._people.number(f"ring/{ring.identity}")
            last = by_identity.get(identity)
            earlier = _ring_of(last) if last else None
            if last is not None and last.state is AlertState.OPEN:
                if earlier is not None and _same(ring, earlier):
                    continue
            elif earlier is not None and not _worse(ring, earlier):
                continue  # somebody has looked at it
            elif room <= 0:
                waiting += 1
                continue
            else:
                room -= 1
            alert = self._raise(tx, ring, identity, last, now)
            if alert is not None:
                raised.append(alert)
        if waiting:
            _log.warning("rings: %d more than the %d that are brought up in a day wait.", waiting, NEW_IN_A_DAY)
        self._close_ended(tx, {self._people.number(f"ring/{ring.identity}") for ring in rings}, before, now)
        return raised

    def _raise(self, tx: Transaction, ring: Ring, identity: int, last: Alert | None, now: int) -> Alert | None:
        ring = replace(ring, members=tuple(self._with_families(tx, member, now) for member in ring.members))
        names = self._names(tx, ring, last)
        accounts = tuple(names[one.account] for one in _leading_first(ring, self._rule) if one.account in names)
        if not accounts:
            _log.warning("rings: a ring is not brought up, because the events that name its accounts are gone.")
            return None
        return self._alerts.raise_alert(
            tx, AlertKind.RING, identity, accounts, ring.why, {"ring": ring_values(ring)}, now
        )

    def _with_families(self, tx: Transaction, member: Member, now: int) -> Member:
        live = [one for one in tx.active_signals(member.account, now) if one.mode is RuleMode.LIVE]
        return replace(member, facts=replace(member.facts, families=frozenset(one.family for one in live)))

    def _names(self, tx: Transaction, ring: Ring, last: Alert | None) -> Mapping[int, str]:
        """The members' ids: from the alert that there was, else from the events that joined them."""
        names = {self._people.number(name): name for name in (last.accounts if last else ())}
        for member in ring.members:
            edges = [edge for edge in ring.edges if edge.account == member.account]
            for edge in () if member.account in names else edges:
                name = self._name(tx, edge)
                if name:
                    names[member.account] = name
                    break
        return {one: name for one, name in names.items() if one in ring.accounts}

    def _name(self, tx: Transaction, edge: Edge) -> str:
        for at in {edge.last: None, edge.first: None}:
            for one in tx.events_received(at, _SAME_INSTANT_MAX, KINDS):
                for name in (one.event.actor, one.event.target):
                    if name and self._people.number(name) == edge.account:
                        return name
        return ""

    def _close_ended(self, tx: Transaction, found: set[int], before: Sequence[Alert], now: int) -> None:
        """Alerts without a case end with their ring: nobody is there to close them."""
        for alert in before:
            if _shadow(alert) and alert.identity not in found:
                tx.save_alert(replace(alert, state=AlertState.CLOSED, changed_at=now))


def _shadow(alert: Alert) -> bool:
    return alert.state is AlertState.OPEN and alert.case_id is None


def _ring_of(alert: Alert) -> Ring | None:
    try:
        return ring_from_values(alert.detail.get("ring"))
    except RefusedError:
        return None


def _same(ring: Ring, earlier: Ring) -> bool:
    """But for times, and for signals about members, which their own alerts tell of."""

    def seen(one: Ring) -> tuple[object, ...]:
        members = {member.account: replace(member.facts, families=frozenset()) for member in one.members}
        return members, one.joints, one.why

    return seen(ring) == seen(earlier)


def _worse(ring: Ring, earlier: Ring) -> bool:
    """Whether a ring that somebody has looked at is to be looked at again: more accounts, or more about one of them."""
    known = {member.account: member.facts for member in earlier.members}
    if not ring.accounts <= earlier.accounts:
        return True
    for member in ring.members:
        now, was = member.facts, known[member.account]
        if (now.banned and not was.banned) or (now.violation and not was.violation) or (now.proven and not was.proven):
            return True
    return False


def _strength(ring: Ring) -> tuple[int, int, int]:
    proven = sum(member.facts.proven for member in ring.members)
    sanctioned = sum(member.sanctioned for member in ring.members)
    return proven, sanctioned, max(member.minors_against for member in ring.members)


def _leading_first(ring: Ring, rule: RingRule) -> list[Member]:
    """The one to look at first leads: not a child, not banned already, with the strongest reasons of its own."""

    def key(member: Member) -> tuple[bool, bool, bool, bool, int, int, int]:
        return (
            member.minor,
            member.facts.banned,
            not member.facts.proven,
            not member.reason(rule),
            -member.minors_against,
            member.since,
            member.account,
        )

    return sorted(ring.members, key=key)
