"""What a referral proves and what it does not, in sentences: each stands there only where it is about something."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nightlight.model.attachment import AttachmentCode
from nightlight.model.draft import AgencyKind, Basis


def proof_of(document: Mapping[str, Any], kind: AgencyKind) -> dict[str, list[str]]:
    """``document``: its sections, and its conversation, files and bundle where it has any."""
    bases = {fact["basis"] for section in document["sections"] for fact in section["facts"]}
    return {
        "proven": list(_proven(document, bases)),
        "not_proven": list(_not_proven(document, kind, bases)),
    }


def _proven(document: Mapping[str, Any], bases: set[str]) -> Iterator[str]:
    if document.get("conversation"):
        yield (
            "Each message in here was opened with a key that a participant of the conversation gave for it alone. It "
            "was verified that a device of the account named as its sender encrypted it, and that the homeserver "
            "stored it in that conversation at that time. The reporter cannot have changed it."
        )
    if Basis.PROVEN in bases:
        yield f"A fact marked “{Basis.PROVEN}” stands in those messages or in what the homeserver stored with them."
    if any(file["check"] == AttachmentCode.MATCHES_EVENT for file in document.get("files", ())):
        yield (
            "A file said to be exactly the one that was sent is bound to its message by the message itself. Its "
            "digests were computed from the opened file."
        )
    if document.get("bundle"):
        yield (
            "The evidence bundle in this package lets you repeat the verification yourself, without us: "
            "“nightlight verify” does it, and its format is public."
        )


def _not_proven(document: Mapping[str, Any], kind: AgencyKind, bases: set[str]) -> Iterator[str]:
    if kind is AgencyKind.IWF:
        yield "Nobody verified in a way that could be repeated what can be reached at an address, or since when."
        yield "What is written in the form is the word of the reporting service."
        return
    yield "Which person used an account. An account can be used by somebody else than its owner."
    if document.get("conversation"):
        yield (
            "That these are all messages of the conversation. Only what was reported and chosen was opened; what was "
            "left out is counted where that is known."
        )
        yield "That what a message says is true."
        if not document.get("bundle"):
            yield (
                "To you, here: the verification was ours, and no evidence bundle is in this package to repeat it "
                "with. Ask for one."
            )
    if document.get("files"):
        yield "What is in a file that nobody looked at. A file’s original name is only what its sender called it."
    said = {
        Basis.HOMESERVER: "comes from the homeserver’s own records. They were not checked against anything else.",
        Basis.AGE: (
            "is what is known of ages. Declared: the holder of the account said so. Estimated: a method guessed it."
        ),
        Basis.REPORTER: "is what somebody said who reported it.",
        Basis.REVIEWER: "was written by a member of the service’s safety team.",
        Basis.CASE: "comes from the service’s own file of the case and its decision.",
    }
    for basis, words in said.items():
        if basis in bases:
            yield f"A fact marked “{basis}” {words}"
