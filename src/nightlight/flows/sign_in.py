"""Reviewers sign in: argon2id passwords, sessions known to the store only by their hash."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error

from nightlight.errors import RefusedError, UnavailableError
from nightlight.evidence.log import LogKind
from nightlight.ports import Clock, Reviewer, Store

PASSWORD_CHARS_MIN = 12
PASSWORD_CHARS_MAX = 256
_USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")
_WINDOW_MS = 15 * 60_000
_QUEUE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Door:
    """``new_token`` returns a fresh, unguessable text. ``session_ms``: how long a session lasts, milliseconds."""

    store: Store
    clock: Clock
    new_token: Callable[[], str]
    session_ms: int
    attempts_max: int
    hasher: PasswordHasher
    #: Hash of a password nobody has, so that an unknown name costs as much time as a known one.
    decoy_hash: str
    #: Hashing a password takes 64 MiB on purpose; this is how many strangers may ask for it at once.
    places: threading.Semaphore = field(default_factory=lambda: threading.BoundedSemaphore(4))
    #: How many things must not wait; every page of whoever is signed in says so.
    alarms: Callable[[], int] = lambda: 0

    def add_reviewer(self, username: str, password: str, by: str) -> None:
        if not _USERNAME.match(username):
            raise RefusedError(
                "username_malformed", "A name has 1 to 64 characters: small letters, digits, dot, dash and underscore."
            )
        if not PASSWORD_CHARS_MIN <= len(password) <= PASSWORD_CHARS_MAX:
            raise RefusedError(
                "password_length", f"A password has {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters."
            )
        now = self.clock.now()
        reviewer = Reviewer(username, self.hasher.hash(password))
        with self.store.write() as tx:
            tx.add_reviewer(reviewer, now)
            tx.log(now, LogKind.REVIEWER_ADDED, by, username, {})

    def remove_reviewer(self, username: str, by: str) -> None:
        with self.store.write() as tx:
            if not tx.remove_reviewer(username):
                raise RefusedError("reviewer_not_found", f"There is no reviewer named {username!r}.")
            tx.log(self.clock.now(), LogKind.REVIEWER_REMOVED, by, username, {})

    def sign_in(self, username: str, password: str) -> str:
        """A session token, or ``RefusedError``: ``sign_in_failed``, ``sign_in_blocked``. Both take the same time."""
        username = username.strip().lower()[:64]
        now = self.clock.now()
        with self.store.read() as tx:
            reviewer = tx.reviewer(username)
            blocked = tx.failed_sign_ins(username, now - _WINDOW_MS) >= self.attempts_max
        if blocked:
            raise RefusedError("sign_in_blocked", "Too many failed tries for this name.", "Wait 15 minutes.")
        if not self.places.acquire(timeout=_QUEUE_SECONDS):
            raise UnavailableError("sign_in_busy", "Too many people are signing in at once. Try again in a minute.")
        try:
            known = self._matches(reviewer.password_hash if reviewer else self.decoy_hash, password)
        finally:
            self.places.release()
        if reviewer is None or not known:
            with self.store.write() as tx:
                tx.note_failed_sign_in(username, now)
            raise RefusedError("sign_in_failed", "Name and password do not fit together.")
        token = self.new_token()
        with self.store.write() as tx:
            if tx.reviewer(username) != reviewer:  # removed, or given another password, while we were hashing
                raise RefusedError("sign_in_failed", "Name and password do not fit together.")
            tx.add_session(_hash(token), username, now + self.session_ms)
            tx.log(now, LogKind.REVIEWER_SIGNED_IN, username, username, {})
        return token

    def user_of(self, token: str) -> str | None:
        """The reviewer whose session this is, while it lasts."""
        with self.store.read() as tx:
            return tx.session_user(_hash(token), self.clock.now())

    def sign_out(self, token: str) -> None:
        with self.store.write() as tx:
            tx.end_session(_hash(token))

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self.hasher.verify(password_hash, password[:PASSWORD_CHARS_MAX])
        except Argon2Error:
            return False


def _hash(token: str) -> bytes:
    return hashlib.sha256(b"nightlight/session/1\n" + token.encode("utf-8", "replace")).digest()
