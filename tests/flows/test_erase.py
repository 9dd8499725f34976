"""Erasure: announced, held up by a hold, done in one step, proven in the log. On SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from nightlight.errors import RefusedError, UnavailableError
from nightlight.evidence.bundle.attestation import approve
from nightlight.evidence.log import LogKind
from nightlight.flows.erase import Swept
from nightlight.flows.holds import NewHold
from nightlight.model.action import ActionKind
from nightlight.model.case import Outcome, Policy
from nightlight.model.hold import HoldKind, HoldScope
from nightlight.model.retention import Record
from nightlight.store.database import Database
from nightlight.store.detection_schema import alerts
from nightlight.store.erasure import FATES, NOT_OF_CASES
from nightlight.store.schema import metadata
from tests.databases import LOG_KEY
from tests.flows.tampering import found_by_audit
from tests.world import NOTICE_MS, SetClock, World

DAY_MS = 86_400_000
NOTE = "a note that nobody may read after all that time"
REASON = "what the reviewer found, in words"
IDENTITY = pyrage.x25519.Identity.generate()
KEYS = {name: Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32)) for name in ("alex", "billie")}

#: For what one database shows as well as two.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

EVIDENCE = [Record.CASE_EVIDENCE]
WHOLE = [Record.CASE_EVIDENCE, Record.REPORT, Record.DECISION]


@contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises(RefusedError) as caught:
        yield
    assert caught.value.code == code


def decided(world: World, *events: str, outcome: Outcome = Outcome.NO_VIOLATION, **changes: Any) -> str:
    """A case that was reported and decided."""
    case_id = world.report(*(events or (world.abusive,)), note=NOTE, **changes).report.case_id or ""
    policy = Policy.CHILD_GROOMING if outcome is Outcome.VIOLATION else Policy.NONE
    world.desk.decide(case_id, "robin", outcome, policy, REASON, [])
    return case_id


def sweep_after(world: World, days: float) -> Swept:
    """Once to announce, as the clock comes by, and once when the notice is over."""
    world.clock.at += int(days * DAY_MS) - NOTICE_MS
    world.eraser.sweep()
    world.clock.at += NOTICE_MS
    return world.eraser.sweep()


def gone(world: World, case_id: str) -> list[Record]:
    return list(world.desk.case(case_id, "robin").erased)


def kinds(world: World, case_id: str) -> list[str]:
    """Of the log's entries about the case, those about erasures."""
    log = [entry.kind for entry in world.desk.case(case_id, "robin").log]
    return [kind for kind in log if kind.startswith(("erasure.", "case.erased"))]


def on(case_id: str, **changes: object) -> NewHold:
    return replace(NewHold(HoldKind.LEGAL, HoldScope.CASE, case_id, "an appeal", "an example of a law"), **changes)  # type: ignore[arg-type]


def everywhere(world: World) -> bytes:
    """All that the tables of cases say. What prevention knows goes after a period of its own; the log stays."""
    with world.store.engine.connect() as connection:
        rows = [
            tuple(row)
            for name in sorted({table.name for table in FATES})
            for row in connection.execute(text(f"SELECT * FROM {name}"))
        ]
    return repr(rows).encode()


@on_sqlite
def test_what_is_past_its_period_is_announced_first_and_then_erased(world: World) -> None:
    case_id = decided(world)
    assert world.eraser.sweep() == Swept()
    world.clock.at += 33 * DAY_MS  # past its period, and nobody was told
    assert world.eraser.sweep() == Swept(announced=1)
    assert world.eraser.sweep() == Swept()
    assert world.desk.reveal(case_id, world.abusive, "robin").body == "[abusive message 1]"
    world.clock.at += NOTICE_MS - 1
    assert world.eraser.sweep() == Swept()
    world.clock.at += 1
    assert world.eraser.sweep() == Swept(erased=1)
    assert gone(world, case_id) == EVIDENCE
    assert kinds(world, case_id) == [LogKind.ERASURE_PLANNED, LogKind.CASE_ERASED]
    with refused("erased"):
        world.desk.reveal(case_id, world.abusive, "robin")
    world.audit()


