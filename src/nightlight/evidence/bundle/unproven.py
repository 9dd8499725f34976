"""What a bundle does not prove, in words: as much a part of the result as what it does."""

from __future__ import annotations

from collections.abc import Sequence

from nightlight.evidence.bundle.attestation import Attestation, fingerprint
from nightlight.evidence.bundle.report import Shown, ShownFile, Stamp
from nightlight.evidence.bundle.trust import Trust


def not_proven(
    trust: Trust,
    stamp: Stamp | None,
    messages: Sequence[Shown],
    files: Sequence[ShownFile],
    attestation: Attestation,
    subject: str | None,
    contradictions: Sequence[str],
) -> list[str]:
    """What a reader might take for proven, in words."""
    said = [
        "Which person held the device from which a message was sent, or typed it.",
        "That these messages are the whole conversation. Others may have come before, after and in between; their "
        "order, and how many were left out, is what the operator was told by the homeserver.",
        "Anybody's age or name.",
        "Who reported it, which messages they pointed at, and what they wrote: the operator says so, and its log "
        "fixed it at that time.",
        "That nobody acted in an account's name: whoever runs its homeserver, or stole its password, could, and could "
        "have made up a message from the start.",
        "That a text was first written by its sender: somebody in the room can send on another's ciphertext.",
    ]
    if not trust.operators:
        said.append(
            f"That the signing key belongs to {attestation.operator.name}: compare its fingerprint, "
            f"{fingerprint(attestation.operator.key)}, with the one they published."
        )
    if stamp is None:
        said.append("When the bundle was signed, other than by the operator's word.")
    elif not stamp.trusted:
        said.append(f"That the time-stamp authority {stamp.authority} can be trusted.")
    if any(not item.server_signature for item in messages):
        said.append("The exact time of a message: it rests on the clock of the server that accepted it.")
    if contradictions:
        said.append(f"When things happened: there is {', and '.join(contradictions)}, so a clock was wrong.")
    if subject is not None and all(item.sender != subject for item in messages):
        said.append(f"That {subject}, whom the decision is about, wrote anything: no message in here is theirs.")
    if any(file.match is not None for file in files):
        said.append("That a file is on a list of known ones, or on none: the operator's list is not in here.")
    if any(not file.proven and file.digests for file in files):
        said.append("The digests of files that are not in here: the operator's word, fixed in its log.")
    if any(item.message is None for item in messages):
        said.append("What the messages marked as not proven say.")
    return said
