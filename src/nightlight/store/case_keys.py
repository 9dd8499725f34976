"""Data keys of cases, wrapped."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from nightlight.model.case_key import CaseKey
from nightlight.store.vault_schema import case_keys


class CaseKeyTables:
    _connection: Connection
    #: What this transaction read or wrote, as a case's rows need its key many times.
    _case_keys: dict[str, CaseKey | None]

    def case_key(self, case_id: str) -> CaseKey | None:
        if case_id not in self._case_keys:
            row = self._connection.execute(select(case_keys).where(case_keys.c.case_id == case_id)).first()
            self._case_keys[case_id] = _key(row) if row else None
        return self._case_keys[case_id]

    def put_case_key(self, key: CaseKey) -> None:
        values: dict[str, Any] = {
            "wrapped": key.wrapped,
            "key_name": key.key_name,
            "made_at": key.made_at,
            "shredded_at": key.shredded_at,
        }
        changed = self._connection.execute(update(case_keys).where(case_keys.c.case_id == key.case_id), values)
        if changed.rowcount == 0:
            self._connection.execute(insert(case_keys), {**values, "case_id": key.case_id})
        self._case_keys[key.case_id] = key

    def remove_case_key(self, case_id: str) -> None:
        self._connection.execute(delete(case_keys).where(case_keys.c.case_id == case_id))
        self._case_keys.pop(case_id, None)

    def case_key_names(self) -> dict[str, int]:
        query = (
            select(case_keys.c.key_name, func.count())
            .where(case_keys.c.wrapped.is_not(None))
            .group_by(case_keys.c.key_name)
        )
        return {str(name): count for name, count in self._connection.execute(query)}

    def count_shredded(self) -> int:
        return self._connection.scalar(select(func.count()).where(case_keys.c.shredded_at.is_not(None))) or 0

    def case_keys_except(self, name: str, limit: int) -> list[CaseKey]:
        query = (
            select(case_keys)
            .where(case_keys.c.key_name != name, case_keys.c.wrapped.is_not(None))
            .order_by(case_keys.c.case_id)
            .limit(limit)
        )
        return [_key(row) for row in self._connection.execute(query)]


def _key(row: Row[Any]) -> CaseKey:
    wrapped = None if row.wrapped is None else bytes(row.wrapped)
    return CaseKey(row.case_id, wrapped, row.key_name, row.made_at, row.shredded_at)
