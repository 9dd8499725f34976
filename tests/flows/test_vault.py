"""The evidence vault at work: read through a case and logged, checked on a schedule, erased with its key alone."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

import nightlight
from nightlight.adapters.case_seal import rewrapped
from nightlight.adapters.master_key import HeldMasterKey
from nightlight.errors import RefusedError, UnavailableError
from nightlight.evidence.log import LogEntry, LogKind
from nightlight.flows.check_vault import DAY_MS, examine_vault
from nightlight.flows.gather_evidence import kept_files
from nightlight.flows.seal_evidence import rekey, require_readable
from nightlight.hazmat import base64url
from nightlight.model.case import Outcome, Policy
from nightlight.model.health import Level
from nightlight.model.report import Category
from nightlight.store.database import Database
from tests.databases import LOG_KEY, MASTER_KEY, case_keys
from tests.world import World


def a_kept_file(world: World, plaintext: bytes = b"a circle") -> tuple[str, str, str, bytes]:
    """Case, event and attachment of a picture that was kept, and its ciphertext."""
    content = world.homeserver.upload(plaintext)
    event = world.homeserver.send_file(world.room, world.mallory, content)
    case_id = world.report(event).report.case_id or ""
    world.checker.run_due()
    attachment_id = attachment_of(world, case_id, event)
    world.desk.keep_attachment(case_id, event, attachment_id, "robin", "for a referral")
    return case_id, event, attachment_id, world.homeserver.blobs[content["url"]]


def attachment_of(world: World, case_id: str, event: str) -> str:
    return world.desk.case(case_id, "robin").attachments[event][0].attachment.attachment_id


def another_case(world: World, case_id: str, event: str) -> str:
    """The same message in another case, as the first one was decided by the time it was reported again."""
    world.desk.decide(case_id, "robin", Outcome.NO_VIOLATION, Policy.NONE, "shapes", [])
    return world.report(event, note="once more").report.case_id or ""


def entries(world: World, kind: LogKind) -> list[LogEntry]:
    with world.store.read() as tx:
        return [entry for entry in tx.log_entries() if entry.kind == kind]


def shred(world: World, case_id: str) -> None:
    with world.store.write() as tx:
        world.case_keys.shred(tx, case_id, world.clock.now())


# Nobody reads a kept file unseen


def test_reading_a_kept_file_stands_in_the_log_before_its_first_byte(world: World) -> None:
    case_id, event, attachment_id, blob = a_kept_file(world)
    chunks = world.kept_files.read(case_id, event, attachment_id, "robin", " to send it by courier ")
    (entry,) = entries(world, LogKind.ATTACHMENT_READ)  # and nothing was taken yet
    assert (entry.actor, entry.subject) == ("robin", case_id)
    assert json.loads(entry.detail)["reason"] == "to send it by courier"
    assert b"".join(chunks) == blob
    world.audit()


def test_reading_is_refused_without_a_reason_through_another_case_or_what_was_not_kept(world: World) -> None:
    case_id, event, attachment_id, _ = a_kept_file(world)
    other = world.report(world.reply, by=world.mallory).report.case_id or ""
    content = world.homeserver.upload(b"a square")
    not_kept = world.homeserver.send_file(world.room, world.mallory, content)
    third = world.report(not_kept).report.case_id or ""
    for arguments, expected in [
        ((case_id, event, attachment_id, "robin", "  "), "reason_missing"),
        ((case_id, event, attachment_id, "robin", "x" * 100_000), "reason_too_long"),
        ((other, event, attachment_id, "robin", "why"), "attachment_not_found"),
        ((case_id, world.reply, attachment_id, "robin", "why"), "attachment_not_found"),
        ((case_id, event, "attachment_x", "robin", "why"), "attachment_not_found"),
        ((third, not_kept, attachment_of(world, third, not_kept), "robin", "why"), "attachment_not_kept"),
    ]:
        with pytest.raises(RefusedError) as caught:
            world.kept_files.read(*arguments)
        assert caught.value.code == expected
    assert entries(world, LogKind.ATTACHMENT_READ) == []


def test_nobody_else_in_the_house_reads_the_vault() -> None:
    """Whoever adds a reader has to come by here, and say why it needs no entry of its own in the log."""
    readers = set()
    root = Path(nightlight.__file__).parent
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Attribute)
                and node.attr in ("read", "check", "old_files", "move_in")
                and isinstance(node.value, ast.Name | ast.Attribute)
                and (node.value.id if isinstance(node.value, ast.Name) else node.value.attr).endswith("vault")
            ):
                readers.add(str(path.relative_to(root)))
    readers_through = {
        str(path.relative_to(root)) for path in root.rglob("*.py") if "read_for(" in path.read_text()
    } - {"flows/kept_files.py"}
    assert readers == {
        "bench/referral.py",
        "bench/vault.py",
        "cli/evidence.py",  # counts files of before
        "flows/check_vault.py",
        "flows/gather_evidence.py",
        "flows/kept_files.py",
        "flows/prepare_report.py",  # what goes out: each step of it is logged
        "flows/seal_evidence.py",  # moves files of before
        "flows/shred_case.py",  # removes files of before
    }
    assert readers_through == {
        "flows/check_attachments.py",
        "flows/gather_evidence.py",
        "flows/keep_attachment.py",  # gives a case its own copy
        "flows/prepare_report.py",  # what goes out: each step of it is logged
    }


# The database says nothing


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_after_intake_no_message_key_event_or_note_stands_in_the_database_files(world: World) -> None:
    """Of PostgreSQL's files nothing can be said from here."""
    note = "[what happened, in the reporter's words]"
    receipt = world.report(world.abusive, world.opening, note=note)
    waiting = world.homeserver.say(world.room, world.mallory, "[abusive message 2]")
    world.homeserver.down = True
    world.report(waiting, note=note)
    world.homeserver.down = False
    folder = Path(str(world.store.engine.url.database)).parent
    data = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
    assert receipt.report.report_id.encode() in data  # so this is where to look
    for event_id in (world.abusive, world.opening, waiting):
        key = world.key(event_id)
        event = world.homeserver.events[event_id]
        ciphertext = str(event["content"]["ciphertext"]).encode()
        assert event_id.encode() in data
        for form in (
            key,
            key.hex().encode(),
            base64.b64encode(key),
            base64url.encode_urlsafe(key).encode(),
            ciphertext,
        ):
            assert form not in data
    assert note.encode() not in data
    assert b"megolm" not in data
    world.intake.check_pending()
    world.audit()


