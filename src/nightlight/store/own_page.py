"""A person's own page: sessions, tokens and links known only by their hash, preferences, notices to be fetched."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from nightlight.model.own_page import PendingNotice, Preference
from nightlight.store.schema import own_sessions, pending_notices, preferences, sign_in_links, used_tokens


class OwnPageTables:
    _connection: Connection

    def use_token(self, token_hash: bytes, until: int) -> bool:
        """Remembers that the token was used; False if it was before."""
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        done = self._connection.execute(
            dialect.insert(used_tokens).on_conflict_do_nothing(), {"token_hash": token_hash, "until": until}
        )
        return done.rowcount == 1

    def add_own_session(self, token_hash: bytes, account: str, expires_at: int) -> None:
        values = {"token_hash": token_hash, "account": account, "expires_at": expires_at}
        self._connection.execute(insert(own_sessions), values)

    def own_session(self, token_hash: bytes, now: int) -> str | None:
        table = own_sessions.c
        query = select(table.account).where(table.token_hash == token_hash, table.expires_at > now)
        return self._connection.scalar(query)

    def end_own_session(self, token_hash: bytes) -> None:
        self._connection.execute(delete(own_sessions).where(own_sessions.c.token_hash == token_hash))

    def add_sign_in_link(self, token_hash: bytes, account: str, made_at: int, expires_at: int) -> None:
        values = {"token_hash": token_hash, "account": account, "made_at": made_at, "expires_at": expires_at}
        self._connection.execute(insert(sign_in_links), {**values, "used": False})

    def sign_in_link(self, token_hash: bytes, now: int) -> str | None:
        """The account that an unused link of this hash signs in, while it lasts."""
        table = sign_in_links.c
        query = select(table.account).where(table.token_hash == token_hash, table.expires_at > now, ~table.used)
        return self._connection.scalar(query)

    def use_sign_in_link(self, token_hash: bytes) -> None:
        self._connection.execute(
            update(sign_in_links).where(sign_in_links.c.token_hash == token_hash).values(used=True)
        )

    def count_sign_in_links(self, since: int, account: str | None = None) -> int:
        query = select(func.count()).select_from(sign_in_links).where(sign_in_links.c.made_at >= since)
        if account is not None:
            query = query.where(sign_in_links.c.account == account)
        return self._connection.scalar(query) or 0

    def preference(self, one: int) -> Preference:
        row = self._connection.execute(select(preferences).where(preferences.c.one == one)).first()
        return Preference(row.language, row.country) if row else Preference()

    def put_preference(self, one: int, preference: Preference) -> None:
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        values = {"language": preference.language, "country": preference.country}
        self._connection.execute(
            dialect.insert(preferences).on_conflict_do_update(index_elements=["one"], set_=values),
            {"one": one, **values},
        )

    def add_pending_notice(self, one: int, notice: PendingNotice) -> None:
        values = {"notice_id": notice.notice_id, "notice": notice.notice, "language": notice.language}
        self._connection.execute(insert(pending_notices), {**values, "one": one, "told_at": notice.told_at})

    def pending_notices(self, one: int, limit: int) -> list[PendingNotice]:
        """The oldest first."""
        table = pending_notices.c
        rows = self._connection.execute(
            select(pending_notices).where(table.one == one).order_by(table.told_at, table.notice_id).limit(limit)
        )
        return [PendingNotice(row.notice_id, row.notice, row.language, row.told_at) for row in rows]

    def remove_pending_notices(self, one: int, notice_ids: list[str]) -> int:
        table = pending_notices.c
        gone = self._connection.execute(
            delete(pending_notices).where(table.one == one, table.notice_id.in_(notice_ids))
        )
        return gone.rowcount

    def expire_own_pages(self, now: int, notices_before: int) -> None:
        """Removes what has run out. ``notices_before``: notices told before then are old news."""
        self._connection.execute(delete(own_sessions).where(own_sessions.c.expires_at <= now))
        self._connection.execute(delete(used_tokens).where(used_tokens.c.until <= now))
        self._connection.execute(delete(sign_in_links).where(sign_in_links.c.expires_at <= now - 86_400_000))
        self._connection.execute(delete(pending_notices).where(pending_notices.c.told_at < notices_before))

    def remove_own_page(self, one: int, account: str) -> int:
        """Forgets the account here."""
        gone = 0
        for condition in (
            delete(own_sessions).where(own_sessions.c.account == account),
            delete(sign_in_links).where(sign_in_links.c.account == account),
            delete(preferences).where(preferences.c.one == one),
            delete(pending_notices).where(pending_notices.c.one == one),
        ):
            gone += self._connection.execute(condition).rowcount
        return gone
