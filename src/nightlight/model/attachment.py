"""An attachment of a reported message: what was found out about it without anybody seeing it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class AttachmentCode(StrEnum):
    """What the check of one attached file found. A closed list."""

    PENDING = "pending"
    MATCHES_EVENT = "matches_event"
    HASH_MISMATCH = "hash_mismatch"
    GONE = "gone"
    TOO_LARGE = "too_large"
    MALFORMED = "malformed_description"
    NOT_BOUND = "not_bound"
    UNCHECKED = "unchecked"


ATTACHMENT_EXPLANATIONS: dict[AttachmentCode, str] = {
    AttachmentCode.PENDING: "Not checked yet. The check runs by itself.",
    AttachmentCode.MATCHES_EVENT: (
        "This is exactly the file that was sent with the message: the message fixes its encrypted form and its key."
    ),
    AttachmentCode.HASH_MISMATCH: (
        "What the media repository holds under this address is not the one that the message names. Apps refuse it."
    ),
    AttachmentCode.GONE: "The file is gone from the media repository or quarantined there, so it could not be checked.",
    AttachmentCode.TOO_LARGE: "The file is larger than this installation checks. Nothing is known of what is in it.",
    AttachmentCode.MALFORMED: (
        "The message describes the file in a way that cannot be followed. Most apps cannot open it either; one might."
    ),
    AttachmentCode.NOT_BOUND: (
        "The file was sent without encryption and the message carries no hash of it: it is not bound to the message, "
        "and the homeserver could have changed it."
    ),
    AttachmentCode.UNCHECKED: "The file could not be checked, however often it was tried.",
}


@dataclass(frozen=True, slots=True)
class AttachmentVerdict:
    """The verdict on one attached file."""

    code: AttachmentCode

    @property
    def explanation(self) -> str:
        """One sentence for a person."""
        return ATTACHMENT_EXPLANATIONS[self.code]

    @property
    def bound(self) -> bool:
        """Whether it is established that this very file was sent with the message."""
        return self.code is AttachmentCode.MATCHES_EVENT


class AttachmentState(StrEnum):
    """``checked``: there is a verdict. ``failed``: given up; somebody may have it tried again."""

    PENDING = "pending"
    CHECKED = "checked"
    FAILED = "failed"


class ListMatch(StrEnum):
    """What the operator's hash list says about a file."""

    MATCH = "match"
    NO_MATCH = "no_match"
    NO_LIST = "no_list"


@dataclass(frozen=True, slots=True)
class Digests:
    """Of the *plaintext*: two ciphertexts of one file differ, and one ciphertext can open to two files.

    32, 20 and 16 bytes; ``size`` in bytes.
    """

    size: int
    sha256: bytes = field(repr=False)
    sha1: bytes = field(repr=False)
    md5: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A stored attachment. Nothing the message says of it is in here: no address, no name, no key.

    ``reference`` finds the file again in the opened message. ``blob``: SHA-256 of the kept ciphertext, None while none
    is kept. Times in milliseconds since 1970, UTC.
    """

    attachment_id: str
    event_id: str
    reference: str
    position: int
    state: AttachmentState
    code: AttachmentCode
    attempts: int
    next_attempt_at: int
    updated_at: int
    digests: Digests | None = field(default=None, repr=False)
    error: str | None = None
    blob: bytes | None = field(default=None, repr=False)
    kept_at: int | None = None

    @property
    def verdict(self) -> AttachmentVerdict:
        return AttachmentVerdict(self.code)
