"""A kill −9 at any instant of an overturn, and of the undoing: all of it or nothing, and in the end undone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightlight.evidence.log import LogKind
from nightlight.flows.audit import audit
from nightlight.model.action import Action, ActionKind, ActionState
from nightlight.model.case import Outcome, Policy
from nightlight.store.database import Database
from tests.databases import LOG_KEY, case_keys
from tests.flows.test_erase_crash import Copy
from tests.world import World

KINDS = [ActionKind.WARN, ActionKind.SUSPEND, ActionKind.LOCK]
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Killer:
    def __init__(self, url: str, world: World) -> None:
        command = [sys.executable, "-m", "tests.flows.crashing_second_look", url, world.homeserver_url]
        self._process = subprocess.Popen(
            [*command, str(world.clock.at)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def do(self, deed: str, step: int, case_id: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{deed} {step} {case_id}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


class Crashing:
    """A decided case, half carried out, in a database that is copied for each crash."""

    def __init__(self, world: World, database_url: str, folder: Path, *, overturned: bool) -> None:
        self.world = world
        self.case_id = world.report(world.abusive).report.case_id or ""
        world.desk.decide(self.case_id, "robin", Outcome.VIOLATION, Policy.CHILD_GROOMING, "found", KINDS)
        world.enforcer._settle(self._done(), ActionState.DONE, None)  # the warning
        world.enforcer._settle(self._done(), ActionState.DONE, None)  # the suspension; the lock waits
        if overturned:
            world.second_look.overturn(self.case_id, "kim", Outcome.NO_VIOLATION, "somebody else's account")
        world.store.close()
        self.copy = Copy(database_url, Path(world.folder.name), folder)
        self.copy.make()
        self.killer = Killer(self.copy.url, world)

    def _done(self) -> Action:
        action = self.world.enforcer._claim()
        assert action is not None
        self.world.enforcer._perform(action)
        return action

    def crash(self, deed: str, most: int) -> Iterator[Database]:
        """The database after each crash."""
        for step in range(1, most):
            self.copy.make()
            account = self.world.homeserver.accounts[self.world.mallory]
            account.update(suspended=True, locked=False)
            self.world.homeserver.notices.clear()
            ended = self.killer.do(deed, step, self.case_id)
            assert ended in ("killed", "done")
            store = Database(self.copy.url, LOG_KEY, case_keys())
            try:
                yield store
            finally:
                store.close()
            if ended == "done":
                return
        pytest.fail("it never came to an end")


@on_sqlite
def test_killed_at_every_step_of_an_overturn(world: World, database_url: str, tmp_path: Path) -> None:
    crashing = Crashing(world, database_url, tmp_path, overturned=False)
    try:
        seen = [whole_or_nothing(store, crashing.case_id) for store in crashing.crash("overturn", 200)]
    finally:
        crashing.killer.stop()
    assert len(seen) > 10, "the steps were not counted"
    assert set(seen) == {"stands", "overturned"}


def whole_or_nothing(store: Database, case_id: str) -> str:
    audit(store, [])
    with store.read() as tx:
        decision, actions, log = tx.decision_of(case_id), tx.actions_of(case_id), tx.log_of(case_id)
        kept = tx.kept_case(case_id, 0)
    assert decision is not None
    assert kept is not None
    states = {action.kind: action.state for action in actions}
    overturned = decision.overturn is not None
    assert [entry.kind for entry in log].count(LogKind.DECISION_OVERTURNED) == overturned
    assert kept.outcome is decision.holds
    assert states[ActionKind.LOCK] is (ActionState.CANCELLED if overturned else ActionState.PENDING)
    assert (ActionKind.UNSUSPEND in states, ActionKind.NOTIFY_ACCOUNT in states) == (overturned, overturned)
    return "overturned" if overturned else "stands"


@on_sqlite
def test_killed_at_every_step_of_the_undoing(world: World, database_url: str, tmp_path: Path) -> None:
    crashing = Crashing(world, database_url, tmp_path, overturned=True)
    seen = []
    account = world.homeserver.accounts[world.mallory]
    try:
        for store in crashing.crash("enforce", 200):
            seen.append(account["suspended"])
            world.clock.at += 200_000  # the lease of whoever was killed runs out
            after = World(world.homeserver, store, world.homeserver_url, world.clock)
            after.enforcer.run_due()
            after.matrix.close()
            world.clock.at -= 200_000
            assert (account["suspended"], account["locked"]) == (False, False)
            with store.read() as tx:
                states = {action.kind: action.state for action in tx.actions_of(crashing.case_id)}
                log = [entry for entry in tx.log_of(crashing.case_id) if entry.kind == LogKind.ACTION_DONE]
            assert states[ActionKind.UNSUSPEND] is states[ActionKind.NOTIFY_ACCOUNT] is ActionState.DONE
            assert states[ActionKind.LOCK] is ActionState.CANCELLED
            assert len([entry for entry in log if "unsuspend" in entry.detail]) == 1
            assert len(world.homeserver.notices) == 1
            audit(store, [])
    finally:
        crashing.killer.stop()
    assert len(seen) > 10, "the steps were not counted"
    assert set(seen) == {True, False}
