"""Of several processes that wake up from time to time, one does the work."""

from __future__ import annotations

from nightlight.ports import Store, Transaction


def takes_turn(store: Store, cursor: str, now: int, every_ms: int) -> bool:
    """Whether it is time, and nobody else was faster. ``cursor``: remembers when the work was last begun."""
    with store.read() as tx:
        if not _is_due(tx, cursor, now, every_ms):
            return False
    with store.write() as tx:
        if not _is_due(tx, cursor, now, every_ms):
            return False
        tx.move_cursor(cursor, now)
    return True


def _is_due(tx: Transaction, cursor: str, now: int, every_ms: int) -> bool:
    # A clock that was set back must not put the next turn off.
    return not 0 <= now - tx.cursor(cursor) < every_ms