# Checks on a schedule


def test_each_kept_file_is_checked_when_it_is_due_the_longest_wait_first(world: World) -> None:
    first, *_ = a_kept_file(world)
    world.clock.at += 5
    a_kept_file(world, b"a square")
    assert world.vault_checker.run_due(most=1) == 1
    with world.store.read() as tx:
        assert {f.case_id for f in tx.kept_files_after(None, 9) if f.checked_at is not None} == {first}
        assert tx.vault_counts().unchecked == 1
    assert world.vault_checker.run_due() == 1
    assert world.vault_checker.run_due() == 0
    world.clock.at += 29 * DAY_MS
    assert world.vault_checker.run_due() == 0
    world.clock.at += DAY_MS
    assert world.vault_checker.run_due() == 2
    with world.store.read() as tx:
        findings = list(examine_vault(tx, world.clock.now(), 30, lambda: world.case_keys.master.name))
    assert [finding.level for finding in findings] == [Level.OK, Level.OK]


@pytest.mark.parametrize("damage", ["vault_damaged", "vault_missing"])
def test_damage_is_said_once_in_the_log_and_by_the_doctor_until_it_is_mended(damage: str, world: World) -> None:
    case_id, _, _, blob = a_kept_file(world)
    (path,) = world.kept_paths()
    whole = path.read_bytes()
    if damage == "vault_missing":
        path.unlink()
    else:
        path.write_bytes(whole[:-1])
    for _ in range(2):
        world.vault_checker.run_due()
        world.clock.at += 30 * DAY_MS
    (entry,) = entries(world, LogKind.VAULT_DAMAGED)
    assert entry.subject == case_id
    assert json.loads(entry.detail) == {"file": hashlib.sha256(blob).hexdigest(), "damage": damage}
    with world.store.read() as tx:
        (found, *_) = [f for f in examine_vault(tx, world.clock.now(), 30, lambda: "") if f.level is Level.PROBLEM][1:]
    assert case_id in found.what
    path.write_bytes(whole)
    world.vault_checker.run_due()
    assert len(entries(world, LogKind.VAULT_SOUND)) == 1
    with world.store.read() as tx:
        assert tx.vault_counts().damaged == 0
    world.audit()