@on_sqlite
def test_announced_in_time_it_goes_when_its_period_is_over_and_not_later(world: World) -> None:
    decided(world)
    with world.store.read() as tx:
        case = tx.kept_case("case_000002", world.clock.at)
    assert case is not None
    world.clock.at += 26 * DAY_MS
    assert world.eraser.sweep() == Swept(announced=1)
    with world.store.read() as tx:
        (announced,) = tx.announced()
    world.clock.at = announced.not_before - 1
    assert world.eraser.sweep() == Swept()
    world.clock.at += 1
    assert world.eraser.sweep() == Swept(erased=1)


def everything_sealed(world: World) -> list[bytes]:
    """Every sealed value, and the wrapped keys that open them."""
    queries = (
        "SELECT sealed_note FROM reports WHERE sealed_note IS NOT NULL",
        "SELECT sealed_key FROM reported_messages WHERE sealed_key IS NOT NULL",
        "SELECT sealed FROM sealed_events",
        "SELECT wrapped FROM case_keys WHERE wrapped IS NOT NULL",
    )
    with world.store.engine.connect() as connection:
        return [bytes(value) for query in queries for value in connection.scalars(text(query))]


def test_nothing_of_what_was_said_is_left_in_any_row(world: World) -> None:
    case_id = decided(world, world.opening, world.abusive)
    sealed = everything_sealed(world)
    assert len(sealed) == 6  # the note, two message keys, two events, and the key to all of them
    there = everywhere(world)
    assert all(repr(value).encode() in there for value in sealed)
    assert world.bob.encode() in there
    sweep_after(world, 40)
    left = everywhere(world)
    assert not any(repr(value).encode() in left for value in sealed)
    assert everything_sealed(world) == []
    assert world.bob.encode() in left  # names have a period of their own
    sweep_after(world, 200)
    assert gone(world, case_id) == WHOLE
    left = everywhere(world)
    for name in (world.bob, world.mallory, world.room, world.abusive, REASON):
        assert name.encode() not in left, name
    world.audit()


@on_sqlite
def test_nothing_of_what_was_said_is_left_in_the_file(world: World) -> None:
    """Of PostgreSQL's files nothing can be said from here; it is told to vacuum."""
    decided(world)
    path = Path(world.store.engine.url.database or "")

    def on_disk() -> bytes:
        return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))

    # Long ones lie on several pages; the key and what is as short as it are whole wherever they are.
    short = [value for value in everything_sealed(world) if len(value) < 200]
    assert len(short) >= 3
    assert all(value in on_disk() for value in short)
    with world.store.snapshot() as reader:
        assert reader.counts() == (1, 1, 1)
        sweep_after(world, 40)
        # Somebody still reads what was there before.
        assert reader.counts() == (1, 1, 1)
        assert all(value in on_disk() for value in short)
    world.eraser.sweep()
    assert not any(value in on_disk() for value in short)
    with world.store.read() as tx:
        assert tx.erasures_with_files() == []


@on_sqlite
def test_log_says_what_went_by_which_rule_and_by_digest(world: World) -> None:
    case_id = decided(world)
    with world.store.read() as tx:
        received = next(entry for entry in tx.log_of(case_id) if entry.kind == LogKind.REPORT_RECEIVED)
    (message,) = json.loads(received.detail)["messages"]
    sweep_after(world, 40)
    with world.store.read() as tx:
        entry = next(entry for entry in tx.log_of(case_id) if entry.kind == LogKind.CASE_ERASED)
    said = json.loads(entry.detail)
    assert (entry.kind, entry.actor, entry.at) == (LogKind.CASE_ERASED, "nightlight", world.clock.at)
    assert said["records"] == {"case_evidence": "unfounded-evidence"}
    assert said["rules"] == world.retention_rules.reference
    assert said["events"] == {world.abusive: message["evidence"]}
    assert (said["keys"], said["notes"], said["files"]) == (1, 1, [])
    assert NOTE not in entry.detail


@on_sqlite
def test_hold_wins_also_when_the_erasure_was_announced(world: World) -> None:
    case_id = decided(world)
    world.clock.at += 33 * DAY_MS
    world.eraser.sweep()
    hold = world.hold_desk.place(on(case_id), "robin")
    world.clock.at += NOTICE_MS
    assert world.eraser.sweep() == Swept(withdrawn=1)
    world.clock.at += 4_000 * DAY_MS
    assert world.eraser.sweep() == Swept()
    assert world.desk.reveal(case_id, world.abusive, "robin").body == "[abusive message 1]"
    world.hold_desk.propose_release(hold.hold_id, "robin", "the appeal is over")
    assert world.eraser.sweep() == Swept()
    world.hold_desk.release(hold.hold_id, "kim")
    # Let go, it is announced anew: nobody is surprised.
    assert world.eraser.sweep() == Swept(announced=3)
    world.clock.at += NOTICE_MS
    assert world.eraser.sweep() == Swept(erased=3)
    world.audit()


