"""Encrypting evidence from before there were keys of cases, and wrapping all data keys under another master key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nightlight.errors import RefusedError
from nightlight.evidence.log import LogKind
from nightlight.model.case_key import CaseKey
from nightlight.model.kept_file import KeptFile
from nightlight.ports import Clock, MasterKey, Store, Transaction, Vault

_BATCH = 100


@dataclass(frozen=True, slots=True)
class Sealed:
    """How much was encrypted. ``left``: events and files that no case needs, which stay as they are."""

    reports: int = 0
    events: int = 0
    referrals: int = 0
    files: int = 0
    left: int = 0

    @property
    def all(self) -> int:
        return self.reports + self.events + self.referrals + self.files


@dataclass(frozen=True, slots=True)
class Sealer:
    """May be stopped and started again at any time: what was encrypted is durable, and the rest is as it was."""

    store: Store
    vault: Vault
    clock: Clock

    def seal(self, actor: str) -> Sealed:
        reports, _ = self._rows(lambda tx, after: tx.clear_reports(after, _BATCH), lambda tx, one: tx.seal_report(one))
        events, left = self._rows(lambda tx, after: tx.clear_events(after, _BATCH), lambda tx, one: tx.seal_event(one))
        referrals, _ = self._rows(
            lambda tx, after: tx.clear_referrals(after, _BATCH), lambda tx, one: tx.seal_referral(one)
        )
        files, files_left = self._files()
        sealed = Sealed(reports, events, referrals, files, left + files_left)
        if sealed.all:
            detail = {"reports": reports, "events": events, "referrals": referrals, "files": files}
            with self.store.write() as tx:
                tx.log(self.clock.now(), LogKind.EVIDENCE_SEALED, actor, "", detail)
        return sealed

    def _rows(
        self,
        clear: Callable[[Transaction, str], list[str]],
        seal: Callable[[Transaction, str], bool | None],
    ) -> tuple[int, int]:
        """How many rows were sealed, and how many could not be."""
        sealed, left, after = 0, 0, ""
        while True:
            with self.store.write() as tx:
                batch = clear(tx, after)
                for one in batch:
                    if seal(tx, one) is False:
                        left += 1
                    else:
                        sealed += 1
            if not batch:
                return sealed, left
            after = batch[-1]

    def _files(self) -> tuple[int, int]:
        moved, left = 0, 0
        for sha256 in self.vault.old_files():
            with self.store.read() as tx:
                cases = tx.cases_needing(sha256)
            if not cases:
                left += 1
                continue
            self.vault.move_in(sha256, cases)
            now = self.clock.now()
            with self.store.write() as tx:
                for case_id in cases:
                    if tx.kept_file(case_id, sha256) is None:
                        tx.put_kept_file(KeptFile(case_id, sha256, now, now))
            moved += 1
        return moved, left


def rekey(store: Store, clock: Clock, new: MasterKey, rewrap: Callable[[CaseKey], CaseKey], actor: str) -> int:
    """Wraps every data key that is wrapped under another key than ``new`` anew; how many.

    ``rewrap`` unwraps with the old key and wraps with the new one. The first one that it cannot unwrap ends it
    (``master_key_wrong``, ``case_key_damaged``); what was rewrapped before stays so, and both keys are needed until
    the rest is.
    """
    done = 0
    while True:
        with store.write() as tx:
            batch = tx.case_keys_except(new.name, _BATCH)
            for key in batch:
                tx.put_case_key(rewrap(key))
        if not batch:
            break
        done += len(batch)
    if done:
        with store.write() as tx:
            tx.log(clock.now(), LogKind.EVIDENCE_REKEYED, actor, "", {"keys": done, "key": new.name})
    return done


def require_readable(names: dict[str, int], present: str) -> None:
    """``RefusedError('master_key_wrong')`` if there are data keys under other master keys than the present one."""
    others = sorted(name for name in names if name != present)
    if others:
        raise RefusedError(
            "master_key_wrong",
            f"{sum(names[name] for name in others):,} data keys are wrapped under {', '.join(others)}; the present "
            f"master key is {present}.",
            "Restore the master key that belongs to this database, or, after a change of keys: nightlight evidence "
            "rekey --old-key-file.",
        )
