"""What is kept of a case, encrypted under a data key that only this case has; destroying the key erases the case.

The data key is 32 random bytes, together with an age identity for the case's files. Both are stored wrapped by the
master key, in one row of the database. Columns are encrypted with ChaCha20-Poly1305 (RFC 8439) under a key derived
from the data key (HKDF-SHA-256, RFC 5869), with a random nonce before each ciphertext: the 96 bits are enough for far
more values than a case has. Case and place are associated data, so a value opens in its own place alone.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from pyrage import x25519

from nightlight.adapters.master_key import KEY_BYTES, damaged, wrong
from nightlight.adapters.people_seal import derived
from nightlight.errors import RefusedError
from nightlight.model.case_key import CaseKey
from nightlight.ports import Clock, MasterKey, Transaction

_NONCE_BYTES = 12
#: The first byte of every sealed value: this way of sealing, so that there may be another one.
_FORMAT = b"\x01"

#: Unwrapped keys in memory: how many, and how long after they were unwrapped. A KMS is slow, and each case page needs
#: its key many times.
_CACHED_MAX = 256
_CACHED_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class _OpenedKey:
    columns: ChaCha20Poly1305 = field(repr=False)
    identity: str = field(repr=False)


class CaseKeys:
    """Implements ``nightlight.ports.CaseSeal``. One for each process; threads may share it."""

    def __init__(self, master: MasterKey, clock: Clock) -> None:
        self._master = master
        self._clock = clock
        self._cache: OrderedDict[bytes, tuple[_OpenedKey, float]] = OrderedDict()
        self._lock = threading.Lock()
        self._fits = False

    def close(self, tx: Transaction, case_id: str, place: str, plain: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return _FORMAT + nonce + self._key(tx, case_id).columns.encrypt(nonce, plain, _bound(case_id, place))

    def open(self, tx: Transaction, case_id: str, place: str, sealed: bytes) -> bytes:
        key = self._existing(tx, case_id)
        if key is None or sealed[:1] != _FORMAT:
            raise _sealed_damaged()
        nonce, ciphertext = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return key.columns.decrypt(nonce, ciphertext, _bound(case_id, place))
        except (InvalidTag, ValueError):
            raise _sealed_damaged() from None

    def file_identity(self, tx: Transaction, case_id: str) -> str:
        return self._key(tx, case_id).identity

    def shred(self, tx: Transaction, case_id: str, now: int) -> None:
        stored = tx.case_key(case_id)
        if stored is not None and stored.wrapped is not None:
            with self._lock:
                self._cache.pop(stored.wrapped, None)
        if stored is None:  # nothing was ever sealed, and nothing is from now on
            stored = CaseKey(case_id, None, "", now)
        if stored.shredded_at is None:
            tx.put_case_key(replace(stored, wrapped=None, shredded_at=now))

    @property
    def master(self) -> MasterKey:
        return self._master

    def require_master(self, tx: Transaction) -> None:
        """``RefusedError('master_key_wrong')`` if there are data keys, and none is wrapped under the present key."""
        if not self._fits:
            names = tx.case_key_names()
            if names and self._master.name not in names:
                raise wrong(self._master.name, ", ".join(sorted(names)))
            self._fits = bool(names)

    def _key(self, tx: Transaction, case_id: str) -> _OpenedKey:
        return self._existing(tx, case_id) or self._make(tx, case_id)

    def _existing(self, tx: Transaction, case_id: str) -> _OpenedKey | None:
        # The row is read each time: what another process shredded is shredded here.
        stored = tx.case_key(case_id)
        if stored is None:
            return None
        if stored.wrapped is None:
            raise RefusedError(
                "erased",
                "What was kept of this case is erased: its key was destroyed, and nobody can open it any more.",
                "The log says when and why.",
            )
        now = time.monotonic()
        with self._lock:
            while self._cache and next(iter(self._cache.values()))[1] < now:
                self._cache.popitem(last=False)
            cached = self._cache.get(stored.wrapped)
        if cached is not None:
            return cached[0]
        opened = _opened(self._master.unwrap(stored.wrapped, _context(case_id)))
        self._remember(stored.wrapped, opened)
        return opened

    def _make(self, tx: Transaction, case_id: str) -> _OpenedKey:
        # A master key that was lost and made anew must not go unnoticed until somebody reads an old case.
        self.require_master(tx)
        plain = os.urandom(KEY_BYTES) + str(x25519.Identity.generate()).encode()
        wrapped = self._master.wrap(plain, _context(case_id))
        tx.put_case_key(CaseKey(case_id, wrapped, self._master.name, self._clock.now()))
        opened = _opened(plain)
        self._remember(wrapped, opened)
        return opened

    def _remember(self, wrapped: bytes, opened: _OpenedKey) -> None:
        with self._lock:
            self._cache[wrapped] = (opened, time.monotonic() + _CACHED_SECONDS)
            self._cache.move_to_end(wrapped)
            while len(self._cache) > _CACHED_MAX:
                self._cache.popitem(last=False)


def rewrapped(key: CaseKey, old: MasterKey, new: MasterKey) -> CaseKey:
    """The same data key under another master key; raises what ``MasterKey`` raises."""
    if key.wrapped is None:
        return key
    context = _context(key.case_id)
    return replace(key, wrapped=new.wrap(old.unwrap(key.wrapped, context), context), key_name=new.name)


def _context(case_id: str) -> str:
    return f"nightlight/case/{case_id}"


def _bound(case_id: str, place: str) -> bytes:
    return json.dumps([case_id, place]).encode()


def _opened(plain: bytes) -> _OpenedKey:
    key, identity = plain[:KEY_BYTES], plain[KEY_BYTES:]
    if len(key) != KEY_BYTES or not identity:
        raise damaged()
    try:
        return _OpenedKey(ChaCha20Poly1305(derived(key, "case-columns")), identity.decode("ascii"))
    except UnicodeDecodeError:
        raise damaged() from None


def _sealed_damaged() -> RefusedError:
    return RefusedError(
        "sealed_damaged",
        "Encrypted evidence does not open: it was changed in the database, or moved from another place or case.",
        "Stop the service, keep a copy of everything as it is, and find out who could write to the database.",
    )
