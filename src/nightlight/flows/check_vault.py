"""Checking the vault on a schedule: every kept file is read again, every byte verified, and damage is said loudly.

Also gives each case its own copy of a file that is kept for another case with the same message, so that erasing one
takes nothing from the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from nightlight.errors import NightlightError, RefusedError
from nightlight.evidence.log import LogKind
from nightlight.flows.kept_files import holder
from nightlight.flows.seal_evidence import require_readable
from nightlight.model.health import Finding, Level
from nightlight.model.kept_file import KeptFile
from nightlight.ports import Clock, Store, Transaction, Vault

DAY_MS = 86_400_000
#: How long a claimed file is left to whoever claimed it: longer than reading the largest one takes.
_LEASE_MS = 3_600_000
#: How many damaged files a finding names.
_NAMED = 5


@dataclass(frozen=True, slots=True)
class VaultChecker:
    """``days``: how often each file is checked."""

    store: Store
    vault: Vault
    clock: Clock
    days: float

    def run_due(self, most: int = 100) -> int:
        """Checks the files that are due, the one that waits longest first, at most ``most``; returns how many."""
        self.spread(most)
        checked = 0
        while checked < most and (file := self._claim()) is not None:
            self.check(file)
            checked += 1
        return checked

    def check_all(self) -> Iterator[KeptFile]:
        """Checks every file now; each as it was found."""
        self.spread(None)
        last: KeptFile | None = None
        while True:
            with self.store.read() as tx:
                after = tx.kept_files_after(last, 100)
            if not after:
                return
            for file in after:
                if (found := self.check(file)) is not None:
                    yield found
            last = after[-1]

    def check(self, file: KeptFile) -> KeptFile | None:
        """Reads and verifies one file and notes what was found; None where its case was erased meanwhile.

        ``UnavailableError`` where the vault does not answer, which is no damage: the file stays as it was noted.
        """
        damage: str | None = None
        try:
            self.vault.check(file.case_id, file.sha256)
        except RefusedError as e:
            if e.code not in ("vault_damaged", "vault_missing"):
                if e.code == "erased":
                    return None
                raise
            damage = e.code
        now = self.clock.now()
        with self.store.write() as tx:
            current = tx.kept_file(file.case_id, file.sha256)
            if current is None:
                return None
            next_check_at = now + int(self.days * DAY_MS)
            found = replace(current, checked_at=now, next_check_at=next_check_at, damage=damage)
            tx.put_kept_file(found)
            if damage != current.damage:
                kind = LogKind.VAULT_SOUND if damage is None else LogKind.VAULT_DAMAGED
                detail = {"file": file.sha256.hex(), "damage": damage}
                tx.log(now, kind, "nightlight", file.case_id, detail)
        return found

    def spread(self, most: int | None) -> int:
        """Keeps files for cases that joined a message after its file was kept; how many were added."""
        spread = 0
        with self.store.read() as tx:
            wanted = tx.not_kept_for(most or 1_000_000)
        for case_id, sha256 in wanted:
            spread += self._spread(case_id, sha256)
        return spread

    def _spread(self, case_id: str, sha256: bytes) -> bool:
        if not self.vault.holds(case_id, sha256):
            with self.store.read() as tx:
                source = holder(self.vault, tx.cases_needing(sha256), sha256)
            if source is None:
                return self._note(case_id, sha256, "vault_missing")
            try:
                self.vault.keep(case_id, sha256, self.vault.read(source, sha256))
            except RefusedError as e:
                if e.code == "erased":
                    return False
                if e.code not in ("vault_damaged", "vault_missing"):
                    raise
                return self._note(case_id, sha256, e.code)
        return self._note(case_id, sha256, None)

    def _note(self, case_id: str, sha256: bytes, damage: str | None) -> bool:
        now = self.clock.now()
        with self.store.write() as tx:
            if tx.kept_file(case_id, sha256) is not None:
                return False
            tx.put_kept_file(KeptFile(case_id, sha256, now, now, None, damage))
            if damage is not None:
                detail = {"file": sha256.hex(), "damage": damage}
                tx.log(now, LogKind.VAULT_DAMAGED, "nightlight", case_id, detail)
        return True

    def _claim(self) -> KeptFile | None:
        now = self.clock.now()
        with self.store.read() as tx:
            if tx.due_kept_file(now) is None:
                return None
        with self.store.write() as tx:
            due = tx.due_kept_file(now)
            if due is None:
                return None
            claimed = replace(due, next_check_at=now + _LEASE_MS)
            tx.put_kept_file(claimed)
        return claimed


def examine_vault(tx: Transaction, now: int, days: float, key_name: Callable[[], str]) -> Iterator[Finding]:
    """What the examination of an installation says of its vault. ``key_name``: of the present master key."""
    counts, clear, names = tx.vault_counts(), tx.clear_counts(), tx.case_key_names()
    try:
        if names:
            require_readable(names, key_name())
            yield Finding(Level.OK, "vault", f"{sum(names.values()):,} data keys, all under the present master key.")
    except NightlightError as e:
        mend = e.hint if isinstance(e, RefusedError) else "Mend it soon: no evidence can be opened, no case begun."
        yield Finding(Level.PROBLEM, "vault", e.message, mend)
    if counts.damaged:
        named = ", ".join(f"{file.sha256.hex()[:16]}… of {file.case_id}" for file in tx.damaged_files(_NAMED))
        yield Finding(
            Level.PROBLEM, "vault", f"{counts.damaged:,} kept files are damaged or gone: {named}.",
            "Restore them from a backup, then: nightlight evidence check. Find out who could write to the vault.",
        )  # fmt: skip
    late = counts.oldest_check_at is not None and now - counts.oldest_check_at > 2 * days * DAY_MS
    if late:
        yield Finding(
            Level.WARNING, "vault", f"Some kept files were last checked more than {2 * days:g} days ago.",
            "Does `nightlight serve` run, and does the vault answer? Its log says what keeps it.",
        )  # fmt: skip
    if not counts.damaged and not late:
        said = (
            f"{counts.files:,} kept files, each checked every {days:g} days; {counts.unchecked:,} wait for the first."
        )
        yield Finding(Level.OK, "vault", said)
    if clear.all:
        yield Finding(
            Level.WARNING, "vault", f"{clear.all:,} rows of evidence from before are not encrypted.",
            "Encrypt them: nightlight evidence seal",
        )  # fmt: skip
