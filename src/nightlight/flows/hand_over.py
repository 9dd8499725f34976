"""Referrals that a person carries to the agency: the package is made and taken, then somebody says that it arrived.

They share the outbox of submissions, so they are overdue and raise an alarm as every other one does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from nightlight.errors import RefusedError
from nightlight.evidence.log import LogKind
from nightlight.flows.prepare_report import Preparation, Prepared, PreparedFile
from nightlight.flows.record_report import NewId
from nightlight.flows.refer import Referrer
from nightlight.flows.send_referral import filed_as, taken_back
from nightlight.flows.standing import require_not_overturned
from nightlight.model.case import Decision
from nightlight.model.draft import AgencyKind
from nightlight.model.referral import Referral, ReferralState
from nightlight.model.submission import Submission, SubmissionState
from nightlight.ports import Clock, Sink, Store, Transaction
from nightlight.respond.enforcement import reason_in_words
from nightlight.respond.submission import finished, wanted_back

REFERENCE_CHARS_MAX = 200


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What a package is made of. ``bundle``: the evidence bundle that goes along, empty where none does."""

    referral: Referral
    prepared: Prepared = field(repr=False)
    decision: Decision | None = field(repr=False)
    bundle: bytes = field(repr=False)
    read: Callable[[PreparedFile], Iterator[bytes]] = field(repr=False)


#: Writes the package, sealed to the agency, and gives name and SHA-256 of each member.
Pack = Callable[[Outgoing, Sink], Sequence[tuple[str, bytes]]]


@dataclass(frozen=True, slots=True)
class HandedPackage:
    """``name``: for the file. ``sha256``: of what was written, 32 bytes. ``with_bundle``: the evidence goes along."""

    name: str
    sha256: bytes
    with_bundle: bool


