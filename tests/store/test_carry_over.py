"""Logs of version 0.1, chains of hashes, become Merkle logs; a broken one does not."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from importlib import resources

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, text

from nightlight.errors import RefusedError
from nightlight.evidence.log import LogHead, LogKind, verify_log
from nightlight.store.database import Database
from tests.databases import LOG_KEY, database_url, postgres

__all__ = ["database_url", "postgres"]

COUNT = 1_203  # more than two batches


def old_database(url: str, count: int) -> list[LogHead]:
    """A database of version 0.1 with ``count`` entries, written as that version wrote them; its heads."""
    store = Database(url, LOG_KEY)
    config = Config()
    config.set_main_option("script_location", str(resources.files("nightlight.store") / "migrations"))
    heads = []
    with store.engine.connect() as connection:
        if store.engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        previous, rows = hashlib.sha256(b"nightlight/log/genesis/1\n").digest(), []
        for number in range(1, count + 1):
            detail = json.dumps({"event": f"$ü{number}"}, ensure_ascii=False)
            fields = [number, 1_000 + number, "evidence.viewed", "robin", f"case_{number}", detail]
            framed = json.dumps([*fields, previous.hex()], separators=(",", ":"))
            digest = hashlib.sha256(b"nightlight/log/entry/1\n" + framed.encode()).digest()
            names = ("number", "at", "kind", "actor", "subject", "detail", "previous", "hash")
            rows.append(dict(zip(names, [*fields, previous, digest], strict=True)))
            heads.append(LogHead(number, digest))
            previous = digest
        if rows:
            connection.execute(
                text(
                    "INSERT INTO log_entries (number, at, kind, actor, subject, detail, previous, hash)"
                    " VALUES (:number, :at, :kind, :actor, :subject, :detail, :previous, :hash)"
                ),
                rows,
            )
            said = b"nightlight/log/head/1\n" + count.to_bytes(8, "big") + previous
            mac = hmac.digest(LOG_KEY, said, "sha256")
            connection.execute(
                text("UPDATE log_head SET number = :n, hash = :h, mac = :m"), {"n": count, "h": previous, "m": mac}
            )
        connection.commit()
    store.close()
    return heads


@pytest.fixture
def store(database_url: str) -> Iterator[Database]:
    store = Database(database_url, LOG_KEY)
    yield store
    store.close()


def verified(store: Database, anchors: list[LogHead]) -> LogHead:
    with store.snapshot() as tx:
        return verify_log(tx.log_entries(), tx.log_head(), anchors, carried=tx.log_carried(), stored=tx.log_nodes)


def test_existing_log_is_carried_over_entry_by_entry(database_url: str, store: Database) -> None:
    heads = old_database(database_url, COUNT)
    store.migrate()
    head = verified(store, [heads[0], heads[700], heads[-1]])
    assert head.number == COUNT + 1
    with store.read() as tx:
        entries = list(tx.log_entries())
    assert [entry.subject for entry in entries[:2]] == ["case_1", "case_2"]
    assert json.loads(entries[6].detail) == {"event": "$ü7"}
    assert entries[-1].kind == LogKind.CARRIED_OVER
    assert json.loads(entries[-1].detail) == {"entries": COUNT, "head": heads[-1].hash.hex()}
    assert len({entry.salt for entry in entries}) == COUNT + 1
    with store.write() as tx:
        tx.log(5, LogKind.CASE_VIEWED, "robin", "case_1", {})
    assert verified(store, [*heads, head]).number == COUNT + 2


def test_heads_noted_before_still_show_a_rewritten_history(database_url: str, store: Database) -> None:
    heads = old_database(database_url, 5)
    store.migrate()
    with pytest.raises(RefusedError, match="rewritten"):
        verified(store, [LogHead(3, heads[3].hash)])


def test_empty_log_stays_empty(database_url: str, store: Database) -> None:
    old_database(database_url, 0)
    store.migrate()
    assert verified(store, []).number == 0


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE log_entries SET actor = 'nobody' WHERE number = 3",
        "UPDATE log_entries SET number = 9 WHERE number = 5",
        "DELETE FROM log_entries WHERE number = 2",
        "DELETE FROM log_entries WHERE number = 5",
        "UPDATE log_head SET number = 4",
        "DELETE FROM log_head",
    ],
)
def test_broken_log_is_not_carried_over_and_nothing_is_changed(
    database_url: str, store: Database, tampering: str
) -> None:
    old_database(database_url, 5)
    with store.engine.begin() as connection:
        connection.exec_driver_sql(tampering)
    with pytest.raises(RefusedError) as refused:
        store.migrate()
    assert refused.value.code == "log_broken"
    assert "previous" in {column["name"] for column in inspect(store.engine).get_columns("log_entries")}
    assert not inspect(store.engine).has_table("log_nodes")


def test_log_of_another_installation_is_not_carried_over(database_url: str) -> None:
    old_database(database_url, 5)
    store = Database(database_url, bytes(32))
    with pytest.raises(RefusedError) as refused:
        store.migrate()
    assert refused.value.code == "log_broken"
    store.close()
