"""A conversation out of reports: its order, its gaps, and what is said of neither."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nightlight.model.report import (
    Category,
    MessageRole,
    Relation,
    RelationKind,
    Report,
    ReportedMessage,
    ReportSource,
    ReportState,
)
from nightlight.model.verdict import Code, verdict_for
from nightlight.respond.conversation import conversation, count_omitted

BOB, MALLORY = "@bob:test", "@mallory:test"


def a_message(number: int, code: Code = Code.OK, **changes: Any) -> ReportedMessage:
    values = {"position": 0, "event_id": f"${number}", "verdict": verdict_for(code), "sender": MALLORY}
    return ReportedMessage(**{**values, "sent_at": number, "depth": number, **changes})


def a_report(*messages: ReportedMessage, reporter: str | None = BOB) -> Report:
    return Report(
        "report_1",
        1,
        reporter,
        "!room",
        Category.GROOMING,
        "",
        "en",
        ReportSource.API,
        ReportState.CHECKED,
        "case_1",
        None,
        messages,
    )


def shown(*reports: Report) -> list[tuple[str, int | None]]:
    return [(line.message.event_id, line.omitted) for line in conversation(reports)]


def test_messages_stand_in_the_order_of_the_room_not_of_the_report() -> None:
    report = a_report(a_message(9, omitted=4), a_message(2), a_message(4, omitted=1))
    assert shown(report) == [("$2", None), ("$4", 1), ("$9", 4)]


def test_senders_clock_does_not_move_a_message() -> None:
    report = a_report(a_message(2, sent_at=9_000), a_message(4, sent_at=1, omitted=0))
    assert [event for event, _ in shown(report)] == ["$2", "$4"]


def test_unknown_gap_is_said_to_be_unknown_and_not_none() -> None:
    assert shown(a_report(a_message(2), a_message(9))) == [("$2", None), ("$9", None)]


def test_gaps_of_two_reports_fit_together_where_they_share_a_message() -> None:
    one = a_report(a_message(1), a_message(10, omitted=8))
    other = a_report(a_message(4), a_message(10, omitted=5))
    assert shown(one, other) == [("$1", None), ("$4", 2), ("$10", 5)]


def test_gap_between_reports_that_share_nothing_is_unknown() -> None:
    one = a_report(a_message(1), a_message(2, omitted=0))
    other = a_report(a_message(5), a_message(6, omitted=0))
    assert shown(one, other) == [("$1", None), ("$2", 0), ("$5", None), ("$6", 0)]


def test_message_that_nobody_could_fetch_has_no_place() -> None:
    missing = a_message(3, Code.EVENT_NOT_FOUND, sender=None, sent_at=None, depth=None)
    assert [event for event, _ in shown(a_report(missing, a_message(8)))] == ["$8", "$3"]


def test_reporters_own_messages_are_marked() -> None:
    lines = conversation([a_report(a_message(1), a_message(2, sender=BOB, role=MessageRole.CONTEXT))])
    assert [line.own for line in lines] == [False, True]


def test_nobody_is_taken_for_the_reporter_where_none_is_confirmed() -> None:
    unconfirmed = a_message(1, Code.REPORTER_UNCONFIRMED, sender=None, depth=None)
    assert not conversation([a_report(unconfirmed, reporter=None)])[0].own


def test_message_that_one_reporter_reports_and_another_adds_as_context_is_reported() -> None:
    one = a_report(a_message(1, role=MessageRole.CONTEXT))
    other = a_report(a_message(1, Code.NO_KEY))
    (line,) = conversation([one, other])
    assert line.message.reported
    assert line.message.verdict.proven


def test_edit_of_anothers_message_is_marked_as_one_that_apps_do_not_show() -> None:
    edit = Relation(RelationKind.EDIT, "$1")
    lines = conversation([a_report(a_message(1, sender=BOB), a_message(2, relation=edit), a_message(3, sender=BOB))])
    assert [(line.answers, line.ignored) for line in lines] == [(None, False), (1, True), (None, False)]


def test_own_edit_answers_the_edited_message() -> None:
    edit = Relation(RelationKind.EDIT, "$1")
    lines = conversation([a_report(a_message(1), a_message(5, relation=edit))])
    assert (lines[1].answers, lines[1].ignored) == (1, False)


def test_reply_to_a_message_that_is_not_here_answers_nothing() -> None:
    (line,) = conversation([a_report(a_message(1, relation=Relation(RelationKind.REPLY, "$elsewhere")))])
    assert line.relation is not None
    assert line.answers is None


def test_timeline_that_contradicts_the_depths_tells_no_gap() -> None:
    messages = [a_message(1), a_message(2), a_message(3)]
    assert count_omitted(messages, ["$2", "$x", "$1", "$y", "$3"]) == {"$3": 3}
    assert count_omitted(messages, []) == {}


@given(st.sets(st.integers(1, 60), min_size=1), st.data())
def test_gaps_are_what_was_left_out(named: set[int], data: st.DataObject) -> None:
    """However the named messages are spread over overlapping reports: no gap is ever wrong."""
    timeline = [f"${number}" for number in range(1, 61)]
    chosen = sorted(named)
    reports = []
    for _ in range(data.draw(st.integers(1, 4))):
        part = [a_message(number) for number in data.draw(st.sets(st.sampled_from(chosen), min_size=1))]
        gaps = count_omitted(part, timeline)
        reports.append(a_report(*(a_message(m.depth or 0, omitted=gaps.get(m.event_id)) for m in part)))
    lines = conversation(reports)
    numbers = [line.message.depth or 0 for line in lines]
    assert numbers == sorted(numbers)
    for before, after in itertools.pairwise(lines):
        distance = (after.message.depth or 0) - (before.message.depth or 0) - 1
        assert after.omitted in (None, distance)
    if len(reports) == 1:
        assert all(line.omitted is not None for line in lines[1:])