@dataclass(frozen=True, slots=True)
class HandOverDesk:
    store: Store
    clock: Clock
    new_id: NewId
    preparation: Preparation
    referrer: Referrer
    pack: Pack

    def take(self, referral_id: str, by: str, out: Sink) -> HandedPackage:
        """Writes the package of a referral that was signed off. Logged before it returns; taken again, logged again.

        What was written is nothing until then. ``RefusedError``: ``referral_not_found``, ``not_by_hand``,
        ``not_signed``, ``erased``, ``overturned`` and what the package refuses. ``UnavailableError`` where a part
        cannot be had.
        """
        with self.store.read() as tx:
            referral, _ = self._carried(tx, referral_id)
            if referral.state not in (ReferralState.APPROVED, ReferralState.FILED):
                raise RefusedError("not_signed", "This referral was taken back.", "Nothing goes out.")
            require_not_overturned(tx, referral.case_id)
            decision = tx.decision_of(referral.case_id)
            approved = bundle_for(tx, referral)
        prepared = self.preparation.prepare(referral)
        bundle = self.referrer.hand_out(approved.referral_id, by) if approved is not None else b""
        written = _Hashing(out)
        members = self.pack(Outgoing(referral, prepared, decision, bundle, self.preparation.content), written)
        now = self.clock.now()
        with self.store.write() as tx:
            current, _ = self._carried(tx, referral_id)
            if current.state is not referral.state:
                raise RefusedError("not_signed", "This referral changed meanwhile.", "Reload the page.")
            require_not_overturned(tx, current.case_id)
            detail = {
                "referral": referral_id,
                "agency": referral.agency.name,
                "recipient": referral.agency.recipient,
                "sha256": written.digest.hex(),
                "members": {name: sha256.hex() for name, sha256 in members},
            }
            tx.log(now, LogKind.REFERRAL_PACKAGED, by, referral.case_id, detail)
        ending = "zip" if referral.agency.kind is AgencyKind.IWF else "zip.age"
        return HandedPackage(f"{referral_id}.{ending}", written.digest, bool(bundle))

    def bundle(self, referral: Referral) -> Referral | None:
        """The evidence bundle that goes along, as far as there is one now."""
        with self.store.read() as tx:
            return bundle_for(tx, referral)

    def arrived(self, referral_id: str, by: str, reference: str) -> Referral:
        """A person says that the agency has it, and what it calls it.

        ``RefusedError``: ``referral_not_found``, ``not_by_hand``, ``not_handed_over``, ``reference_missing``,
        ``already_filed``, ``already_retracted``.
        """
        words, now = reference.strip(), self.clock.now()
        if not words or len(words) > REFERENCE_CHARS_MAX or not words.isprintable():
            raise RefusedError(
                "reference_missing",
                f"What the agency calls it is needed, in one line of at most {REFERENCE_CHARS_MAX} characters.",
                "If it gave no number: to whom it was given, and when.",
            )
        with self.store.write() as tx:
            referral, submission = self._under_way(tx, referral_id)
            if not taken_by_somebody(tx, referral):
                raise RefusedError(
                    "not_handed_over",
                    "Nobody has taken the package yet.",
                    "Download it, and give it to the agency.",
                )
            tx.save_submission(finished(submission, now))
            named = {"submission": submission.submission_id, "referral": referral_id}
            tx.log(now, LogKind.SUBMISSION_FINISHED, by, referral.case_id, {**named, "report": 0, "files": ""})
            return filed_as(tx, referral, words, by, now)

    def retract(self, referral_id: str, by: str, reason: str) -> None:
        """Takes it back before it arrived. ``RefusedError``: as ``arrived``, and ``reason_missing``."""
        words, now = reason_in_words(reason), self.clock.now()
        with self.store.write() as tx:
            referral, submission = self._under_way(tx, referral_id)
            back = wanted_back(submission, by, words)
            tx.save_submission(back)
            named = {"submission": submission.submission_id, "referral": referral_id}
            tx.log(now, LogKind.SUBMISSION_WANTED_BACK, by, referral.case_id, {**named, "reason": words})
            tx.log(now, LogKind.SUBMISSION_RETRACTED, by, referral.case_id, named)
            taken_back(tx, back, now)

    def _carried(self, tx: Transaction, referral_id: str) -> tuple[Referral, Submission]:
        referral, submission = tx.referral(referral_id), tx.submission_of(referral_id)
        if referral is None:
            raise RefusedError("referral_not_found", "There is no such referral.")
        if submission is None:
            raise RefusedError("not_signed", "This referral was not signed off.", "A second person signs it first.")
        if not submission.by_hand:
            raise RefusedError("not_by_hand", "This agency has a reporting service: the referral goes out by itself.")
        return referral, submission

    def _under_way(self, tx: Transaction, referral_id: str) -> tuple[Referral, Submission]:
        referral, submission = self._carried(tx, referral_id)
        if submission.state is SubmissionState.FINISHED:
            raise RefusedError("already_filed", "The agency has this referral already.", "Write to the agency instead.")
        if submission.state is not SubmissionState.QUEUED:
            raise RefusedError("already_retracted", "This referral was taken back.")
        return referral, submission


def bundle_for(tx: Transaction, referral: Referral) -> Referral | None:
    """The newest evidence bundle of the case that approvers signed for the same agency and key."""
    found = [
        one
        for one in tx.referrals_of(referral.case_id)
        if one.draft is None
        and one.state in (ReferralState.APPROVED, ReferralState.EXPORTED)
        and (one.agency.name, one.agency.recipient) == (referral.agency.name, referral.agency.recipient)
        and referral.agency.kind is not AgencyKind.IWF
    ]
    return found[-1] if found else None


def taken_by_somebody(tx: Transaction, referral: Referral) -> bool:
    """Whether anybody took the package out, as the log has it."""
    return any(
        entry.kind == LogKind.REFERRAL_PACKAGED and json.loads(entry.detail)["referral"] == referral.referral_id
        for entry in tx.log_of(referral.case_id)
    )


class _Hashing:
    def __init__(self, out: Sink) -> None:
        self._out = out
        self._sha256 = hashlib.sha256()

    def write(self, data: bytes, /) -> int:
        self._sha256.update(data)
        self._out.write(data)
        return len(data)

    def flush(self) -> None:
        return None

    @property
    def digest(self) -> bytes:
        return self._sha256.digest()
