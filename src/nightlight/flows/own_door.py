"""The door to a person's own page: by a Matrix OpenID token, or by a link that only their own account can read.

Both work once. What is stored is their hash; whoever reads the database cannot sign in with it.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from nightlight.errors import RefusedError, UnavailableError
from nightlight.flows.people import People
from nightlight.model.action import Action, ActionKind, ActionState
from nightlight.model.own_page import Preference
from nightlight.ports import Clock, Homeserver, Store

LINK_MS = 15 * 60_000
#: Longer than any homeserver lets an OpenID token live (Synapse: one hour), so a used one never counts as new.
TOKEN_MS = 7 * 86_400_000
_HOUR_MS = 3_600_000
_QUEUE_SECONDS = 5
#: Matrix, "User identifiers": today's characters; the name is taken as people type it.
_NAME = re.compile(r"@?([a-z0-9._=/+-]{1,200})(?::([a-z0-9.:\[\]-]{1,200}))?\Z")


@dataclass(frozen=True, slots=True)
class OwnDoorLimits:
    """``session_ms``: how long a session lasts. ``links_of_one``, ``links``: in an hour, for one account and in all."""

    session_ms: int
    links_of_one: int
    links: int


@dataclass(frozen=True, slots=True)
class OwnDoor:
    """``link_token`` makes a token out of an action's id, under a key: what is sent later need not be stored."""

    store: Store
    clock: Clock
    homeserver: Homeserver
    people: People
    server_name: str
    new_id: Callable[[str], str]
    new_token: Callable[[], str]
    link_token: Callable[[str], str]
    limits: OwnDoorLimits
    #: How many strangers may have the homeserver asked about a token at once.
    places: threading.Semaphore = field(default_factory=lambda: threading.BoundedSemaphore(8))

    def sign_in(self, openid_token: str) -> str:
        """A session for the account that the token was issued to.

        ``RefusedError``: ``invalid_token``, ``token_used``. ``UnavailableError`` if the homeserver does not answer.
        """
        if not self.places.acquire(timeout=_QUEUE_SECONDS):
            raise UnavailableError("sign_in_busy", "Too many people are signing in at once. Try again in a minute.")
        try:
            account = self.homeserver.whois(openid_token)
        finally:
            self.places.release()
        now = self.clock.now()
        with self.store.write() as tx:
            if not tx.use_token(_hash("openid", openid_token), now + TOKEN_MS):
                raise RefusedError("token_used", "This sign-in was used before.", "Sign in again.")
            token = self.new_token()
            tx.add_own_session(_hash("session", token), account, now + self.limits.session_ms)
        return token

    def ask_for_link(self, name: str, language: str) -> None:
        """Sends a link to that account, if there is one and it did not get too many. The caller learns nothing."""
        account = self.account_called(name)
        now = self.clock.now()
        action_id = self.new_id("action")
        link_hash = _hash("link", self.link_token(action_id))
        with self.store.write() as tx:
            since = now - _HOUR_MS
            if (
                account is None
                or tx.count_sign_in_links(since) >= self.limits.links
                or tx.count_sign_in_links(since, account) >= self.limits.links_of_one
            ):
                return
            tx.add_sign_in_link(link_hash, account, now, now + LINK_MS)
            detail = {"language": language, "until": str(now + LINK_MS)}
            action = Action(
                action_id, None, ActionKind.SIGN_IN_LINK, account, detail, ActionState.PENDING, 0, now, None, now
            )
            tx.add_action(action)

    def account_called(self, name: str) -> str | None:
        """The account id behind what somebody typed; None unless it is one of this server."""
        match = _NAME.match(name.strip().lower()[:300])
        if not match or not self.server_name or match[2] not in (None, self.server_name):
            return None
        account = f"@{match[1]}:{self.server_name}"
        return account if len(account) <= 255 else None

    def link_to_send(self, action: Action) -> str:
        """The token of the link that this action sends; ``RefusedError('link_expired')`` once it is of no use."""
        if self.clock.now() >= int(action.detail["until"]):
            raise RefusedError("link_expired", "The link ran out before it could be sent.")
        return self.link_token(action.action_id)

    def open_link(self, link: str) -> str:
        """A session, once; ``RefusedError('link_expired')`` for a link that was used, ran out or never was."""
        now = self.clock.now()
        link_hash = _hash("link", link)
        with self.store.write() as tx:
            account = tx.sign_in_link(link_hash, now)
            if account is None:
                raise RefusedError("link_expired", "This link does not work any more.", "Ask for a new one.")
            tx.use_sign_in_link(link_hash)
            token = self.new_token()
            tx.add_own_session(_hash("session", token), account, now + self.limits.session_ms)
        return token

    def account_of(self, token: str) -> str | None:
        """Whose session this is, while it lasts."""
        with self.store.read() as tx:
            return tx.own_session(_hash("session", token), self.clock.now())

    def sign_out(self, token: str) -> None:
        with self.store.write() as tx:
            tx.end_own_session(_hash("session", token))

    def preference(self, account: str) -> Preference:
        with self.store.read() as tx:
            return tx.preference(self.people.number(account))

    def prefer(self, account: str, preference: Preference) -> None:
        with self.store.write() as tx:
            tx.put_preference(self.people.number(account), preference)


def _hash(what: str, token: str) -> bytes:
    return hashlib.sha256(f"nightlight/own-page/{what}/1\n{token}".encode("utf-8", "replace")).digest()
