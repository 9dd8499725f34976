"""When a bundle was signed, by somebody else's clock."""

from __future__ import annotations

from collections.abc import Mapping

from nightlight.errors import RefusedError
from nightlight.evidence.bundle.attestation import Attestation, stamped_bytes
from nightlight.evidence.bundle.contents import ATTESTATION, TIMESTAMP
from nightlight.evidence.bundle.reading import Steps
from nightlight.evidence.bundle.report import Stamp
from nightlight.evidence.bundle.trust import Trust
from nightlight.evidence.timestamp import verify_timestamp

#: How far two honest clocks may lie apart.
CLOCK_SKEW_MS = 300_000


def verify_stamp(
    members: Mapping[str, bytes], attestation: Attestation, approvals: Mapping[str, bytes], trust: Trust, steps: Steps
) -> Stamp | None:
    """The time-stamp over attestation and approvals; None where there is none."""
    response = members.get(TIMESTAMP)
    if response is None:
        steps.open(
            "No time-stamp",
            "When this was signed rests on the operator's clock alone.",
            "RFC 3161",
        )
        return None
    message = stamped_bytes(members[ATTESTATION], approvals)
    found = verify_timestamp(response, message, trust.stamp_roots)
    if found.at < attestation.proposed_at - CLOCK_SKEW_MS:
        raise RefusedError(
            "timestamp_contradicts",
            "The time-stamp is older than what it is said to stamp: one of the two clocks is wrong, or a lie.",
        )
    if trust.stamp_roots and not found.trusted:
        steps.open(
            "A time-stamp of an authority that you do not trust",
            f"{found.authority} stamped it; its root certificate, {found.root.hex()[:32]}…, is not among yours.",
            "RFC 3161 §2.4.2",
        )
        return Stamp(found.at, found.authority, found.trusted)
    whose = "which you trust" if found.trusted else f"whose root certificate is {found.root.hex()[:32]}…"
    steps.held(
        "It existed at a certain time",
        f"The authority {found.authority}, {whose}, saw exactly these signatures.",
        "RFC 3161 §2.4.2",
    )
    return Stamp(found.at, found.authority, found.trusted)