@pytest.mark.parametrize("whose", ["subject", "reporter"])
def test_hold_on_an_account_holds_every_case_it_is_in(world: World, whose: str) -> None:
    reply = decided(world, world.reply, by=world.mallory)  # about Bob, by Mallory
    case_id = decided(world)  # about Mallory, by Bob
    other = world.homeserver.room(world.bob, world.eve)
    elsewhere = decided(world, world.homeserver.say(other, world.eve, "[message 7]"), room_id=other)
    account = world.bob if whose == "reporter" else world.mallory
    world.hold_desk.place(on(account, scope=HoldScope.ACCOUNT), "robin")
    sweep_after(world, 400)
    assert gone(world, case_id) == gone(world, reply) == []
    assert gone(world, elsewhere) == ([] if whose == "reporter" else WHOLE)
    late = decided(world, world.opening)
    sweep_after(world, 400)
    assert gone(world, late) == []  # also what came after the hold was placed
    world.audit()


@on_sqlite
def test_hold_that_lapses_by_itself_holds_until_then(world: World) -> None:
    case_id = decided(world)
    world.hold_desk.place(on(case_id, until=world.clock.at + 100 * DAY_MS), "robin")
    sweep_after(world, 99)
    assert gone(world, case_id) == []
    sweep_after(world, 10)
    assert gone(world, case_id) == EVIDENCE
    world.audit()


@on_sqlite
def test_agency_that_asked_to_preserve_is_waited_for_after_the_hold_too(world: World) -> None:
    case_id = decided(world)
    asked = on(case_id, kind=HoldKind.PRESERVATION, agency="Example Police", reference="EX-1")
    hold = world.hold_desk.place(asked, "robin")
    world.hold_desk.propose_release(hold.hold_id, "robin", "asked by mistake")
    world.hold_desk.release(hold.hold_id, "kim")
    sweep_after(world, 60)
    assert gone(world, case_id) == []  # 90 days from the request, by rule
    sweep_after(world, 40)
    assert gone(world, case_id) == EVIDENCE


@on_sqlite
def test_open_case_and_one_with_an_action_on_its_way_stay(world: World) -> None:
    still_open = world.report(world.opening).report.case_id or ""
    busy = world.report(world.abusive).report.case_id or ""
    assert busy != still_open
    world.desk.decide(busy, "robin", Outcome.VIOLATION, Policy.CHILD_GROOMING, REASON, [ActionKind.LOCK])
    sweep_after(world, 4_000)
    assert gone(world, still_open) == gone(world, busy) == []
    world.enforcer.run_due()
    world.eraser.sweep()
    world.clock.at += NOTICE_MS
    world.eraser.sweep()
    assert gone(world, busy) == WHOLE
    world.audit()


def refer(world: World, case_id: str, agency: str = "NCMEC") -> str:
    world.people.add_agency(agency, str(IDENTITY.to_public()), "test")
    for name, key in KEYS.items():
        world.people.add_approver(name, key.public_key().public_bytes_raw(), "test")
    proposed = world.referrer.propose(case_id, "robin", agency, "an example of a legal basis", [world.abusive])
    return proposed.referral_id


def hand_over(world: World, referral_id: str) -> None:
    attestation = world.referrer.referral(referral_id).attestation
    for key in KEYS.values():
        world.referrer.approve(referral_id, approve(attestation, key))
    world.referrer.export(referral_id, "robin")


