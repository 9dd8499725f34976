"""The log: every report, view, decision and action, each entry chained to the one before by SHA-256.

An entry's hash covers its number, time, kind, actor, subject, detail and the hash before it, so an edit, a deletion
or a new order breaks the chain from there on. What was cut off at the end shows against the *head*: number and hash
of the last entry, authenticated with a key that is not in the database, and an *anchor* kept outside of it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from nightlight.errors import RefusedError

_DOMAIN = b"nightlight/log/entry/1\n"
_HEAD_DOMAIN = b"nightlight/log/head/1\n"

GENESIS = hashlib.sha256(b"nightlight/log/genesis/1\n").digest()


class LogKind(StrEnum):
    """What can happen. A closed list."""

    REPORT_RECEIVED = "report.received"
    REPORT_CHECKED = "report.checked"
    REPORT_EXPIRED = "report.expired"
    EVIDENCE_VIEWED = "evidence.viewed"
    CASE_VIEWED = "case.viewed"
    CASE_DECIDED = "case.decided"
    ACTION_PLANNED = "action.planned"
    ACTION_DONE = "action.done"
    ACTION_FAILED = "action.failed"
    ACTION_RETRIED = "action.retried"
    ATTACHMENT_CHECKED = "attachment.checked"
    ATTACHMENT_KEPT = "attachment.kept"
    ATTACHMENT_RETRIED = "attachment.retried"
    REVIEWER_ADDED = "reviewer.added"
    REVIEWER_REMOVED = "reviewer.removed"
    REVIEWER_SIGNED_IN = "reviewer.signed_in"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry. ``at`` in milliseconds since 1970, UTC; ``detail`` is canonical JSON text, never message content."""

    number: int
    at: int
    kind: str
    actor: str
    subject: str
    detail: str
    previous: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class LogHead:
    """Number and hash of the last entry. Number 0 is the empty log."""

    number: int
    hash: bytes

    def mac(self, key: bytes) -> bytes:
        """HMAC-SHA-256 under the installation's log key."""
        return hmac.digest(key, _HEAD_DOMAIN + self.number.to_bytes(8, "big") + self.hash, "sha256")


EMPTY = LogHead(0, GENESIS)


def append(head: LogHead, at: int, kind: LogKind, actor: str, subject: str, detail: Mapping[str, Any]) -> LogEntry:
    """The entry that follows ``head``."""
    text = json.dumps(detail, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    number = head.number + 1
    return LogEntry(
        number,
        at,
        kind,
        actor,
        subject,
        text,
        head.hash,
        _hash(number, at, kind, actor, subject, text, head.hash),
    )


def _hash(number: int, at: int, kind: str, actor: str, subject: str, detail: str, previous: bytes) -> bytes:
    # Fields are framed by JSON, so no two sets of fields share one encoding.
    framed = json.dumps([number, at, str(kind), actor, subject, detail, previous.hex()], separators=(",", ":"))
    return hashlib.sha256(_DOMAIN + framed.encode("utf-8", "surrogatepass")).digest()


def verify_log(entries: Iterable[LogEntry], head: LogHead, anchors: Iterable[LogHead] = ()) -> LogHead:
    """Walks the whole chain and returns the verified head.

    ``head`` is what the store claims, ``anchors`` what was noted elsewhere. ``RefusedError('log_broken')`` names the
    first entry that does not fit and says what that means.
    """
    expected: dict[int, bytes] = {}
    for anchor in anchors:
        if expected.setdefault(anchor.number, anchor.hash) != anchor.hash:
            raise _broken(anchor.number, "was anchored twice, differently: history was rewritten")
    current = EMPTY
    for entry in entries:
        if entry.number != current.number + 1:
            raise _broken(current.number + 1, "is missing, or entries were reordered")
        if not hmac.compare_digest(entry.previous, current.hash):
            raise _broken(entry.number, "does not follow the entry before it: one of the two was replaced")
        actual = _hash(entry.number, entry.at, entry.kind, entry.actor, entry.subject, entry.detail, entry.previous)
        if not hmac.compare_digest(actual, entry.hash):
            raise _broken(entry.number, "was edited")
        if entry.number in expected and not hmac.compare_digest(expected[entry.number], entry.hash):
            raise _broken(entry.number, "is not the one that was anchored outside the database: history was rewritten")
        current = LogHead(entry.number, entry.hash)
    last = max([head.number, *expected], default=0)
    if current.number < last:
        raise _broken(current.number + 1, f"and all after it are missing: the log once had {last} entries")
    if current.number > head.number or not hmac.compare_digest(current.hash, head.hash):
        raise _broken(current.number, "is not what the head says: the end of the log was changed")
    return current


def _broken(number: int, what: str) -> RefusedError:
    return RefusedError(
        "log_broken",
        f"Entry {number} {what}.",
        "Stop the service, keep a copy of everything as it is, and find out who could write to the database.",
    )
