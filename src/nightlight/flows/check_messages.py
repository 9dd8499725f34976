"""Asking the homeserver for reported messages, and verifying them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from nightlight.errors import RefusedError, UnavailableError
from nightlight.evidence.relation import relation_of
from nightlight.evidence.stored_event import StoredEvent, check_stored_event
from nightlight.evidence.verify import verify_message
from nightlight.model.report import Disclosure, ReportedMessage
from nightlight.model.verdict import Code, verdict_for
from nightlight.ports import Homeserver, Store, Transaction
from nightlight.respond.conversation import count_omitted, in_order


@dataclass(frozen=True, slots=True)
class CheckedMessage:
    """A reported message with its verdict, and the event to preserve where the reporter may have it."""

    message: ReportedMessage
    event: StoredEvent | None = field(repr=False)


def check_messages(
    store: Store, homeserver: Homeserver, reporter: str, room_id: str, disclosures: Sequence[Disclosure]
) -> list[CheckedMessage]:
    """One ``CheckedMessage`` for each disclosure, in order. ``UnavailableError`` if the homeserver cannot be asked."""
    checked = [
        _check(store, homeserver, reporter, room_id, disclosure, position)
        for position, disclosure in enumerate(disclosures)
    ]
    return _with_gaps(homeserver, room_id, checked)


def _with_gaps(homeserver: Homeserver, room_id: str, checked: Sequence[CheckedMessage]) -> list[CheckedMessage]:
    """Notes how many messages lie between those of the report, as far as the homeserver can say."""
    placed = in_order(item.message for item in checked if item.message.depth is not None)
    if len(placed) < 2:
        return list(checked)
    try:
        timeline = homeserver.timeline(room_id, placed[0].event_id, {message.event_id for message in placed})
    except UnavailableError:
        timeline = []  # a gap of unknown size is no reason to let a child wait
    gaps = count_omitted(placed, timeline)
    return [replace(item, message=replace(item.message, omitted=gaps.get(item.message.event_id))) for item in checked]


def _check(
    store: Store, homeserver: Homeserver, reporter: str, room_id: str, disclosure: Disclosure, position: int
) -> CheckedMessage:
    event_id = disclosure.event_id
    with store.read() as tx:
        preserved = _still_preserved(tx, event_id)
        accepted_before = preserved is not None and tx.accepted_before(reporter, event_id)
    # Somebody in the conversation, at the time. The answer for a message that does not exist is the same, so that
    # nobody learns from a report which messages exist in rooms they are not in.
    if not accepted_before and homeserver.membership_at(room_id, event_id, reporter) != "join":
        return _without_event(disclosure, position, Code.EVENT_NOT_FOUND)
    # What was preserved comes first: it is what the message was, whatever was deleted since.
    raw = json.loads(preserved) if preserved is not None else homeserver.fetch_event(event_id)
    if raw is None:
        return _without_event(disclosure, position, Code.EVENT_NOT_FOUND)
    try:
        event = check_stored_event(raw, event_id)
    except RefusedError as e:
        return _without_event(disclosure, position, Code(e.code))
    if event.room_id != room_id:
        return _without_event(disclosure, position, Code.EVENT_NOT_FOUND)
    code = _code_for(event, disclosure.message_key)
    verdict = verdict_for(code)
    message = ReportedMessage(
        position=position,
        event_id=event_id,
        verdict=verdict,
        sender=event.sender,
        sent_at=event.sent_at,
        # A key that opens nothing is not kept.
        message_key=disclosure.message_key if code in (Code.OK, Code.CONTENT_AMBIGUOUS) else None,
        role=disclosure.role,
        depth=event.depth,
        relation=relation_of(event.content),
    )
    return CheckedMessage(message, None if event.redacted else event)


def _still_preserved(tx: Transaction, event_id: str) -> bytes | None:
    try:
        return tx.preserved(event_id)
    except RefusedError as e:
        if e.code != "erased":
            raise
        return None  # every case that it was kept for is erased: it is as if it had never been reported


def _code_for(event: StoredEvent, message_key: bytes | None) -> Code:
    try:
        message = verify_message(event, message_key)
    except RefusedError as e:
        return Code(e.code)
    return Code.OK if message.session_id is not None else Code.NOT_ENCRYPTED


def _without_event(disclosure: Disclosure, position: int, code: Code) -> CheckedMessage:
    message = ReportedMessage(position, disclosure.event_id, verdict_for(code), None, None, role=disclosure.role)
    return CheckedMessage(message, None)


def unchecked(disclosures: Sequence[Disclosure], code: Code, *, keep_keys: bool) -> tuple[ReportedMessage, ...]:
    """Messages nobody could check, each with the verdict that belongs to ``code``."""
    return tuple(
        ReportedMessage(
            position,
            disclosure.event_id,
            verdict_for(code),
            None,
            None,
            message_key=disclosure.message_key if keep_keys else None,
            role=disclosure.role,
        )
        for position, disclosure in enumerate(disclosures)
    )
