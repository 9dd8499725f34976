"""The log: every report, view, decision and action, in a Merkle tree of salted commitments.

An entry's *commitment* covers its number, time, kind, actor, subject and detail under a random salt, so it says nothing
about them to anybody who has not been given the salt. The commitments are the leaves of an RFC 9162 tree
(``nightlight.hazmat.merkle``), whose root fixes every entry and their order. What was cut off at the end shows against
the *head* (size and root, authenticated with a key that is not in the database), against an *anchor* kept outside of
it, and against every checkpoint that anybody has ever been given.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from nightlight.errors import RefusedError
from nightlight.hazmat.merkle import EMPTY_ROOT, Frontier, Node, leaf_hash

_DOMAIN = b"nightlight/log/commitment/1\n"
_HEAD_DOMAIN = b"nightlight/log/head/2\n"
SALT_BYTES = 32


class LogKind(StrEnum):
    """What can happen. A closed list."""

    CARRIED_OVER = "log.carried_over"
    REPORT_RECEIVED = "report.received"
    REPORT_CHECKED = "report.checked"
    REPORT_EXPIRED = "report.expired"
    EVIDENCE_VIEWED = "evidence.viewed"
    CASE_VIEWED = "case.viewed"
    CASE_DECIDED = "case.decided"
    DECISION_OVERTURNED = "decision.overturned"
    ACTION_PLANNED = "action.planned"
    ACTION_DONE = "action.done"
    ACTION_FAILED = "action.failed"
    ACTION_RETRIED = "action.retried"
    ACTION_CANCELLED = "action.cancelled"
    REFERRAL_PROPOSED = "referral.proposed"
    REFERRAL_APPROVED = "referral.approved"
    REFERRAL_TIMESTAMPED = "referral.timestamped"
    REFERRAL_EXPORTED = "referral.exported"
    AGENCY_ADDED = "agency.added"
    AGENCY_REMOVED = "agency.removed"
    APPROVER_ADDED = "approver.added"
    APPROVER_REMOVED = "approver.removed"
    ATTACHMENT_CHECKED = "attachment.checked"
    ATTACHMENT_KEPT = "attachment.kept"
    ATTACHMENT_RETRIED = "attachment.retried"
    ATTACHMENT_READ = "attachment.read"
    VAULT_DAMAGED = "vault.damaged"
    VAULT_SOUND = "vault.sound"
    EVIDENCE_SEALED = "evidence.sealed"
    EVIDENCE_REKEYED = "evidence.rekeyed"
    POLICY_PROPOSED = "policy.proposed"
    POLICY_APPROVED = "policy.approved"
    POLICY_REJECTED = "policy.rejected"
    POLICY_ROLLED_BACK = "policy.rolled_back"
    RULES_ADOPTED = "rules.adopted"
    RULE_PROPOSED = "rules.proposed"
    RULE_LIVE = "rules.live"
    RULE_SHADOW = "rules.shadow"
    RULE_PAUSED = "rules.paused"
    RULES_ROLLED_BACK = "rules.rolled_back"
    DRAFT_BEGUN = "draft.begun"
    DRAFT_CHANGED = "draft.changed"
    DRAFT_PROPOSED = "draft.proposed"
    DRAFT_APPROVED = "draft.approved"
    DRAFT_RETURNED = "draft.returned"
    DRAFT_WITHDRAWN = "draft.withdrawn"
    DRAFT_REVIEWED = "draft.reviewed"
    DRAFT_READ = "draft.read"
    REFERRAL_FILED = "referral.filed"
    REFERRAL_PACKAGED = "referral.packaged"
    SUBMISSION_QUEUED = "submission.queued"
    SUBMISSION_OPENED = "submission.opened"
    SUBMISSION_FILE_SENT = "submission.file_sent"
    SUBMISSION_FINISHED = "submission.finished"
    SUBMISSION_FAILED = "submission.failed"
    SUBMISSION_RETRIED = "submission.retried"
    SUBMISSION_SETTLED = "submission.settled"
    SUBMISSION_WANTED_BACK = "submission.wanted_back"
    SUBMISSION_RETRACTED = "submission.retracted"
    ALERT_RAISED = "alert.raised"
    SIGNALS_VIEWED = "signals.viewed"
    ACCOUNTS_IMPORTED = "accounts.imported"
    ACCOUNT_FORGOTTEN = "account.forgotten"
    AGE_VIEWED = "age.viewed"
    ASK_MADE = "ask.made"
    ASK_ENDED = "ask.ended"
    HOLD_PLACED = "hold.placed"
    HOLD_RELEASE_PROPOSED = "hold.release_proposed"
    HOLD_RELEASE_REJECTED = "hold.release_rejected"
    HOLD_RELEASED = "hold.released"
    EVENTS_VIEWED = "events.viewed"
    ERASURE_PLANNED = "erasure.planned"
    ERASURE_WITHDRAWN = "erasure.withdrawn"
    CASE_ERASED = "case.erased"
    REVIEWER_ADDED = "reviewer.added"
    REVIEWER_REMOVED = "reviewer.removed"
    REVIEWER_SIGNED_IN = "reviewer.signed_in"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry. ``at`` in milliseconds since 1970, UTC; ``detail`` is canonical JSON text, never message content.

    ``number`` counts from 1, so the entry is leaf ``number - 1`` of the tree. ``salt``: 32 random bytes.
    """

    number: int
    at: int
    kind: str
    actor: str
    subject: str
    detail: str
    salt: bytes = field(repr=False)

    @property
    def commitment(self) -> bytes:
        """HMAC-SHA-256 over the framed fields, keyed with the salt: exactly 32 bytes, since HMAC pads shorter keys."""
        if len(self.salt) != SALT_BYTES:
            raise RefusedError("log_entry_malformed", f"The salt of entry {self.number} is not {SALT_BYTES} bytes.")
        return hmac.digest(self.salt, _DOMAIN + self._framed(), "sha256")

    @property
    def leaf(self) -> bytes:
        """The hash that stands in the tree (RFC 9162 §2.1.1)."""
        return leaf_hash(self.commitment)

    def opening(self) -> dict[str, Any]:
        """Everything that opens the commitment, for JSON. Who has it can check the entry, and read it."""
        return {
            "number": self.number,
            "at": self.at,
            "kind": self.kind,
            "actor": self.actor,
            "subject": self.subject,
            "detail": self.detail,
            "salt": base64.b64encode(self.salt).decode(),
        }

    def _framed(self) -> bytes:
        # JSON frames the fields: no boundary between two of them can be moved.
        fields = [self.number, self.at, self.kind, self.actor, self.subject, self.detail]
        return json.dumps(fields, separators=(",", ":"), ensure_ascii=True).encode()


