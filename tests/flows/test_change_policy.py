"""Two people change the policy; whoever can write to the database alone changes nothing, and is noticed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from nightlight.cli.policy_memory import PolicyFile
from nightlight.errors import RefusedError
from nightlight.flows.audit import audit
from nightlight.model.contact_policy import ChangeState
from nightlight.store.schema import policies, policy_changes
from tests.policies import Town
from tests.prevent.presets import POLICIES, text

OPEN, STRICT, TEEN = (POLICIES[name].reference for name in ("open", "strict", "teen-default"))


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    town = Town(tmp_path)
    yield town
    town.close()


def put_in_force(town: Town, name: str = "strict", share: int = 100) -> int:
    change, _ = town.house.policy_desk.propose(text(name), share, "because", "robin")
    town.house.policy_desk.approve(change.number, "kim")
    return change.number


def in_database(town: Town, *statements: Any) -> None:
    """What somebody does who can write to the database and to nothing else."""
    with town.house.store.engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        for statement in statements:
            connection.execute(statement)


def started_anew(town: Town, folder: Path) -> Town:
    """The same installation in another process."""
    town.close()
    return Town(folder)


def test_nobody_approves_their_own_proposal(town: Town) -> None:
    desk, book = town.house.policy_desk, town.house.policy_book
    change, _ = desk.propose(text("strict"), 100, "because", "robin")
    assert book.in_force().newest.reference == TEEN
    with pytest.raises(RefusedError, match="another person"):
        desk.approve(change.number, "robin")
    assert book.in_force().newest.reference == TEEN
    desk.approve(change.number, "kim")
    assert book.in_force().newest.reference == STRICT
    with pytest.raises(RefusedError, match="waits for nobody"):
        desk.approve(change.number, "alex")


def test_one_person_takes_a_change_back_and_what_held_before_holds_again(town: Town) -> None:
    put_in_force(town, "strict")
    second = put_in_force(town, "open")
    assert town.house.policy_book.in_force().newest.reference == OPEN
    town.house.policy_desk.roll_back(second, "robin")
    assert town.house.policy_book.in_force().newest.reference == STRICT
    assert town.house.policy_book.problems() == ()


def test_raising_the_share_needs_two_people_again(town: Town) -> None:
    put_in_force(town, "strict", 10)
    now = town.house.policy_book.in_force()
    assert (now.share, now.before.reference) == (10, TEEN)
    change, _ = town.house.policy_desk.propose(text("strict"), 60, "it went well", "kim")
    assert town.house.policy_book.in_force().share == 10
    town.house.policy_desk.approve(change.number, "robin")
    assert town.house.policy_book.in_force().share == 60


def test_whoever_has_a_policy_keeps_it_while_its_share_grows(town: Town) -> None:
    put_in_force(town, "strict", 10)
    before = {n for n in range(1_000) if town.house.policy_book.in_force().for_account(n).reference == STRICT}
    put_in_force(town, "strict", 60)
    after = {n for n in range(1_000) if town.house.policy_book.in_force().for_account(n).reference == STRICT}
    assert before < after
    assert (len(before), len(after)) == (100, 600)


TABLE = policy_changes.c
ATTACKS: dict[str, Callable[[], list[Any]]] = {
    "signature": lambda: [update(policy_changes).values(signature=b"\x00" * 64)],
    "no signature": lambda: [update(policy_changes).values(signature=None)],
    "share": lambda: [update(policy_changes).values(share=1)],
    "note": lambda: [update(policy_changes).values(note="another reason")],
    "who approved": lambda: [update(policy_changes).values(decided_by="nobody")],
    "text": lambda: [update(policies).where(policies.c.digest != "x").values(text=text("open"))],
    "text and digest": lambda: [
        insert(policies).values(digest=hashlib.sha256(text("open")).hexdigest(), text=text("open")),
        update(policy_changes).values(digest=hashlib.sha256(text("open")).hexdigest()),
    ],
    "text removed": lambda: [delete(policies)],
    "change removed": lambda: [delete(policy_changes)],
    "forged roll-back": lambda: [update(policy_changes).values(state="rolled_back", decided_by="kim")],
    "back to a proposal": lambda: [update(policy_changes).values(state="proposed", decided_by=None, decided_at=None)],
}
#: The log holds neither notes nor signatures; what it does not hold, the signature covers.
UNLOGGED = [ATTACKS[name] for name in ("signature", "no signature", "note")]


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
@pytest.mark.parametrize("restart", [False, True], ids=["running", "after a restart"])
def test_the_last_good_policy_stays_in_force_loudly(
    town: Town, tmp_path: Path, attack: Callable[[], list[Any]], *, restart: bool
) -> None:
    put_in_force(town, "strict")
    in_database(town, *attack())
    if restart:
        town = started_anew(town, tmp_path)
    now = town.house.policy_book.in_force()
    assert (now.newest.reference, now.share) == (STRICT, 100)
    assert len(town.house.policy_book.problems()) == 1
    if attack not in UNLOGGED:
        with pytest.raises(RefusedError, match="policy change 1 is not what the log says"):
            audit(town.house.store, [])
    town.close()


def test_a_change_that_was_taken_back_does_not_come_back_with_its_old_row(town: Town, tmp_path: Path) -> None:
    """The old row is signed, and truly was in force once: only a memory outside of the database tells."""
    number = put_in_force(town, "open")
    with town.house.store.engine.connect() as connection:
        old = dict(connection.execute(select(policy_changes)).mappings().one())
    town.house.policy_desk.roll_back(number, "kim")
    in_database(town, update(policy_changes).values(**old))
    for _ in range(2):
        assert town.house.policy_book.in_force().newest.reference == TEEN
        (problem,) = town.house.policy_book.problems()
        assert "put back to approved" in problem
        town = started_anew(town, tmp_path)
    with pytest.raises(RefusedError, match="policy change 1"):
        audit(town.house.store, [])
    town.close()


def test_nobody_approves_a_proposal_that_was_edited_in_the_database(town: Town) -> None:
    """Else whoever proposed could put another name there and approve their own, or another text."""
    change, _ = town.house.policy_desk.propose(text("open"), 100, "because", "robin")
    in_database(town, update(policy_changes).values(proposed_by="somebody"))
    with pytest.raises(RefusedError, match="signature does not hold"):
        town.house.policy_desk.approve(change.number, "robin")
    assert town.house.policy_book.in_force().newest.reference == TEEN


def test_a_damaged_memory_is_said_and_signatures_still_count(town: Town, tmp_path: Path) -> None:
    put_in_force(town, "strict")
    (tmp_path / "policy-memory.json").write_text("{")
    town = started_anew(town, tmp_path)
    assert town.house.policy_book.in_force().newest.reference == STRICT
    assert "cannot be read" in town.house.policy_book.problems()[0]
    town.close()


def test_the_memory_never_goes_back(tmp_path: Path, town: Town) -> None:
    number = put_in_force(town, "strict")
    file = PolicyFile(tmp_path / "policy-memory.json")
    approved, texts = file.recall()
    town.house.policy_desk.roll_back(number, "kim")
    file.keep(approved, texts)  # a process that looked before the roll-back writes after it
    (kept,), texts = file.recall()
    assert kept.state is ChangeState.ROLLED_BACK
    assert texts == {}


def test_the_log_agrees_with_a_whole_story(town: Town) -> None:
    desk = town.house.policy_desk
    put_in_force(town, "strict", 20)
    desk.roll_back(put_in_force(town, "open"), "robin")
    rejected, _ = desk.propose(text("ofcom-f1"), 5, "because", "robin")
    desk.reject(rejected.number, "robin")
    desk.propose(text("ofcom-f1"), 5, "again", "robin")
    assert audit(town.house.store, []).head.number > 0
    assert town.house.policy_book.problems() == ()
