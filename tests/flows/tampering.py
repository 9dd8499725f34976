"""Changes made in the database behind our back, and whether the audit finds them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from sqlalchemy import text

from nightlight.errors import RefusedError
from nightlight.flows.audit import audit
from nightlight.store.transaction import SqlTransaction
from tests.databases import LOG_KEY, case_keys
from tests.world import World


def found_by_audit(world: World, statement: str) -> bool:
    """Whether the audit finds a change, which is taken back afterwards."""
    with world.store.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        assert connection.execute(text(statement)).rowcount > 0, statement

        @contextmanager
        def snapshot() -> Iterator[SqlTransaction]:
            yield SqlTransaction(connection, LOG_KEY, case_keys())

        changed: Any = SimpleNamespace(snapshot=snapshot)
        try:
            audit(changed, [])
        except RefusedError as e:
            return e.code == "record_changed"
        finally:
            connection.rollback()
    return False