def test_case_whose_referral_is_under_way_stays_and_then_for_as_long_as_the_law_says(world: World) -> None:
    case_id = decided(world, outcome=Outcome.VIOLATION)
    referral_id = refer(world, case_id)
    sweep_after(world, 800)
    assert gone(world, case_id) == []
    hand_over(world, referral_id)
    handed = world.clock.at
    world.clock.at += 100 * DAY_MS
    world.referrer.export(referral_id, "robin")  # handed out again: that does not count anew
    assert world.referrer.referral(referral_id).finished_at == handed
    sweep_after(world, 364 - 100)
    assert Record.CASE_EVIDENCE not in gone(world, case_id)
    assert Record.DECISION in gone(world, case_id)  # no duty is about it
    sweep_after(world, 10)
    assert gone(world, case_id) == [*WHOLE, Record.REFERRAL_RECORD]
    with refused("erased"):
        world.referrer.export(referral_id, "robin")
    with refused("erased"):
        refer(world, case_id)
    world.audit()
    sweep_after(world, 1_900)
    assert gone(world, case_id) == list(Record)
    left = everywhere(world)
    assert referral_id.encode() in left
    assert b"an example of a legal basis" not in left
    assert world.eraser.sweep() == Swept()
    world.audit()


def test_event_that_another_case_needs_stays_until_that_one_goes_too(world: World) -> None:
    one = decided(world)
    two = world.report(world.abusive, by=world.mallory).report.case_id or ""
    assert one != two
    sweep_after(world, 40)
    assert gone(world, one) == EVIDENCE
    assert world.desk.reveal(two, world.abusive, "robin").body == "[abusive message 1]"
    with refused("erased"):
        world.desk.reveal(one, world.abusive, "robin")
    world.audit()
    world.desk.decide(two, "robin", Outcome.NO_VIOLATION, Policy.NONE, REASON, [])
    sweep_after(world, 40)
    with world.store.read() as tx:
        assert tx.preserved(world.abusive) is None
        assert tx.counts() == (2, 0, 2)
    world.audit()


def test_same_report_after_the_erasure_is_a_new_one_and_can_be_proven(world: World) -> None:
    first = decided(world)
    sweep_after(world, 40)
    again = world.report(world.abusive, note=NOTE)
    assert again.created
    assert world.codes(again) == ["ok"]
    assert again.report.case_id != first
    assert world.desk.reveal(again.report.case_id or "", world.abusive, "robin").body == "[abusive message 1]"
    world.audit()
    sweep_after(world, 400)
    assert gone(world, first) == WHOLE
    assert gone(world, again.report.case_id or "") == []  # it is open
    world.audit()


def a_kept_file(world: World) -> tuple[str, str, bytes]:
    """Case, event and the digest of a file that was kept of it."""
    event = world.homeserver.send_file(world.room, world.mallory, world.homeserver.upload(b"a circle"))
    case_id = world.report(event).report.case_id or ""
    world.checker.run_due()
    attachment = world.desk.case(case_id, "robin").attachments[event][0].attachment
    kept = world.desk.keep_attachment(case_id, event, attachment.attachment_id, "robin", "for the agency")
    world.desk.decide(case_id, "robin", Outcome.NO_VIOLATION, Policy.NONE, REASON, [])
    assert kept.blob is not None
    return case_id, event, kept.blob


def test_kept_files_go_with_the_last_message_that_carries_them(world: World) -> None:
    case_id, _, blob = a_kept_file(world)
    assert world.vault.holds(case_id, blob)
    sweep_after(world, 40)
    assert not world.vault.holds(case_id, blob)
    assert world.desk.case(case_id, "robin").attachments == {}
    with world.store.read() as tx:
        entry = next(entry for entry in tx.log_of(case_id) if entry.kind == LogKind.CASE_ERASED)
    assert json.loads(entry.detail)["files"] == [blob.hex()]
    world.audit()


@on_sqlite
def test_file_of_old_goes_with_the_last_case_that_needs_it(world: World) -> None:
    """Files from before there were keys of cases lie in one folder for all of them."""
    case_id, _, blob = a_kept_file(world)
    old = Path(world.folder.name) / "attachments"
    old.mkdir()
    (old / blob.hex()).write_bytes(b"the ciphertext")
    (old / ("ab" * 32)).write_bytes(b"of no case")
    with world.store.write() as tx:
        assert tx.cases_needing(blob) == [case_id]
    sweep_after(world, 40)
    assert gone(world, case_id) == EVIDENCE
    assert list(old.iterdir()) == []


