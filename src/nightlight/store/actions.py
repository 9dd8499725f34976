"""Actions: the outbox towards the homeserver."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, and_, case, delete, exists, func, insert, not_, or_, select, update

from nightlight.model.action import PREVENTION, UNDONE_BY, Action, ActionKind, ActionState
from nightlight.store.schema import actions


class ActionTables:
    _connection: Connection

    def add_action(self, action: Action) -> None:
        position = self._connection.scalar(select(func.count()).where(actions.c.case_id == action.case_id))
        self._connection.execute(insert(actions), {**_values(action), "position": position})

    def action(self, action_id: str) -> Action | None:
        row = self._connection.execute(select(actions).where(actions.c.action_id == action_id)).first()
        return _action(row) if row else None

    def actions_of(self, case_id: str) -> list[Action]:
        rows = self._connection.execute(
            select(actions).where(actions.c.case_id == case_id).order_by(actions.c.position)
        )
        return [_action(row) for row in rows]

    def actions_on(self, target: str) -> list[Action]:
        """Of every case, and of none."""
        rows = self._connection.execute(select(actions).where(actions.c.target == target))
        return [_action(row) for row in rows]

    def due_action(self, now: int) -> Action | None:
        """The pending action that has waited longest past its time.

        An account is not deactivated before its messages are removed: afterwards it can no longer take them back.
        Nothing is enforced while what undoes the same may be on its way: nobody could say which came last.
        """
        other = actions.alias()
        content_first = exists().where(
            other.c.case_id == actions.c.case_id,
            other.c.kind == ActionKind.REDACT,
            other.c.state == ActionState.PENDING,
        )
        undoing = exists().where(
            other.c.state == ActionState.PENDING,
            other.c.next_attempt_at > now,
            other.c.attempts > 0,
            other.c.target == actions.c.target,
            other.c.kind == case({str(do): str(undo) for do, undo in UNDONE_BY.items()}, value=actions.c.kind),
        )
        row = self._connection.execute(
            select(actions)
            .where(actions.c.state == ActionState.PENDING, actions.c.next_attempt_at <= now, not_(undoing))
            .where(or_(actions.c.kind != ActionKind.DEACTIVATE, not_(content_first)))
            .order_by(actions.c.next_attempt_at, actions.c.position)
            .limit(1)
        ).first()
        return _action(row) if row else None

    def remove_own_actions(self, updated_at: int, limit: int) -> int:
        """Removes prevention's own actions that ended before that time, at most ``limit``."""
        table = actions.c
        over = and_(table.case_id.is_(None), table.kind.in_(PREVENTION), table.state != ActionState.PENDING)
        old = select(table.action_id).where(over, table.updated_at < updated_at).limit(limit)
        return self._connection.execute(delete(actions).where(table.action_id.in_(old))).rowcount

    def remove_actions_of(self, account: str) -> int:
        """Removes prevention's own actions for the account, and those that name it."""
        table = actions.c
        own = and_(table.case_id.is_(None), table.kind.in_(PREVENTION))
        rows = self._connection.execute(select(table.action_id, table.target, table.detail).where(own))
        those = [row.action_id for row in rows if account in (row.target, *json.loads(row.detail).values())]
        for action_id in those:
            self._connection.execute(delete(actions).where(table.action_id == action_id))
        return len(those)

    def save_action(self, action: Action) -> None:
        self._connection.execute(update(actions).where(actions.c.action_id == action.action_id), _values(action))


def _values(action: Action) -> dict[str, Any]:
    return {**asdict(action), "detail": json.dumps(action.detail)}


def _action(row: Row[Any]) -> Action:
    return Action(
        action_id=row.action_id,
        case_id=row.case_id,
        kind=ActionKind(row.kind),
        target=row.target,
        detail=json.loads(row.detail),
        state=ActionState(row.state),
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        error=row.error,
        updated_at=row.updated_at,
    )
