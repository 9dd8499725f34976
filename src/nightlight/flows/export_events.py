"""Events leave the store for backtests: keyed numbers, what was known when each arrived, and no name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from nightlight.detect.columns import COLUMNS
from nightlight.detect.fields import Seen
from nightlight.flows.detect import Detection
from nightlight.flows.people import People
from nightlight.ports import Store

_PAGE = 5_000
#: By the names of ``columns.COLUMNS``: one row of an export.
Row = dict[str, int]


@dataclass(frozen=True, slots=True)
class EventExport:
    store: Store
    people: People
    detection: Detection

    def first_kept(self) -> tuple[int, int] | None:
        """Number and time of arrival of the oldest event that is still there; None: there is none."""
        with self.store.read() as tx:
            first = next(iter(tx.events_after(0, 1)), None)
        return (first.number, first.received_at) if first else None

    def count(self) -> int:
        with self.store.read() as tx:
            return tx.count_events()

    def pages(self, since: int, until: int, told: Callable[[int], object]) -> Iterator[Sequence[Row]]:
        """Rows of the events that arrived with since <= t < until, some thousand at once. ``told``: events read."""
        number = 0
        while True:
            with self.store.read() as tx:
                page = tx.events_after(number, _PAGE)
                wanted = [one for one in page if since <= one.received_at < until]
                judged = self.detection.judged(tx, wanted)
            if not page:
                return
            told(len(page))
            if judged:
                yield [
                    {
                        "event": self.people.number(one.logged.event.event_id),
                        "at": one.logged.event.at,
                        **one.seen._asdict(),
                    }
                    for one in judged
                ]
            number = page[-1].number
            if page[-1].received_at >= until:
                return


assert {one.name for one in COLUMNS} == {"event", "at", *Seen._fields}  # noqa: S101 - rows are whole
