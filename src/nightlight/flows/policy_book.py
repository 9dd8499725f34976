"""Which contact policy is in force for whom: the newest change that two people stand behind and that is signed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from nightlight.errors import RefusedError
from nightlight.model.contact_policy import ChangeState, PolicyChange
from nightlight.ports import Store, Transaction
from nightlight.prevent.decide import CompiledPolicy
from nightlight.prevent.policy_file import read_policy

_log = logging.getLogger(__name__)

#: Raises ``RefusedError`` unless the installation signed this change.
VerifyChange = Callable[[PolicyChange], None]


@dataclass(frozen=True, slots=True)
class InForce:
    """``newest`` holds for ``share`` of a hundred accounts, ``before`` for the others."""

    newest: CompiledPolicy
    share: int
    before: CompiledPolicy
    change: int

    def for_account(self, number: int) -> CompiledPolicy:
        """By the account's number, so that an account that has a policy keeps it while the share grows."""
        return self.newest if self.share >= 100 or number % 100 < self.share else self.before


class PolicyBook:
    """``builtin``: what is in force before anybody proposed anything; it comes with the software."""

    def __init__(self, store: Store, builtin: bytes, verify: VerifyChange) -> None:
        self._store = store
        self._builtin = CompiledPolicy(read_policy(builtin).policy)
        self._verify = verify
        self._compiled: dict[str, CompiledPolicy] = {self._builtin.policy.digest: self._builtin}
        self._seen: tuple[tuple[int, ChangeState], ...] | None = None
        self._in_force = InForce(self._builtin, 100, self._builtin, 0)

    def in_force(self, tx: Transaction | None = None) -> InForce:
        """What is in force now. A change whose signature or text does not hold is passed over, loudly."""
        if tx is None:
            with self._store.read() as tx:
                return self.in_force(tx)
        changes = tx.policy_changes()
        seen = tuple((change.number, change.state) for change in changes)
        if seen != self._seen:
            self._in_force = self._choose(tx, changes)
            self._seen = seen
        return self._in_force

    def compiled(self, tx: Transaction, digest: str) -> CompiledPolicy:
        """The policy with this digest; ``RefusedError('policy_unknown')`` or why it cannot be used."""
        if digest not in self._compiled:
            text = tx.policy_text(digest)
            if text is None:
                raise RefusedError("policy_unknown", "There is no policy with this digest.")
            policy = read_policy(text).policy
            if policy.digest != digest:
                raise RefusedError("policy_changed", "The stored policy is not the one that was approved.")
            self._compiled[digest] = CompiledPolicy(policy)
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

    def _choose(self, tx: Transaction, changes: list[PolicyChange]) -> InForce:
        newest: tuple[CompiledPolicy, PolicyChange] | None = None
        for change in changes:
            if change.state is not ChangeState.APPROVED:
                continue
            try:
                self._verify(change)
                policy = self.compiled(tx, change.digest)
            except RefusedError as e:
                _log.error("Policy change %s is not put in force: %s", change.number, e.message)
                continue
            if newest is None:
                newest = (policy, change)
                if change.share >= 100:
                    break
            elif change.share >= 100:
                return InForce(newest[0], newest[1].share, policy, newest[1].number)
        if newest is None:
            return InForce(self._builtin, 100, self._builtin, 0)
        return InForce(newest[0], newest[1].share, self._builtin, newest[1].number)
