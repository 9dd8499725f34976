"""What may follow from a decision, and from what was proven."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from nightlight.errors import RefusedError
from nightlight.evidence.stored_event import check_stored_event
from nightlight.evidence.verify import VerifiedMessage, verify_message
from nightlight.model.action import CHOOSABLE, IRREVERSIBLE, ActionKind, PlannedAction
from nightlight.model.case import POLICY_TITLES, Case, CaseState, Outcome, Policy
from nightlight.model.report import Category
from nightlight.respond.enforcement import REASON_CHARS_MAX, check_decision, plan_actions, warning_text
from tests.evidence.homeserver import BOB, MALLORY, ROOM, build_event

CAROL = "@carol:example.org"
GROOMING = Policy.CHILD_GROOMING
EVERYTHING = tuple(CHOOSABLE)
SHAPE = "mxc://example.org/triangle"


def case(subject: str | None = MALLORY, proven: int = 1) -> Case:
    return Case("case-1", 10, CaseState.OPEN, subject, ROOM, Category.GROOMING, 0, proven, 1, 1)


def said(sender: str, **content: Any) -> VerifiedMessage:
    content = {"msgtype": "m.text", "body": "[abusive message 1]"} | content
    event, event_id = build_event(content, sender=sender, type="m.room.message")
    return verify_message(check_stored_event(event, event_id), None)


def check(
    outcome: Outcome = Outcome.VIOLATION,
    policy: Policy = GROOMING,
    reason: str = "A clear case.",
    kinds: tuple[ActionKind, ...] = (),
    proven: int = 1,
) -> str | None:
    """The code of the refusal, None where the decision holds."""
    try:
        check_decision(case(proven=proven), outcome, policy, reason, kinds)
    except RefusedError as e:
        return e.code
    return None


def refusal(*args: Any) -> str:
    with pytest.raises(RefusedError) as refused:
        plan_actions(*args)
    return refused.value.code


def test_decision_that_holds_together_is_taken() -> None:
    assert check() is None
    assert check(kinds=EVERYTHING) is None
    assert check(Outcome.NO_VIOLATION, Policy.NONE) is None
    assert check(Outcome.INSUFFICIENT, Policy.NONE, proven=0) is None


@pytest.mark.parametrize("reason", ["", " ", "\n\t\u3000"])
def test_decision_without_a_reason_is_refused(reason: str) -> None:
    assert check(reason=reason) == "reason_missing"


def test_reason_has_a_limit() -> None:
    assert check(reason="x" * REASON_CHARS_MAX) is None
    assert check(reason="x" * (REASON_CHARS_MAX + 1)) == "reason_too_long"


@pytest.mark.parametrize("outcome", [Outcome.NO_VIOLATION, Outcome.INSUFFICIENT])
def test_without_a_violation_nothing_is_enforced_and_no_rule_was_broken(outcome: Outcome) -> None:
    for kind in CHOOSABLE:
        assert check(outcome, Policy.NONE, kinds=(kind,)) == "actions_unfit"
    assert check(outcome, GROOMING) == "policy_unfit"


def test_violation_names_its_rule() -> None:
    assert check(policy=Policy.NONE) == "policy_missing"


def test_reviewer_cannot_send_notices_to_reporters() -> None:
    assert check(kinds=(ActionKind.NOTIFY_REPORTER,)) == "action_unknown"


@pytest.mark.parametrize("kind", CHOOSABLE)
def test_nothing_that_cannot_be_undone_follows_from_an_unproven_report(kind: ActionKind) -> None:
    expected = "unproven_irreversible" if kind in IRREVERSIBLE else None
    assert check(kinds=(kind,), proven=0) == expected
    assert check(kinds=(ActionKind.WARN, kind), proven=0) == expected


def test_what_cannot_be_undone_is_listed() -> None:
    """The homeserver gives back neither an account's memberships nor a redacted text."""
    assert {ActionKind.DEACTIVATE, ActionKind.REDACT} == IRREVERSIBLE


