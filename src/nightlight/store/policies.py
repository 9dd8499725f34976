"""Contact policies and the changes that put them in force."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from nightlight.model.contact_policy import ChangeState, PolicyChange
from nightlight.store.schema import policies, policy_changes

_CHANGES = select(policy_changes).order_by(policy_changes.c.number.desc())


class PolicyTables:
    _connection: Connection

    def add_policy(self, digest: str, text: bytes) -> None:
        """Keeps the text of a policy; one that is there stays."""
        if self.policy_text(digest) is None:
            self._connection.execute(insert(policies), {"digest": digest, "text": text})

    def policy_text(self, digest: str) -> bytes | None:
        text = self._connection.scalar(select(policies.c.text).where(policies.c.digest == digest))
        return None if text is None else bytes(text)

    def add_policy_change(self, change: PolicyChange) -> None:
        self._connection.execute(insert(policy_changes), asdict(change))

    def save_policy_change(self, change: PolicyChange) -> None:
        self._connection.execute(update(policy_changes).where(policy_changes.c.number == change.number), asdict(change))

    def policy_change(self, number: int) -> PolicyChange | None:
        row = self._connection.execute(select(policy_changes).where(policy_changes.c.number == number)).first()
        return _change(row) if row else None

    def policy_changes(self) -> list[PolicyChange]:
        """The newest first."""
        rows = self._connection.execute(_CHANGES)
        return [_change(row) for row in rows]

    def last_policy_change(self) -> int:
        return self._connection.scalar(select(func.max(policy_changes.c.number))) or 0


def _change(row: Row[Any]) -> PolicyChange:
    values = dict(row._mapping)
    signature = values.pop("signature")
    return PolicyChange(
        **{**values, "state": ChangeState(values["state"])},
        signature=None if signature is None else bytes(signature),
    )
