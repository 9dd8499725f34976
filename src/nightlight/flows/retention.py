"""Retention: what has been kept long enough goes, in small steps that hold nobody up."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from nightlight.flows.turn import takes_turn
from nightlight.model.relation import DAY_MS
from nightlight.ports import Clock, RelationView, Store, Transaction

_log = logging.getLogger(__name__)

#: Rows in one step: some milliseconds of holding writers up.
_STEP = 1_000
#: How long it is remembered that a message of the room history was counted. Homeservers send again what they were at
#: when they crashed, and nothing older.
COUNTED_MS = 2 * DAY_MS
#: Of several processes one sweeps the store.
_EVERY_MS = 3_600_000
_CURSOR = "retention"


@dataclass(frozen=True, slots=True)
class Removed:
    events: int = 0
    relations: int = 0
    contacts: int = 0
    actions: int = 0


@dataclass(frozen=True, slots=True)
class Retention:
    """``kept_ms``: how long events, decisions and requests that have ended are kept.

    ``pause``: called between two steps, so that writers get their turn.
    """

    store: Store
    clock: Clock
    view: RelationView
    kept_ms: int
    pause: Callable[[], object]

    def run(self) -> None:
        """What every process does from time to time; one of them sweeps the store."""
        now = self.clock.now()
        self.view.follow()
        self.view.expire(now)
        if not takes_turn(self.store, _CURSOR, now, _EVERY_MS):
            return
        removed = self.sweep()
        if removed != Removed():
            _log.info("Kept long enough and removed: %s", removed)

    def sweep(self) -> Removed:
        """Removes everything in the store that has been kept long enough. Returns how much.

        What is about an account under a hold stays as long as that: events are put aside, the rest is left where it is.
        """
        now = self.clock.now()
        before = now - self.kept_ms
        with self.store.write() as tx:
            tx.settle(now)
        removed = Removed(
            self._steps(lambda tx: tx.remove_events_before(before, _STEP, now)),
            self._relations(now),
            self._steps(lambda tx: tx.remove_contacts_before(before, _STEP, now)),
            self._steps(lambda tx: tx.remove_own_actions(before, _STEP)),
        )
        self._steps(lambda tx: tx.forget_messages(COUNTED_MS, _STEP))
        self._steps(lambda tx: tx.remove_signals_before(before, _STEP, now))
        self._steps(lambda tx: tx.remove_alerts_before(before, _STEP))
        with self.store.write() as tx:
            tx.remove_counts_before(before)
            tx.remove_held_events(now)
        return removed

    def _relations(self, now: int) -> int:
        removed, after = 0, None
        while True:
            with self.store.read() as tx:
                found = tx.expired_relations(now, after, _STEP)
            if not found:
                return removed
            after = found[-1]
            with self.store.write() as tx:
                removed += tx.remove_expired(found, now)
            self.pause()

    def _steps(self, step: Callable[[Transaction], int]) -> int:
        removed = 0
        while True:
            with self.store.write() as tx:
                gone = step(tx)
            removed += gone
            if not gone:
                return removed
            self.pause()
