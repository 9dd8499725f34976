"""Reading the homeserver's own reports completely, while they change under the reader."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nightlight.adapters.matrix.homeserver import MatrixHomeserver
from nightlight.errors import UnavailableError
from tests.simulators.homeserver import SimulatedHomeserver


@pytest.fixture
def full(simulator: SimulatedHomeserver) -> SimulatedHomeserver:
    """350 reports, 50 of them about a room of its own."""
    simulator.room()
    for number in range(350):
        simulator.report("@bob:sim.example", "!doomed" if 200 <= number < 250 else "!room", f"${number}", f"r{number}")
    simulator.rooms["!doomed"] = simulator.rooms[next(iter(simulator.rooms))]
    return simulator


def during(simulator: SimulatedHomeserver, page: int, happens: Callable[[], None]) -> None:
    """Lets something happen right before the given page of reports is answered."""

    def before_answer(_path: str) -> None:
        if len(simulator.requests) == page:
            happens()

    simulator.before_answer = before_answer


def numbers(matrix: MatrixHomeserver, after: int = 0) -> list[int]:
    return [report.number for report in matrix.event_reports_after(after)]


def test_all_reports_come_once_and_ascending(full: SimulatedHomeserver, matrix: MatrixHomeserver) -> None:
    assert numbers(matrix) == list(range(1, 351))
    assert numbers(matrix, 349) == [350]
    assert numbers(matrix, 350) == []
    assert numbers(matrix, 9_999) == []


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 190, 200])
def test_page_borders_lose_nothing(simulator: SimulatedHomeserver, matrix: MatrixHomeserver, count: int) -> None:
    for number in range(count):
        simulator.report("@bob:sim.example", "!room", f"${number}", "")
    assert numbers(matrix) == list(range(1, count + 1))


def test_reports_without_number_are_skipped_and_others_kept(
    simulator: SimulatedHomeserver, matrix: MatrixHomeserver
) -> None:
    simulator.report("@bob:sim.example", "!room", "$1", "fine")
    whole = simulator.event_reports[0]
    broken: list[Any] = [None, [], "x", {}, {**whole, "id": True}, {**whole, "id": "3"}, {**whole, "id": 1.5}]
    broken += [{**whole, "id": 4, key: value} for key in ("user_id", "room_id", "event_id") for value in (None, 7)]
    usable = {**whole, "id": 9, "reason": None, "received_ts": "soon", "score": {}}
    simulator.event_reports[:] = [*broken, whole, usable]
    first, second = matrix.event_reports_after(0)
    assert (first.number, first.reason) == (1, "fine")
    assert (second.number, second.reason, second.received_at) == (9, "", 0)


def test_account_reports_name_the_account(simulator: SimulatedHomeserver, matrix: MatrixHomeserver) -> None:
    simulator.report_account("@bob:sim.example", "@mallory:sim.example", "reason")
    (report,) = matrix.user_reports_after(0)
    assert (report.number, report.reporter, report.target) == (1, "@bob:sim.example", "@mallory:sim.example")
    assert (report.room_id, report.event_id, report.reason) == (None, None, "reason")


@pytest.mark.parametrize("arriving", [1, 9, 10, 11, 100])
def test_reports_that_arrive_while_reading_push_none_out(
    full: SimulatedHomeserver, matrix: MatrixHomeserver, arriving: int
) -> None:
    def arrive() -> None:
        for number in range(arriving):
            full.report("@eve:sim.example", "!room", f"$new{number}", "")

    during(full, 2, arrive)
    assert numbers(matrix)[:350] == list(range(1, 351))


@pytest.mark.parametrize("page", [2, 3, 4])
def test_purge_while_reading_hides_no_report_of_another_room(
    full: SimulatedHomeserver, matrix: MatrixHomeserver, page: int
) -> None:
    during(full, page, lambda: full.purge("!doomed"))
    assert set(range(1, 351)) - set(range(201, 251)) <= set(numbers(matrix))


def test_clock_set_back_on_the_homeserver_hides_no_report(full: SimulatedHomeserver, matrix: MatrixHomeserver) -> None:
    # Synapse lists by time of receipt: the newest report, stamped an hour early, stands among the old ones.
    newest = full.event_reports.pop()
    full.event_reports.insert(300, newest)
    assert numbers(matrix, 345) == [346, 347, 348, 349, 350]


def test_list_that_never_holds_still_is_given_up(full: SimulatedHomeserver, matrix: MatrixHomeserver) -> None:

    def replace_all(_path: str) -> None:
        for entry in full.event_reports:
            entry["id"] += 1_000

    full.before_answer = replace_all
    with pytest.raises(UnavailableError) as caught:
        matrix.event_reports_after(0)
    assert (caught.value.code, caught.value.retry) == ("homeserver_busy", True)
