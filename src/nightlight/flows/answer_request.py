"""Requests for contact: how they reach the young person, and what becomes of the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from nightlight.errors import RefusedError
from nightlight.flows.take_events import EventIntake
from nightlight.flows.tell import Notifier
from nightlight.model.action import Action, ActionKind, ActionState
from nightlight.model.contact import Approach, ContactRequest, Direction, RequestState
from nightlight.model.event import Event, EventKind
from nightlight.model.relation import Tie
from nightlight.ports import Clock, RelationView, Store, Transaction

_SWEEP = 200


class RequestAnswer(StrEnum):
    ACCEPT = "accept"
    DECLINE = "decline"
    BLOCK = "block"


_ENDS = {
    RequestAnswer.ACCEPT: RequestState.ACCEPTED,
    RequestAnswer.DECLINE: RequestState.DECLINED,
    RequestAnswer.BLOCK: RequestState.DECLINED,
}
_EVENTS = {
    RequestAnswer.ACCEPT: EventKind.CONTACT_ACCEPTED,
    RequestAnswer.DECLINE: EventKind.CONTACT_DECLINED,
    RequestAnswer.BLOCK: EventKind.CONTACT_DECLINED,
}
#: Of these nobody was told.
_UNSEEN = (RequestState.HELD, RequestState.DENIED)
_CARRIED_OUT = {RequestAnswer.ACCEPT: "join", RequestAnswer.DECLINE: "leave", RequestAnswer.BLOCK: "block"}


@dataclass(frozen=True, slots=True)
class RequestDesk:
    """The requests of one account are its own: every method takes the account that asks."""

    store: Store
    clock: Clock
    new_id: Callable[[str], str]
    events: EventIntake
    view: RelationView
    notifier: Notifier

    def waiting(self, account: str) -> list[ContactRequest]:
        """What waits for this account's answer, the oldest first. What is still held is not among it."""
        with self.store.read() as tx:
            return tx.requests_to(account, [RequestState.WAITING])

    def answer(
        self, account: str, request_id: str, answer: RequestAnswer, *, notice_shown: bool = False
    ) -> ContactRequest:
        """Ends the request. The same answer again changes nothing.

        ``notice_shown``: the one who calls shows the notice about blocking, so none is sent.
        ``RefusedError``: ``request_not_found`` (or somebody else's), ``request_answered``.
        """
        now = self.clock.now()
        with self.store.write() as tx:
            request = tx.contact_request(request_id)
            if request is None or request.approach.target != account or request.state in _UNSEEN:
                raise RefusedError("request_not_found", "There is no such request for this account.")
            if request.state is _ENDS[answer]:
                return request
            if request.state is not RequestState.WAITING:
                raise RefusedError(
                    "request_answered", f"This request has ended already: {request.state}.", "Nothing was changed."
                )
            answered = replace(request, state=_ENDS[answer], answered_at=now)
            tx.save_contact_request(answered)
            asker, room = request.approach.actor, request.approach.room
            made = []
            # Where the homeserver carries the answer out, its own history says so.
            if not self._carry_out(tx, request.approach, _CARRIED_OUT[answer], now):
                fields = {"via": "direct" if request.approach.direction is Direction.DIRECT else "group"}
                made.append(Event(f"{request_id}/{answer}", _EVENTS[answer], now, account, asker, room, fields))
            if answer is RequestAnswer.BLOCK:
                self.events.block(tx, f"{request_id}/blocked", account, asker, now)
                self._end_all_between(tx, account, asker, now)
                if not notice_shown:
                    self.notifier.tell(tx, account, "after_blocking", now)
            self.events.record(tx, made, now)
        self.view.follow()
        return answered

    def block(self, account: str, other: str, *, listed: bool = False, notice_shown: bool = False) -> None:
        """Blocks somebody, request or none. A block is never overruled by a policy.

        ``listed``: the account's own list at the homeserver says so already.
        """
        if account == other:
            raise RefusedError("self_contact", "Nobody blocks themselves.")
        now = self.clock.now()
        with self.store.write() as tx:
            self.block_within(tx, account, other, now, listed=listed)
            if not notice_shown:
                self.notifier.tell(tx, account, "after_blocking", now)
        self.view.follow()

    def block_within(self, tx: Transaction, account: str, other: str, now: int, *, listed: bool = False) -> None:
        """Blocks as a part of a longer story."""
        told = self._end_all_between(tx, account, other, now)
        if not listed and not told:
            self._tell_homeserver(tx, account, {"inviter": other, "room_id": "", "answer": "block"}, now)
        self.events.block(tx, self.new_id("block"), account, other, now)

    def unblock(self, account: str, other: str) -> None:
        """Takes a block back. It makes no connection: what the policy says of strangers holds again."""
        now = self.clock.now()
        with self.store.write() as tx:
            since = tx.relation(self.events.number(account), Tie.BLOCKS, self.events.number(other))
            if since is None:
                return
            # A block of this very millisecond, or of a clock that was ahead, would win over its end.
            event = Event(self.new_id("unblock"), EventKind.CONTACT_UNBLOCKED, max(now, since + 1), account, other)
            self.events.record(tx, [event], now)
            self._tell_homeserver(tx, account, {"inviter": other, "room_id": "", "answer": "unblock"}, now)
        self.view.follow()

    def sweep(self) -> int:
        """Holds whose time is up become requests, with a notice; what nobody answered ends. Returns how many."""
        now = self.clock.now()
        with self.store.read() as tx:
            if not tx.due_requests(now, 1):
                return 0
        with self.store.write() as tx:
            due = tx.due_requests(now, _SWEEP)
            for request in due:
                if request.expires_at <= now:
                    tx.save_contact_request(replace(request, state=RequestState.EXPIRED))
                else:
                    tx.save_contact_request(replace(request, state=RequestState.WAITING))
                    self.notifier.tell(tx, request.approach.target, request.notice, now)
        return len(due)

    def ended(self, approach: Approach, end: RequestState) -> bool:
        """The homeserver says that an invitation has come to an end by other means than ours; whether it was open.

        Room history says so, too, and more of it; but not of what happens on other servers.
        """
        now = self.clock.now()
        with self.store.write() as tx:
            request = tx.open_request(approach)
            if request is not None:
                tx.save_contact_request(replace(request, state=end, answered_at=now))
        return request is not None

    def _end_all_between(self, tx: Transaction, account: str, other: str, now: int) -> bool:
        """A block has come: whether the homeserver hears of it, because there was an invitation to end."""
        told = False
        for request in tx.open_requests_between(account, other):
            mine = request.approach.target == account
            state = RequestState.DECLINED if mine else RequestState.WITHDRAWN
            tx.save_contact_request(replace(request, state=state, answered_at=now))
            if mine:
                told = self._carry_out(tx, request.approach, "block", now) or told
        return told

    def _carry_out(self, tx: Transaction, approach: Approach, answer: str, now: int) -> bool:
        if not approach.room:
            return False
        detail = {"inviter": approach.actor, "room_id": approach.room, "answer": answer}
        return self._tell_homeserver(tx, approach.target, detail, now)

    def _tell_homeserver(self, tx: Transaction, account: str, detail: dict[str, str], now: int) -> bool:
        if not self.notifier.on_homeserver(account):
            return False
        action_id = self.new_id("action")
        tx.add_action(
            Action(
                action_id,
                None,
                ActionKind.ANSWER_INVITE,
                account,
                detail,
                ActionState.PENDING,
                0,
                now,
                None,
                now,
            )
        )
        return True
