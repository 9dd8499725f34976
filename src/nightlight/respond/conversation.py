"""The messages of a case as a conversation: in the room's order, with its gaps, and never called complete."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from nightlight.model.report import MessageRole, Relation, RelationKind, Report, ReportedMessage
from nightlight.model.verdict import Code


@dataclass(frozen=True, slots=True)
class Line:
    """One message in its place.

    ``omitted``: how many messages the homeserver had between the line before and this one, None where that is not
    known (and for the first). ``own``: somebody who reported wrote it. ``answers``: the number of the line that this
    one replies to, edits or reacts to, counted from 1, None if that one is not here. ``ignored``: an edit by another
    account than the edited message's, which apps do not show.
    """

    message: ReportedMessage
    omitted: int | None
    own: bool
    answers: int | None
    ignored: bool

    @property
    def relation(self) -> Relation | None:
        return self.message.relation


def conversation(reports: Sequence[Report]) -> list[Line]:
    """One line for each message that any report names, with the best verdict that any of them reached.

    In the order of depth, which every event carries and its server signed. Messages whose event nobody could fetch
    come last: where they stood is not known.
    """
    ordered = in_order(_best(reports))
    numbers = {message.event_id: number for number, message in enumerate(ordered, 1)}
    known = {message.event_id: message for message in ordered}
    own = {report.reporter for report in reports if report.reporter}
    places = _places(reports)
    lines: list[Line] = []
    for before, message in zip([None, *ordered], ordered, strict=False):
        target = known.get(message.relation.event_id) if message.relation else None
        lines.append(
            Line(
                message,
                _between(places, before, message),
                message.sender is not None and message.sender in own,
                numbers[target.event_id] if target else None,
                _ignored(message, target),
            )
        )
    return lines


def in_order(messages: Iterable[ReportedMessage]) -> list[ReportedMessage]:
    """By depth; equal depths, which a room that several servers write to may have, by time and then by id."""
    return sorted(messages, key=lambda m: (m.depth is None, m.depth or 0, m.sent_at or 0, m.event_id))


def count_omitted(messages: Iterable[ReportedMessage], timeline: Sequence[str]) -> dict[str, int]:
    """For each message but the first, how many others ``timeline`` has between it and the one before it.

    ``timeline``: event ids as the homeserver orders them. A message that is not in it, or stands elsewhere than its
    depth says, has no entry: nothing is known of the gap.
    """
    at = {event_id: number for number, event_id in enumerate(timeline)}
    ordered = [message.event_id for message in in_order(messages) if message.depth is not None]
    gaps: dict[str, int] = {}
    for before, after in itertools.pairwise(ordered):
        if before in at and after in at and at[after] > at[before]:
            gaps[after] = at[after] - at[before] - 1
    return gaps


def _best(reports: Sequence[Report]) -> list[ReportedMessage]:
    best: dict[str, ReportedMessage] = {}
    reported: set[str] = set()
    for report in reports:
        for message in report.messages:
            if message.reported:
                reported.add(message.event_id)
            known = best.get(message.event_id)
            if known is None or _rank(message) > _rank(known):
                best[message.event_id] = message
    return [
        replace(message, role=MessageRole.REPORTED if message.event_id in reported else MessageRole.CONTEXT)
        for message in best.values()
    ]


def _rank(message: ReportedMessage) -> int:
    if message.verdict.proven:
        return 3
    if message.verdict.code is Code.CONTENT_AMBIGUOUS:
        return 2
    return 1 if message.sender is not None else 0


def _places(reports: Sequence[Report]) -> Mapping[str, tuple[str, int]]:
    """For each message the first one it is tied to by counted gaps, and how many messages after that one it stands.

    Several reports about one conversation count from different messages; where they share one, they fit together.
    """
    neighbours: dict[str, list[tuple[str, int]]] = {}
    for report in reports:
        placed = [message for message in in_order(report.messages) if message.depth is not None]
        for message in placed:
            neighbours.setdefault(message.event_id, [])
        for before, after in itertools.pairwise(placed):
            if after.omitted is not None:
                neighbours[before.event_id].append((after.event_id, after.omitted + 1))
                neighbours[after.event_id].append((before.event_id, -after.omitted - 1))
    places: dict[str, tuple[str, int]] = {}
    for start in neighbours:
        waiting = [(start, 0)] if start not in places else []
        while waiting:
            event_id, offset = waiting.pop()
            if event_id not in places:
                places[event_id] = (start, offset)
                waiting += [(other, offset + step) for other, step in neighbours[event_id]]
    return places


def _between(
    places: Mapping[str, tuple[str, int]], before: ReportedMessage | None, after: ReportedMessage
) -> int | None:
    first = places.get(before.event_id) if before else None
    second = places.get(after.event_id)
    if first is None or second is None or first[0] != second[0]:
        return None
    gap = second[1] - first[1] - 1
    return gap if gap >= 0 else None


def _ignored(message: ReportedMessage, target: ReportedMessage | None) -> bool:
    """Matrix client-server API, "Validity of replacement events": only the sender may replace a message."""
    is_edit = message.relation is not None and message.relation.kind is RelationKind.EDIT
    return is_edit and target is not None and target.sender is not None and target.sender != message.sender
