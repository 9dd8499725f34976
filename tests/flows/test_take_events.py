"""Events: each once, durable before anybody is told so, whoever sends them, however often and in whatever order."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.flows.answer_request import RequestAnswer
from nightlight.model.contact import ContactOutcome, Relation
from nightlight.model.event import OWN_ID, OWN_KINDS, Event, EventKind
from tests.prevent.test_event_reader import LOOK_ALIKES, example
from tests.prevention_world import ALEX, DAY_MS, KIM, SAM, PreventionWorld


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


def test_an_event_sent_again_counts_once_and_changes_nothing(world: PreventionWorld) -> None:
    events = [world.event(EventKind.CONTACT_ACCEPTED, KIM, ALEX), world.event(EventKind.CONTACT_BLOCKED, KIM, SAM)]
    first = world.take(*events)
    assert (first.accepted, first.duplicates, first.refused) == (2, 0, ())
    before = world.relations()
    again = world.take(*events, *events)
    assert (again.accepted, again.duplicates, again.refused) == (0, 4, ())
    assert world.relations() == before
    assert [one.event for one in world.log()] == events


def test_the_same_id_with_other_content_is_refused_and_changes_nothing(world: PreventionWorld) -> None:
    blocked = world.event(EventKind.CONTACT_BLOCKED, KIM, SAM, event_id="one")
    world.take(blocked)
    unblocked = replace(blocked, kind=EventKind.CONTACT_UNBLOCKED, at=blocked.at + 1)
    world.clock.at += 10
    receipt = world.take(unblocked)
    assert [one.code for one in receipt.refused] == ["event_id_reused"]
    assert world.facts(SAM, KIM).blocked
    # The same inside of one batch: the first one counts.
    one, other = (
        world.event(kind, ALEX, SAM, event_id="two") for kind in (EventKind.CONTACT_BLOCKED, EventKind.CONTACT_ACCEPTED)
    )
    receipt = world.take(one, other)
    assert (receipt.accepted, [refused.position for refused in receipt.refused]) == (1, [1])
    assert world.facts(SAM, ALEX).blocked


def test_only_nightlight_records_its_own_kinds_and_its_own_ids(world: PreventionWorld) -> None:
    from nightlight.prevent.event_reader import event_from

    for kind in OWN_KINDS:
        receipt = world.take(event_from(example(kind)))
        assert [one.code for one in receipt.refused] == ["event_kind_reserved"]
    taken = world.event(EventKind.CONTACT_ACCEPTED, KIM, SAM, event_id=f"{OWN_ID}cr_1/accept")
    assert [one.code for one in world.take(taken).refused] == ["event_id_reserved"]
    assert world.log() == []


def test_nobody_can_take_the_id_of_an_answer_beforehand(world: PreventionWorld) -> None:
    """The service knows the id of a request; an event under the id of its answer keeps no child from answering."""
    world.share_a_class(ALEX, KIM)
    request = world.decide(ALEX, KIM).request
    assert request is not None
    for answer in ("block", "blocked", "accept", "decline"):
        world.happen(EventKind.ACCOUNT_CREATED, SAM, event_id=f"{request.request_id}/{answer}")
    world.house.request_desk.answer(KIM, request.request_id, RequestAnswer.BLOCK)
    assert world.facts(ALEX, KIM).blocked


def test_times_that_cannot_be_are_refused_to_the_millisecond(world: PreventionWorld) -> None:
    now, limits = world.clock.at, 300_000
    ages = int(world.house.settings.events_days * DAY_MS)
    sent = [
        world.event(EventKind.ACCOUNT_CREATED, KIM, at=at)
        for at in (now + limits, now + limits + 1, now - ages + 1, now - ages, 0)
    ]
    receipt = world.take(*sent)
    assert [(one.position, one.code) for one in receipt.refused] == [
        (1, "event_from_the_future"),
        (3, "event_too_old"),
        (4, "event_too_old"),
    ]
    assert receipt.accepted == 2


def test_what_was_refused_for_its_time_is_taken_when_the_time_has_come(world: PreventionWorld) -> None:
    early = world.event(EventKind.CONTACT_BLOCKED, KIM, SAM, at=world.clock.at + 400_000)
    assert world.take(early).refused
    world.clock.at += 100_000
    assert world.take(early).accepted == 1
    assert world.facts(SAM, KIM).blocked


def test_good_events_are_taken_beside_bad_ones(world: PreventionWorld) -> None:
    good = world.event(EventKind.CONTACT_BLOCKED, KIM, SAM)
    receipt = world.house.events.take(
        [RefusedError("event_malformed", "no"), good, RefusedError("event_malformed", "no")]
    )
    assert (receipt.accepted, [one.position for one in receipt.refused]) == (1, [0, 2])
    assert world.facts(SAM, KIM).blocked


def test_an_event_that_comes_late_changes_nothing_that_came_after_it(world: PreventionWorld) -> None:
    now = world.clock.at
    late = world.event(EventKind.CONTACT_ACCEPTED, KIM, SAM, at=now - 10_000)
    world.happen(EventKind.CONTACT_BLOCKED, KIM, SAM, at=now)
    world.take(late)
    facts = world.facts(SAM, KIM)
    assert (facts.blocked, facts.relation) == (True, Relation.STRANGER)
    # An older join that arrives after the leaving does not bring anybody back into the room.
    world.happen(EventKind.ROOM_LEFT, SAM, room="!r", at=now)
    for account, at in ((KIM, now - 5), (SAM, now - 5)):
        world.happen(EventKind.ROOM_JOINED, account, room="!r", at=at)
    world.happen(EventKind.ROOM_CHANGED, KIM, room="!r", visibility="private")
    assert world.facts(SAM, KIM).shared_rooms == 0


def test_accounts_that_nobody_announced_are_taken_as_they_come(world: PreventionWorld) -> None:
    world.happen(EventKind.CONTACT_BLOCKED, "@nobody:else.where", "@never:heard.of")
    assert world.facts("@never:heard.of", "@nobody:else.where").blocked


@pytest.mark.parametrize("alike", LOOK_ALIKES[1:])
def test_a_look_alike_inherits_nothing(world: PreventionWorld, alike: str) -> None:
    world.happen(EventKind.CONTACT_ACCEPTED, KIM, "@friend:home.test")
    friend_alike = alike.replace("k", "fr", 1)
    for stranger in (alike, friend_alike):
        facts = world.facts(stranger, KIM)
        assert (facts.relation, facts.from_band.value) == (Relation.STRANGER, "unknown")
    assert world.facts("@friend:home.test", alike).relation is Relation.STRANGER
    assert world.known_age(alike).assurance.value == "none"


def test_a_clock_set_back_does_not_set_the_log_back(world: PreventionWorld) -> None:
    world.happen(EventKind.CONTACT_ACCEPTED, KIM, ALEX)
    high = world.clock.at
    world.clock.at -= 3_600_000
    world.happen(EventKind.CONTACT_BLOCKED, ALEX, SAM)
    world.clock.at += 2 * 3_600_000
    world.happen(EventKind.CONTACT_BLOCKED, KIM, SAM)
    log = world.log()
    assert [one.number for one in log] == [1, 2, 3]
    received = [one.received_at for one in log]
    assert received == sorted(received)
    assert received[1] == high


def test_a_block_made_while_the_clock_stands_back_is_no_weaker_than_what_was_before(world: PreventionWorld) -> None:
    world.happen(EventKind.CONTACT_BLOCKED, KIM, SAM)
    world.clock.at += 1_000
    world.happen(EventKind.CONTACT_UNBLOCKED, KIM, SAM)
    world.clock.at -= 3_600_000
    world.house.request_desk.block(KIM, SAM)
    assert world.facts(SAM, KIM).blocked


def test_numbers_are_never_given_twice_even_after_everything_was_removed(world: PreventionWorld) -> None:
    world.happen(EventKind.CONTACT_ACCEPTED, KIM, ALEX)
    world.clock.at += 200 * DAY_MS
    world.house.retention.sweep()
    assert world.log() == []
    world.happen(EventKind.CONTACT_BLOCKED, KIM, SAM)
    assert [one.number for one in world.log()] == [2]


def test_processes_that_send_the_same_events_at_once_neither_fail_nor_double(
    world: PreventionWorld, other: PreventionWorld
) -> None:
    batches = [
        [
            world.event(EventKind.CONTACT_BLOCKED, f"@c{number}:x", SAM, event_id=f"e{batch}-{number}")
            for number in range(20)
        ]
        for batch in range(10)
    ]
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(one.house.events.take, batch) for batch in batches for one in (world, other, world, other)]
        receipts = [future.result() for future in sent]
    assert sum(receipt.accepted for receipt in receipts) == 200
    assert sum(receipt.duplicates for receipt in receipts) == 600
    assert not any(receipt.refused for receipt in receipts)
    log = world.log()
    assert len({one.event.event_id for one in log}) == len(log) == 200
    assert [one.number for one in log] == list(range(1, 201))
    for process in (world, other):
        assert process.facts(SAM, "@c7:x").blocked


SENDER = """
import sys
from pathlib import Path
from typing import Any
from nightlight.model.event import EventKind
from tests.prevention_world import PreventionWorld, SAM
world = PreventionWorld(Path(sys.argv[1]), sys.argv[2])
sys.stdin.readline()
counted = [0, 0]
for batch in range(20):
    events = [world.event(EventKind.CONTACT_BLOCKED, f"@c{n}:x", SAM, event_id=f"e{batch}-{n}") for n in range(50)]
    receipt = world.take(*events)
    assert not receipt.refused
    counted = [counted[0] + receipt.accepted, counted[1] + receipt.duplicates]