@pytest.mark.parametrize("kind", sorted(IRREVERSIBLE))
@pytest.mark.parametrize("proven", [[], [said(BOB)], [said(BOB), said(CAROL)]], ids=["nothing", "own", "others"])
def test_reporter_cannot_frame_an_account_with_proven_messages_of_others(
    proven: list[VerifiedMessage], kind: ActionKind
) -> None:
    """Bob proves a message of his own and names Mallory: nothing is proven about Mallory."""
    assert refusal(case(proven=max(1, len(proven))), GROOMING, [kind], proven)


def test_plan_takes_the_content_first_and_the_account_last() -> None:
    message = said(MALLORY, url=SHAPE)
    redaction = {"room_id": ROOM, "reason": POLICY_TITLES[GROOMING]}
    assert plan_actions(case(), GROOMING, EVERYTHING[::-1], [message]) == [
        PlannedAction(ActionKind.QUARANTINE, SHAPE),
        PlannedAction(ActionKind.REDACT, message.event_id, redaction),
        PlannedAction(ActionKind.WARN, MALLORY, {"text": warning_text(GROOMING)}),
        PlannedAction(ActionKind.SUSPEND, MALLORY),
        PlannedAction(ActionKind.LOCK, MALLORY),
        PlannedAction(ActionKind.DEACTIVATE, MALLORY),
    ]


@pytest.mark.parametrize("size", range(1, len(EVERYTHING) + 1))
def test_nobody_else_s_account_or_message_is_touched(size: int) -> None:
    own = said(MALLORY, url=SHAPE)
    others = [said(BOB, url="mxc://example.org/bobs"), said(CAROL, url="mxc://example.org/carols")]
    allowed = {MALLORY, own.event_id, SHAPE}
    for kinds in itertools.combinations(EVERYTHING, size):
        plan = plan_actions(case(), GROOMING, kinds, [*others, own])
        assert {action.target for action in plan} <= allowed
        assert {action.kind for action in plan} == {*kinds}


def test_media_come_only_from_proven_messages_of_the_account() -> None:
    assert refusal(case(), GROOMING, [ActionKind.QUARANTINE], [said(BOB, url=SHAPE)]) == "no_media"
    assert refusal(case(), GROOMING, [ActionKind.QUARANTINE], [said(MALLORY)]) == "no_media"
    assert refusal(case(), GROOMING, [ActionKind.QUARANTINE], []) == "no_media"


def test_same_picture_is_quarantined_once() -> None:
    messages = [said(MALLORY, url=SHAPE), said(MALLORY, url=SHAPE, body="[again]")]
    assert plan_actions(case(), GROOMING, [ActionKind.QUARANTINE], messages) == [
        PlannedAction(ActionKind.QUARANTINE, SHAPE)
    ]


def test_redaction_needs_a_proven_message_of_the_account() -> None:
    assert refusal(case(), GROOMING, [ActionKind.REDACT], [said(BOB)]) == "no_messages"


@pytest.mark.parametrize("kind", CHOOSABLE)
def test_case_without_an_account_enforces_nothing(kind: ActionKind) -> None:
    assert refusal(case(subject=None), GROOMING, [kind], [said(MALLORY, url=SHAPE)]) == "no_account"


def test_decision_without_actions_plans_none() -> None:
    assert plan_actions(case(), GROOMING, [], [said(MALLORY)]) == []
    assert plan_actions(case(subject=None), GROOMING, [], []) == []


@pytest.mark.parametrize("policy", Policy)
def test_warning_names_the_rule_and_nobody(policy: Policy) -> None:
    text = warning_text(policy)
    assert POLICY_TITLES[policy] in text
    for name in (BOB, MALLORY, ROOM, "[abusive"):
        assert name not in text


def test_every_policy_has_its_words() -> None:
    assert {*POLICY_TITLES} == {*Policy}
