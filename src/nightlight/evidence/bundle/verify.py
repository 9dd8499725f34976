"""Verifying a bundle: every step raises, and what no step raises about is what is proven.

Nothing is taken from anywhere but the bundle and what the reader trusts beforehand (``Trust``), which may be nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from nightlight.evidence.bundle.binding import approvals_of, operator_signature, same_members
from nightlight.evidence.bundle.container import DEFAULT_LIMITS, BundleLimits, read_members
from nightlight.evidence.bundle.contents import ATTACHMENTS, CONVERSATION
from nightlight.evidence.bundle.files import check_files
from nightlight.evidence.bundle.messages import verify_messages
from nightlight.evidence.bundle.reading import Steps, count, read_json
from nightlight.evidence.bundle.record import decision_of, detail_of, log_entries, reports_of
from nightlight.evidence.bundle.refusals import inconsistent
from nightlight.evidence.bundle.report import BundleReport, Shown, ShownFile
from nightlight.evidence.bundle.stamp import verify_stamp
from nightlight.evidence.bundle.times import compare_times
from nightlight.evidence.bundle.trust import NO_TRUST, Trust
from nightlight.evidence.bundle.unproven import not_proven
from nightlight.evidence.log import LogEntry, LogKind


def verify_bundle(data: bytes, trust: Trust = NO_TRUST, limits: BundleLimits = DEFAULT_LIMITS) -> BundleReport:
    """What the bundle proves, or ``RefusedError`` that names the step and the member that does not hold.

    Codes: ``bundle_malformed``, ``bundle_incomplete``, ``bundle_changed``, ``bundle_inconsistent``,
    ``attestation_malformed``, ``signature_*``, ``operator_not_trusted``, ``approvals_missing``, ``approval_unknown``,
    ``message_not_proven``, ``log_*``, ``checkpoint_*``, ``timestamp_*``, ``server_*``, ``cbor_malformed``, ``json_*``.
    """
    members, steps = read_members(data, limits), Steps()
    steps.held(
        "The file is whole",
        "It is byte for byte as it was written: nothing was cut, padded, packed again or rearranged.",
        "docs/bundle.md, Container",
    )
    attestation = operator_signature(members, trust, steps)
    same_members(members, attestation, steps)
    approvals = approvals_of(members, attestation, steps)
    messages, events = verify_messages(members, attestation, steps)
    decision = decision_of(members, attestation)
    reports = reports_of(members, attestation, events)
    reporters = {report["reporter"] for report in reports}
    if any(item.own and item.sender not in reporters for item in messages):
        raise inconsistent(CONVERSATION, "a message is said to be a reporter's own, and nobody of its sender reported")
    entries = log_entries(members, attestation, reports, decision, events, trust, steps)
    files = _verify_files(members, messages, entries, steps)
    contradictions = compare_times(messages, reports, attestation, steps)
    stamp = verify_stamp(members, attestation, approvals, trust, steps)
    return BundleReport(
        sha256=hashlib.sha256(data).hexdigest(),
        attestation=attestation,
        steps=tuple(steps.taken),
        messages=messages,
        reports=tuple(reports),
        decision=decision,
        approved_by=tuple(approvals),
        pinned=bool(trust.operators),
        stamp=stamp,
        files=files,
        not_proven=tuple(not_proven(trust, stamp, messages, files, attestation, decision["subject"], contradictions)),
    )


def _verify_files(
    members: Mapping[str, bytes], messages: Sequence[Shown], entries: Sequence[LogEntry], steps: Steps
) -> tuple[ShownFile, ...]:
    listed = read_json(members, ATTACHMENTS, list) if ATTACHMENTS in members else []
    checks = [detail_of(entry) for entry in entries if entry.kind == LogKind.ATTACHMENT_CHECKED]
    records = {check["record"]: check.get("list") for check in checks if isinstance(check.get("record"), str)}
    named = ((shown.number, shown.event_id, shown.message) for shown in messages)
    files = check_files(named, listed, members, records)
    proven = [file for file in files if file.proven]
    if proven:
        steps.held(
            "The attached files are those that were sent",
            f"{count(len(proven), 'file')} in here, encrypted: each is the one whose hash and key the message "
            "names, and its digests were computed again.",
            'Matrix, "Sending encrypted attachments"',
        )
    if len(proven) < len(files):
        steps.open(
            "Files that are not in here",
            f"The messages name {count(len(files) - len(proven), 'file')} that the bundle does not hold. What is "
            "said of them is what the operator found and logged; whoever has one can compare its hash.",
            'Matrix, "Sending encrypted attachments"',
        )
    return files
