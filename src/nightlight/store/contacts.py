"""Contact decisions, and the requests that wait for an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, delete, func, insert, or_, select, union_all, update

from nightlight.model.contact import (
    OPEN_REQUESTS,
    Approach,
    ContactOutcome,
    ContactRequest,
    DecidedContact,
    Direction,
    RequestState,
)
from nightlight.store.held import names_none_held
from nightlight.store.many import write_many
from nightlight.store.schema import contact_decisions, contact_requests

_IDS_MAX = 5_000

# Made once: putting a statement together takes longer than running it.
_ADD_DECISIONS, _ADD_REQUEST = insert(contact_decisions), insert(contact_requests)
_OPEN_REQUEST = (
    select(contact_requests)
    .where(
        contact_requests.c.target == bindparam("target_"),
        contact_requests.c.actor == bindparam("actor_"),
        contact_requests.c.room == bindparam("room_"),
        contact_requests.c.state.in_(OPEN_REQUESTS),
    )
    .limit(1)
)

_DECISION_COLUMNS = (
    "decision_id",
    "decided_at",
    "actor",
    "target",
    "room",
    "direction",
    "outcome",
    "hold_until",
    "policy",
    "reasons",
    "notices",
    "facts",
)


class ContactTables:
    _connection: Connection

    def add_contact_decisions(self, made: Sequence[DecidedContact]) -> None:
        if made:
            write_many(self._connection, _ADD_DECISIONS, _DECISION_COLUMNS, [_decision_values(one) for one in made])

    def contact_decision(self, decision_id: str) -> DecidedContact | None:
        row = self._connection.execute(
            select(contact_decisions).where(contact_decisions.c.decision_id == decision_id)
        ).first()
        return _decision(row) if row else None

    def contact_decisions_between(self, start: int, end: int, after: str, limit: int) -> list[DecidedContact]:
        """Decisions made from ``start`` to before ``end``, by time and id.

        ``after``: time and id, as ``time/id``, of the last one of the page before; empty for the first page.
        """
        at, _, last = after.partition("/")
        table = contact_decisions.c
        # From the page before on, so that the index leads to this one and no page is read twice.
        first = max(start, int(at)) if after else start
        query = select(contact_decisions).where(table.decided_at >= first, table.decided_at < end)
        if after:
            later = or_(table.decided_at > int(at), (table.decided_at == int(at)) & (table.decision_id > last))
            query = query.where(later)
        rows = self._connection.execute(query.order_by(table.decided_at, table.decision_id).limit(limit))
        return [_decision(row) for row in rows]

    def count_contact_decisions(self, start: int, end: int) -> int:
        table = contact_decisions.c
        query = select(func.count()).select_from(contact_decisions)
        return self._connection.scalar(query.where(table.decided_at >= start, table.decided_at < end)) or 0

    def add_contact_request(self, request: ContactRequest) -> None:
        self._connection.execute(_ADD_REQUEST, _request_values(request))

    def save_contact_request(self, request: ContactRequest) -> None:
        self._connection.execute(
            update(contact_requests).where(contact_requests.c.request_id == request.request_id),
            _request_values(request),
        )

    def contact_request(self, request_id: str) -> ContactRequest | None:
        return self._one(select(contact_requests).where(contact_requests.c.request_id == request_id))

    def contact_requests(self, request_ids: Sequence[str]) -> list[ContactRequest]:
        found: list[ContactRequest] = []
        for start in range(0, len(request_ids), _IDS_MAX):
            those = contact_requests.c.request_id.in_(request_ids[start : start + _IDS_MAX])
            found.extend(map(_request, self._connection.execute(select(contact_requests).where(those))))
        return found

    def open_request(self, approach: Approach) -> ContactRequest | None:
        """The request of the same two about the same room that has no end yet."""
        names = {"target_": approach.target, "actor_": approach.actor, "room_": approach.room}
        row = self._connection.execute(_OPEN_REQUEST, names).first()
        return _request(row) if row else None

    def last_request(self, approach: Approach) -> ContactRequest | None:
        """The newest request of the same two about the same room, whatever became of it."""
        table = contact_requests.c
        return self._one(
            select(contact_requests)
            .where(table.target == approach.target, table.actor == approach.actor, table.room == approach.room)
            .order_by(table.asked_at.desc(), table.request_id.desc())
            .limit(1)
        )

    def requests_to(self, target: str, states: Sequence[RequestState]) -> list[ContactRequest]:
        """The oldest first."""
        table = contact_requests.c
        rows = self._connection.execute(
            select(contact_requests)
            .where(table.target == target, table.state.in_(states))
            .order_by(table.asked_at, table.request_id)
        )
        return [_request(row) for row in rows]

    def open_requests_between(self, one: str, other: str) -> list[ContactRequest]:
        """Requests without an end yet, of either to the other."""
        table = contact_requests.c
        pair = (table.actor == one) & (table.target == other) | (table.actor == other) & (table.target == one)
        rows = self._connection.execute(
            select(contact_requests).where(pair, table.state.in_(OPEN_REQUESTS)).order_by(table.asked_at)
        )
        return [_request(row) for row in rows]

    def due_requests(self, now: int, limit: int) -> list[ContactRequest]:
        """Holds whose time is up, and requests that nobody answered in time."""
        table = contact_requests.c
        held = (table.state == RequestState.HELD) & (table.due_at <= now)
        old = table.state.in_(OPEN_REQUESTS) & (table.expires_at <= now)
        rows = self._connection.execute(select(contact_requests).where(held | old).order_by(table.due_at).limit(limit))
        return [_request(row) for row in rows]

    def count_requests(self, target: str, states: Sequence[RequestState]) -> int:
        table = contact_requests.c
        query = select(func.count()).select_from(contact_requests)
        return self._connection.scalar(query.where(table.target == target, table.state.in_(states))) or 0

    def remove_contacts_before(self, before: int, limit: int, now: int) -> int:
        """Removes decisions made, and requests made that have ended, before that time; at most ``limit`` of each.

        Not those about accounts under a hold.
        """
        made, asked = contact_decisions.c, contact_requests.c
        old = (
            select(made.decision_id)
            .where(made.decided_at < before, names_none_held(now, made.actor, made.target))
            .order_by(made.decided_at)
            .limit(limit)
        )
        over = (
            select(asked.request_id)
            .where(asked.state.not_in(OPEN_REQUESTS), asked.asked_at < before)
            .where(names_none_held(now, asked.actor, asked.target))
            .limit(limit)
        )
        gone = self._connection.execute(delete(contact_decisions).where(made.decision_id.in_(old))).rowcount
        return gone + self._connection.execute(delete(contact_requests).where(asked.request_id.in_(over))).rowcount

    def reached(self, target: str, since: int, limit: int) -> list[tuple[str, int]]:
        """Who came towards the account since then and was let through, and when last; the newest first.

        An approach that was hidden, or declined unseen, is not among them.
        """
        made, asked = contact_decisions.c, contact_requests.c
        let_through = select(made.actor, made.decided_at.label("at")).where(
            made.target == target,
            made.decided_at >= since,
            made.outcome <= int(ContactOutcome.ALLOW_WITH_NOTICE),
            made.direction.in_([Direction.DIRECT, Direction.GROUP]),
        )
        answered = select(asked.actor, asked.answered_at.label("at")).where(
            asked.target == target,
            asked.state == RequestState.ACCEPTED,
            asked.answered_at >= since,
        )
        came = union_all(let_through, answered).subquery()
        last = func.max(came.c.at)
        rows = self._connection.execute(
            select(came.c.actor, last).group_by(came.c.actor).order_by(last.desc(), came.c.actor).limit(limit)
        )
        return [(str(actor), int(at)) for actor, at in rows]

    def decisions_naming(self, account: str) -> list[str]:
        """Ids of all decisions about the account. Looks through the whole table: for a reading transaction."""
        return list(self._connection.scalars(select(contact_decisions.c.decision_id).where(_names(account))))

    def remove_contacts_of(self, account: str, decisions: Sequence[str], since: int) -> int:
        """Removes these decisions, what was decided about the account since that time, and all its requests."""
        made, asked = contact_decisions.c, contact_requests.c
        later = delete(contact_decisions).where(made.decided_at >= since, _names(account))
        gone = self._connection.execute(later).rowcount
        for start in range(0, len(decisions), _IDS_MAX):
            those = made.decision_id.in_(decisions[start : start + _IDS_MAX])
            gone += self._connection.execute(delete(contact_decisions).where(those)).rowcount
        of = or_(asked.actor == account, asked.target == account)
        return gone + self._connection.execute(delete(contact_requests).where(of)).rowcount

    def _one(self, query: Any) -> ContactRequest | None:
        row = self._connection.execute(query).first()
        return _request(row) if row else None


def _names(account: str) -> ColumnElement[bool]:
    return or_(contact_decisions.c.actor == account, contact_decisions.c.target == account)


def _decision_values(made: DecidedContact) -> tuple[Any, ...]:
    approach = made.approach
    return (
        made.decision_id,
        made.decided_at,
        approach.actor,
        approach.target,
        approach.room,
        approach.direction.value,
        int(made.outcome),
        made.hold_until,
        made.policy,
        ",".join(made.reasons),
        ",".join(made.notices),
        made.facts,
    )


#: Words to what they mean: looking them up is quicker than asking the enumeration, and replays read millions of rows.
_DIRECTIONS = {item.value: item for item in Direction}
_OUTCOMES = tuple(ContactOutcome)


def _decision(row: Any) -> DecidedContact:
    decision_id, at, actor, target, room, direction, outcome, hold_until, policy, reasons, notices, facts = row
    return DecidedContact(
        decision_id,
        at,
        Approach(actor, target, _DIRECTIONS[direction], room),
        _OUTCOMES[outcome],
        tuple(reasons.split(",")) if reasons else (),
        tuple(notices.split(",")) if notices else (),
        hold_until,
        policy,
        bytes(facts),
    )


def _request_values(request: ContactRequest) -> dict[str, Any]:
    approach = request.approach
    return {
        "request_id": request.request_id,
        "decision_id": request.decision_id,
        "actor": approach.actor,
        "target": approach.target,
        "room": approach.room,
        "direction": approach.direction.value,
        "state": request.state.value,
        "asked_at": request.asked_at,
        "due_at": request.due_at,
        "expires_at": request.expires_at,
        "answered_at": request.answered_at,
        "refused_by_others": request.refused_by_others,
    }


def _request(row: Row[Any]) -> ContactRequest:
    return ContactRequest(
        row.request_id,
        row.decision_id,
        Approach(row.actor, row.target, Direction(row.direction), row.room),
        RequestState(row.state),
        row.asked_at,
        row.due_at,
        row.expires_at,
        row.refused_by_others,
        row.answered_at,
    )