print(*counted)
"""


def test_real_processes_that_send_the_same_events_at_once_neither_fail_nor_double(
    world: PreventionWorld, tmp_path: Path, database_url: str
) -> None:
    arguments = [sys.executable, "-c", SENDER, str(tmp_path), database_url]
    processes = [
        subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2], text=True
        )
        for _ in range(3)
    ]
    answers = [process.communicate("go\n", timeout=120)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sum(int(accepted) for accepted, _ in answers) == 1_000
    assert sum(int(doubled) for _, doubled in answers) == 2_000
    assert len(world.log()) == 1_000


def test_a_flood_of_events_about_one_child_is_taken_and_its_facts_stay_bounded(world: PreventionWorld) -> None:
    flood = [world.event(EventKind.CONTACT_REQUESTED, f"@s{number}:x", KIM) for number in range(3_000)]
    assert world.take(*flood).accepted == 3_000
    world.take(*[world.event(EventKind.CONTACT_BLOCKED, KIM, f"@s{number}:x") for number in range(3_000)])
    assert world.facts("@s2999:x", KIM).blocked
    assert world.decide("@s17:x", KIM).decided.outcome is ContactOutcome.DENY


kinds = st.sampled_from(
    [EventKind.CONTACT_ACCEPTED, EventKind.CONTACT_BLOCKED, EventKind.CONTACT_UNBLOCKED, EventKind.CONTACT_REMOVED]
)
pairs = st.sampled_from([(one, other) for one in (KIM, SAM, ALEX) for other in (KIM, SAM, ALEX) if one != other])


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    happened=st.lists(st.tuples(kinds, pairs, st.integers(0, 9)), max_size=12),
    cut=st.integers(0, 12),
    random=st.randoms(use_true_random=False),
)
def test_batches_in_any_order_give_the_store_and_every_process_the_same_relations(
    tmp_path_factory: pytest.TempPathFactory,
    happened: list[tuple[EventKind, tuple[str, str], int]],
    cut: int,
    random: Any,
) -> None:
    found = []
    events = [
        Event(f"e{number}", kind, 1_790_000_000_000 - at, *pair) for number, (kind, pair, at) in enumerate(happened)
    ]
    for _ in range(2):
        folder = tmp_path_factory.mktemp("order")
        (folder / "people.key").write_text("ab" * 32)
        world = PreventionWorld(folder, f"sqlite:///{folder}/test.sqlite3")
        world.store.migrate()
        world.take(*events[:cut])
        world.take(*events[cut:])
        found.append(world.relations())
        number = world.house.people.number
        fresh = PreventionWorld(folder, f"sqlite:///{folder}/test.sqlite3", world.clock)
        fresh.house.relations.follow()
        for one, other in ((KIM, SAM), (SAM, KIM), (ALEX, KIM)):
            assert world.house.relations.look(number(one), number(other)) == fresh.house.relations.look(
                number(one), number(other)
            )
        world.close()
        fresh.close()
        random.shuffle(events)
    assert found[0] == found[1]
