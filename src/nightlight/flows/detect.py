"""Detection while Nightlight runs: every event is looked at in the transaction that appends it.

The log is the queue. An engine has seen it up to some number; what is behind that number is read again after a crash.
Signals stand under their event and rule, so nothing is raised twice; ``detected`` in the store says how far the log was
judged, so nothing is left out, whichever process appended it and whether or not it could judge at that time.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from nightlight.detect.engine import Counters, Engine, Engines, Memory
from nightlight.detect.fields import Seen
from nightlight.detect.known import (
    NOTHING,
    SILENT,
    Known,
    Parties,
    known,
    known_from_bytes,
    known_to_bytes,
    parties_of,
    seen_of,
)
from nightlight.detect.reason import reason_of
from nightlight.detect.windows import Hit
from nightlight.errors import RefusedError
from nightlight.flows.alerts import Alerts
from nightlight.flows.not_taken import KEY_FULL, STATE_FULL
from nightlight.flows.people import Numbers, People
from nightlight.flows.rule_book import RuleBook, RulesInForce
from nightlight.model.account import month_of
from nightlight.model.contact import SignalFamily
from nightlight.model.event import Event, EventKind, LoggedEvent
from nightlight.model.signal import RuleMode, Signal
from nightlight.ports import RelationView, Store, Transaction
from nightlight.prevent.relations import statements

_log = logging.getLogger(__name__)

#: How many events of others an engine takes over inside of a writing transaction. More are read in the background, and
#: until then nothing new is judged.
FOLLOW_MAX = 5_000
_PAGE = 2_000
#: From how many events on an engine is compiled: before that a plain one is as good, and there at once.
LARGE = 100_000
#: After how many events the state is written down again.
SNAPSHOT_EVENTS = 200_000
_SNAPSHOT_SECONDS = 600.0


class Judged(NamedTuple):
    """An event with what was known when it arrived."""

    logged: LoggedEvent
    seen: Seen


class Detection:
    """``engines`` makes engines, ``memory`` keeps their snapshots. Without ``ready`` nothing is judged, only kept."""

    def __init__(
        self,
        store: Store,
        people: People,
        view: RelationView,
        book: RuleBook,
        alerts: Alerts,
        engines: Engines,
        memory: Memory,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._people = people
        self._view = view
        self.book = book
        self._alerts = alerts
        self._engines = engines
        self._memory = memory
        self._monotonic = monotonic
        # Touched inside of writing transactions only, of which a process has one at a time.
        self._engine: Engine | None = None
        #: Of the oldest event that was there when an engine was made.
        self._first_number = 0
        self._kept_at = (-1, monotonic())
        self._to_forget: deque[int] = deque()
        #: What was left out when it was last counted.
        self._told = Counters()

    @property
    def ready(self) -> bool:
        """Whether events are judged as they come."""
        return self._engine is not None

    def live(self) -> int:
        """How many values are kept in memory."""
        return self._engine.live() if self._engine else 0

    # Inside of writing transactions

    def begin(self, tx: Transaction, now: int, numbers: Numbers | None = None) -> Watch:
        """Looks at the events that this transaction appends at ``now``; none of them may be in it yet.

        ``numbers``: of this transaction.
        """
        engine = self._engine
        last, last_t = tx.last_event()
        if engine is not None and engine.last_number > last:
            engine = self._engine = None  # it saw what never happened
        in_force = self.book.in_force(tx)
        numbers = self._people.numbers() if numbers is None else numbers
        watch = Watch(self, tx, in_force, engine, last + 1, max(now, last_t), numbers)
        if engine is not None:
            tx.if_undone(self._drop)
            self._forget(engine)
            if not self._catch_up(tx, engine, watch):
                watch.engine = None
        return watch

    def _catch_up(self, tx: Transaction, engine: Engine, watch: Watch) -> bool:
        """Takes over what others appended. False where that is too much for now."""
        after, detected = max(engine.last_number, 0), tx.detected()
        if detected < after:
            return False  # something before was not judged: the background does it first
        if tx.last_event()[0] <= after:
            return True
        missing = tx.events_after(after, FOLLOW_MAX + 1)
        if len(missing) > FOLLOW_MAX:
            return False
        watch.judge(engine, self.judged(tx, missing), detected)
        return True

    def _drop(self) -> None:
        self._engine = None

    def _forget(self, engine: Engine) -> None:
        while self._to_forget:
            engine.forget(self._to_forget.popleft())

    def forget(self, one: int) -> None:
        """Everything about an account is removed: from the state at the next event, from the disk at once."""
        self._to_forget.append(one)
        self._memory.drop()

    # In the background

    def keep_up(self) -> None:
        """Makes an engine where there is none, or one of other rules; judges what was not; keeps its state."""
        engine = self._engine
        other = engine is None or engine.pack.digest != self.book.in_force().pack.digest
        if other or (engine is not None and self._outgrown(engine)):
            engine, done = self._made(anew=not other), False
            self._told = engine.counters
            self._follow(engine)
            while not done:
                with self._store.write() as tx:
                    # What came meanwhile, and what nobody judged.
                    done = self._catch_up_all(tx, engine)
                    if done:
                        tx.if_undone(self._drop)
                        self._engine = engine
        else:
            self._judge_rest()
        self._keep()
        self._tell_limits()

    def _outgrown(self, engine: Engine) -> bool:
        """Whether a compiled engine should take over. The old one judges on until the new one has caught up."""
        return engine.last_number - self._first_number > LARGE and self._engines.outgrown(engine)

    def _made(self, *, anew: bool = False) -> Engine:
        """``anew``: from the log, whatever was kept."""
        pack = self.book.in_force().pack
        kept = None if anew else self._memory.recall()
        if kept is not None:
            try:
                return self._engines.restore(pack, kept)
            except RefusedError as e:
                _log.warning("detection: %s It is worked out anew from the log.", e.message)
                self._memory.drop()
        with self._store.read() as tx:
            first = next(iter(tx.events_after(0, 1)), None)
            self._first_number = first.number if first else 0
            large = tx.last_event()[0] - (first.number if first else 0) > LARGE
        # A log that was cut at the front leaves windows that have not seen all of their events.
        since = first.received_at if first is not None and first.number > 1 else None
        return self._engines.new(pack, since, large=large)

    def _follow(self, engine: Engine) -> None:
        """Reads the log up to where it was judged, or to its end but for a rest."""
        while True:
            with self._store.read() as tx:
                last = min(tx.last_event()[0], tx.detected())
                page = [one for one in tx.events_after(max(engine.last_number, 0), _PAGE) if one.number <= last]
                engine.add_many([judged.seen for judged in self.judged(tx, page)])
            if not page:
                return

    def _catch_up_all(self, tx: Transaction, engine: Engine) -> bool:
        last, last_t = tx.last_event()
        watch = Watch(self, tx, self.book.in_force(tx), engine, last + 1, last_t, self._people.numbers())
        missing = tx.events_after(max(engine.last_number, 0), _PAGE)
        detected = tx.detected()
        watch.judge(engine, self.judged(tx, missing), detected)
        done = len(missing) < _PAGE
        self._append(tx, watch, last_t, up_to=last if done else missing[-1].number)
        return done

    def _judge_rest(self) -> None:
        with self._store.read() as tx:
            if tx.detected() >= tx.last_event()[0]:
                return
        with self._store.write() as tx:
            engine = self._engine
            if engine is None:
                return
            tx.if_undone(self._drop)
            if engine.last_number > tx.detected():
                self._engine = None  # it went ahead of what was judged: read again
                return
            self._catch_up_all(tx, engine)

    def _append(self, tx: Transaction, watch: Watch, now: int, up_to: int) -> None:
        """Outside of a story: what the watch raised goes into the log by itself."""
        own = watch.own_events()
        if own:
            number, last_t = tx.last_event()
            tx.add_events(own, max(now, last_t), number + 1)
            said = [self._people.numbered(one) for event in own for one in statements(event)]
            tx.state(said, tx.next_change())
            up_to = number + len(own) if up_to == number else up_to
        watch.save()
        tx.detected_up_to(max(up_to, tx.detected()))

    def _keep(self) -> None:
        """Writes the state down, if much has happened since the last time."""
        engine = self._engine
        if engine is None:
            return
        number, at = self._kept_at
        soon = self._monotonic() - at < _SNAPSHOT_SECONDS
        if engine.last_number == number or (soon and engine.last_number - number < SNAPSHOT_EVENTS):
            return
        with self._store.write():  # so that nobody else touches it
            if self._engine is not engine:
                return
            self._forget(engine)
            data = engine.snapshot()
            number = engine.last_number
        self._memory.keep(data)
        self._kept_at = (number, self._monotonic())

    def _tell_limits(self) -> None:
        """What a full memory left out is counted for whoever runs this."""
        engine, told = self._engine, self._told
        if engine is None or (engine.counters.dropped, engine.counters.capped) == (told.dropped, told.capped):
            return
        now = engine.counters
        if not (told.dropped or told.capped):
            _log.warning("detection: memory is full, and what is new is left out: see `nightlight events refused`")
        with self._store.write() as tx:
            left_out = {STATE_FULL: now.dropped - told.dropped, KEY_FULL: now.capped - told.capped}
            tx.count_up(left_out, tx.last_event()[1])
        self._told = now

    # Events with what was known

    def known(self, many: Sequence[Parties], t: int) -> list[Known]:
        """What is known about the accounts of events that arrive now."""
        found = self._view.circumstances(many, month_of(t))
        return [
            NOTHING if parties.kind in SILENT else known(around, t) for parties, around in zip(many, found, strict=True)
        ]

    def seal(self, tx: Transaction, first: int, what: Sequence[Known]) -> None:
        """Keeps it beside the events, numbered from ``first`` on."""
        if any(one is not NOTHING for one in what):
            sealed = self._people.seal.close(f"arrivals/{first}", known_to_bytes(what))
            tx.add_arrival(first, first + len(what) - 1, sealed)

    def judged(self, tx: Transaction, events: Sequence[LoggedEvent]) -> list[Judged]:
        """Events of the log with what was known when they arrived; nothing where that was not kept."""
        if not events:
            return []
        what: dict[int, Known] = {}
        for first, _, sealed in tx.arrivals(events[0].number, events[-1].number):
            opened = known_from_bytes(self._people.seal.open(f"arrivals/{first}", sealed))
            what.update(enumerate(opened, first))
        keyed = self._people.numbers().__getitem__
        return [
            Judged(
                one,
                seen_of(
                    one.event,
                    parties_of(one.event, keyed),
                    one.number,
                    one.received_at,
                    what.get(one.number, NOTHING),
                ),
            )
            for one in events
        ]

    def alert(self, tx: Transaction, about: int, signals: Sequence[Signal], now: int) -> None:
        self._alerts.consider(tx, about, signals, now)


class Watch:
    """Looks at the events of one transaction, in their order, before they are appended.

    ``engine``: None where nothing can be judged now; then only what is known is kept, and others judge later.
    """

    def __init__(
        self,
        detection: Detection,
        tx: Transaction,
        in_force: RulesInForce,
        engine: Engine | None,
        first: int,
        t: int,
        numbers: Numbers,
    ) -> None:
        self._detection = detection
        self._tx = tx
        self._in_force = in_force
        self.engine = engine
        self._first = first
        self._t = t
        self._number = numbers.__getitem__
        self._known: list[Known] = []
        self._raised: list[Signal] = []
        self._active: dict[int, list[Signal]] = {}

    def see(self, event: Event) -> frozenset[SignalFamily]:
        """Judges the next event. Returns the families of signals that are active about its actor since."""
        parties = parties_of(event, self._number)
        [what] = self._detection.known([parties], self._t)
        number = self._first + len(self._known)
        self._known.append(what)
        if self.engine is None or event.kind in SILENT:
            return frozenset()
        seen = seen_of(event, parties, number, self._t, what)
        before = len(self._raised)
        for hit in self.engine.add(seen):
            self._raise(event, seen, hit)
        new = self._raised[before:]
        return frozenset(one.family for one in new if one.mode is RuleMode.LIVE and one.account == event.actor)

    def see_many(self, events: Sequence[Event]) -> None:
        """Judges the next events, where nobody asks which of them raised what."""
        first, t = self._first + len(self._known), self._t
        parties = [parties_of(event, self._number) for event in events]
        known = self._detection.known(parties, t)
        self._known += known
        if self.engine is not None:
            seen = [
                seen_of(event, names, number, t, what)
                for number, (event, names, what) in enumerate(zip(events, parties, known, strict=True), first)
                if event.kind not in SILENT
            ]
            by_number: dict[int, Seen] = {}
            for hit in self.engine.add_many(seen):
                by_number = by_number or {one.number: one for one in seen}
                self._raise(events[hit.number - first], by_number[hit.number], hit)

    def judge(self, engine: Engine, many: Sequence[Judged], after: int) -> None:
        """``after``: what events up to that number say was said before."""
        by_number = {one.seen.number: one for one in many}
        for hit in engine.add_many([one.seen for one in many]):
            if hit.number > after:
                one = by_number[hit.number]
                self._raise(one.logged.event, one.seen, hit)

    def finish(self) -> list[Event]:
        """Nightlight's own events that are appended after those that were seen. Call once, before appending."""
        own = self.own_events()
        self._detection.seal(self._tx, self._first, self._known)
        self.save()
        if self.engine is not None:
            self._tx.detected_up_to(self._first + len(self._known) + len(own) - 1)
        return own

    def save(self) -> None:
        """Writes the signals down, and what follows from them."""
        self._tx.add_signals(self._raised)
        for about in dict.fromkeys(one.about for one in self._raised if one.mode is RuleMode.LIVE):
            self._detection.alert(self._tx, about, self._active[about], self._t)

    def own_events(self) -> list[Event]:
        """``signal.raised`` for every live signal: from it policy learns of the family, and until when."""
        return [
            Event(
                f"nightlight/signal/{one.number}/{one.rule}",
                EventKind.SIGNAL_RAISED,
                one.raised_at,
                one.account,
                fields={"family": one.family.value, "until": self._until(one), "rule": one.rule},
            )
            for one in self._raised
            if one.mode is RuleMode.LIVE
        ]

    def _until(self, signal: Signal) -> int:
        """The family counts as long as the one of its signals that counts longest."""
        family = [
            one for one in self._active[signal.about] if one.family is signal.family and one.mode is RuleMode.LIVE
        ]
        return max(one.until for one in family)

    def _raise(self, event: Event, seen: Seen, hit: Hit) -> None:
        in_force = self._in_force
        mode = in_force.modes.get(hit.rule)
        if mode is None or mode is RuleMode.PAUSED or hit.warming:
            return
        rule = in_force.rule(hit.rule)
        account = event.actor if rule.about == "actor" else event.target
        t, until = seen.t, seen.t + rule.expires_ms
        if until <= self._t or not account:
            return  # judged so late that it no longer counts
        active = self._active.get(hit.about)
        if active is None:
            active = self._active[hit.about] = self._tx.active_signals(hit.about, self._t)
        # One signal says it; the next is said when that one has lost half of its time.
        if any(one.rule == rule.id and one.mode is mode and one.until - t > rule.expires_ms // 2 for one in active):
            return
        signal = Signal(
            seen.number,
            rule.id,
            hit.about,
            account,
            t,
            until,
            rule.family,
            rule.severity,
            mode,
            in_force.pack.reference,
            reason_of(in_force.pack, rule, seen, hit.told.__getitem__),
            {name: float(value) for name, value in hit.values.items()},
        )
        self._raised.append(signal)
        active.append(signal)