@on_sqlite
def test_file_that_cannot_be_removed_now_is_removed_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    case_id, _, blob = a_kept_file(world)
    stuck = True
    remove = type(world.vault).remove

    def sometimes(self: object, case_id: str) -> None:
        if stuck:
            raise UnavailableError("vault_unwritable", "the disk is away")
        remove(self, case_id)  # type: ignore[arg-type]

    monkeypatch.setattr(type(world.vault), "remove", sometimes)
    with pytest.raises(UnavailableError):
        sweep_after(world, 40)
    assert gone(world, case_id) == EVIDENCE  # what opens it is gone all the same
    assert world.vault.holds(case_id, blob)
    with refused("erased"):
        world.vault.read(case_id, blob)
    stuck = False
    world.eraser.sweep()
    assert not world.vault.holds(case_id, blob)
    with world.store.read() as tx:
        assert tx.erasures_with_files() == []


@on_sqlite
def test_report_that_was_edited_is_not_erased_over(world: World) -> None:
    case_id = decided(world)
    with world.store.engine.begin() as connection:
        connection.execute(text("UPDATE reports SET sealed_note = NULL, note = 'something else'"))
    with refused("record_changed"):
        world.audit()
    assert sweep_after(world, 400).refused == (case_id,)
    assert gone(world, case_id) == []
    with refused("record_changed"):
        world.audit()


@on_sqlite
def test_hold_whose_row_somebody_deleted_holds_all_the_same(world: World) -> None:
    case_id = decided(world)
    for new in (on(case_id), on(world.mallory, scope=HoldScope.ACCOUNT)):
        world.hold_desk.place(new, "robin")
        with world.store.engine.begin() as connection:
            connection.execute(text("DELETE FROM holds"))
        assert sweep_after(world, 400).refused == (case_id,)
        assert gone(world, case_id) == []
        with refused("record_changed"):
            world.audit()


TAMPERED = {
    "an event is deleted, too": "DELETE FROM evidence",
    "an event is put back": "INSERT INTO evidence (event_id, room_id, sender, event, sha256, preserved_at) "
    "SELECT '$put-back', room_id, sender, event, sha256, preserved_at FROM evidence",
    "the case's key is put back": "UPDATE case_keys SET wrapped = sealed, shredded_at = NULL FROM sealed_events "
    "WHERE shredded_at IS NOT NULL",
    "a note is put back": f"UPDATE reports SET note = '{NOTE}' WHERE note = ''",
    "a key is deleted, too": "UPDATE reported_messages SET sealed_key = NULL WHERE sealed_key IS NOT NULL",
    "another case counts as erased": "INSERT INTO erasures SELECT c.case_id, 'case_evidence', rule, rules, planned_at, "
    "not_before, erased_at, files FROM erasures e, cases c WHERE c.case_id != e.case_id",
    "the erasure is denied": "DELETE FROM erasures",
    "the erasure is dated back": "UPDATE erasures SET erased_at = erased_at - 1",
    "the copy of it is denied": "UPDATE cases SET erased = ''",
    "another time was decided": "UPDATE cases SET decided_at = decided_at - 1",
    "a name is erased, too": "UPDATE reports SET reporter = NULL",
    "a decision is erased, too": "UPDATE decisions SET reason = ''",
}


def test_audit_accepts_what_the_log_says_was_erased_and_nothing_else(world: World) -> None:
    decided(world)
    sweep_after(world, 40)
    world.report(world.opening)
    world.audit()
    assert [how for how, statement in TAMPERED.items() if not found_by_audit(world, statement)] == []
    world.audit()


@on_sqlite
def test_audit_finds_names_that_are_put_back(world: World) -> None:
    decided(world)
    sweep_after(world, 400)
    world.audit()
    for statement in (
        f"UPDATE cases SET subject = '{world.mallory}'",
        f"UPDATE reports SET reporter = '{world.bob}'",
        f"UPDATE decisions SET reason = '{REASON}'",
    ):
        assert found_by_audit(world, statement), statement


def test_every_column_that_says_something_of_a_case_has_a_fate() -> None:
    assert {table.name for table in FATES} | NOT_OF_CASES == set(metadata.tables)
    assert not {table.name for table in FATES} & NOT_OF_CASES
    for table, fates in FATES.items():
        assert set(fates.columns) | fates.stays == set(table.c.keys()), table.name
        assert not set(fates.columns) & fates.stays, table.name
        # What is tied to a case by its id is not forgotten either.
    tied = {table.name for table in metadata.tables.values() if "case_id" in table.c}
    assert tied <= {table.name for table in FATES}
    assert alerts in FATES


