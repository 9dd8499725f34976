"""Taking room history from the homeserver: each entry once, and what it means for requests that wait."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from nightlight.flows.not_taken import UNREADABLE
from nightlight.flows.people import People
from nightlight.flows.take_events import EventIntake
from nightlight.model.contact import Approach, Direction, RequestState
from nightlight.model.event import Event, EventKind, RoomHistory, SentMessage
from nightlight.model.relation import Tie
from nightlight.ports import Clock, RelationView, Store, Transaction

_log = logging.getLogger(__name__)

#: What the homeserver sent, and the time → what it says.
Translate = Callable[[Sequence[object], int], RoomHistory]

_HOUR_MS = 3_600_000
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
        history = self.translate(raw, now)
        if history.lost:
            _log.warning("%d entries of room history could not be understood and were left out", history.lost)
        if not (history.events or history.messages or history.lost):
            return 0
        with self.store.write() as tx:
            tx.count_up({UNREADABLE: history.lost}, now)
            known = tx.known_events([event.event_id for event in history.events])
            new = {event.event_id: event for event in history.events if event.event_id not in known}
            self.events.append(tx, list(new.values()), now)
            spoken = self._spoken(tx, history.messages, now)
            self.events.record(tx, spoken, now)
            for event in new.values():
                if event.kind in _ENDS:
                    self._end_request(tx, event, now)
        self.view.follow()
        return len(new) + len(spoken)

    def _spoken(self, tx: Transaction, messages: Sequence[SentMessage], now: int) -> list[Event]:
        """How much each account sent in each hour, and where it wrote for the first time.

        The homeserver may group the same messages differently when it sends them again after a crash, so each message
        is remembered by itself, and counted once.
        """
        numbered = {self.people.number(message.event_id): message for message in messages}
        fresh = tx.count_messages(list(numbered), now)
        hours: dict[tuple[str, str, int], list[SentMessage]] = {}
        for number, message in numbered.items():
            if number in fresh:
                hour = message.at - message.at % _HOUR_MS
                hours.setdefault((message.sender, message.room, hour), []).append(message)
        made: list[Event] = []
        written: set[tuple[str, str]] = set()
        for (sender, room, hour), sent in sorted(hours.items()):
            name = hashlib.blake2b("\n".join(sorted(m.event_id for m in sent)).encode("utf-8", "surrogatepass"))
            fields = {"hour": hour, "messages": len(sent), "bytes": sum(message.size for message in sent)}
            at = max(message.at for message in sent)
            made.append(
                Event(f"volume/{name.hexdigest()[:32]}", EventKind.VOLUME, at, sender, room=room, fields=fields)
            )
            if (sender, room) not in written and self._never_wrote(tx, sender, room):
                first = min(message.at for message in sent)
                made.append(Event(f"first/{name.hexdigest()[:32]}", EventKind.FIRST_MESSAGE, first, sender, room=room))
            written.add((sender, room))
        return made

    def _never_wrote(self, tx: Transaction, sender: str, room: str) -> bool:
        number = self.people.number
        return tx.relation(number(sender), Tie.WROTE_IN, number(room)) is None

    def _end_request(self, tx: Transaction, event: Event, now: int) -> None:
        """Whoever answers or takes back an invitation by other means than ours has ended the request, too."""
        by_asker = event.kind is EventKind.CONTACT_WITHDRAWN
        asker, asked = (event.actor, event.target) if by_asker else (event.target, event.actor)
        request = tx.open_request(Approach(asker, asked, Direction.DIRECT, event.room))
        if request is not None:
            tx.save_contact_request(replace(request, state=_ENDS[event.kind], answered_at=now))
