"""Looking at a decision a second time: who may overturn it, what holds afterwards, and what of it can be undone.

Only a violation is overturned, and only towards less: enforcing anything takes a decision of its own, with its policy,
its actions and the question what is proven. A new report of what was found to be no violation opens a new case.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from nightlight.errors import RefusedError
from nightlight.model.action import BANS, CHOOSABLE, UNDOES, UNDONE_BY, Action, ActionKind, ActionState, PlannedAction
from nightlight.model.case import Decision, Outcome
from nightlight.model.retention import Record
from nightlight.respond.person import same_person

#: What can hold once a violation is overturned.
OUTCOMES_AFTER = (Outcome.NO_VIOLATION, Outcome.INSUFFICIENT)


def check_second_look(decision: Decision | None, reviewer: str, gone: Collection[Record]) -> Decision:
    """The decision that this reviewer may overturn. ``gone``: which records of the case are erased.

    ``RefusedError``: ``not_decided``, ``nothing_to_overturn``, ``already_overturned``, ``erased``, ``own_decision``.
    """
    if decision is None:
        raise RefusedError("not_decided", "Only a decision can be looked at again.", "Decide the case first.")
    if decision.outcome is not Outcome.VIOLATION:
        raise RefusedError(
            "nothing_to_overturn",
            "Nothing was enforced on this decision, so there is nothing to take back.",
            "A new report of the same opens a new case.",
        )
    if decision.overturn is not None:
        raise RefusedError("already_overturned", "Somebody overturned this decision already.", "Reload the page.")
    if Record.DECISION in gone:
        raise RefusedError("erased", "Who decided this is erased, so nobody can say that somebody else looks again.")
    if Record.REPORT in gone:
        raise RefusedError("erased", "Whom this decision was about is erased, so nothing of it can be undone.")
    if same_person(reviewer, decision.reviewer):
        raise RefusedError(
            "own_decision",
            "You decided this case yourself, so somebody else has to look at it again.",
            "Ask a colleague.",
        )
    return decision


def check_outcome_after(outcome: Outcome) -> None:
    """``RefusedError('outcome_unfit')``."""
    if outcome not in OUTCOMES_AFTER:
        raise RefusedError("outcome_unfit", "Overturned, a violation does not hold any more.", "Choose what holds now.")


class Fate(StrEnum):
    """What becomes of something that a decision ordered, once it is overturned. A closed list."""

    #: It was carried out, and is undone.
    UNDONE = "undone"
    #: It was tried, and nobody can say whether it got through: it is undone in case it did.
    UNDONE_IN_CASE = "undone_in_case"
    #: It was carried out or tried, and another decision that stands ordered the same.
    STAYS = "stays"
    #: It was not begun, and will not be.
    NOT_BEGUN = "not_begun"
    #: It was carried out, and cannot be undone.
    FINAL = "final"
    #: It was tried, may have got through, is not tried again, and cannot be undone.
    PERHAPS_FINAL = "perhaps_final"


class Ordered(NamedTuple):
    """An action of any case, and whether the decision that it follows from stands."""

    action: Action
    stands: bool


class Consequence(NamedTuple):
    """``other_case``: whose decision wants it to stay."""

    action: Action
    fate: Fate
    other_case: str = ""


@dataclass(frozen=True, slots=True)
class Undoing:
    """What overturning a decision leads to. ``remains``: what it undoes although an earlier decision ordered it.

    That one was overturned before, and what it ordered was left because of this decision.
    """

    consequences: tuple[Consequence, ...] = ()
    remains: tuple[Action, ...] = ()

    def having(self, *fates: Fate) -> list[Consequence]:
        return [one for one in self.consequences if one.fate in fates]

    @property
    def undo(self) -> list[PlannedAction]:
        """In the order of what they undo."""
        undone = [one.action for one in self.having(Fate.UNDONE, Fate.UNDONE_IN_CASE)]
        pairs = dict.fromkeys((UNDONE_BY[action.kind], action.target) for action in [*undone, *self.remains])
        return [PlannedAction(kind, target) for kind, target in pairs]

    @property
    def reached_the_account(self) -> bool:
        """Whether whoever has the account may have noticed, and can still be told."""
        touched = [one for one in self.consequences if one.fate is not Fate.NOT_BEGUN]
        return bool(touched) and not any(one.action.kind is ActionKind.DEACTIVATE for one in touched)


def undoing(actions: Sequence[Action], others: Iterable[Ordered]) -> Undoing:
    """What overturning the decision that ordered ``actions`` leads to.

    ``others``: what other cases ordered on the same targets. What another decision that stands ordered is not undone:
    it is that decision's as well.
    """
    ordered = list(others)
    consequences, remains = [], []
    for action in actions:
        if action.kind not in CHOOSABLE:
            continue
        same = [one for one in ordered if (one.action.kind, one.action.target) == (action.kind, action.target)]
        consequence = _consequence(action, same)
        consequences.append(consequence)
        if consequence.fate is Fate.NOT_BEGUN and action.kind in UNDONE_BY and not _standing(same):
            undone = [one.action for one in ordered if _undoes(one.action, action)]
            remains += [one.action for one in same if _begun(one.action) and not _undone_since(one.action, undone)][:1]
    return Undoing(tuple(consequences), tuple(remains))


def standing_order(undo: Action, others: Iterable[Ordered]) -> str | None:
    """The case whose decision, which stands, ordered what ``undo`` would take back; None where there is none."""
    same = [one for one in others if _undoes(undo, one.action)]
    standing = _standing(same)
    return None if standing is None else standing.action.case_id


def still_banned(on_account: Iterable[Action]) -> bool:
    """Whether one of these actions, of whatever case, keeps the account from being used, as far as we know."""
    done = [action for action in on_account if action.state is ActionState.DONE]
    for kind in BANS:
        last = max((action.updated_at for action in done if action.kind is kind), default=None)
        lifted = max((action.updated_at for action in done if UNDOES.get(action.kind) is kind), default=None)
        if last is not None and (lifted is None or last > lifted):
            return True
    return False


def overturn_notice(result: Undoing) -> str:
    """What whoever has the account reads. It names neither the case, nor who reported, nor a message."""
    removed = any(one.action.kind is ActionKind.REDACT for one in result.having(Fate.FINAL, Fate.PERHAPS_FINAL))
    return (
        "Another person on the safety team looked again at a decision about your account, and it no longer stands. "
        "What was done because of it and can be undone is being undone. "
        + ("Messages that were removed cannot be brought back. " if removed else "")
        + "Other decisions about your account, if there are any, stay as they are. "
        "If something stays closed to you, write to the operators of this server."
    )


def _consequence(action: Action, same: Sequence[Ordered]) -> Consequence:
    if not _begun(action):
        return Consequence(action, Fate.NOT_BEGUN)
    done = action.state is ActionState.DONE
    if action.kind not in UNDONE_BY:
        return Consequence(action, Fate.FINAL if done else Fate.PERHAPS_FINAL)
    standing = _standing(same)
    if standing is not None:
        return Consequence(action, Fate.STAYS, standing.action.case_id or "")
    return Consequence(action, Fate.UNDONE if done else Fate.UNDONE_IN_CASE)


def _begun(action: Action) -> bool:
    """Whether it may have been carried out. What was put back to work keeps the error of its last try."""
    return action.state is ActionState.DONE or action.attempts > 0 or action.error is not None


def _standing(same: Iterable[Ordered]) -> Ordered | None:
    """Also where it failed: the decision wants it so, and somebody may try it again."""
    return next((one for one in same if one.stands and one.action.state is not ActionState.CANCELLED), None)


def _undoes(undo: Action, action: Action) -> bool:
    return UNDOES.get(undo.kind) is action.kind and undo.target == action.target


def _undone_since(action: Action, undone: Iterable[Action]) -> bool:
    return any(undo.state is ActionState.DONE and undo.updated_at > action.updated_at for undo in undone)