def test_vault_that_does_not_answer_is_no_damage(world: World) -> None:
    a_kept_file(world)
    folder = world.kept_paths()[0].parents[2]
    shutil.move(folder, folder.with_name("unmounted"))
    with pytest.raises(UnavailableError):
        world.vault_checker.run_due()
    with world.store.read() as tx:
        assert (tx.vault_counts().damaged, tx.vault_counts().unchecked) == (0, 1)
    assert entries(world, LogKind.VAULT_DAMAGED) == []
    assert world.vault_checker.run_due() == 0  # it is claimed, so that others get their turn
    shutil.move(folder.with_name("unmounted"), folder)
    world.clock.at += DAY_MS
    assert world.vault_checker.run_due() == 1


def test_checking_everything_now_finds_what_is_damaged(world: World) -> None:
    cases = [a_kept_file(world, plaintext)[0] for plaintext in (b"a circle", b"a square", b"a triangle")]
    path = next(path for path in world.kept_paths() if path.parent.name == cases[1])
    path.write_bytes(b"something else")
    found = {file.case_id: file.damage for file in world.vault_checker.check_all()}
    assert found == {cases[0]: None, cases[1]: "vault_damaged", cases[2]: None}


# Several cases with one message


def test_each_case_has_a_file_of_its_own_and_erasing_one_leaves_the_other(world: World) -> None:
    case_id, event, attachment_id, blob = a_kept_file(world)
    second = another_case(world, case_id, event)
    assert second != case_id
    # Before it has a copy, the file is read from the other case; and that is logged under the case that asked.
    assert b"".join(world.kept_files.read(second, event, attachment_id, "robin", "why")) == blob
    assert entries(world, LogKind.ATTACHMENT_READ)[0].subject == second
    world.vault_checker.run_due()
    assert {path.parent.name for path in world.kept_paths()} == {case_id, second}
    assert kept_files(world.store, world.vault, second, [event]) == {hashlib.sha256(blob).digest(): blob}
    shred(world, case_id)
    world.vault.remove(case_id)
    assert b"".join(world.kept_files.read(second, event, attachment_id, "robin", "why")) == blob
    with pytest.raises(RefusedError) as caught:
        world.kept_files.read(case_id, event, attachment_id, "robin", "why")
    assert caught.value.code == "erased"
    assert world.desk.reveal(second, event, "robin").event_id == event


def test_files_of_a_shredded_case_do_not_open_although_they_are_there(world: World) -> None:
    case_id, event, attachment_id, blob = a_kept_file(world)
    shred(world, case_id)
    assert len(world.kept_paths()) == 1
    for call in (
        lambda: world.vault.check(case_id, hashlib.sha256(blob).digest()),
        lambda: list(world.vault.read(case_id, hashlib.sha256(blob).digest())),
        lambda: world.kept_files.read(case_id, event, attachment_id, "robin", "why"),
        lambda: world.desk.case(case_id, "robin"),
    ):
        with pytest.raises(RefusedError) as caught:
            call()
        assert caught.value.code == "erased"
    world.vault_checker.run_due()
    assert entries(world, LogKind.VAULT_DAMAGED) == []


def test_key_shredded_behind_the_back_of_the_log_is_found_by_the_audit(world: World) -> None:
    case_id = world.report(world.abusive).report.case_id or ""
    world.audit()
    shred(world, case_id)
    with pytest.raises(RefusedError) as caught:
        world.audit()
    assert caught.value.code == "record_changed"


# From before


