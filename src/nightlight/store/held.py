"""Which accounts are under a hold, as a query: what removes old rows leaves theirs."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, and_, not_, or_, select

from nightlight.model.hold import HoldScope
from nightlight.store.retention_schema import holds


def held_accounts(now: int) -> Select[tuple[str]]:
    return select(holds.c.target).where(
        holds.c.scope == HoldScope.ACCOUNT,
        holds.c.released_at.is_(None),
        or_(holds.c.until.is_(None), holds.c.until > now),
    )


def names_held(now: int, *columns: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether one of the columns names an account under a hold."""
    return or_(*(column.in_(held_accounts(now)) for column in columns))


def names_none_held(now: int, *columns: ColumnElement[str]) -> ColumnElement[bool]:
    return and_(*(not_(column.in_(held_accounts(now))) for column in columns))
