"""From a decision to a plan of actions: what may follow from what was proven."""

from __future__ import annotations

from collections.abc import Sequence

from nightlight.errors import RefusedError
from nightlight.evidence.verify import VerifiedMessage
from nightlight.model.action import CHOOSABLE, IRREVERSIBLE, ActionKind, PlannedAction
from nightlight.model.case import POLICY_TITLES, Case, Outcome, Policy

REASON_CHARS_MAX = 4_000


def reason_in_words(reason: str) -> str:
    """The reason for a step that the log keeps, trimmed; ``RefusedError('reason_missing')``."""
    words = reason.strip()
    if not words or len(words) > REASON_CHARS_MAX:
        message = f"This needs a reason, in at most {REASON_CHARS_MAX:,} characters."
        raise RefusedError("reason_missing", message, "It goes into the log.")
    return words


def check_decision(case: Case, outcome: Outcome, policy: Policy, reason: str, kinds: Sequence[ActionKind]) -> None:
    """Raises ``RefusedError`` for a decision that does not hold together."""
    if not reason.strip():
        raise RefusedError("reason_missing", "A decision needs a reason.", "Write in a sentence or two what you found.")
    if len(reason) > REASON_CHARS_MAX:
        raise RefusedError("reason_too_long", f"A reason has at most {REASON_CHARS_MAX:,} characters.")
    if any(kind not in CHOOSABLE for kind in kinds):
        raise RefusedError("action_unknown", "There is no such action to choose.")
    if outcome is Outcome.VIOLATION and policy is Policy.NONE:
        raise RefusedError("policy_missing", "A violation needs the rule it broke.", "Choose the policy.")
    if outcome is not Outcome.VIOLATION and policy is not Policy.NONE:
        raise RefusedError("policy_unfit", "A policy is named only where it was broken.", 'Choose "No rule broken".')
    if outcome is not Outcome.VIOLATION and kinds:
        raise RefusedError("actions_unfit", "Without a violation nothing is enforced.", "Remove the actions.")
    if kinds and case.proven == 0:
        beyond = sorted(kind.value for kind in kinds if kind in IRREVERSIBLE)
        if beyond:
            raise RefusedError(
                "unproven_irreversible",
                f"Nothing in this case is proven, so what cannot be undone ({', '.join(beyond)}) is not open to it.",
                "Choose warn, suspend or lock, or ask the reporter for the message key.",
            )


def plan_actions(
    case: Case, policy: Policy, kinds: Sequence[ActionKind], messages: Sequence[VerifiedMessage]
) -> list[PlannedAction]:
    """The actions that carry out a checked decision, in the order they should happen.

    ``messages``: the proven messages of the case. Only the reported account's own messages are touched. The content
    goes first: an account that is deactivated can no longer take back what it said.
    """
    if not kinds:
        return []
    if case.subject is None:
        raise RefusedError("no_account", "The case names no account, so there is nothing to act on.")
    own = [message for message in messages if message.sender == case.subject]
    if not own and not IRREVERSIBLE.isdisjoint(kinds):
        raise RefusedError("no_messages", "No proven message of this account is in the case.")
    plan: list[PlannedAction] = []
    if ActionKind.QUARANTINE in kinds:
        media = dict.fromkeys(address for message in own for address in message.media)
        if not media:
            raise RefusedError(
                "no_media", "No proven message of this account carries media, so there is nothing to quarantine."
            )
        plan += [PlannedAction(ActionKind.QUARANTINE, address) for address in media]
    if ActionKind.REDACT in kinds:
        if not own:
            raise RefusedError(
                "no_messages", "No proven message of this account is in the case, so nothing can be redacted."
            )
        plan += [
            PlannedAction(
                ActionKind.REDACT, message.event_id, {"room_id": message.room_id, "reason": POLICY_TITLES[policy]}
            )
            for message in own
        ]
    if ActionKind.WARN in kinds:
        plan.append(PlannedAction(ActionKind.WARN, case.subject, {"text": warning_text(policy)}))
    plan += [
        PlannedAction(kind, case.subject)
        for kind in (ActionKind.SUSPEND, ActionKind.LOCK, ActionKind.DEACTIVATE)
        if kind in kinds
    ]
    return plan


def warning_text(policy: Policy) -> str:
    """What a warned account reads. It names the rule, never the reporter or the message."""
    return (
        "A message from your account was reported and a person on the safety team reviewed it. "
        f"It broke this rule: {POLICY_TITLES[policy]}. Please stop. If it happens again, your account may be closed. "
        "If you think this is a mistake, write to the operators of this server."
    )
