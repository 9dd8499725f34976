"""What a person's own page shows of who comes towards them, and nothing more than that."""

from __future__ import annotations

from dataclasses import dataclass

from nightlight.errors import RefusedError
from nightlight.flows.answer_request import RequestDesk
from nightlight.flows.decide_contact import ContactDesk
from nightlight.flows.people import People
from nightlight.model.account import AgeBand
from nightlight.model.contact import ContactRequest, Direction, Relation, RequestState
from nightlight.model.relation import DAY_MS, Tie
from nightlight.ports import Clock, Store, Transaction

RECENT_MS = 30 * DAY_MS
RECENT_MAX = 20


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request without a name. ``relation``: how the one who asks is known here; never how old they are."""

    request_id: str
    asked_at: int
    direction: Direction
    relation: Relation
    refused_by_others: bool


@dataclass(frozen=True, slots=True)
class Somebody:
    """``at``: when they were last let through, or were blocked."""

    account: str
    at: int


@dataclass(frozen=True, slots=True)
class OwnPage:
    """Every method takes the account that is signed in and tells of no other one's."""

    store: Store
    clock: Clock
    people: People
    requests: RequestDesk
    contacts: ContactDesk

    def band(self, account: str) -> AgeBand:
        """Only to choose words by: it is never shown."""
        with self.store.read() as tx:
            return self.people.age_of(tx, account).at(self.clock.now())

    def waiting(self, account: str) -> list[Waiting]:
        """The oldest first."""
        with self.store.read() as tx:
            return [self._waiting(tx, request) for request in tx.requests_to(account, [RequestState.WAITING])]

    def waiting_one(self, account: str, request_id: str) -> Waiting:
        """``RefusedError('request_not_found')`` also for somebody else's, or one that has ended."""
        request = self._own(account, request_id)
        with self.store.read() as tx:
            return self._waiting(tx, request)

    def who_asks(self, account: str, request_id: str) -> str:
        """The name behind a waiting request, for a person who wants to see it."""
        return self._own(account, request_id).approach.actor

    def who_asked(self, account: str, request_id: str) -> str:
        """The same also when the request has been answered: to block somebody twice is to block them."""
        with self.store.read() as tx:
            request = tx.contact_request(request_id)
        hidden = (RequestState.HELD, RequestState.DENIED)
        if request is None or request.approach.target != account or request.state in hidden:
            raise _not_found()
        return request.approach.actor

    def recent(self, account: str) -> list[Somebody]:
        """Who was let through to this account of late and is not blocked, the newest first."""
        with self.store.read() as tx:
            came = tx.reached(account, self.clock.now() - RECENT_MS, RECENT_MAX)
            one, number = self.people.number(account), self.people.number
            return [Somebody(actor, at) for actor, at in came if tx.relation(one, Tie.BLOCKS, number(actor)) is None]

    def blocked(self, account: str) -> list[Somebody]:
        """Whom this account blocks, the newest first."""
        one = self.people.number(account)
        with self.store.read() as tx:
            names = [name for name in tx.blocked_by(one) if tx.relation(one, Tie.BLOCKS, name.other) is not None]
        return [Somebody(self.people.open_blocked(one, name), name.blocked_at) for name in names]

    def _own(self, account: str, request_id: str) -> ContactRequest:
        with self.store.read() as tx:
            request = tx.contact_request(request_id)
        if request is None or request.approach.target != account or request.state is not RequestState.WAITING:
            raise _not_found()
        return request

    def _waiting(self, tx: Transaction, request: ContactRequest) -> Waiting:
        made = tx.contact_decision(request.decision_id)
        relation = self.contacts.open_facts(made).relation if made is not None else Relation.STRANGER
        return Waiting(
            request.request_id, request.asked_at, request.approach.direction, relation, request.refused_by_others
        )


def _not_found() -> RefusedError:
    return RefusedError("request_not_found", "There is no such request for this account.")
