"""Referring a decided case: propose and attest, collect approvals, hand over sealed. Each step stands in the log."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nightlight.errors import RefusedError, UnavailableError
from nightlight.evidence.bundle.attestation import (
    Attestation,
    AttestedMessage,
    NamedKey,
    open_approval,
    open_attestation,
    stamped_bytes,
)
from nightlight.evidence.bundle.container import read_members, write_members
from nightlight.evidence.bundle.contents import (
    ATTESTATION,
    MANIFEST,
    TIMESTAMP,
    ProvenEntry,
    build_contents,
)
from nightlight.evidence.bundle.verify import verify_bundle
from nightlight.evidence.checkpoint import LogSigner
from nightlight.evidence.log import LogKind
from nightlight.flows.gather_evidence import (
    Blobs,
    bundled,
    chosen_lines,
    entries_of,
    files_of,
    kept_files,
    server_keys_of,
)
from nightlight.flows.record_report import NewId
from nightlight.flows.require_evidence import require_evidence
from nightlight.flows.standing import require_not_overturned, require_standing
from nightlight.model.case import CaseState
from nightlight.model.referral import Approval, Referral, ReferralState
from nightlight.ports import Clock, Homeserver, Store, TimeStamper, Transaction, Vault
from nightlight.respond.conversation import conversation

LEGAL_BASIS_CHARS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Operator:
    """Who signs. ``name``: as agencies know it. ``needed``: how many approvers it takes."""

    name: str
    homeserver: str
    key: Ed25519PrivateKey = field(repr=False)
    log: LogSigner = field(repr=False)
    needed: int
    software: str


@dataclass(frozen=True, slots=True)
class HandOver:
    """A sealed bundle on its way out: a name for the file, and its bytes."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Referrer:
    """``seal`` makes bytes into a file that only the holder of an age recipient can open.

    ``stamper``: an RFC 3161 authority, None where the operator uses none.
    """

    store: Store
    homeserver: Homeserver
    clock: Clock
    new_id: NewId
    operator: Operator
    seal: Callable[[bytes, str], bytes]
    stamper: TimeStamper | None
    vault: Vault

    def propose(self, case_id: str, reviewer: str, agency: str, legal_basis: str, chosen: Collection[str]) -> Referral:
        """Attests the chosen messages of a decided case for an agency.

        From here on the bundle is fixed: approvals are over exactly this. ``chosen``: event ids; what is not among them
        leaves no key and no text in the bundle. ``RefusedError``: ``case_not_found``, ``not_decided``,
        ``no_violation``, ``overturned``, ``agency_not_found``, ``legal_basis_missing``, ``nothing_chosen``,
        ``message_not_found``, ``too_few_approvers``.
        """
        published = server_keys_of(self.store, self.homeserver, case_id, chosen)
        kept = kept_files(self.store, self.vault, case_id, chosen)
        with self.store.write() as tx:
            referral = self._propose(tx, case_id, reviewer, agency, legal_basis.strip(), chosen, published, kept)
            tx.add_referral(referral)
            detail = {
                "referral": referral.referral_id,
                "agency": agency,
                "attestation": hashlib.sha256(referral.attestation).hexdigest(),
                "messages": referral.messages,
                "needed": referral.needed,
            }
            tx.log(referral.proposed_at, LogKind.REFERRAL_PROPOSED, reviewer, case_id, detail)
        return referral

    def referral(self, referral_id: str) -> Referral:
        """``RefusedError('referral_not_found')``."""
        with self.store.read() as tx:
            return self._referral(tx, referral_id)

    def approve(self, referral_id: str, approval: bytes) -> Referral:
        """Adds an approver's signature. The same one again changes nothing.

        ``RefusedError``: ``referral_not_found``, ``signature_*``, ``already_exported``, ``overturned``.
        """
        now = self.clock.now()
        with self.store.write() as tx:
            referral = self._referral(tx, referral_id)
            attestation = open_attestation(referral.attestation)
            approver = open_approval(referral.attestation, approval, attestation.approvers)
            if any(known.approver == approver.name for known in referral.approvals):
                return referral
            if referral.state is ReferralState.EXPORTED:
                # The file that was handed over holds the approvals it was handed over with.
                raise RefusedError("already_exported", "The bundle was handed over already.", "Nothing is missing.")
            require_not_overturned(tx, referral.case_id)
            given = (*referral.approvals, Approval(approver.name, now, approval))
            enough = len(given) >= referral.needed
            approved = replace(
                referral, approvals=given, state=ReferralState.APPROVED if enough else ReferralState.PROPOSED,
                timestamp=None,
            )  # fmt: skip
            tx.save_referral(approved)
            detail = {"referral": referral_id, "signature": hashlib.sha256(approval).hexdigest()}
            tx.log(now, LogKind.REFERRAL_APPROVED, approver.name, referral.case_id, detail)
        return approved

    def export(self, referral_id: str, by: str) -> HandOver:
        """The bundle, sealed to the agency. Raises what ``hand_out`` raises."""
        data = self.hand_out(referral_id, by)
        return HandOver(f"{referral_id}.bundle.age", self.seal(data, self.referral(referral_id).agency.recipient))

    def hand_out(self, referral_id: str, by: str) -> bytes:
        """The bundle, for whoever seals it; verified once more before it goes out, and logged before it is returned.

        ``RefusedError``: ``referral_not_found``, ``erased``, ``overturned``, ``not_approved``. ``UnavailableError`` if
        a time-stamp is wanted and cannot be had.
        """
        with self.store.read() as tx:
            referral = self._referral(tx, referral_id)
            require_evidence(tx, referral.case_id)
            require_not_overturned(tx, referral.case_id)
        if referral.state is ReferralState.PROPOSED:
            missing = referral.needed - len(referral.approvals)
            raise RefusedError(
                "not_approved",
                f"{missing} more {'approval is' if missing == 1 else 'approvals are'} needed.",
                "Approvers sign with `nightlight approver sign`.",
            )
        if self.stamper is not None and referral.timestamp is None:
            referral = self._stamp(referral)
        data = bundle_of(referral)
        verify_bundle(data)
        now = self.clock.now()
        with self.store.write() as tx:
            current = self._referral(tx, referral_id)
            require_evidence(tx, current.case_id)  # it may have gone while the bundle was made
            require_not_overturned(tx, current.case_id)
            first = now if current.finished_at is None else current.finished_at
            tx.save_referral(replace(current, state=ReferralState.EXPORTED, finished_at=first))
            detail = {
                "referral": referral_id,
                "agency": referral.agency.name,
                "recipient": referral.agency.recipient,
                "bundle": hashlib.sha256(data).hexdigest(),
            }
            tx.log(now, LogKind.REFERRAL_EXPORTED, by, referral.case_id, detail)
        return data

    def _propose(
        self,
        tx: Transaction,
        case_id: str,
        reviewer: str,
        agency_name: str,
        legal_basis: str,
        chosen: Collection[str],
        published: dict[str, dict[str, object]],
        kept: Blobs,
    ) -> Referral:
        case, decision = tx.case(case_id), tx.decision_of(case_id)
        if case is None:
            raise RefusedError("case_not_found", "There is no such case.")
        if decision is None or case.state is not CaseState.DECIDED:
            raise RefusedError("not_decided", "Only a decided case can be referred.", "Decide it first.")
        require_evidence(tx, case_id)
        require_standing(decision)
        agency = next((known for known in tx.agencies() if known.name == agency_name), None)
        if agency is None:
            raise RefusedError("agency_not_found", "There is no such agency.", "`nightlight agency add` adds one.")
        if not agency.recipient:
            raise RefusedError(
                "agency_without_key",
                f"{agency.name} has no key that a bundle could be sealed to.",
                "`nightlight agency add` with --recipient gives it one.",
            )
        if not legal_basis or len(legal_basis) > LEGAL_BASIS_CHARS_MAX:
            raise RefusedError(
                "legal_basis_missing",
                f"A referral names its legal basis, in at most {LEGAL_BASIS_CHARS_MAX:,} characters.",
                "For instance the law and the clause that require or allow it.",
            )
        approvers = tx.approvers()
        if len(approvers) < self.operator.needed:
            raise RefusedError(
                "too_few_approvers",
                f"{self.operator.needed} approvals are needed and there are {len(approvers)} approvers.",
                "`nightlight approver add` adds one.",
            )
        reports = tx.reports_of(case_id)
        lines = chosen_lines(conversation(reports), chosen)
        messages = [bundled(tx, line) for line in lines]
        now = self.clock.now()
        contained = [report for report in reports if any(message.event_id in chosen for message in report.messages)]
        files, checks = files_of(tx, [message.event_id for message in messages], kept)
        entries = [*entries_of(tx, case_id, {report.report_id for report in contained}), *checks]
        head = tx.log_head()
        members = build_contents(
            case,
            decision,
            messages,
            contained,
            self.operator.log.sign(head),
            [ProvenEntry(entry, tx.log_inclusion(entry.number, head.number)[1]) for entry in entries],
            server_keys=published or None,
            files=files,
        )
        referral_id = self.new_id("referral")
        attestation = Attestation(
            bundle_id=referral_id,
            case_id=case_id,
            operator=NamedKey(self.operator.name, self.operator.key.public_key().public_bytes_raw()),
            homeserver=self.operator.homeserver,
            agency=agency.name,
            recipient=agency.recipient,
            legal_basis=legal_basis,
            outcome=decision.outcome,
            policy=decision.policy,
            decided_at=decision.decided_at,
            proposed_at=now,
            proposed_by=reviewer,
            messages=tuple(
                AttestedMessage(m.event_id, m.sha256, m.role, m.verdict.verdict, m.verdict.code) for m in messages
            ),
            reports=tuple(report.report_id for report in contained),
            manifest=hashlib.sha256(members[MANIFEST]).digest(),
            log_key=self.operator.log.key.text,
            log_size=head.number,
            log_root=head.hash,
            needed=self.operator.needed,
            approvers=tuple(NamedKey(approver.name, approver.public_key) for approver in approvers),
            software=self.operator.software,
        )
        return Referral(
            referral_id=referral_id,
            case_id=case_id,
            agency=agency,
            legal_basis=legal_basis,
            proposed_by=reviewer,
            proposed_at=now,
            needed=self.operator.needed,
            state=ReferralState.PROPOSED,
            messages=len(messages),
            attestation=attestation.sign(self.operator.key),
            contents=write_members(members),
            approvals=(),
        )

    def _stamp(self, referral: Referral) -> Referral:
        assert self.stamper is not None  # noqa: S101 - for the type checker
        stamp = self.stamper.stamp(stamped_bytes(referral.attestation, _signatures(referral)))
        with self.store.write() as tx:
            current = self._referral(tx, referral.referral_id)
            if _signatures(current) != _signatures(referral):
                raise UnavailableError("approvals_changed", "An approval came in meanwhile. Please try again.")
            stamped = replace(current, timestamp=stamp)
            tx.save_referral(stamped)
            detail = {"referral": referral.referral_id, "timestamp": hashlib.sha256(stamp).hexdigest()}
            tx.log(self.clock.now(), LogKind.REFERRAL_TIMESTAMPED, "nightlight", referral.case_id, detail)
        return stamped

    def _referral(self, tx: Transaction, referral_id: str) -> Referral:
        referral = tx.referral(referral_id)
        if referral is None:
            raise RefusedError("referral_not_found", "There is no such referral.")
        return referral


def bundle_of(referral: Referral) -> bytes:
    """The whole bundle: what was attested, and the signatures over it. Deterministic."""
    members = {**read_members(referral.contents), ATTESTATION: referral.attestation}
    signatures = _signatures(referral)
    for number, name in enumerate(sorted(signatures), 1):
        members[f"approvals/{number:02d}.cose"] = signatures[name]
    if referral.timestamp is not None:
        members[TIMESTAMP] = referral.timestamp
    return write_members(members)


def _signatures(referral: Referral) -> dict[str, bytes]:
    return {approval.approver: approval.signature for approval in referral.approvals}
