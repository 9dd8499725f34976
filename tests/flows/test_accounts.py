"""Accounts and ages: kept apart and encrypted, corrected by the platform, and forgotten everywhere."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text

from nightlight.errors import RefusedError
from nightlight.flows.accounts import AccountLine
from nightlight.model.account import Age, AgeBand, Assurance, BirthMonth
from nightlight.model.contact import ContactOutcome, Relation
from nightlight.model.event import EventKind
from nightlight.model.relation import Tie
from tests.adapters.test_history import entry, member
from tests.prevention_world import ALEX, DAY_MS, JO, KIM, SAM, PreventionWorld

MONTH_MS = 31 * DAY_MS


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


def line(account: str, band: str | None = None, born: str | None = None, created_at: int | None = None) -> AccountLine:
    return AccountLine(account, band, None, born, created_at)


def everything(world: PreventionWorld) -> str:
    """Every cell of every table of the database."""
    with world.store.engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        return "\n".join(
            repr(tuple(row)) for table in tables for row in connection.execute(text(f"SELECT * FROM {table}"))
        )


def test_birthdays_move_a_band_by_themselves_in_every_decision(world: PreventionWorld) -> None:
    # The clock of the tests stands in September 2026.
    world.age(KIM, None, born="2010-09")
    assert world.facts(SAM, KIM).to_band is AgeBand.AGE_13_15
    assert world.decide(SAM, KIM).decided.outcome is ContactOutcome.DENY
    world.clock.at += MONTH_MS
    assert world.facts(SAM, KIM).to_band is AgeBand.AGE_16_17
    world.clock.at += 25 * MONTH_MS
    assert world.facts(SAM, KIM).to_band is AgeBand.ADULT
    assert world.decide(SAM, KIM).decided.outcome is ContactOutcome.ALLOW
    world.clock.at -= 25 * MONTH_MS
    assert world.facts(SAM, KIM).to_band is AgeBand.AGE_16_17


def test_ages_are_encrypted_where_they_lie_and_stand_in_no_log(
    world: PreventionWorld, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        world.age(KIM, None, born="2012-03")
        world.age(JO, "under_13", "verified")
        world.decide(SAM, KIM)
        world.decide(SAM, JO)
        world.happen(EventKind.CONTACT_ACCEPTED, JO, KIM)
    kept = everything(world)
    captured = capsys.readouterr()
    for word in ("2012-03", "13_15", "under_13", "verified", "declared", "adult", "minor"):
        # The policy in force is a file, and no decision of a person's: its rows are named for bands.
        rest = kept.replace("adults-to-under-16", "")
        assert word not in rest, word
        assert word not in captured.out + captured.err
        assert word not in caplog.text


def test_a_sealed_age_says_nothing_by_its_length_and_does_not_open_for_another_account(world: PreventionWorld) -> None:
    world.age(JO, None, born="2012-03")
    number = world.house.people.number
    with world.store.read() as tx:
        sealed = [tx.sealed_age(number(one)) for one in (KIM, SAM, JO)]
    assert all(one is not None for one in sealed)
    assert len({len(one or b"") for one in sealed}) == 1
    with world.store.write() as tx:
        tx.put_age(number(KIM), sealed[1] or b"", tx.next_change())
    with pytest.raises(RefusedError) as caught:
        world.known_age(KIM)
    assert caught.value.code == "sealed_damaged"


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (line("@with space:x", "adult"), "account_malformed"),
        (line("@kim\u202e:x", "adult"), "account_malformed"),
        (line("@" + "x" * 255, "adult"), "account_malformed"),
        (line("", "adult"), "account_malformed"),
        (line(KIM), "age_missing"),
        (line(KIM, "teen"), "age_unknown_word"),
        (line(KIM, "adult", "2012-03"), "age_contradiction"),
        (line(KIM, "adult", created_at=-1), "event_from_the_future"),
        (line(KIM, "adult", created_at=1_790_000_300_001), "event_from_the_future"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_of_that_line_is_kept(
    world: PreventionWorld, bad: AccountLine, code: str
) -> None:
    good = line(JO, "16_17", created_at=5)
    result = world.house.account_book.put_all([(1, bad), (2, good), (3, bad)])
    assert [(one.number, one.code) for one in result.refused] == [(1, code), (3, code)]
    assert world.known_age(KIM).band is AgeBand.AGE_13_15
    assert world.known_age(JO).band is AgeBand.AGE_16_17
    assert [one.event.actor for one in world.log()] == [JO]


def test_the_last_line_about_an_account_counts_and_sent_again_changes_nothing(world: PreventionWorld) -> None:
    lines = [(1, line(JO, "16_17", created_at=7)), (2, line(JO, "adult", created_at=7)), (3, line(SAM, "adult"))]
    result = world.house.account_book.put_all(lines)
    assert (result.changed, result.unchanged) == (2, 0)  # Sam was verified before
    assert world.known_age(JO).band is AgeBand.ADULT
    with world.store.read() as tx:
        change = tx.last_change()
    result = world.house.account_book.put_all([*lines, *lines])
    assert (result.changed, result.unchanged) == (0, 2)
    with world.store.read() as tx:
        assert tx.last_change() == change
    assert len(world.log()) == 1


def test_two_accounts_with_very_long_names_are_two_accounts(world: PreventionWorld) -> None:
    names = ["@" + "x" * 253 + end for end in "ab"] + ["@" + "é" * 126 + end for end in "ab"]
    for number, name in enumerate(names):
        world.house.account_book.put(line(name, "adult", created_at=1_000 + number))
    created = {one.event.actor: one.event.at for one in world.log()}
    assert created == {name: 1_000 + number for number, name in enumerate(names)}


def test_an_account_is_as_old_as_the_earliest_that_was_ever_said(world: PreventionWorld) -> None:
    now = world.clock.at
    world.happen(EventKind.ROOM_JOINED, JO, room="!r")
    world.house.account_book.put(line(JO, created_at=now - 100 * DAY_MS))
    world.house.account_book.put(line(JO, created_at=now - 50 * DAY_MS))
    assert world.facts(JO, KIM).account_age == 100 * 24


def test_unknown_is_said_and_takes_an_age_back(world: PreventionWorld) -> None:
    world.age(KIM, "unknown")
    assert world.known_age(KIM) == Age(AgeBand.UNKNOWN, Assurance.NONE)


def test_looking_somebody_up_says_no_age_and_looking_at_an_age_is_logged_first(world: PreventionWorld) -> None:
    known = world.house.account_book.look_up(KIM)
    assert (known.assurance, known.has_birth_month) == (Assurance.DECLARED, False)
    assert "13_15" not in repr(known)
    with pytest.raises(RefusedError):
        world.house.account_book.look_up_age(KIM, "robin", "  ")
    with world.store.read() as tx:
        assert not [one for one in tx.log_entries() if one.kind == "age.viewed"]
    world.age(KIM, None, born="2012-03")
    age = world.house.account_book.look_up_age(KIM, "robin", "a parent asked in writing")
    assert age.birth_month == BirthMonth(2012, 3)
    with world.store.read() as tx:
        (entry_,) = [one for one in tx.log_entries() if one.kind == "age.viewed"]
    assert (entry_.actor, json.loads(entry_.detail)) == ("robin", {"reason": "a parent asked in writing"})
    assert "kim" not in entry_.subject
    assert "2012" not in str(entry_)


def busy(world: PreventionWorld) -> None:
    """Kim has done, and had done, everything that leaves a trace."""
    number = {"number": "ab" * 16}
    world.house.account_book.put(line(KIM, born="2012-03", created_at=world.clock.at - DAY_MS))
    world.happen(EventKind.ACCOUNT_NUMBER, KIM, **number)
    world.happen(EventKind.ADDRESS_BOOK_ADDED, JO, **number)
    world.happen(EventKind.CONTACT_ACCEPTED, KIM, JO)
    world.happen(EventKind.CONTACT_ACCEPTED, ALEX, JO)
    world.happen(EventKind.CONTACT_BLOCKED, KIM, SAM)
    world.happen(EventKind.CONTACT_DECLINED, KIM, "@old:home.test")
    world.happen(EventKind.REPORT_VERIFIED, KIM, SAM, category="grooming")
    world.happen(EventKind.FIRST_MESSAGE, KIM, JO, room="!dm")
    world.share_a_class(ALEX, KIM)
    world.house.history.take(
        [
            member(SAM, KIM, "invite", room_id="!new", event_id="$invite"),
            entry("m.room.encrypted", KIM, {"ciphertext": "x"}, room_id="!dm", event_id="$message"),
        ]
    )
    for actor in (SAM, ALEX, "@far:away.test"):
        world.decide(actor, KIM, "!ask")
        world.decide(KIM, actor, "!back")
    waiting = world.house.request_desk.waiting(KIM)
    assert waiting
    world.house.request_desk.block(KIM, ALEX)


def test_forgetting_leaves_nothing_of_an_account_in_any_table_or_process(
    world: PreventionWorld, other: PreventionWorld
) -> None:
    busy(world)
    busy_with = world.house.people.number(KIM)
    other.house.relations.follow()
    assert KIM in everything(world)
    removed = world.house.account_book.forget([KIM], "command line")
    assert removed > 20
    rest = everything(world)
    assert KIM not in rest
    assert "@kim" not in rest
    with world.store.read() as tx:
        named = tx.relations_naming(busy_with)
        (logged,) = [one for one in tx.log_entries() if one.kind == "account.forgotten"]
    # What stays for some time is that something was forgotten: who, nobody can tell without the key.
    assert named == [(busy_with, int(Tie.FORGOTTEN), busy_with)]
    assert (logged.actor, json.loads(logged.detail)) == ("command line", {"removed": removed})
    for process in (world, other):
        process.house.relations.follow()
        for whom in (SAM, ALEX, JO):
            facts = process.facts(whom, KIM)
            assert (facts.relation, facts.blocked, facts.to_band) == (Relation.STRANGER, False, AgeBand.UNKNOWN)
            assert process.facts(KIM, whom).relation is Relation.STRANGER
        assert process.facts(SAM, ALEX).verified_reports == 0
        assert process.house.request_desk.waiting(KIM) == []
    # What is between others stays.
    assert world.facts(JO, ALEX).relation is Relation.CONNECTED


def test_the_word_that_somebody_was_forgotten_goes_when_everybody_has_heard_it(
    world: PreventionWorld, other: PreventionWorld
) -> None:
    busy(world)
    asleep = other
    asleep.house.relations.follow()
    world.house.account_book.forget([KIM])
    number = world.house.people.number(KIM)
    for _ in range(3):
        world.clock.at += 2 * 3_600_000
        world.house.retention.sweep()
    with world.store.read() as tx:
        assert tx.relations_naming(number) == []
    # A process that slept all that time notices that it may have missed something, and reads everything anew.
    facts = asleep.facts(SAM, KIM)
    assert (facts.blocked, facts.to_band) == (False, AgeBand.UNKNOWN)
    assert asleep.house.relations.age(number).band is AgeBand.UNKNOWN


def test_who_is_forgotten_twice_or_was_never_here_is_forgotten(world: PreventionWorld) -> None:
    assert world.house.account_book.forget([KIM, KIM, "@never:heard.of"]) == 1
    world.age(KIM, "13_15")
    world.happen(EventKind.CONTACT_BLOCKED, KIM, SAM)
    assert world.facts(SAM, KIM).blocked
    world.house.account_book.forget([KIM])
    world.happen(EventKind.CONTACT_BLOCKED, KIM, ALEX)
    assert world.facts(ALEX, KIM).blocked
    assert not world.facts(SAM, KIM).blocked


def test_what_arrives_while_an_account_is_being_forgotten_is_forgotten_too(
    world: PreventionWorld, other: PreventionWorld
) -> None:
    busy(world)
    book: Any = world.house.account_book
    real = world.store

    class Busy:
        """The real store; between looking and removing, another process goes on."""

        snapshot, read = real.snapshot, real.read

        def write(self) -> Any:
            other.happen(EventKind.CONTACT_ACCEPTED, KIM, "@late:home.test")
            other.age(KIM, "adult")
            other.decide("@late:home.test", KIM, "!late")
            return real.write()

    object.__setattr__(book, "store", Busy())
    book.forget([KIM])
    assert KIM not in everything(world)
    assert world.known_age(KIM).band is AgeBand.UNKNOWN
    assert world.facts("@late:home.test", KIM).relation is Relation.STRANGER


def test_forgotten_bytes_are_gone_from_the_file_of_sqlite(tmp_path: Path) -> None:
    """secure_delete overwrites them; the write-ahead log is emptied by a checkpoint (docs/operating.md)."""
    world = PreventionWorld(tmp_path, f"sqlite:///{tmp_path}/test.sqlite3").migrate()
    busy(world)
    world.house.account_book.forget([KIM])
    with world.store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    for path in tmp_path.glob("test.sqlite3*"):
        assert b"@kim" not in path.read_bytes(), path.name
    world.close()
