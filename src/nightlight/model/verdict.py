"""What verification proved about one reported message: a closed set of verdicts and codes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The closed set of verdicts. ``VERIFIED_REDACTED`` and ``HASH_ONLY`` belong to partial openings."""

    VERIFIED = "VERIFIED"
    VERIFIED_REDACTED = "VERIFIED_REDACTED"
    HASH_ONLY = "HASH_ONLY"
    UNVERIFIABLE = "UNVERIFIABLE"
    REFUSED = "REFUSED"


class Code(StrEnum):
    """Why a message has its verdict. Coarse on purpose: codes reach people outside."""

    # VERIFIED
    OK = "ok"
    NOT_ENCRYPTED = "not_encrypted"
    # UNVERIFIABLE: neither proven nor disproven
    NO_KEY = "no_key"
    PENDING_VERIFICATION = "pending_verification"
    EVENT_REDACTED = "event_redacted"
    UNSUPPORTED_ALGORITHM = "unsupported_algorithm"
    CONTENT_AMBIGUOUS = "content_ambiguous"
    REPORTER_UNCONFIRMED = "reporter_unconfirmed"
    # REFUSED: what was handed in does not fit what the homeserver stored
    EVENT_NOT_FOUND = "event_not_found"
    EVENT_MALFORMED = "event_malformed"
    EVENT_HASH_MISMATCH = "event_hash_mismatch"
    CIPHERTEXT_MALFORMED = "ciphertext_malformed"
    SIGNATURE_INVALID = "signature_invalid"
    WRONG_KEY = "wrong_key"
    ROOM_MISMATCH = "room_mismatch"
    KEY_NOT_NEEDED = "key_not_needed"


EXPLANATIONS: dict[Code, str] = {
    Code.OK: "Verified: this account sent exactly this message to this room. Only this message was opened.",
    Code.NOT_ENCRYPTED: "This message was not encrypted. What the homeserver stored is what was sent.",
    Code.NO_KEY: (
        "No message key came with this report, so nobody here can read the message. "
        "The encrypted message is kept; you can still prove it by sending its message key."
    ),
    Code.PENDING_VERIFICATION: (
        "Your report is safely stored. The homeserver cannot be asked right now; "
        "the check runs by itself as soon as it can."
    ),
    Code.EVENT_REDACTED: (
        "The message was deleted and the homeserver no longer holds its encrypted form, so it cannot be proven. "
        "The report is kept all the same."
    ),
    Code.UNSUPPORTED_ALGORITHM: "The message uses an encryption that Nightlight does not know, so it cannot be opened.",
    Code.CONTENT_AMBIGUOUS: (
        "The key opens this message and the sender's account did send it, but its content is malformed: different "
        "apps may have shown different texts. A reviewer sees the raw content."
    ),
    Code.REPORTER_UNCONFIRMED: (
        "The sign-in proof that came with the report ran out before the homeserver could be asked, "
        "so the message was not opened and its key was destroyed. Please send the report again."
    ),
    Code.EVENT_NOT_FOUND: (
        "There is no such message in this room, or you were not in the room when it was sent. "
        "Check the event id and the room id."
    ),
    Code.EVENT_MALFORMED: "What the homeserver stored under this event id is not a well-formed message.",
    Code.EVENT_HASH_MISMATCH: (
        "What the homeserver returned does not fit the event id: it is not the message that was sent under it."
    ),
    Code.CIPHERTEXT_MALFORMED: "The stored ciphertext is not a Megolm message.",
    Code.SIGNATURE_INVALID: "The stored ciphertext is not signed by the session that the event names.",
    Code.WRONG_KEY: "This key does not open this message. Nothing was opened.",
    Code.ROOM_MISMATCH: "The opened message says it was written for another room. Apps do not show such a message.",
    Code.KEY_NOT_NEEDED: ("A message key came with a message that was never encrypted. Report it without a key."),
}


@dataclass(frozen=True, slots=True)
class MessageVerdict:
    """The verdict on one reported message, with its reason."""

    verdict: Verdict
    code: Code

    @property
    def explanation(self) -> str:
        """One sentence for the person who reported."""
        return EXPLANATIONS[self.code]

    @property
    def proven(self) -> bool:
        """Whether the content is established beyond doubt."""
        return self.verdict is Verdict.VERIFIED


VERDICT_OF: dict[Code, Verdict] = {
    Code.OK: Verdict.VERIFIED,
    Code.NOT_ENCRYPTED: Verdict.VERIFIED,
    Code.NO_KEY: Verdict.UNVERIFIABLE,
    Code.PENDING_VERIFICATION: Verdict.UNVERIFIABLE,
    Code.EVENT_REDACTED: Verdict.UNVERIFIABLE,
    Code.UNSUPPORTED_ALGORITHM: Verdict.UNVERIFIABLE,
    Code.CONTENT_AMBIGUOUS: Verdict.UNVERIFIABLE,
    Code.REPORTER_UNCONFIRMED: Verdict.UNVERIFIABLE,
}


def verdict_for(code: Code) -> MessageVerdict:
    """The verdict that belongs to ``code``; every code not listed as verified or unverifiable is a refusal."""
    return MessageVerdict(VERDICT_OF.get(code, Verdict.REFUSED), code)


def best_verdict(verdicts: Iterable[Verdict]) -> Verdict | None:
    """Of a report, by those on the messages it is about: the one that proves most; None where there is no message."""
    return min(verdicts, key=list(Verdict).index, default=None)
