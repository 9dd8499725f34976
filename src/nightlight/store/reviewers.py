"""Reviewers, their sessions, and failed sign-ins."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, insert, select, update

from nightlight.ports import Reviewer
from nightlight.store.schema import failed_sign_ins, reviewers, sessions


class ReviewerTables:
    _connection: Connection

    def add_reviewer(self, reviewer: Reviewer, at: int) -> None:
        """Adds the reviewer, or gives an existing one a new password; old sessions end."""
        values = {"password_hash": reviewer.password_hash, "active": True}
        changed = self._connection.execute(update(reviewers).where(reviewers.c.username == reviewer.username), values)
        if changed.rowcount == 0:
            self._connection.execute(insert(reviewers), {**values, "username": reviewer.username, "added_at": at})
        self._connection.execute(delete(sessions).where(sessions.c.username == reviewer.username))

    def remove_reviewer(self, username: str) -> bool:
        self._connection.execute(delete(sessions).where(sessions.c.username == username))
        changed = self._connection.execute(
            update(reviewers).where(reviewers.c.username == username, reviewers.c.active), {"active": False}
        )
        return changed.rowcount > 0

    def reviewer(self, username: str) -> Reviewer | None:
        row = self._connection.execute(
            select(reviewers).where(reviewers.c.username == username, reviewers.c.active)
        ).first()
        return Reviewer(row.username, row.password_hash) if row else None

    def reviewers(self) -> list[str]:
        return list(
            self._connection.scalars(
                select(reviewers.c.username).where(reviewers.c.active).order_by(reviewers.c.username)
            )
        )

    def add_session(self, token_hash: bytes, username: str, expires_at: int) -> None:
        self._connection.execute(
            insert(sessions), {"token_hash": token_hash, "username": username, "expires_at": expires_at}
        )

    def session_user(self, token_hash: bytes, now: int) -> str | None:
        return self._connection.scalar(
            select(sessions.c.username).where(sessions.c.token_hash == token_hash, sessions.c.expires_at > now)
        )

    def end_session(self, token_hash: bytes) -> None:
        self._connection.execute(delete(sessions).where(sessions.c.token_hash == token_hash))

    def note_failed_sign_in(self, username: str, at: int) -> None:
        self._connection.execute(insert(failed_sign_ins), {"username": username, "at": at})
        # Older ones no longer count; keeping them would only keep what people mistyped as their name.
        self._connection.execute(delete(failed_sign_ins).where(failed_sign_ins.c.at < at - 86_400_000))

    def failed_sign_ins(self, username: str, since: int) -> int:
        return (
            self._connection.scalar(
                select(func.count()).where(failed_sign_ins.c.username == username, failed_sign_ins.c.at >= since)
            )
            or 0
        )
