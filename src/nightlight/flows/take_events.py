"""Taking events: each once, durable before anybody is told so, in the order of arrival."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from nightlight.detect.known import ITEM_FIELDS
from nightlight.errors import RefusedError
from nightlight.flows.detect import Detection, Watch
from nightlight.flows.people import Numbers, People
from nightlight.model.event import OWN_ID, OWN_KINDS, Event, EventKind
from nightlight.model.relation import NumberedStatement, Tie
from nightlight.ports import Clock, RelationView, Store, Transaction
from nightlight.prevent.relations import ABOUT_OTHERS, SAY_NO_MORE, further_statements, statements

#: Later than any time.
_NEVER = 2**63


@dataclass(frozen=True, slots=True)
class EventLimits:
    """``ahead_ms``: how far a source's clock may be ahead. ``age_ms``: how long events are kept, and may be late."""

    ahead_ms: int = 300_000
    age_ms: int = 90 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """``position``: in what was sent, counted from 0."""

    position: int
    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class EventReceipt:
    """``duplicates``: events that were here before, and were not counted again."""

    accepted: int
    duplicates: int
    refused: tuple[RefusedEvent, ...]


class EventIntake:
    """The door for events."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        people: People,
        view: RelationView,
        limits: EventLimits,
        detection: Detection | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._people = people
        self._view = view
        self._limits = limits
        self._detection = detection
        self.number = people.number

    def take(self, sent: Sequence[Event | RefusedError]) -> EventReceipt:
        """Records what can be recorded and says what was refused. What was refused once is refused again."""
        now = self._clock.now()
        refused: list[RefusedEvent] = []
        checked: list[tuple[int, Event]] = []
        for position, item in enumerate(sent):
            error = item if isinstance(item, RefusedError) else self._complaint(item, now)
            if error is None:
                assert isinstance(item, Event)  # noqa: S101 - for the type checker
                checked.append((position, item))
            else:
                refused.append(RefusedEvent(position, error.code, error.message, error.hint))
        new: list[Event] = []
        duplicates = 0
        if refused and not checked:
            with self._store.write() as tx:
                _count(tx, refused, now)
        elif checked:
            if self._view.change < 0:
                self._view.follow()  # this once it takes long, and nobody has to wait for it
            with self._store.write() as tx:
                self._view.follow(tx)  # what is kept beside an event is what was known when it came
                known = tx.known_events([event.event_id for _, event in checked])
                for position, event in checked:
                    before = known.get(event.event_id)
                    if before is None:
                        known[event.event_id] = event
                        new.append(event)
                    elif same_event(before, event):
                        duplicates += 1
                    else:
                        message = "This event id came with other content before. Nothing was changed."
                        refused.append(RefusedEvent(position, "event_id_reused", message, "Give every event its own."))
                self.append(tx, new, now)
                _count(tx, refused, now)
            self._view.follow()
        return EventReceipt(len(new), duplicates, tuple(sorted(refused, key=lambda one: one.position)))

    def record(
        self,
        tx: Transaction,
        own: Sequence[Event],
        now: int,
        further: Iterable[NumberedStatement] = (),
        watch: Watch | None = None,
    ) -> None:
        """Appends Nightlight's own events inside a story, under ids that nobody outside can use."""
        self.append(tx, [_as_own(event) for event in own], now, further, watch)

    def watch(self, tx: Transaction, now: int) -> Watch | None:
        """For a story that has to know what detection says of an event before it is appended (``record``)."""
        return self._detection.begin(tx, now) if self._detection is not None else None

    def record_once(self, tx: Transaction, own: Sequence[Event], now: int) -> list[Event]:
        """The same for events that may be here already, or stand in ``own`` twice. Returns those that were new."""
        events = {event.event_id: event for event in map(_as_own, own)}
        known = tx.known_events(list(events))
        new = [event for event in events.values() if event.event_id not in known]
        self.append(tx, new, now)
        return new

    def append(
        self,
        tx: Transaction,
        new: Sequence[Event],
        now: int,
        further: Iterable[NumberedStatement] = (),
        watch: Watch | None = None,
    ) -> None:
        """Appends events that are surely not in the log, what they say, and what detection says of them.

        ``watch``: has seen these very events already.
        """
        numbers = self._people.numbers()
        if new or watch is not None:
            if watch is None and self._detection is not None:
                watch = self._detection.begin(tx, now, numbers)
                watch.see_many(new)
            raised = watch.finish() if watch is not None else []
            new = [*new, *raised]
            if new:
                number, last_at = tx.last_event()
                # A clock that was set back does not set the log back.
                tx.add_events(new, max(now, last_at), number + 1)
        stated = self._stated(tx, new, numbers)
        stated.extend(further)
        stated.extend(self._left_by_bans(new))
        if stated:
            tx.state(stated, tx.next_change())
        for event in new:
            if event.kind is EventKind.CONTACT_BLOCKED:
                blocked = self._people.close_blocked(event.actor, event.target, event.at)
                tx.name_block(self._people.number(event.actor), blocked)

    def _stated(self, tx: Transaction, new: Sequence[Event], numbers: Numbers) -> list[NumberedStatement]:
        """What the events say that is not known already: every event says since when its actor is there."""
        if self._view.change != tx.last_change():
            # The view is behind: somebody may have been forgotten since.
            return [numbers.numbered(one) for event in new for one in statements(event)]
        since: dict[int, int] = {}
        for event in new:
            if event.kind not in ABOUT_OTHERS:
                actor = numbers[event.actor]
                if event.at < since.get(actor, _NEVER):
                    since[actor] = event.at
        before = self._view.known_since(since)
        stated = [
            NumberedStatement(one, Tie.KNOWN_SINCE, one, at)
            for one, at in since.items()
            if at < before.get(one, _NEVER)
        ]
        telling = (event for event in new if event.kind not in SAY_NO_MORE)
        stated.extend(numbers.numbered(one) for event in telling for one in further_statements(event))
        return stated

    def _left_by_bans(self, new: Sequence[Event]) -> Iterator[NumberedStatement]:
        """Where a banned account was: others who come from the same device, or into the same room, are seen by it."""
        number = self._people.number
        for event in new:
            if event.kind is EventKind.ACCOUNT_BANNED:
                one = number(event.actor)
                for where in self._view.left_behind(one):
                    yield NumberedStatement(where, Tie.BANNED_WITH, one, event.at)
            elif event.kind in ITEM_FIELDS and self._view.is_banned(one := number(event.actor)):
                item = number(str(event.fields[ITEM_FIELDS[event.kind]]))
                yield NumberedStatement(item, Tie.BANNED_WITH, one, event.at)

    def block(self, tx: Transaction, event_id: str, account: str, other: str, now: int) -> None:
        """Records that an account blocks another one here with us.

        Whatever was said before, by whatever clock, the block holds from now on.
        """
        number = self._people.number
        said = tx.last_said(number(account), Tie.BLOCKS, number(other))
        at = now if said is None else max(now, said)
        self.record(tx, [Event(event_id, EventKind.CONTACT_BLOCKED, at, account, other)], now)

    def _complaint(self, event: Event, now: int) -> RefusedError | None:
        if event.kind in OWN_KINDS:
            return RefusedError("event_kind_reserved", f"Only Nightlight itself records {event.kind}.")
        if event.event_id.startswith(OWN_ID):
            return RefusedError("event_id_reserved", f"Ids that begin with {OWN_ID} are Nightlight's own.")
        if event.at > now + self._limits.ahead_ms:
            return RefusedError("event_from_the_future", "The event happens later than now.", "Check the clocks.")
        if event.at <= now - self._limits.age_ms:
            return RefusedError(
                "event_too_old",
                "The event is older than events are kept.",
                "Leave it out: it would be removed at once.",
            )
        return None


def _count(tx: Transaction, refused: Sequence[RefusedEvent], now: int) -> None:
    """For whoever runs this: a source that sends what nobody takes is found by it."""
    tx.count_up(Counter(one.code for one in refused), now)


def _as_own(event: Event) -> Event:
    return replace(event, event_id=OWN_ID + event.event_id)


def same_event(one: Event, other: Event) -> bool:
    """Whether two events with one id say the same."""
    return (one.kind, one.at, one.actor, one.target, one.room, dict(one.fields)) == (
        other.kind,
        other.at,
        other.actor,
        other.target,
        other.room,
        dict(other.fields),
    )
