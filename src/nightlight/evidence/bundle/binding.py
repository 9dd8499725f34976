"""What binds a bundle together: the operator's signature, the manifest under it, and the approvals on top of it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from nightlight.errors import RefusedError
from nightlight.evidence.bundle.attestation import Attestation, fingerprint, open_approval, open_attestation
from nightlight.evidence.bundle.contents import (
    ATTESTATION,
    CHECKPOINT,
    CONVERSATION,
    DECISION,
    ENTRIES,
    MANIFEST,
    README,
    REPORTS,
    is_signature,
    manifest_of,
)
from nightlight.evidence.bundle.reading import Steps
from nightlight.evidence.bundle.refusals import changed
from nightlight.evidence.bundle.trust import Trust
from nightlight.hazmat import strict_json

Members = Mapping[str, bytes]
_REQUIRED = (README, MANIFEST, ATTESTATION, CONVERSATION, REPORTS, DECISION, CHECKPOINT, ENTRIES)


def operator_signature(members: Members, trust: Trust, steps: Steps) -> Attestation:
    """Every member is there, and the attestation is signed by the key that it names, or by one that is trusted."""
    for name in _REQUIRED:
        if name not in members:
            raise RefusedError("bundle_incomplete", f"{name} is missing.")
    attestation = open_attestation(members[ATTESTATION])
    known = any(hmac.compare_digest(attestation.operator.key, key) for key in trust.operators)
    if trust.operators and not known:
        raise RefusedError(
            "operator_not_trusted",
            f"The bundle is signed by a key that is not among those you trust: "
            f"{fingerprint(attestation.operator.key)}.",
            "Ask the operator which key is theirs, by another way than the one this file came by.",
        )
    whose = (
        "the key you trust" if known else f"a key that the bundle itself names, {fingerprint(attestation.operator.key)}"
    )
    steps.held(
        "The operator signed it",
        f"{attestation.operator.name} attests this evidence and this decision, with {whose}.",
        "COSE_Sign1, RFC 9052 §4.4; Ed25519, RFC 8032",
    )
    return attestation


def same_members(members: Members, attestation: Attestation, steps: Steps) -> None:
    """The members are those that the attestation was signed over."""
    manifest = members[MANIFEST]
    if not hmac.compare_digest(hashlib.sha256(manifest).digest(), attestation.manifest):
        raise changed(MANIFEST, "it is not the one that the attestation was signed over")
    bound = {name: data for name, data in members.items() if not is_signature(name)}
    if manifest_of(bound) != manifest:
        raise _first_difference(bound, manifest)
    steps.held(
        "Nothing was exchanged, added or left out",
        f"All {len(bound)} members are those that the attestation was signed over.",
        "SHA-256, FIPS 180-4",
    )


def _first_difference(bound: Members, manifest: bytes) -> RefusedError:
    """Which member it is, in words, where the manifest can be read at all."""
    try:
        listed = {item["name"]: item["sha256"] for item in strict_json.loads(manifest)["members"]}
        names = sorted(bound.keys() | listed.keys())
    except (RefusedError, KeyError, TypeError):
        return changed(MANIFEST, "it is not a manifest")
    for name in names:
        if name not in bound:
            return RefusedError("bundle_incomplete", f"{str(name)[:80]} is missing.")
        if listed.get(name) != hashlib.sha256(bound[name]).hexdigest():
            return changed(name, "it is not the one that the manifest names")
    return changed(MANIFEST, "it lists the members in another way")


def approvals_of(members: Members, attestation: Attestation, steps: Steps) -> dict[str, bytes]:
    """The approvals by approver: as many as the attestation demands, each over exactly these bytes."""
    names = sorted(name for name in members if name.startswith("approvals/"))
    approved: dict[str, bytes] = {}
    for number, name in enumerate(names, 1):
        if name != f"approvals/{number:02d}.cose":
            raise changed(name, "approvals are numbered from 01")
        data = members[name]
        try:
            approver = open_approval(members[ATTESTATION], data, attestation.approvers)
        except RefusedError as e:
            raise RefusedError("approval_unknown", f"{name} does not count: {e.message}") from None
        if approver.name in approved:
            raise changed(name, f"{approver.name} stands twice")
        approved[approver.name] = data
    if list(approved) != sorted(approved):
        raise changed("approvals/", "they are not in the order of the approvers' names")
    if len(approved) < attestation.needed:
        raise RefusedError(
            "approvals_missing",
            f"{attestation.needed} approvals are needed, and {len(approved)} are here.",
            "Ask the operator for the approved bundle.",
        )
    steps.held(
        "Enough people approved the hand-over",
        f"{', '.join(approved)} signed it; {attestation.needed} of {len(attestation.approvers)} are needed.",
        "COSE_Sign1 with a detached payload, RFC 9052 §4.1",
    )
    return approved
