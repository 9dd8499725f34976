"""Taking room history from the homeserver: each entry once, and what it means for requests that wait."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from nightlight.flows.people import People
from nightlight.flows.take_events import EventIntake
from nightlight.model.contact import Approach, Direction, RequestState
from nightlight.model.event import Event, EventKind
from nightlight.model.relation import Tie
from nightlight.ports import Clock, RelationView, Store, Transaction

_log = logging.getLogger(__name__)

#: What the homeserver sent → events, and how many entries could not be understood.
Translate = Callable[[Sequence[object], int], tuple[list[Event], int]]

_ENDS = {
    EventKind.CONTACT_ACCEPTED: RequestState.ACCEPTED,
    EventKind.CONTACT_DECLINED: RequestState.DECLINED,
    EventKind.CONTACT_WITHDRAWN: RequestState.WITHDRAWN,
}


@dataclass(frozen=True, slots=True)
class HistoryIntake:
    store: Store
    clock: Clock
    people: People
    view: RelationView
    events: EventIntake
    translate: Translate

    def take(self, raw: Sequence[object]) -> int:
        """Records one transaction of the homeserver; durable when it returns. Returns how many events were new."""
        now = self.clock.now()
        translated, lost = self.translate(raw, now)
        if lost:
            _log.warning("%d entries of room history could not be understood and were left out", lost)
        if not translated:
            return 0
        with self.store.write() as tx:
            known = tx.known_events([event.event_id for event in translated])
            new: dict[str, Event] = {}
            for event in translated:
                if event.event_id not in known and event.event_id not in new and self._is_first(tx, event, new):
                    new[event.event_id] = event
            self.events.record(tx, list(new.values()), now)
            for event in new.values():
                if event.kind in _ENDS:
                    self._end_request(tx, event, now)
        self.view.follow()
        return len(new)

    def _is_first(self, tx: Transaction, event: Event, new: dict[str, Event]) -> bool:
        """A first message is one only if none was seen before: every batch of messages may hold the first."""
        if event.kind is not EventKind.FIRST_MESSAGE:
            return True
        number = self.people.number
        if tx.relation(number(event.actor), Tie.WROTE_IN, number(event.room)) is not None:
            return False
        return not any(
            other.kind is EventKind.FIRST_MESSAGE and (other.actor, other.room) == (event.actor, event.room)
            for other in new.values()
        )

    def _end_request(self, tx: Transaction, event: Event, now: int) -> None:
        """Whoever answers or takes back an invitation by other means than ours has ended the request, too."""
        by_asker = event.kind is EventKind.CONTACT_WITHDRAWN
        asker, asked = (event.actor, event.target) if by_asker else (event.target, event.actor)
        request = tx.open_request(Approach(asker, asked, Direction.DIRECT, event.room))
        if request is not None:
            tx.save_contact_request(replace(request, state=_ENDS[event.kind], answered_at=now))