def test_evidence_from_before_is_sealed_file_by_file_and_the_audit_agrees(world: World, database_url: str) -> None:
    sealing = world.store
    world.store = Database(database_url, LOG_KEY)  # as it was before there were keys
    content = world.homeserver.upload(b"a circle")
    event = world.homeserver.send_file(world.room, world.mallory, content)
    case_id = world.report(event, world.abusive).report.case_id or ""
    blob = world.homeserver.blobs[content["url"]]
    sha256 = hashlib.sha256(blob).digest()
    flat = Path(world.folder.name) / "attachments"
    flat.mkdir()
    (flat / sha256.hex()).write_bytes(blob)
    (flat / hashlib.sha256(b"x").hexdigest()).write_bytes(b"x")  # nothing refers to it
    with world.store.engine.begin() as connection:
        connection.execute(text("UPDATE attachments SET blob = :blob, kept_at = 5"), {"blob": sha256})
    with world.store.write() as tx:
        attachment = tx.attachments_of([event])[0]
        detail = {"event": event, "reference": attachment.reference, "position": 0, "reason": "why"}
        tx.log(5, LogKind.ATTACHMENT_KEPT, "robin", case_id, detail)
    world.audit()
    world.store.close()
    world.store = sealing
    attachment_id = attachment.attachment_id
    assert b"".join(world.kept_files.read(case_id, event, attachment_id, "robin", "why")) == blob
    with world.store.read() as tx:
        warned = [f.mend for f in examine_vault(tx, world.clock.now(), 30, lambda: "x") if f.level is Level.WARNING]
    assert warned == ["Encrypt them: nightlight evidence seal"]
    done = world.sealer.seal("test")
    assert (done.reports, done.events, done.referrals, done.files, done.left) == (1, 2, 0, 1, 1)
    assert world.sealer.seal("test").all == 0
    assert len(entries(world, LogKind.EVIDENCE_SEALED)) == 1
    assert [path.name for path in flat.iterdir()] == [hashlib.sha256(b"x").hexdigest()]
    assert [(path.parent.name, path.name) for path in world.kept_paths()] == [(case_id, sha256.hex())]
    with world.store.read() as tx:
        assert tx.clear_counts().all == 0
    assert b"".join(world.kept_files.read(case_id, event, attachment_id, "robin", "why")) == blob
    assert world.desk.reveal(case_id, world.abusive, "robin").body == "[abusive message 1]"
    assert world.vault_checker.run_due() == 1
    world.audit()


# Changing the master key


def test_all_data_keys_are_wrapped_anew_and_the_old_master_key_opens_nothing(world: World, database_url: str) -> None:
    case_id, event, attachment_id, blob = a_kept_file(world)
    world.report(world.reply, by=world.mallory)
    old, new = HeldMasterKey(lambda: MASTER_KEY), HeldMasterKey(lambda: b"n" * 32)
    with world.store.read() as tx, pytest.raises(RefusedError) as caught:
        require_readable(tx.case_key_names(), new.name)
    assert caught.value.code == "master_key_wrong"
    assert rekey(world.store, world.clock, new, lambda key: rewrapped(key, old, new), "test") == 2
    assert rekey(world.store, world.clock, new, lambda key: rewrapped(key, old, new), "test") == 0
    assert len(entries(world, LogKind.EVIDENCE_REKEYED)) == 1
    with world.store.read() as tx:
        require_readable(tx.case_key_names(), new.name)
    before = Database(database_url, LOG_KEY, case_keys())
    with pytest.raises(RefusedError) as caught, before.read() as tx:
        tx.reports_of(case_id)
    assert caught.value.code == "master_key_wrong"
    before.close()
    world.store.close()
    world.store = Database(database_url, LOG_KEY, case_keys(b"n" * 32))
    world.__dict__["case_keys"] = case_keys(b"n" * 32)
    assert b"".join(world.kept_files.read(case_id, event, attachment_id, "robin", "why")) == blob
    world.audit()


def test_rekey_with_a_wrong_old_key_changes_nothing(world: World) -> None:
    world.report(world.abusive, category=Category.THREAT)
    wrong, new = HeldMasterKey(lambda: b"w" * 32), HeldMasterKey(lambda: b"n" * 32)
    with pytest.raises(RefusedError) as caught:
        rekey(world.store, world.clock, new, lambda key: rewrapped(key, wrong, new), "test")
    assert caught.value.code == "master_key_wrong"
    world.audit()
