"""Deciding about contact: the same facts give the same answer, changed facts a new one, and floods fill no disk."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from nightlight.errors import RefusedError
from nightlight.flows.decide_contact import REPEATED_MS
from nightlight.model.contact import Approach, ContactOutcome, Direction, RequestState
from nightlight.model.event import EventKind
from nightlight.store.database import Database
from nightlight.store.transaction import SqlTransaction
from tests.adapters.test_history import member
from tests.prevention_world import ALEX, DAY_MS, JO, KIM, SAM, PreventionWorld

CHILDREN = [f"@child{number}:home.test" for number in range(40)]


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[PreventionWorld]:
    world = PreventionWorld(tmp_path, database_url).migrate()
    yield world
    world.close()


@pytest.fixture
def other(tmp_path: Path, database_url: str, world: PreventionWorld) -> Iterator[PreventionWorld]:
    """Another process on the same database."""
    other = PreventionWorld(tmp_path, database_url, world.clock)
    yield other
    other.close()


def decisions(world: PreventionWorld) -> int:
    with world.store.read() as tx:
        return len(tx.contact_decisions_between(0, 2**53, "", 100_000))


def test_the_same_approach_within_a_minute_is_one_decision(world: PreventionWorld) -> None:
    first = world.decide(SAM, KIM)
    for _ in range(200):
        assert world.decide(SAM, KIM).decided == first.decided
    assert decisions(world) == 1
    world.clock.at += REPEATED_MS
    assert world.decide(SAM, KIM).decided.decision_id != first.decided.decision_id
    assert decisions(world) == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.happen(EventKind.CONTACT_BLOCKED, KIM, ALEX),
        lambda world: world.happen(EventKind.REPORT_VERIFIED, JO, ALEX, category="grooming"),
        lambda world: world.age(ALEX, "adult"),
        lambda world: world.age(KIM, "under_13"),
        lambda world: world.happen(EventKind.ROOM_LEFT, ALEX, room="!class:home.test", at=world.clock.at + 1),
        lambda world: world.happen(EventKind.CONTACT_ACCEPTED, KIM, ALEX),
    ],
    ids=["block", "report", "age of who comes", "age of who is asked", "room", "connection"],
)
def test_a_changed_fact_never_gets_the_answer_of_before(
    world: PreventionWorld, change: object, other: PreventionWorld
) -> None:
    assert callable(change)
    world.share_a_class(ALEX, KIM)
    before = world.decide(ALEX, KIM)
    assert before.decided.outcome is ContactOutcome.REQUEST
    change(other)  # in another process, even
    after = world.decide(ALEX, KIM)
    assert after.decided.decision_id != before.decided.decision_id
    assert after.facts != before.facts
    assert after.decided.outcome is world.house.policy_book.in_force().for_account(0).decide(after.facts).outcome


def test_an_answer_is_what_the_policy_says_of_the_facts_and_can_be_explained_later(world: PreventionWorld) -> None:
    made = [world.decide(actor, KIM) for actor in (SAM, ALEX, JO, "@far:away.test")]
    world.happen(EventKind.CONTACT_ACCEPTED, KIM, SAM)
    world.clock.at += 20 * DAY_MS
    for answer in made:
        explained = world.house.contact_desk.explain(answer.decided.decision_id)
        assert explained.same
        assert explained.facts == answer.facts
        assert explained.steps[-1].outcome is answer.decided.outcome


def test_one_by_one_or_in_a_batch_the_outcomes_are_the_same(world: PreventionWorld, tmp_path: Path) -> None:
    """Also where limits count what the batch itself has done."""
    approaches = [Approach(ALEX, child, Direction.GROUP, "!g") for child in CHILDREN]
    approaches += [Approach(ALEX, SAM, Direction.GROUP, "!g"), Approach(ALEX, KIM, Direction.JOIN, "!g")]
    (tmp_path / "second").mkdir()
    second = PreventionWorld(tmp_path / "second", f"sqlite:///{tmp_path}/second/test.sqlite3").migrate()
    for each in (world, second):
        for child in CHILDREN:
            each.age(child, "13_15")
    batch = world.house.contact_desk.decide(approaches)
    singles = [second.house.contact_desk.decide([approach])[0] for approach in approaches]
    assert [one.decided.outcome for one in batch] == [one.decided.outcome for one in singles]
    assert [one.decided.reasons for one in batch] == [one.decided.reasons for one in singles]
    assert [one.facts for one in batch] == [one.facts for one in singles]
    assert {"asks-many" in one.decided.reasons for one in batch} == {True, False}
    second.close()


def test_nobody_comes_towards_themselves_and_nothing_of_that_batch_is_decided(world: PreventionWorld) -> None:
    with pytest.raises(RefusedError) as caught:
        world.house.contact_desk.decide([Approach(SAM, KIM, Direction.DIRECT), Approach(KIM, KIM, Direction.DIRECT)])
    assert caught.value.code == "self_contact"
    assert decisions(world) == 0


def test_a_flood_towards_one_child_leaves_one_request_for_each_who_asks(world: PreventionWorld) -> None:
    strangers = [f"@s{number}:home.test" for number in range(300)]
    for stranger in strangers[:150]:
        world.age(stranger, "13_15")
    world.share_a_class(KIM, *strangers[:20])
    for _ in range(3):
        world.house.contact_desk.decide([Approach(one, KIM, Direction.DIRECT) for one in strangers])
    with world.store.read() as tx:
        asked = tx.requests_to(KIM, list(RequestState))
    assert len(asked) == len({request.approach.actor for request in asked}) == 300
    assert decisions(world) == 300
    # One notice for all of them: a flood of requests is no flood of messages to a child.
    with world.store.read() as tx:
        assert tx.due_action(world.clock.at) is None  # no homeserver is set here, so none is even planned


def test_who_asks_adults_is_not_remembered_between_accounts(world: PreventionWorld) -> None:
    world.age(JO, "adult")
    before = world.relations()
    world.decide(SAM, JO)
    known_since = {row for row in world.relations() - before if row[0] == row[2]}
    assert world.relations() - before == known_since


def is_limited(world: PreventionWorld, child: str) -> bool:
    return "asks-many" in world.decide(ALEX, child, "!g", Direction.GROUP).decided.reasons


def limit_reached(world: PreventionWorld) -> int:
    """After how many children somebody has asked as many as the policy lets them, asking one after the other."""
    for number, child in enumerate(CHILDREN):
        if is_limited(world, child):
            return number
    pytest.fail("there is no limit")


def test_processes_that_take_turns_allow_no_more_than_one_would(
    world: PreventionWorld, other: PreventionWorld, tmp_path: Path
) -> None:
    for child in CHILDREN:
        world.age(child, "13_15")
    (tmp_path / "alone").mkdir()
    alone = PreventionWorld(tmp_path / "alone", f"sqlite:///{tmp_path}/alone/test.sqlite3").migrate()
    for child in CHILDREN:
        alone.age(child, "13_15")
    most = limit_reached(alone)
    alone.close()
    for number, child in enumerate(CHILDREN):
        assert is_limited((world, other)[number % 2], child) is (number >= most)


DECIDER = """
import sys
from pathlib import Path
from tests.flows.test_decide_contact import CHILDREN, is_limited
from tests.prevention_world import PreventionWorld
world = PreventionWorld(Path(sys.argv[1]), sys.argv[2])
world.house.relations.follow()
print("ready", flush=True)
sys.stdin.readline()
print(sum(not is_limited(world, child) for child in CHILDREN[int(sys.argv[3]) :: 2]))
"""


def test_real_processes_that_decide_at_once_allow_no_more_than_one_would(
    world: PreventionWorld, tmp_path: Path, database_url: str
) -> None:
    for child in CHILDREN:
        world.age(child, "13_15")
    (tmp_path / "alone").mkdir()
    alone = PreventionWorld(tmp_path / "alone", f"sqlite:///{tmp_path}/alone/test.sqlite3").migrate()
    for child in CHILDREN:
        alone.age(child, "13_15")
    most = limit_reached(alone)
    alone.close()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", DECIDER, str(tmp_path), database_url, str(first)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            text=True,
        )
        for first in (0, 1)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    allowed = [int(process.communicate("go\n", timeout=120)[0]) for process in processes]
    assert sum(allowed) == most


def test_threads_that_decide_at_once_about_the_same_two_open_one_request(world: PreventionWorld) -> None:
    world.share_a_class(ALEX, KIM)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: world.decide(ALEX, KIM), range(40)))
    assert len({answer.request.request_id for answer in answers if answer.request}) == 1
    assert decisions(world) == 1


def test_processes_that_decide_about_the_same_two_open_one_request(
    world: PreventionWorld, other: PreventionWorld
) -> None:
    world.share_a_class(ALEX, KIM)
    requests = {process.decide(ALEX, KIM, "!r").request for process in (world, other, world, other)}
    assert len({request.request_id for request in requests if request}) == 1


def test_a_second_room_is_not_answered_with_the_request_about_the_first(world: PreventionWorld) -> None:
    """A chat is decided about before it has a room; the room is said afterwards."""
    world.share_a_class(ALEX, KIM)
    first = world.decide(ALEX, KIM)
    world.house.contact_desk.attach_room(first.decided.decision_id, "!one")
    second = world.decide(ALEX, KIM)
    assert first.request is not None
    assert second.request is not None
    assert second.request.request_id != first.request.request_id
    world.house.contact_desk.attach_room(second.decided.decision_id, "!two")
    rooms = {request.approach.room for request in world.house.request_desk.waiting(KIM)}
    assert rooms == {"!one", "!two"}


def test_what_was_withdrawn_in_another_process_is_asked_anew(world: PreventionWorld, other: PreventionWorld) -> None:
    world.share_a_class(ALEX, KIM)
    first = world.decide(ALEX, KIM, "!r").request
    other.house.history.take([member(ALEX, KIM, "leave", "invite", ALEX, room_id="!r")])
    second = world.decide(ALEX, KIM, "!r").request
    assert first is not None
    assert second is not None
    assert first.request_id != second.request_id
    assert second.state is RequestState.WAITING


def test_answers_are_not_kept_in_memory_longer_than_they_are_repeated(world: PreventionWorld) -> None:
    for child in CHILDREN:
        world.decide(SAM, child)
    assert len(world.house.contact_desk._repeated) == len(CHILDREN)
    world.clock.at += REPEATED_MS
    world.house.contact_desk.tidy()
    assert not world.house.contact_desk._repeated
    world.decide(SAM, KIM)
    world.clock.at -= DAY_MS  # and a clock that was set back keeps nothing either
    world.house.contact_desk.tidy()
    assert not world.house.contact_desk._repeated


def test_looking_somebody_up_opens_no_request_and_leaves_no_trace_between_them(world: PreventionWorld) -> None:
    before = world.relations()
    found = world.decide(SAM, KIM, direction=Direction.FIND)
    assert found.request is None
    assert world.log() == []
    assert world.relations() == before


def test_a_decision_that_somebody_changed_in_the_database_is_noticed(world: PreventionWorld) -> None:
    from sqlalchemy import text

    one, another = world.decide(SAM, KIM).decided, world.decide(ALEX, KIM).decided
    with world.store.engine.begin() as connection:
        swap = text("UPDATE contact_decisions SET facts = :facts WHERE decision_id = :id")
        connection.execute(swap, {"facts": another.facts, "id": one.decision_id})
    with pytest.raises(RefusedError) as caught:
        world.house.contact_desk.explain(one.decision_id)
    assert caught.value.code == "sealed_damaged"


class BetweenLookAndWrite:
    """The real store, with somebody else's deed at the worst moment: after one looked, and before one may write."""

    def __init__(self, store: Database, deed: Callable[[], object]) -> None:
        self._store = store
        self._deed = deed
        self.read = store.read

    def write(self) -> AbstractContextManager[SqlTransaction]:
        deed, self._deed = self._deed, lambda: None
        deed()
        return self._store.write()


@pytest.mark.parametrize("deed", ["blocks", "asks many"])
def test_what_another_process_does_between_look_and_write_is_seen(
    world: PreventionWorld, other: PreventionWorld, deed: str
) -> None:
    for child in CHILDREN:
        world.age(child, "13_15")
    deeds: dict[str, Callable[[], object]] = {
        "blocks": lambda: other.happen(EventKind.CONTACT_BLOCKED, KIM, ALEX),
        "asks many": lambda: [other.decide(ALEX, child, "!g", Direction.GROUP) for child in CHILDREN],
    }
    world.house.contact_desk._store = BetweenLookAndWrite(world.store, deeds[deed])  # type: ignore[assignment]
    reasons = world.decide(ALEX, KIM, "!g", Direction.GROUP).decided.reasons
    assert {"blocks": "blocked", "asks many": "asks-many"}[deed] in reasons
