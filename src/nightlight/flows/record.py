"""The service's own record over a period, counted at one instant of the store."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from nightlight.insight.record import Record, RecordTargets, make_record
from nightlight.insight.record_period import RecordPeriod
from nightlight.ports import Clock, Store

#: How long the console shows the same count again: reloading must not weigh on the database.
FRESH_MS = 60_000
_KEPT_MAX = 24


@dataclass(frozen=True)
class RecordKeeper:
    """``events_days``: how long signals are kept."""

    store: Store
    clock: Clock
    targets: RecordTargets
    events_days: float
    _kept: OrderedDict[RecordPeriod, Record] = field(default_factory=OrderedDict)
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def record(self, period: RecordPeriod) -> Record:
        """Counted now."""
        with self.store.snapshot() as tx:
            counted = tx.counted(period)
        return make_record(period, counted, self.targets, self.clock.now(), self.events_days)

    def recent(self, period: RecordPeriod) -> Record:
        """Counted at most a minute ago; one at a time, however many ask."""
        with self._counting:
            known = self._kept.get(period)
            if known is None or not 0 <= self.clock.now() - known.as_of < FRESH_MS:
                known = self._kept[period] = self.record(period)
                self._kept.move_to_end(period)
                while len(self._kept) > _KEPT_MAX:
                    self._kept.popitem(last=False)
            return known