def open_entry(value: object) -> LogEntry:
    """What ``LogEntry.opening`` made, read strictly; ``RefusedError('log_entry_malformed')``."""
    texts = ("kind", "actor", "subject", "detail", "salt")
    known = {"number", "at", *texts}
    if not isinstance(value, dict) or value.keys() != known:
        raise _malformed("it has other fields than an entry")
    if any(type(value[name]) is not int or not 0 <= value[name] < 2**63 for name in ("number", "at")):
        raise _malformed("number and time are whole numbers")
    if any(not isinstance(value[name], str) for name in texts) or value["number"] == 0:
        raise _malformed("a field has the wrong kind")
    try:
        salt = base64.b64decode(value["salt"].encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        raise _malformed("its salt is not base64") from None
    if len(salt) != SALT_BYTES or base64.b64encode(salt).decode() != value["salt"]:
        raise _malformed(f"its salt is not {SALT_BYTES} bytes")
    return LogEntry(**{**value, "salt": salt})


@dataclass(frozen=True, slots=True)
class LogHead:
    """Number of entries and the root over them. Number 0 is the empty log."""

    number: int
    hash: bytes

    def mac(self, key: bytes) -> bytes:
        """HMAC-SHA-256 under the installation's log key."""
        return hmac.digest(key, _HEAD_DOMAIN + self.number.to_bytes(8, "big") + self.hash, "sha256")


EMPTY = LogHead(0, EMPTY_ROOT)


def head_of(frontier: Frontier) -> LogHead:
    return LogHead(frontier.size, frontier.root())


def next_entry(
    size: int, at: int, kind: LogKind, actor: str, subject: str, detail: Mapping[str, Any], salt: bytes
) -> LogEntry:
    """The entry that follows a log of ``size`` entries."""
    text = json.dumps(detail, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return LogEntry(size + 1, at, kind, actor, subject, text, salt)


#: Returns the stored hashes of these nodes, as far as there are any.
StoredNodes = Callable[[Sequence[Node]], Mapping[Node, bytes]]
_BATCH = 500


def verify_log(
    entries: Iterable[LogEntry],
    head: LogHead,
    anchors: Iterable[LogHead] = (),
    *,
    carried: int = 0,
    stored: StoredNodes | None = None,
) -> LogHead:
    """Walks the whole log and returns the verified head.

    ``head`` is what the store claims, ``anchors`` what was noted elsewhere, ``carried`` how many entries come from the
    hash chain that was the log before, ``stored`` the nodes that proofs are made of. ``RefusedError('log_broken')``
    names the first entry that does not fit and says what that means.
    """
    expected: dict[int, bytes] = {}
    for anchor in anchors:
        if expected.setdefault(anchor.number, anchor.hash) != anchor.hash:
            raise _broken(anchor.number, "was anchored twice, differently: history was rewritten")
    frontier = Frontier()
    chain = CHAIN_GENESIS
    nodes: dict[Node, bytes] = {}
    for entry in entries:
        if entry.number != frontier.size + 1:
            raise _broken(frontier.size + 1, "is missing, or entries were reordered")
        frontier, completed = frontier.append(entry.leaf)
        nodes.update(completed)
        if len(nodes) >= _BATCH:
            _check_stored(nodes, stored)
            nodes.clear()
        if entry.number <= carried:
            chain = chain_hash(entry, chain)
        elif entry.number == carried + 1 and carried:
            _check_carried(entry, carried, chain)
        if entry.number in expected:
            actual = chain if entry.number <= carried else frontier.root()
            if not hmac.compare_digest(expected[entry.number], actual):
                raise _broken(
                    entry.number,
                    "or one before it is not what was anchored outside the database: history was rewritten",
                )
    _check_stored(nodes, stored)
    last = max([head.number, *expected], default=0)
    if frontier.size < last:
        raise _broken(frontier.size + 1, f"and all after it are missing: the log once had {last} entries")
    if frontier.size > head.number:
        raise _broken(head.number + 1, "is not covered by the head: the end of the log was changed")
    if not hmac.compare_digest(frontier.root(), head.hash):
        raise _broken(frontier.size, "or one before it was edited: the entries do not lead to the root")
    return head_of(frontier)


def _check_stored(nodes: Mapping[Node, bytes], stored: StoredNodes | None) -> None:
    if stored is None or not nodes:
        return
    found = stored(list(nodes))
    for (level, index), expected in sorted(nodes.items()):
        if not hmac.compare_digest(found.get((level, index), b""), expected):
            first = (index << level) + 1
            what = "was edited, or its leaf was" if level == 0 else "stands below a changed node of the tree"
            raise _broken(first, what)


#: Until version 0.2 the log was a chain of hashes. Heads of it that were noted then are still checked.
CHAIN_GENESIS = hashlib.sha256(b"nightlight/log/genesis/1\n").digest()
_CHAIN_DOMAIN = b"nightlight/log/entry/1\n"


def chain_hash(entry: LogEntry, previous: bytes) -> bytes:
    """The hash that this entry had in the chain."""
    fields = [entry.number, entry.at, entry.kind, entry.actor, entry.subject, entry.detail, previous.hex()]
    return hashlib.sha256(_CHAIN_DOMAIN + json.dumps(fields, separators=(",", ":")).encode()).digest()


def _check_carried(entry: LogEntry, carried: int, chain: bytes) -> None:
    if entry.kind != LogKind.CARRIED_OVER or json.loads(entry.detail) != {"entries": carried, "head": chain.hex()}:
        raise _broken(entry.number, "or one before it was edited: it should bind the log as it was carried over")


def _malformed(why: str) -> RefusedError:
    return RefusedError("log_entry_malformed", f"This is not a log entry: {why}.")


def _broken(number: int, what: str) -> RefusedError:
    return RefusedError(
        "log_broken",
        f"Entry {number} {what}.",
        "Stop the service, keep a copy of everything as it is, and find out who could write to the database.",
    )
