"""An action: what is enforced on the homeserver after a decision."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class ActionKind(StrEnum):
    WARN = "warn"
    SUSPEND = "suspend"
    LOCK = "lock"
    DEACTIVATE = "deactivate"
    REDACT = "redact"
    QUARANTINE = "quarantine"
    #: What a decision ordered is taken back, once the decision is overturned.
    UNSUSPEND = "unsuspend"
    UNLOCK = "unlock"
    UNQUARANTINE = "unquarantine"
    #: Whoever had the account acted on is told that the decision no longer stands.
    NOTIFY_ACCOUNT = "notify_account"
    NOTIFY_REPORTER = "notify_reporter"
    #: A safety notice to a young person.
    SAFETY_NOTICE = "safety_notice"
    #: A hidden invitation is accepted, declined or shown on behalf of the one who was invited.
    ANSWER_INVITE = "answer_invite"
    #: A link to somebody's own page, which works once.
    SIGN_IN_LINK = "sign_in_link"


#: What cannot be taken back. Only a verified message may lead there.
IRREVERSIBLE = frozenset({ActionKind.DEACTIVATE, ActionKind.REDACT})

#: What takes an action back. What has nothing here stays as it is.
UNDONE_BY: dict[ActionKind, ActionKind] = {
    ActionKind.SUSPEND: ActionKind.UNSUSPEND,
    ActionKind.LOCK: ActionKind.UNLOCK,
    ActionKind.QUARANTINE: ActionKind.UNQUARANTINE,
}
#: The same, looked up from the other end.
UNDOES: dict[ActionKind, ActionKind] = {undo: done for done, undo in UNDONE_BY.items()}
#: Kinds that follow from an overturned decision.
AFTER_OVERTURN = frozenset({*UNDOES, ActionKind.NOTIFY_ACCOUNT})

#: Under these somebody cannot use the account as before.
BANS = frozenset({ActionKind.SUSPEND, ActionKind.LOCK, ActionKind.DEACTIVATE})

#: Prevention's own. They follow from no decision of a reviewer, and who asked whom is kept out of the log.
PREVENTION = frozenset({ActionKind.SAFETY_NOTICE, ActionKind.ANSWER_INVITE, ActionKind.SIGN_IN_LINK})

#: What a reviewer may choose. Notices to reporters are sent by the flows.
CHOOSABLE = tuple(kind for kind in ActionKind if kind not in {ActionKind.NOTIFY_REPORTER, *AFTER_OVERTURN, *PREVENTION})


class ActionState(StrEnum):
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    #: Not tried (again): its decision was overturned, or, of what undoes something, another decision wants it so.
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class PlannedAction:
    """What to do, before it is stored.

    ``target``: an account id, an event id or an ``mxc://`` address, by kind. ``detail``: what else is needed.
    """

    kind: ActionKind
    target: str
    detail: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Action:
    """A stored action. Times in milliseconds since 1970, UTC."""

    action_id: str
    case_id: str | None
    kind: ActionKind
    target: str
    detail: dict[str, str]
    state: ActionState
    attempts: int
    next_attempt_at: int
    error: str | None
    updated_at: int
