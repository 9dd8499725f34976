"""Promise 3 for prevention: a kill −9 at any instant loses nothing acknowledged, doubles nothing, leaves no half.

Every deed runs in a process of its own that is really killed, at its first step, its second, and so on to its end; then
it is done again, as the one who got no answer would.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightlight.model.account import AgeBand
from nightlight.model.contact import RequestState
from nightlight.model.event import EventKind
from nightlight.model.signal import AlertState
from tests.flows.crashing_deeds import MESSAGES, adult, asker, days
from tests.prevention_world import ALEX, DAY_MS, JO, KIM, SAM, PreventionWorld
from tests.world import SetClock

NEVER = 10**9


class CrashWorld(PreventionWorld):
    """A database, and processes that do something to it until they are killed."""

    def start(self, folder: Path, database_url: str) -> None:
        arguments = [sys.executable, "-m", "tests.flows.crashing_deeds", str(folder), database_url]
        self.process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )

    def do(self, deed: str, number: int, step: int = NEVER) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{deed} {number} {step}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def kill_at_every_step(self, deed: str) -> int:
        """Returns how many numbers were done. At every step on SQLite; on PostgreSQL, for time, at every seventh."""
        every = 1 if self.store.engine.dialect.name == "sqlite" else 7
        for number, step in enumerate(range(1, 400, every), 1):
            ended = self.do(deed, number, step)
            assert ended in ("killed", "done"), ended
            if deed == "sweep":
                self.clock.at = SetClock().at + days(number) * DAY_MS
            self.check()
            # Nobody was told that it is done, or the answer was lost: it is done again.
            assert self.do(deed, number) == "done"
            self.check()
            if ended == "done":
                assert step > 8, "the steps were not counted"
                return number
        pytest.fail("it never came to an end")

    def check(self) -> None:
        found = self.house.event_check.run()
        assert found.holds, found

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.close()


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[CrashWorld]:
    world = CrashWorld(tmp_path, database_url, detection="live")
    world.migrate()
    world.start(tmp_path, database_url)
    yield world
    world.stop()


def one_each(world: CrashWorld) -> Counter[EventKind]:
    """How many events there are of each kind; no id twice."""
    events = [logged.event for logged in world.log()]
    assert len({event.event_id for event in events}) == len(events)
    return Counter(event.kind for event in events)


def test_killed_while_taking_events(world: CrashWorld) -> None:
    done = world.kill_at_every_step("events")
    kinds = (EventKind.CONTACT_ACCEPTED, EventKind.CONTACT_BLOCKED, EventKind.ROOM_JOINED)
    assert one_each(world) == dict.fromkeys(kinds, done)
    for number in range(1, done + 1):
        assert world.facts(SAM, f"@child{number}:home.test").blocked
    assert [logged.number for logged in world.log()] == list(range(1, 3 * done + 1))


def test_killed_while_detecting(world: CrashWorld) -> None:
    """Each signal once, one alert and one case for each account, and nothing that nobody judged."""
    for one in range(6):
        world.age(f"@child{one}:home.test", "13_15")
    for number in range(1, 120):
        world.age(adult(number), "adult")
    done = world.kill_at_every_step("detect")
    rules = set()
    for number in range(1, done + 1):
        about = world.house.people.number(adult(number))
        with world.store.read() as tx:
            found = [one.rule for one in tx.signals_about(about, 100)]
            alerts = tx.alerts_about(adult(number), 10)
            cases = tx.cases_about(adult(number), 10)
        assert sorted(found) == sorted(set(found))
        assert {"many_minors_in_an_hour", "blocked_by_minors"} <= set(found)
        rules.add(tuple(sorted(found)))
        assert [one.state for one in alerts] == [AlertState.OPEN]
        assert [one.case_id for one in cases] == [alerts[0].case_id]
    assert len(rules) == 1  # wherever it was killed, the same is said
    with world.store.read() as tx:
        assert tx.detected() == tx.last_event()[0]


def test_killed_while_taking_history(world: CrashWorld) -> None:
    done = world.kill_at_every_step("history")
    kinds = one_each(world)
    assert (kinds[EventKind.ROOM_JOINED], kinds[EventKind.FIRST_MESSAGE]) == (done, 1)
    volume = [logged.event.fields for logged in world.log() if logged.event.kind is EventKind.VOLUME]
    assert sum(int(fields["messages"]) for fields in volume) == done * MESSAGES


def test_killed_while_importing_accounts(world: CrashWorld) -> None:
    done = world.kill_at_every_step("import")
    assert one_each(world) == {EventKind.ACCOUNT_CREATED: 3 * done}
    for number in range(1, done + 1):
        assert [world.known_age(f"@a{number}-{one}:home.test").band for one in range(3)] == [AgeBand.AGE_13_15] * 3
    with world.store.read() as tx:
        logged = [entry.detail for entry in tx.log_entries() if entry.kind == "accounts.imported"]
    assert logged == ['{"accounts":3}'] * done


def test_killed_while_deciding(world: CrashWorld) -> None:
    for number in range(1, 60):
        world.age(asker(number), "13_15")
        world.share_a_class(KIM, asker(number), room=f"!class{number}")
    done = world.kill_at_every_step("decide")
    waiting = world.house.request_desk.waiting(KIM)
    assert sorted(one.approach.actor for one in waiting) == sorted(asker(number) for number in range(1, done + 1))
    kinds = one_each(world)
    with world.store.read() as tx:
        made = tx.contact_decisions_between(0, 2**53, "", 10_000)
        assert all(tx.contact_decision(one.decision_id) is not None for one in waiting)
    # What was decided without the answer being heard is decided again, and stands in the log as what it was.
    assert done <= len(made) == kinds[EventKind.CONTACT_DECIDED] <= 2 * done
    for one in made:
        assert world.house.contact_desk.explain(one.decision_id).same


def test_killed_while_a_request_is_answered(world: CrashWorld) -> None:
    for number in range(1, 60):
        world.age(asker(number), "13_15")
        world.share_a_class(KIM, asker(number), room=f"!class{number}")
    for number in range(1, 60):
        world.decide(asker(number), KIM, "!class")
    done = world.kill_at_every_step("answer")
    with world.store.read() as tx:
        states = {one.approach.actor: one.state for one in tx.requests_to(KIM, list(RequestState))}
    expected = {0: RequestState.ACCEPTED, 1: RequestState.DECLINED, 2: RequestState.DECLINED}
    for number in range(1, done + 1):
        assert states[asker(number)] is expected[number % 3]
        assert world.facts(asker(number), KIM).blocked is (number % 3 == 1)
    kinds = one_each(world)
    answered = Counter(number % 3 for number in range(1, done + 1))
    assert kinds[EventKind.CONTACT_ACCEPTED] == answered[0]
    assert kinds[EventKind.CONTACT_BLOCKED] == answered[1]
    assert kinds[EventKind.CONTACT_DECLINED] == answered[1] + answered[2]


def test_killed_while_forgetting(world: CrashWorld) -> None:
    for number in range(1, 60):
        world.age(asker(number), "13_15")
        world.happen(EventKind.CONTACT_ACCEPTED, asker(number), JO)
        world.decide(asker(number), KIM, "!class")
    done = world.kill_at_every_step("forget")
    for number in range(1, 60):
        with world.store.read() as tx:
            named = [tx.events_naming(asker(number)), tx.decisions_naming(asker(number))]
            relations = tx.relations_naming(world.house.people.number(asker(number)))
        if number <= done:
            assert (named, len(relations)) == ([[], []], 1)
        else:
            assert all(named)
            assert len(relations) >= 3


def test_killed_while_sweeping(world: CrashWorld) -> None:
    world.happen(EventKind.CONTACT_ACCEPTED, KIM, ALEX)
    world.happen(EventKind.CONTACT_BLOCKED, KIM, SAM)
    for number in range(1, 30):
        world.happen(EventKind.CONTACT_DECLINED, KIM, asker(number))
        world.decide(asker(number), KIM)
    world.kill_at_every_step("sweep")
    # What has no end is still there, whatever became of the events that said it.
    assert world.facts(SAM, KIM).blocked
    assert world.facts(ALEX, KIM).relation.value == "connected"
    world.clock.at += 400 * DAY_MS
    world.house.retention.sweep()
    assert world.log() == []
    assert not world.facts(asker(1), KIM).refused_before
    world.check()
