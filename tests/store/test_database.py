"""The store keeps its promises on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, insert, inspect, select, text, update

from nightlight.errors import RefusedError, UnavailableError
from nightlight.evidence.log import EMPTY, LogHead, LogKind, verify_log
from nightlight.model.action import Action, ActionKind, ActionState
from nightlight.model.report import Category, Report, ReportedMessage, ReportSource, ReportState
from nightlight.model.verdict import Code, verdict_for
from nightlight.ports import NewReport
from nightlight.store.database import Database
from nightlight.store.many import write_many
from nightlight.store.schema import metadata
from tests.databases import LOG_KEY


def a_report(number: int, **changes: Any) -> Report:
    values: dict[str, Any] = {
        "report_id": f"report_{number}",
        "received_at": 1000 + number,
        "reporter": "@bob:test",
        "room_id": "!room:test",
        "category": Category.GROOMING,
        "note": "a note — with ünicode 🌙",
        "language": "en",
        "source": ReportSource.API,
        "state": ReportState.CHECKED,
        "case_id": None,
        "target_account": None,
        "messages": (
            ReportedMessage(0, f"$event{number}", verdict_for(Code.OK), "@mallory:test", 5, b"k" * 32),
            ReportedMessage(1, f"$other{number}", verdict_for(Code.EVENT_NOT_FOUND), None, None),
        ),
    }
    return Report(**{**values, **changes})


def verified(store: Database, anchors: Sequence[LogHead] = ()) -> LogHead:
    with store.snapshot() as tx:
        return verify_log(tx.log_entries(), tx.log_head(), anchors, carried=tx.log_carried(), stored=tx.log_nodes)


def test_what_was_written_is_read_back_unchanged(database: Database) -> None:
    report = a_report(1)
    with database.write() as tx:
        tx.add_report(NewReport(report, "@bob:test", b"d" * 32, "key-1", None, "token", 77))
    with database.read() as tx:
        assert tx.report("report_1") == report
        assert tx.same_report(["@bob:test"], b"d" * 32, None) == report
        assert tx.same_report(["@eve:test"], b"d" * 32, "key-1") is None
        assert tx.same_report(["@bob:test"], b"d" * 32, "key-1") == report
        with pytest.raises(RefusedError, match="different report"):
            tx.same_report(["@bob:test"], b"x" * 32, "key-1")


def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as tx:
        tx.add_report(NewReport(a_report(1), "@bob:test", b"d" * 32))
        tx.log(1, LogKind.REPORT_RECEIVED, "@bob:test", "report_1", {})
        raise ZeroDivisionError
    with database.read() as tx:
        assert tx.report("report_1") is None
    assert database.log_head() == EMPTY


def test_settling_a_pending_report_forgets_its_sign_in_proof(database: Database) -> None:
    pending = a_report(1, state=ReportState.PENDING, reporter=None)
    with database.write() as tx:
        tx.add_report(NewReport(pending, "token:abc", b"d" * 32, None, None, "the-openid-token", 0))
    with database.read() as tx:
        assert [p.openid_token for p in tx.pending_due(10, 10)] == ["the-openid-token"]
    with database.write() as tx:
        tx.settle_report(a_report(1), "@bob:test")
    with database.read() as tx:
        assert tx.pending_due(10**15, 10) == []
        assert tx.report("report_1") == a_report(1)
    with database.engine.connect() as connection:
        assert connection.execute(text("SELECT openid_token FROM reports")).scalars().all() == [None]


def test_concurrent_writers_never_fork_the_log(database: Database) -> None:
    def write_some(name: str) -> None:
        for number in range(10):
            with database.write() as tx:
                tx.log(number, LogKind.CASE_VIEWED, name, "case", {"n": number})

    threads = [threading.Thread(target=write_some, args=(f"reviewer-{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verified(database).number == 80


def test_two_processes_never_fork_the_log(database_url: str) -> None:
    # Two stores with a pool and a lock of their own are, to the database, two processes.
    stores = [Database(database_url, LOG_KEY) for _ in range(2)]
    stores[0].migrate()

    def write_some(store: Database) -> None:
        for number in range(15):
            with store.write() as tx:
                tx.log(number, LogKind.CASE_VIEWED, "reviewer", "case", {"n": number})

    threads = [threading.Thread(target=write_some, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verified(stores[0]).number == 30
    for store in stores:
        store.close()


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE log_entries SET actor = 'somebody else' WHERE number = 3",
        "UPDATE log_entries SET detail = '{}' WHERE number = 1",
        "UPDATE log_entries SET at = at + 1 WHERE number = 2",
        "DELETE FROM log_entries WHERE number = 2",
        "DELETE FROM log_entries WHERE number = 5",
        "DELETE FROM log_entries WHERE number > 3",
        "UPDATE log_entries SET number = 99 WHERE number = 2",
        "UPDATE log_entries SET salt = (SELECT salt FROM log_entries WHERE number = 4) WHERE number = 3",
        "UPDATE log_nodes SET hash = (SELECT hash FROM log_nodes WHERE id = 1) WHERE id = 2",
        "DELETE FROM log_nodes WHERE id = 72057594037927936",
        "UPDATE log_head SET number = 4",
        "UPDATE log_head SET carried = 3",
        "DELETE FROM log_entries",
    ],
)
def test_operator_cannot_change_the_log_unseen(database: Database, tampering: str) -> None:
    with database.write() as tx:
        for number in range(5):
            tx.log(number, LogKind.CASE_VIEWED, "reviewer", "case", {"n": number})
    assert verified(database).number == 5
    with database.engine.connect() as connection:
        connection.execute(text(tampering))
        connection.commit()
    with pytest.raises(RefusedError) as caught:
        verified(database)
    assert caught.value.code == "log_broken"


def test_truncation_that_also_resets_the_head_shows_against_an_anchor(database: Database) -> None:
    with database.write() as tx:
        tx.log(1, LogKind.CASE_VIEWED, "reviewer", "case", {})
    with database.engine.connect() as connection:
        old = connection.execute(text("SELECT number, hash, mac, peaks FROM log_head")).one()
    with database.write() as tx:
        tx.log(2, LogKind.EVIDENCE_VIEWED, "reviewer", "case", {})
    anchor = database.log_head()
    with database.engine.connect() as connection:
        connection.execute(text("DELETE FROM log_entries WHERE number = 2"))
        connection.execute(text("DELETE FROM log_nodes WHERE id <> 0"))
        connection.execute(
            text("UPDATE log_head SET number = :n, hash = :h, mac = :m, peaks = :p"),
            {"n": old[0], "h": old[1], "m": old[2], "p": old[3]},
        )
        connection.commit()
    verified(database)  # inside the database nothing shows
    with pytest.raises(RefusedError, match="missing"):
        verified(database, [anchor])


def test_actions_come_due_in_order_and_only_once_claimed(database: Database) -> None:
    def action(number: int, at: int) -> Action:
        return Action(f"a{number}", None, ActionKind.LOCK, "@m:test", {"k": "v"}, ActionState.PENDING, 0, at, None, 0)

    with database.write() as tx:
        tx.add_action(action(1, 50))
        tx.add_action(action(2, 20))
    with database.read() as tx:
        assert tx.due_action(10) is None
        assert tx.due_action(100) == action(2, 20)


def test_migrations_make_exactly_the_tables_that_the_code_names(database: Database) -> None:
    inspector = inspect(database.engine)
    assert set(inspector.get_table_names()) - {"alembic_version"} == set(metadata.tables)
    for name, table in metadata.tables.items():
        assert {column["name"] for column in inspector.get_columns(name)} == {column.name for column in table.columns}
        indexes = {index["name"] for index in inspector.get_indexes(name) if not index.get("duplicates_constraint")}
        assert indexes == {index.name for index in table.indexes}, name


def test_processes_that_start_at_once_make_one_set_of_tables(database_url: str) -> None:
    stores = [Database(database_url, LOG_KEY) for _ in range(4)]
    failures: list[Exception] = []

    def migrate(store: Database) -> None:
        try:
            store.migrate()
        except Exception as e:  # noqa: BLE001 - whatever it is, it fails the test
            failures.append(e)

    threads = [threading.Thread(target=migrate, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert verified(stores[0]).number == 0
    for store in stores:
        store.close()


def test_a_new_file_that_many_open_at_once_is_opened_by_all(tmp_path: Path) -> None:
    failures: list[Exception] = []

    def look(store: Database, barrier: threading.Barrier) -> None:
        barrier.wait()
        try:
            with store.engine.connect() as connection:
                connection.exec_driver_sql("SELECT 1")
        except Exception as e:  # noqa: BLE001 - whatever it is, it fails the test
            failures.append(e)

    for number in range(100):
        stores = [Database(f"sqlite:///{tmp_path}/{number}.sqlite3", LOG_KEY) for _ in range(6)]
        barrier = threading.Barrier(len(stores))
        threads = [threading.Thread(target=look, args=(store, barrier)) for store in stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for store in stores:
            store.close()
    assert failures == []


def test_migrating_twice_changes_nothing(database: Database) -> None:
    with database.write() as tx:
        tx.log(1, LogKind.CASE_VIEWED, "reviewer", "case", {})
    head = database.log_head()
    database.migrate()
    assert database.log_head() == head


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://x", "sqlite:////proc/nowhere/x.sqlite3"])
def test_an_unusable_database_url_is_refused_with_words(url: str) -> None:
    with pytest.raises((RefusedError, UnavailableError)) as caught:
        Database(url, LOG_KEY).migrate()
    assert caught.value.message


def test_errors_of_the_database_do_not_carry_what_was_written(database: Database) -> None:
    with database.write() as tx:
        tx.add_report(NewReport(a_report(1, note="secret words"), "@bob:test", b"d" * 32))
    with pytest.raises(Exception) as caught, database.write() as tx:  # noqa: PT011 - whichever error it is
        tx.add_report(NewReport(a_report(1, note="secret words"), "@bob:test", b"d" * 32))
    assert "secret words" not in str(caught.value)


def test_sqlite_commits_are_on_the_disk_before_they_return(tmp_path: Any) -> None:
    store = Database(f"sqlite:///{tmp_path / 'x.sqlite3'}", LOG_KEY)
    with store.engine.connect() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    store.close()


def test_many_rows_are_written_as_one_by_one(database: Database) -> None:
    """Every kind of value that may stand in them, on both databases, with more keys than one set."""
    table = metadata.tables["relations"]
    row = {"one": -(2**62), "tie": 1, "other": 5, "at": 2**40, "holds": True, "change": 1}
    statement = insert(table)
    with database.write() as tx:
        write_many(tx._connection, statement, tuple(row), [])
        rows = [tuple(row.values()), tuple({**row, "other": 6, "holds": False}.values())]
        write_many(tx._connection, statement, tuple(row), rows)
        write_many(tx._connection, update(table).where(table.c.one == bindparam("b")), ("b", "at"), [(row["one"], 7)])
        sealed = insert(metadata.tables["ages"])  # whose columns stand in another order
        write_many(tx._connection, sealed, ("sealed", "change", "one"), [(b"\x00%s?:x\xff", 1, 1)])
    with database.read() as tx:
        found = [dict(one) for one in tx._connection.execute(select(table).order_by(table.c.other)).mappings()]
        assert found == [{**row, "at": 7}, {**row, "other": 6, "holds": False, "at": 7}]
        assert tx.sealed_age(1) == b"\x00%s?:x\xff"


def test_numbers_go_on_where_the_last_transaction_ended(database: Database) -> None:
    with database.write() as tx:
        assert [tx.next_change(), tx.next_change()] == [1, 2]
        assert (tx.last_change(), tx.change_marks(), tx.last_event()) == (2, (2, 0), (0, 0))
    with pytest.raises(ZeroDivisionError), database.write() as tx:
        assert tx.next_change() == 3
        raise ZeroDivisionError
    with database.write() as tx:
        assert tx.last_change() == 2
        assert tx.next_change() == 3
    with database.read() as tx:
        assert tx.last_change() == 3
        with pytest.raises(RuntimeError):
            tx.next_change()
