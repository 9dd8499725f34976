"""Evidence in the tables: sealed under the key of its case; moved, changed or under another key, it does not open."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from nightlight.adapters.case_seal import CaseKeys
from nightlight.adapters.master_key import CommandMasterKey
from nightlight.errors import RefusedError, UnavailableError
from nightlight.model.case import Case, CaseSource, CaseState
from nightlight.model.report import Category, Report, ReportedMessage, ReportSource, ReportState
from nightlight.model.retention import Record
from nightlight.model.verdict import Code, verdict_for
from nightlight.ports import NewReport
from nightlight.store.database import Database
from tests.databases import LOG_KEY, StillClock, case_keys

NOTE, KEY, EVENT = "[what the reporter wrote]", b"k" * 31 + b"1", b'{"content":{"ciphertext":"[ciphertext 1]"}}'


class FakeEvent:
    """As much of a stored event as the store looks at."""

    def __init__(self, event_id: str, encoded: bytes = EVENT) -> None:
        self.event_id, self.encoded = event_id, encoded
        self.room_id, self.sender, self.sha256 = "!room", "@mallory:sim.example", b"s" * 32


def message(event_id: str, position: int = 0) -> ReportedMessage:
    return ReportedMessage(position, event_id, verdict_for(Code.OK), "@mallory:sim.example", 5, KEY)


def report(report_id: str, case_id: str | None, *event_ids: str) -> Report:
    state = ReportState.CHECKED if case_id else ReportState.PENDING
    messages = tuple(message(event_id, position) for position, event_id in enumerate(event_ids))
    bob, source = "@bob:sim.example", ReportSource.API
    return Report(report_id, 1, bob, "!room", Category.GROOMING, NOTE, "en", source, state, case_id, None, messages)


def add_case(tx: Any, case_id: str) -> None:
    tx.add_case(
        Case(
            case_id,
            1,
            CaseState.OPEN,
            "@mallory:sim.example",
            "!room",
            Category.GROOMING,
            1,
            1,
            1,
            1,
            CaseSource.REPORT,
        )
    )


def file(store: Database, report_id: str, case_id: str, *event_ids: str) -> None:
    with store.write() as tx:
        if tx.case(case_id) is None:
            add_case(tx, case_id)
        for event_id in event_ids:
            tx.preserve(FakeEvent(event_id), 1, case_id)  # type: ignore[arg-type]
        tx.add_report(NewReport(report(report_id, case_id, *event_ids), report_id, report_id.encode(), None))


def run(store: Database, sql: str, **values: Any) -> list[Any]:
    with store.engine.begin() as connection:
        done = connection.execute(text(sql), values)
        return list(done) if done.returns_rows else []


def read_all(store: Database, report_id: str) -> tuple[Report | None, bytes | None]:
    with store.read() as tx:
        return tx.report(report_id), tx.preserved("$1")


def code_of(store: Database, report_id: str = "report_1") -> str:
    with pytest.raises(RefusedError) as caught:
        read_all(store, report_id)
    return caught.value.code


def test_what_is_stored_comes_back_and_stands_nowhere_in_the_clear(database: Database) -> None:
    file(database, "report_1", "case_1", "$1")
    assert read_all(database, "report_1") == (report("report_1", "case_1", "$1"), EVENT)
    for table in ("reports", "reported_messages", "evidence", "sealed_events", "case_keys"):
        for row in run(database, f"SELECT * FROM {table}"):
            for value in row:
                stored = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                assert NOTE.encode() not in stored
                assert KEY not in stored
                assert EVENT not in stored


SWAPS = {
    "reports": ("sealed_note", "report_id"),
    "reported_messages": ("sealed_key", "report_id"),
}


@pytest.mark.parametrize("table", SWAPS)
def test_sealed_values_of_two_rows_cannot_be_swapped(table: str, database: Database) -> None:
    file(database, "report_1", "case_1", "$1")
    file(database, "report_2", "case_1", "$2")
    column, key = SWAPS[table]
    ((other,),) = run(database, f"SELECT {column} FROM {table} WHERE {key} = 'report_2'")
    run(database, f"UPDATE {table} SET {column} = :value WHERE {key} = 'report_1'", value=other)
    assert code_of(database) == "sealed_damaged"


def test_events_and_places_within_a_row_cannot_be_swapped(database: Database) -> None:
    file(database, "report_1", "case_1", "$1", "$2")
    ((other,),) = run(database, "SELECT sealed FROM sealed_events WHERE event_id = '$2'")
    run(database, "UPDATE sealed_events SET sealed = :value WHERE event_id = '$1'", value=other)
    with pytest.raises(RefusedError) as caught, database.read() as tx:
        tx.preserved("$1")
    assert caught.value.code == "sealed_damaged"
    run(database, "UPDATE reported_messages SET sealed_key = (SELECT sealed_note FROM reports)")
    assert code_of(database) == "sealed_damaged"


def test_report_cannot_be_moved_into_another_case(database: Database) -> None:
    file(database, "report_1", "case_1", "$1")
    file(database, "report_2", "case_2", "$2")
    run(database, "UPDATE reports SET case_id = 'case_2'")
    assert code_of(database) == "sealed_damaged"


def test_wrapped_keys_of_two_cases_cannot_be_swapped(database: Database, database_url: str) -> None:
    file(database, "report_1", "case_1", "$1")
    file(database, "report_2", "case_2", "$2")
    ((other,),) = run(database, "SELECT wrapped FROM case_keys WHERE case_id = 'case_2'")
    run(database, "UPDATE case_keys SET wrapped = :value WHERE case_id = 'case_1'", value=other)
    fresh = Database(database_url, LOG_KEY, case_keys())
    assert code_of(fresh) == "case_key_damaged"
    fresh.close()


def test_row_with_a_value_in_the_clear_beside_the_sealed_one_is_refused(database: Database) -> None:
    file(database, "report_1", "case_1", "$1")
    run(database, "UPDATE reports SET note = 'other words'")
    assert code_of(database) == "sealed_damaged"


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    store = Database(f"sqlite:///{tmp_path_factory.mktemp('sealed') / 'x.sqlite3'}", LOG_KEY, case_keys())
    store.migrate()
    file(store, "report_1", "case_1", "$1")
    yield store
    store.close()


COLUMNS = ["reports.sealed_note", "reported_messages.sealed_key", "sealed_events.sealed"]


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    column=st.sampled_from(["reports.sealed_note", "reported_messages.sealed_key", "sealed_events.sealed"]),
)
def test_any_change_to_any_byte_of_a_sealed_value_is_detected(
    data: st.DataObject, column: str, sealed: Database
) -> None:
    table, _, name = column.partition(".")
    ((value,),) = run(sealed, f"SELECT {name} FROM {table}")
    position = data.draw(st.integers(0, len(value) - 1))
    changed = bytearray(value)
    changed[position] ^= data.draw(st.integers(1, 255))
    try:
        for bad in (bytes(changed), bytes(value[:position])):
            run(sealed, f"UPDATE {table} SET {name} = :value", value=bad)
            assert code_of(sealed) == "sealed_damaged"
    finally:
        run(sealed, f"UPDATE {table} SET {name} = :value", value=bytes(value))
    assert read_all(sealed, "report_1")[1] == EVENT


# The master key


def test_lost_master_key_is_explained_and_no_new_case_is_begun_under_another(
    database: Database, database_url: str
) -> None:
    file(database, "report_1", "case_1", "$1")
    elsewhere = Database(database_url, LOG_KEY, case_keys(b"another".ljust(32)))
    assert code_of(elsewhere) == "master_key_wrong"
    with pytest.raises(RefusedError) as caught:
        file(elsewhere, "report_2", "case_2", "$2")
    assert caught.value.code == "master_key_wrong"
    assert "backup" in caught.value.hint
    with database.read() as tx:
        assert tx.case("case_2") is None
    elsewhere.close()


def test_store_without_a_master_key_says_that_it_cannot_read(database: Database, database_url: str) -> None:
    file(database, "report_1", "case_1", "$1")
    without = Database(database_url, LOG_KEY)
    assert code_of(without) == "master_key_missing"
    without.close()


# Shredding


def test_shredded_case_never_opens_again_and_others_do(database: Database, database_url: str) -> None:
    seal = case_keys()
    store = Database(database_url, LOG_KEY, seal)
    file(store, "report_1", "case_1", "$1")
    file(store, "report_2", "case_2", "$1", "$2")
    assert read_all(database, "report_1")[1] == EVENT  # so that its key is in the memory of another process
    with store.write() as tx:
        seal.shred(tx, "case_1", 7)
        seal.shred(tx, "case_1", 8)
    for process in (store, database):
        with process.read() as tx:
            for call in (
                lambda: tx.report("report_1"),
                lambda: tx.reports_of("case_1"),
                lambda: seal.file_identity(tx, "case_1"),
            ):
                with pytest.raises(RefusedError) as caught:
                    call()
                assert caught.value.code == "erased"
            assert tx.report("report_2") == report("report_2", "case_2", "$1", "$2")
            assert tx.preserved("$1") == EVENT  # the other case has a copy of its own
    with pytest.raises(RefusedError) as caught:
        file(store, "report_3", "case_1", "$3")
    assert caught.value.code == "erased"
    with store.read() as tx:
        key = tx.case_key("case_1")
    assert key is not None
    assert (key.wrapped, key.shredded_at) == (None, 7)
    store.close()


def test_event_of_erased_cases_alone_is_erased_and_may_be_preserved_anew(database: Database) -> None:
    file(database, "report_1", "case_1", "$1")
    with database.write() as tx:
        case_keys().shred(tx, "case_1", 7)
    with pytest.raises(RefusedError) as caught, database.read() as tx:
        tx.preserved("$1")
    assert caught.value.code == "erased"
    with database.write() as tx:
        add_case(tx, "case_2")
        tx.preserve(FakeEvent("$1", b'{"now":"something else"}'), 9, "case_2")  # type: ignore[arg-type]
        assert tx.preserved("$1") == b'{"now":"something else"}'


def test_case_that_had_no_key_stays_without_one_once_it_is_shredded(database: Database) -> None:
    with database.write() as tx:
        case_keys().shred(tx, "case_1", 7)
    with pytest.raises(RefusedError) as caught:
        file(database, "report_1", "case_1", "$1")
    assert caught.value.code == "erased"


def test_what_was_preserved_first_stays_for_every_case(database: Database) -> None:
    file(database, "report_1", "case_1", "$1")
    with database.write() as tx:
        tx.preserve(FakeEvent("$1", b'{"later":"redacted"}'), 9, "case_2")  # type: ignore[arg-type]
        case_keys().shred(tx, "case_1", 9)
        assert tx.preserved("$1") == EVENT


def test_erased_case_leaves_no_ciphertext_of_its_own(database: Database) -> None:
    file(database, "report_1", "case_1", "$1")
    file(database, "report_2", "case_2", "$1")
    with database.write() as tx:
        case_keys().shred(tx, "case_1", 7)
        tx.erase_evidence("case_1")
        tx.mark_erased("case_1", [Record.CASE_EVIDENCE], 7)
    emptied, event = read_all(database, "report_1")
    assert emptied is not None
    assert (emptied.note, emptied.messages[0].message_key, event) == ("", None, EVENT)
    assert read_all(database, "report_2")[0] == report("report_2", "case_2", "$1")
    with database.read() as tx:
        assert tx.clear_counts().all == 0  # what is erased is not taken for something left to seal


# A report that waits


def test_waiting_report_has_a_key_of_its_own_until_it_joins_a_case(database: Database) -> None:
    with database.write() as tx:
        tx.add_report(NewReport(report("report_1", None, "$1"), "token", b"d", None))
    with database.read() as tx:
        assert [item.report for item in tx.pending_due(10, 5)] == [report("report_1", None, "$1")]
        assert tx.case_key("report_1") is not None
    with database.write() as tx:
        add_case(tx, "case_1")
        tx.settle_report(report("report_1", "case_1", "$1"), "@bob:sim.example")
    with database.read() as tx:
        assert tx.report("report_1") == report("report_1", "case_1", "$1")
        assert tx.case_key("report_1") is None
        assert tx.case_key("case_1") is not None


# Rows from before


def old_database(url: str) -> None:
    """A database as it was before there were keys of cases, with one report, its message and its event."""
    store = Database(url, LOG_KEY)
    config = Config()
    config.set_main_option("script_location", str(resources.files("nightlight.store") / "migrations"))
    with store.engine.connect() as connection:
        if store.engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes["connection"] = connection
        config.attributes["log_key"] = LOG_KEY
        command.upgrade(config, "0008")
        for table, values in OLD.items():
            names = ", ".join(values)
            marks = ", ".join(f":{name}" for name in values)
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)
        connection.commit()
    store.close()


OLD: dict[str, dict[str, Any]] = {
    "cases": {
        "case_id": "case_1",
        "opened_at": 1,
        "state": "open",
        "subject": "@mallory:sim.example",
        "room_id": "!room",
        "category": "grooming",
        "severity": 1,
        "proven": 1,
        "messages": 1,
        "reports": 1,
        "source": "report",
    },
    "reports": {
        "report_id": "report_1",
        "received_at": 1,
        "claimant": "c",
        "digest": b"d",
        "source": "api",
        "reporter": "@bob:sim.example",
        "room_id": "!room",
        "category": "grooming",
        "note": NOTE,
        "language": "en",
        "state": "checked",
        "case_id": "case_1",
        "attempts": 0,
        "next_attempt_at": 0,
    },
    "reported_messages": {
        "report_id": "report_1",
        "position": 0,
        "event_id": "$1",
        "message_key": KEY,
        "role": "reported",
        "verdict": "VERIFIED",
        "code": "ok",
        "sender": "@mallory:sim.example",
        "sent_at": 5,
    },
    "evidence": {
        "event_id": "$1",
        "room_id": "!room",
        "sender": "@mallory:sim.example",
        "event": EVENT,
        "sha256": b"s" * 32,
        "preserved_at": 1,
    },
    "referrals": {
        "referral_id": "referral_1",
        "case_id": "case_1",
        "agency": "Example Agency",
        "recipient": "age1",
        "legal_basis": "law",
        "proposed_by": "robin",
        "proposed_at": 1,
        "needed": 2,
        "state": "proposed",
        "messages": 1,
        "attestation": b"a",
        "contents": b"[the contents of a bundle]",
    },
}


def test_rows_from_before_are_read_as_they_are_and_sealed_when_asked(database_url: str) -> None:
    old_database(database_url)
    store = Database(database_url, LOG_KEY, case_keys())
    store.migrate()
    expected = (report("report_1", "case_1", "$1"), EVENT)
    assert read_all(store, "report_1") == expected
    with store.read() as tx:
        counts = tx.clear_counts()
        assert (counts.reports, counts.events, counts.referrals) == (1, 1, 1)
    with store.write() as tx:
        assert tx.clear_reports("", 5) == ["report_1"]
        tx.seal_report("report_1")
        assert tx.seal_event("$1")
        tx.seal_referral("referral_1")
    with store.read() as tx:
        assert tx.clear_counts().all == 0
        referral = tx.referral("referral_1")
        assert referral is not None
        assert (referral.contents, referral.draft) == (b"[the contents of a bundle]", None)
    assert read_all(store, "report_1") == expected
    ((note, key, event, contents),) = run(
        store,
        "SELECT note, message_key, event, contents FROM reports, reported_messages, evidence, referrals",
    )
    assert (note, key, bytes(event), bytes(contents)) == ("", None, b"", b"")
    store.close()


def test_sealing_what_was_clear_takes_it_off_the_disk(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    old_database(url)
    store = Database(url, LOG_KEY, case_keys())
    store.migrate()
    said = (NOTE.encode(), KEY, EVENT, b"[the contents of a bundle]")
    before = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert all(words in before for words in said)
    with store.write() as tx:
        tx.seal_report("report_1")
        tx.seal_event("$1")
        tx.seal_referral("referral_1")
    store.scrub()
    after = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not any(words in after for words in said)
    store.close()


def test_clear_and_sealed_rows_stand_side_by_side(database_url: str) -> None:
    clear = Database(database_url, LOG_KEY)
    clear.migrate()
    file(clear, "report_1", "case_1", "$1")
    sealing = Database(database_url, LOG_KEY, case_keys())
    file(sealing, "report_2", "case_1", "$1", "$2")
    assert read_all(sealing, "report_1") == (report("report_1", "case_1", "$1"), EVENT)
    assert read_all(sealing, "report_2")[0] == report("report_2", "case_1", "$1", "$2")
    for store in (clear, sealing):
        store.close()


def test_service_that_does_not_answer_lets_nothing_in_in_the_clear(database_url: str) -> None:
    master = CommandMasterKey("/nonexistent/kms")
    store = Database(database_url, LOG_KEY, CaseKeys(master, StillClock()))
    store.migrate()
    with pytest.raises(UnavailableError) as caught:
        file(store, "report_1", "case_1", "$1")
    assert caught.value.code == "master_key_unavailable"
    assert run(store, "SELECT count(*) FROM reports") == [(0,)]
    assert run(store, "SELECT count(*) FROM evidence") == [(0,)]
    store.close()
