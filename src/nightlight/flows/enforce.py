"""Carrying out actions: a durable outbox with retry and back-off.

An action may be tried twice (a crash between the homeserver's answer and our note of it), so every one is idempotent
on the homeserver's side. Notices are so by a transaction id, which Synapse forgets when it restarts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from nightlight.errors import RefusedError, UnavailableError
from nightlight.evidence.log import LogKind
from nightlight.flows.outbox import named
from nightlight.flows.report_events import of_action, of_lifting
from nightlight.flows.standing import ordered_elsewhere, stands
from nightlight.flows.take_events import EventIntake
from nightlight.model.action import PREVENTION, UNDOES, UNDONE_BY, Action, ActionKind, ActionState
from nightlight.ports import Clock, Homeserver, Store, Transaction
from nightlight.respond.second_look import standing_order, still_banned

#: How long one try may take before another worker may take the action over.
LEASE_MS = 120_000
BACKOFF_MAX_MS = 900_000
#: After so many tries in a row without an answer the others wait for the next round: a homeserver that is down would
#: have all of them tried for nothing, and every try is written down.
UNANSWERED_MAX = 3


@dataclass(frozen=True, slots=True)
class Enforcer:
    """``jitter`` returns a factor around 1, so that many actions do not come back at one instant.

    ``link_text`` writes the notice with a link to somebody's own page; without it none is sent.
    """

    store: Store
    homeserver: Homeserver
    clock: Clock
    attempts_max: int
    jitter: Callable[[], float]
    events: EventIntake
    link_text: Callable[[Action], str] | None = None

    def run_due(self) -> int:
        """Tries every action that is due, while the homeserver answers; returns how many were tried."""
        tried = unanswered = 0
        while unanswered < UNANSWERED_MAX and (action := self._claim()) is not None:
            unanswered = 0 if self._try(action) else unanswered + 1
            tried += 1
        return tried

    def _claim(self) -> Action | None:
        now = self.clock.now()
        with self.store.read() as tx:
            if tx.due_action(now) is None:
                return None
        with self.store.write() as tx:
            while (action := tx.due_action(now)) is not None:
                if self._wanted_elsewhere(tx, action, now):
                    continue
                claimed = replace(action, attempts=action.attempts + 1, next_attempt_at=now + LEASE_MS)
                tx.save_action(claimed)
                return claimed
        return None

    def _wanted_elsewhere(self, tx: Transaction, action: Action, now: int) -> bool:
        """Cancels what would undo something that another decision has ordered since it was planned."""
        if action.kind not in UNDOES:
            return False
        other = standing_order(action, ordered_elsewhere(tx, action.case_id, [action]))
        if other is None:
            return False
        tx.save_action(replace(action, state=ActionState.CANCELLED, updated_at=now))
        detail = {**named(action), "why": "ordered_again", "ordered_by": other}
        tx.log(now, LogKind.ACTION_CANCELLED, "nightlight", action.case_id or "", detail)
        return True

    def _try(self, action: Action) -> bool:
        """Whether there was an answer, were it a refusal."""
        try:
            self._perform(action)
        except RefusedError as e:
            self._settle(action, ActionState.FAILED, e.message)
        except UnavailableError as e:
            last = not e.retry or action.attempts >= self.attempts_max
            self._settle(action, ActionState.FAILED if last else ActionState.PENDING, e.message)
            return False
        else:
            self._settle(action, ActionState.DONE, None)
        return True

    def _perform(self, action: Action) -> None:
        homeserver, target = self.homeserver, action.target
        match action.kind:
            case ActionKind.WARN | ActionKind.NOTIFY_ACCOUNT | ActionKind.NOTIFY_REPORTER | ActionKind.SAFETY_NOTICE:
                homeserver.send_notice(target, action.detail["text"], action.action_id)
            case ActionKind.SIGN_IN_LINK:
                # Made only now: a link that works is never stored.
                if self.link_text is None:
                    raise RefusedError("no_own_page", "There are no pages of people's own here.")
                homeserver.send_notice(target, self.link_text(action), action.action_id)
            case ActionKind.SUSPEND:
                homeserver.suspend(target)
            case ActionKind.LOCK:
                homeserver.lock(target)
            case ActionKind.DEACTIVATE:
                homeserver.deactivate(target)
            case ActionKind.REDACT:
                homeserver.redact(action.detail["room_id"], target, action.detail["reason"])
            case ActionKind.QUARANTINE:
                homeserver.quarantine(target)
            case ActionKind.UNSUSPEND:
                homeserver.unsuspend(target)
            case ActionKind.UNLOCK:
                homeserver.unlock(target)
            case ActionKind.UNQUARANTINE:
                homeserver.unquarantine(target)
            case ActionKind.ANSWER_INVITE:
                homeserver.answer_invite(
                    target, action.detail["inviter"], action.detail["room_id"], action.detail["answer"]
                )

    def _settle(self, action: Action, state: ActionState, error: str | None) -> None:
        now = self.clock.now()
        wait_ms = min(BACKOFF_MAX_MS, 1_000 * 2 ** (action.attempts - 1)) * self.jitter()
        settled = replace(action, state=state, error=error, updated_at=now, next_attempt_at=now + int(wait_ms))
        detail = {**named(action), "attempts": action.attempts}
        with self.store.write() as tx:
            current = tx.action(action.action_id)
            if current is None:
                return
            if current.state is ActionState.CANCELLED and state is ActionState.DONE:
                self._do_opposite_again(tx, action, now)
            elif (current.state, current.attempts) != (ActionState.PENDING, action.attempts):
                return  # our lease ran out, and another worker has settled it or is at it
            tx.save_action(settled)
            if action.kind in PREVENTION:
                return
            if state is ActionState.DONE:
                lifted = action.kind in UNDOES and not still_banned(tx.actions_on(action.target))
                self.events.record_once(tx, of_lifting(action, now) if lifted else of_action(action, now), now)
                tx.log(now, LogKind.ACTION_DONE, "nightlight", action.case_id or "", detail)
            elif state is ActionState.FAILED:
                tx.log(now, LogKind.ACTION_FAILED, "nightlight", action.case_id or "", {**detail, "why": error})

    def _do_opposite_again(self, tx: Transaction, action: Action, now: int) -> None:
        """It was cancelled while a try was under way, and the try got through after all.

        What undoes it may have come first: it has to come last. Whoever is at that finds that its lease is over.
        """
        opposite = UNDONE_BY.get(action.kind, UNDOES.get(action.kind))
        for other in tx.actions_on(action.target):
            if other.kind is opposite and _is_wanted(tx, other):
                again = replace(
                    other, state=ActionState.PENDING, attempts=other.attempts + 1, next_attempt_at=now, updated_at=now
                )
                tx.save_action(again)


def _is_wanted(tx: Transaction, action: Action) -> bool:
    if action.state is ActionState.CANCELLED:
        return False
    return action.kind in UNDOES or (action.case_id is not None and stands(tx.decision_of(action.case_id)))
