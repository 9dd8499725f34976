"""Which contact policy is in force for whom: the newest change that two people stand behind and that is signed."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from nightlight.errors import RefusedError
from nightlight.model.contact_policy import ChangeState, PolicyChange
from nightlight.ports import PolicyMemory, Store, Transaction
from nightlight.prevent.decide import CompiledPolicy
from nightlight.prevent.policy_file import read_policy

_log = logging.getLogger(__name__)

#: Raises ``RefusedError`` unless the installation signed this change.
VerifyChange = Callable[[PolicyChange], None]


@dataclass(frozen=True, slots=True)
class InForce:
    """``newest`` holds for ``share`` of a hundred accounts, ``before``, what last held for all, for the others."""

    newest: CompiledPolicy
    share: int
    before: CompiledPolicy
    change: int

    def for_account(self, number: int) -> CompiledPolicy:
        """By the account's number, so that an account that has a policy keeps it while the share grows."""
        return self.newest if self.share >= 100 or number % 100 < self.share else self.before


class PolicyBook:
    """Knows what is in force, and whether the database still says what people decided.

    ``builtin``: what is in force before anybody proposed anything; it comes with the software. ``memory``: a copy of
    what was decided, outside of the database. With it, whoever can write to the database alone changes nothing: neither
    an edited row, nor a removed one, nor an old row put back. Left out: only as long as this object lives.
    """

    def __init__(self, store: Store, builtin: bytes, verify: VerifyChange, memory: PolicyMemory | None = None) -> None:
        self._store = store
        self._builtin = CompiledPolicy(read_policy(builtin).policy)
        self._builtin_text, self._texts = builtin, dict[str, bytes]()
        self._verify = verify
        self._memory = memory or _Recollection()
        self._compiled: dict[str, CompiledPolicy] = {self._builtin.policy.digest: self._builtin}
        self._seen: list[PolicyChange] | None = None
        self._in_force = InForce(self._builtin, 100, self._builtin, 0)
        self._problems: tuple[str, ...] = ()

    def in_force(self, tx: Transaction | None = None) -> InForce:
        """What is in force now. What somebody did to the database is passed over, loudly."""
        if tx is None:
            with self._store.read() as tx:
                return self.in_force(tx)
        stored = tx.policy_changes()
        if stored != self._seen:
            self._look(tx, stored)
            self._seen = stored
        return self._in_force

    def problems(self) -> tuple[str, ...]:
        """In which ways the database is not as people left it, looked at anew; empty if it is."""
        with self._store.read() as tx:
            self._look(tx, tx.policy_changes())
        return self._problems

    def in_force_text(self) -> bytes:
        """The text of what is in force."""
        digest = self.in_force().newest.policy.digest
        return self._texts.get(digest, self._builtin_text)

    def compiled(self, tx: Transaction, digest: str) -> CompiledPolicy:
        """The policy with this digest; ``RefusedError``: ``policy_unknown``, ``policy_changed``."""
        if digest not in self._compiled:
            self._compiled[digest] = _compile(digest, tx.policy_text(digest))
        return self._compiled[digest]

    def by_reference(self, tx: Transaction, reference: str) -> CompiledPolicy:
        """The policy that a decision names."""
        if self._builtin.reference == reference:
            return self._builtin
        for change in tx.policy_changes():
            if reference.endswith(f"#{change.digest[:16]}"):
                found = self.compiled(tx, change.digest)
                if found.reference == reference:
                    return found
        raise RefusedError("policy_unknown", f"There is no policy {reference} here any more.")

    def _look(self, tx: Transaction, stored: Sequence[PolicyChange]) -> None:
        problems: list[str] = []
        try:
            remembered, texts = self._memory.recall()
            damaged = False
        except RefusedError as e:
            problems.append(f"{e.message} {e.hint}")
            remembered, texts, damaged = [], {}, True
        changes = self._trusted(stored, remembered, problems)
        approved = [change for change in changes if change.state is ChangeState.APPROVED]
        usable: dict[str, bytes] = {}
        for change in approved:
            text = self._text(tx, change, texts.get(change.digest), problems)
            if text is not None:
                usable[change.digest] = text
        if not damaged:
            try:
                self._memory.keep(changes, usable)
            except RefusedError as e:
                problems.append(f"{e.message} {e.hint}")
        self._texts = usable
        self._in_force = self._choose([change for change in approved if change.digest in usable])
        if problems and tuple(problems) != self._problems:
            for problem in problems:
                _log.error("Contact policy: %s", problem)
        self._problems = tuple(problems)

    def _trusted(
        self, stored: Sequence[PolicyChange], remembered: Sequence[PolicyChange], problems: list[str]
    ) -> list[PolicyChange]:
        """Every change as people decided it, the newest first."""
        rows = {change.number: change for change in stored}
        known = {change.number: change for change in remembered}
        found: list[PolicyChange] = []
        for number in sorted(rows | known, reverse=True):
            row, before = rows.get(number), known.get(number)
            if row is not None and (complaint := self._complaint(row, before)):
                problems.append(complaint)
                row = None
            elif row is None:
                problems.append(f"Change {number} was removed from the database.")
            change = row or before
            if change is not None:
                found.append(change)
        return found

    def _complaint(self, row: PolicyChange, before: PolicyChange | None) -> str:
        try:
            self._verify(row)
        except RefusedError as e:
            return f"Change {row.number}: {e.message}"
        if before is None or before == row or row.may_follow(before):
            return ""
        return f"Change {row.number} is {before.state}, and was put back to {row.state} in the database."

    def _text(
        self, tx: Transaction, change: PolicyChange, remembered: bytes | None, problems: list[str]
    ) -> bytes | None:
        """The text of a change, from the database or else from memory."""
        for text in (tx.policy_text(change.digest), remembered):
            try:
                compiled = _compile(change.digest, text)
            except RefusedError as e:
                if text is not remembered or not problems:
                    problems.append(f"Change {change.number}: {e.message}")
                continue
            self._compiled.setdefault(change.digest, compiled)
            return text
        return None

    def _choose(self, approved: Sequence[PolicyChange]) -> InForce:
        """``approved``: the newest first. What holds for a share leaves the others to the last that held for all."""
        if not approved:
            return InForce(self._builtin, 100, self._builtin, 0)
        newest = approved[0]
        whole = next((change for change in approved[1:] if change.share >= 100), None)
        before = self._compiled[whole.digest] if whole else self._builtin
        return InForce(self._compiled[newest.digest], newest.share, before, newest.number)


class _Recollection:
    """A memory that lasts as long as the process."""

    def __init__(self) -> None:
        self._changes: list[PolicyChange] = []
        self._texts: dict[str, bytes] = {}

    def recall(self) -> tuple[list[PolicyChange], dict[str, bytes]]:
        return self._changes, self._texts

    def keep(self, changes: Sequence[PolicyChange], texts: Mapping[str, bytes]) -> None:
        self._changes, self._texts = list(changes), dict(texts)


def _compile(digest: str, text: bytes | None) -> CompiledPolicy:
    if text is None:
        raise RefusedError("policy_unknown", "There is no policy with this digest.")
    if hashlib.sha256(text).hexdigest() != digest:
        raise RefusedError("policy_changed", "The stored policy is not the one that was approved.")
    return CompiledPolicy(read_policy(text).policy)
