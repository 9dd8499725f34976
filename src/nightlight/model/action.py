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
    NOTIFY_REPORTER = "notify_reporter"
    #: A safety notice to a young person.
    SAFETY_NOTICE = "safety_notice"
    #: A hidden invitation is accepted, declined or shown on behalf of the one who was invited.
    ANSWER_INVITE = "answer_invite"
    #: A link to somebody's own page, which works once.
    SIGN_IN_LINK = "sign_in_link"


#: What cannot be taken back. Only a verified message may lead there.
IRREVERSIBLE = frozenset({ActionKind.DEACTIVATE, ActionKind.REDACT})

#: Prevention's own. They follow from no decision of a reviewer, and who asked whom is kept out of the log.
PREVENTION = frozenset({ActionKind.SAFETY_NOTICE, ActionKind.ANSWER_INVITE, ActionKind.SIGN_IN_LINK})

#: What a reviewer may choose. Notices to reporters are sent by the flows.
CHOOSABLE = tuple(kind for kind in ActionKind if kind not in {ActionKind.NOTIFY_REPORTER, *PREVENTION})


class ActionState(StrEnum):
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


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
