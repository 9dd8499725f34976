"""Changing the contact policy: one person proposes, another approves, and either can take it back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from nightlight.errors import RefusedError
from nightlight.evidence.log import LogKind
from nightlight.model.contact_policy import ChangeState, PolicyChange
from nightlight.ports import Clock, Store, Transaction
from nightlight.prevent.policy_file import Checked, read_policy

_DOMAIN = b"nightlight/policy-change/1\n"
NOTE_CHARS_MAX = 2_000


def signed_bytes(change: PolicyChange) -> bytes:
    """What the installation signs: everything about the change that decides for whom which policy holds."""
    fields = [
        change.number,
        change.digest,
        change.share,
        change.state,
        change.note,
        change.proposed_by,
        change.proposed_at,
        change.decided_by,
        change.decided_at,
    ]
    return _DOMAIN + json.dumps(fields, separators=(",", ":"), ensure_ascii=True).encode()


@dataclass(frozen=True, slots=True)
class PolicyDesk:
    """``sign``: the installation's Ed25519 signature over bytes, with a key that is not in the database.

    ``verify`` raises unless a change carries it. ``decided``: called after every decision, so that it is remembered
    outside of the database, too.
    """

    store: Store
    clock: Clock
    sign: Callable[[bytes], bytes]
    verify: Callable[[PolicyChange], None]
    decided: Callable[[], object] = lambda: None

    def propose(self, text: bytes, share: int, note: str, who: str) -> tuple[PolicyChange, Checked]:
        """Proposes a policy for ``share`` of a hundred accounts. ``MalformedError`` with every mistake in it."""
        checked = read_policy(text)
        if not 1 <= share <= 100:
            raise RefusedError("policy_share", "A policy holds for 1 to 100 of a hundred accounts.")
        if not note.strip() or len(note) > NOTE_CHARS_MAX:
            raise RefusedError("policy_note", f"Say in up to {NOTE_CHARS_MAX:,} characters why this is changed.")
        now = self.clock.now()
        digest = hashlib.sha256(text).hexdigest()
        with self.store.write() as tx:
            tx.add_policy(digest, text)
            number = tx.last_policy_change() + 1
            change = self._signed(PolicyChange(number, digest, share, ChangeState.PROPOSED, note, who, now))
            tx.add_policy_change(change)
            self._log(tx, change, LogKind.POLICY_PROPOSED, who, now)
        self.decided()
        return change, checked

    def approve(self, number: int, who: str) -> PolicyChange:
        """Puts a proposal in force. ``RefusedError('policy_same_person')`` for the one who proposed it."""
        return self._decide(number, who, ChangeState.APPROVED, LogKind.POLICY_APPROVED)

    def reject(self, number: int, who: str) -> PolicyChange:
        return self._decide(number, who, ChangeState.REJECTED, LogKind.POLICY_REJECTED)

    def roll_back(self, number: int, who: str) -> PolicyChange:
        """Takes a change back that is in force: the one before it holds again. One person may do that, at once."""
        now = self.clock.now()
        with self.store.write() as tx:
            change = self._change(tx, number)
            if change.state is not ChangeState.APPROVED:
                raise RefusedError("policy_change_ended", f"Change {number} is not in force: it is {change.state}.")
            back = self._signed(replace(change, state=ChangeState.ROLLED_BACK, decided_by=who, decided_at=now))
            tx.save_policy_change(back)
            self._log(tx, back, LogKind.POLICY_ROLLED_BACK, who, now)
        self.decided()
        return back

    def changes(self) -> list[PolicyChange]:
        with self.store.read() as tx:
            return tx.policy_changes()

    def text(self, digest: str) -> bytes:
        with self.store.read() as tx:
            text = tx.policy_text(digest)
        if text is None:
            raise RefusedError("policy_unknown", "There is no policy with this digest.")
        return text

    def _decide(self, number: int, who: str, state: ChangeState, kind: LogKind) -> PolicyChange:
        now = self.clock.now()
        with self.store.write() as tx:
            change = self._change(tx, number)
            if change.state is not ChangeState.PROPOSED:
                raise RefusedError("policy_change_ended", f"Change {number} waits for nobody: it is {change.state}.")
            if state is ChangeState.APPROVED and who == change.proposed_by:
                raise RefusedError(
                    "policy_same_person",
                    "You proposed this change; another person has to approve it.",
                    "Ask a colleague.",
                )
            if state is ChangeState.APPROVED:
                self.verify(change)  # nobody approves what somebody wrote into the database
            decided = self._signed(replace(change, state=state, decided_by=who, decided_at=now))
            tx.save_policy_change(decided)
            self._log(tx, decided, kind, who, now)
        self.decided()
        return decided

    def _signed(self, change: PolicyChange) -> PolicyChange:
        return replace(change, signature=self.sign(signed_bytes(change)))

    def _change(self, tx: Transaction, number: int) -> PolicyChange:
        change = tx.policy_change(number)
        if change is None:
            raise RefusedError("policy_change_unknown", f"There is no change number {number}.")
        return change

    def _log(self, tx: Transaction, change: PolicyChange, kind: LogKind, who: str, now: int) -> None:
        detail = {"change": change.number, "digest": change.digest, "share": change.share}
        tx.log(now, kind, who, f"policy/{change.number}", detail)