def test_looking_through_all_cases_finds_of_each_what_looking_at_it_does(world: World) -> None:
    """The plan looks through copies; what is erased is decided from the tables they were copied from."""

    def agree() -> None:
        with world.store.snapshot() as tx:
            through = {kept.case_id: kept for kept in tx.kept_cases(world.clock.at)}
            assert tx.miscopied_case() is None
            for case_id in cases:
                one = tx.kept_case(case_id, world.clock.at)
                assert one is not None
                assert through.get(case_id, one._replace(records=())) == one

    cases = [world.report(world.opening).report.case_id or ""]
    agree()
    cases.append(world.report(world.abusive).report.case_id or "")
    world.desk.decide(cases[1], "robin", Outcome.VIOLATION, Policy.CHILD_GROOMING, REASON, [ActionKind.LOCK])
    agree()
    referral_id = refer(world, cases[1])
    agree()
    hand_over(world, referral_id)
    world.enforcer.run_due()
    world.hold_desk.place(on(world.bob, scope=HoldScope.ACCOUNT, until=world.clock.at + 500 * DAY_MS), "robin")
    asked = on(cases[1], kind=HoldKind.PRESERVATION, agency="Example Police", reference="EX-1")
    hold = world.hold_desk.place(asked, "robin")
    agree()
    world.hold_desk.propose_release(hold.hold_id, "robin", "over")
    world.hold_desk.release(hold.hold_id, "kim")
    agree()
    for days in (400, 200, 300, 2_000):
        sweep_after(world, days)
        agree()
    assert gone(world, cases[1]) == list(Record)


def race(*deeds: Callable[[], object]) -> list[object]:
    barrier = threading.Barrier(len(deeds))
    results: list[object] = [None] * len(deeds)

    def run(number: int, deed: Callable[[], object]) -> None:
        barrier.wait()
        try:
            results[number] = deed()
        except RefusedError as e:
            results[number] = e

    threads = [threading.Thread(target=run, args=item) for item in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_hold_that_races_an_erasure_stops_it_or_is_told_that_it_came_too_late(world: World, database_url: str) -> None:
    """Two stores with pools and locks of their own are, to the database, two processes."""
    other = Database(database_url, LOG_KEY)
    cases = [decided(world, world.homeserver.say(world.room, world.mallory, f"[message {n}]")) for n in range(12)]
    world.clock.at += 400 * DAY_MS
    world.eraser.sweep()
    world.clock.at += NOTICE_MS
    desk = replace(world.hold_desk, store=other)
    placed, swept = race(lambda: [_placed(desk.place, case_id) for case_id in cases[::-1]], world.eraser.sweep)
    assert isinstance(placed, list)
    assert isinstance(swept, Swept)
    for case_id, in_time in zip(cases[::-1], placed, strict=True):
        # Never both, never neither.
        assert gone(world, case_id) == ([] if in_time else WHOLE)
        if in_time:
            body = world.desk.reveal_all(case_id, "robin")
            assert len(body) == 1
    assert swept.erased == 3 * placed.count(False)
    world.audit()
    other.close()


def _placed(place: Callable[[NewHold, str], object], case_id: str) -> bool:
    try:
        place(on(case_id), "kim")
    except RefusedError as e:
        if e.code != "erased":
            raise
        return False
    return True


def test_two_processes_erase_everything_once(world: World, database_url: str) -> None:
    other = Database(database_url, LOG_KEY)
    cases = [decided(world, world.homeserver.say(world.room, world.mallory, f"[message {n}]")) for n in range(6)]
    world.clock.at += 400 * DAY_MS
    world.eraser.sweep()
    world.clock.at += NOTICE_MS
    done = race(world.eraser.sweep, replace(world.eraser, store=other).sweep)
    assert sum(one.erased for one in done if isinstance(one, Swept)) == 3 * len(cases)
    with world.store.read() as tx:
        kinds_ = [entry.kind for entry in tx.log_entries()]
    assert kinds_.count(LogKind.CASE_ERASED) == len(cases)
    world.audit()
    other.close()


@on_sqlite
def test_of_several_processes_one_sweeps_in_an_hour(world: World) -> None:
    decided(world)
    world.clock.at += 400 * DAY_MS
    world.eraser.run()
    world.eraser.run()
    with world.store.read() as tx:
        assert len(tx.announced()) == 3
    world.clock.at += NOTICE_MS
    world.eraser.run()
    world.clock.at = SetClock().at  # a clock that is set back puts nothing off, and erases nothing
    world.eraser.run()
    world.audit()
