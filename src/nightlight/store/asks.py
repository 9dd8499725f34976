"""What people ask the safety team for, and the names of those they block: sealed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from nightlight.model.ask import AskKind, AskState, StoredAsk
from nightlight.model.own_page import BlockedName
from nightlight.store.schema import asks, blocked_names


class AskTables:
    _connection: Connection

    def add_ask(self, ask: StoredAsk) -> None:
        self._connection.execute(insert(asks), _values(ask))

    def save_ask(self, ask: StoredAsk) -> None:
        self._connection.execute(update(asks).where(asks.c.ask_id == ask.ask_id), _values(ask))

    def ask(self, ask_id: str) -> StoredAsk | None:
        row = self._connection.execute(select(asks).where(asks.c.ask_id == ask_id)).first()
        return _ask(row) if row else None

    def asks_of(self, one: int) -> list[StoredAsk]:
        """The newest first."""
        rows = self._connection.execute(
            select(asks).where(asks.c.one == one).order_by(asks.c.asked_at.desc(), asks.c.ask_id).limit(100)
        )
        return [_ask(row) for row in rows]

    def asks_in(self, states: list[AskState], limit: int) -> list[StoredAsk]:
        """The oldest first."""
        rows = self._connection.execute(
            select(asks).where(asks.c.state.in_(states)).order_by(asks.c.asked_at, asks.c.ask_id).limit(limit)
        )
        return [_ask(row) for row in rows]

    def count_asks(self, state: AskState) -> int:
        return self._connection.scalar(select(func.count()).select_from(asks).where(asks.c.state == state)) or 0

    def expire_asks(self, decided_before: int) -> int:
        """Removes asks that ended before that time."""
        ended = asks.c.state.not_in([AskState.OPEN, AskState.COOLING])
        return self._connection.execute(delete(asks).where(ended, asks.c.decided_at < decided_before)).rowcount

    def name_block(self, one: int, name: BlockedName) -> None:
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        values = {"blocked_at": name.blocked_at, "sealed": name.sealed}
        self._connection.execute(
            dialect.insert(blocked_names).on_conflict_do_update(index_elements=["one", "other"], set_=values),
            {"one": one, "other": name.other, **values},
        )

    def blocked_by(self, one: int) -> list[BlockedName]:
        """The newest first."""
        table = blocked_names.c
        rows = self._connection.execute(
            select(blocked_names).where(table.one == one).order_by(table.blocked_at.desc(), table.other).limit(1_000)
        )
        return [BlockedName(row.other, row.blocked_at, bytes(row.sealed)) for row in rows]

    def remove_asks_of(self, one: int) -> int:
        """Forgets the account here: what it asked, whom it blocks and who blocks it."""
        gone = self._connection.execute(delete(asks).where(asks.c.one == one)).rowcount
        named = or_(blocked_names.c.one == one, blocked_names.c.other == one)
        return gone + self._connection.execute(delete(blocked_names).where(named)).rowcount


def _values(ask: StoredAsk) -> dict[str, Any]:
    return {
        "ask_id": ask.ask_id,
        "one": ask.one,
        "kind": ask.kind.value,
        "state": ask.state.value,
        "asked_at": ask.asked_at,
        "due_at": ask.due_at,
        "decided_at": ask.decided_at,
        "decided_by": ask.decided_by,
        "sealed": ask.sealed,
    }


def _ask(row: Row[Any]) -> StoredAsk:
    return StoredAsk(
        row.ask_id,
        row.one,
        AskKind(row.kind),
        AskState(row.state),
        row.asked_at,
        row.due_at,
        row.decided_at,
        row.decided_by,
        bytes(row.sealed),
    )
