"""The installation's signature over a change of the contact policy (Ed25519, RFC 8032), with a key in a file."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from nightlight.errors import RefusedError
from nightlight.flows.change_policy import signed_bytes
from nightlight.model.contact_policy import PolicyChange


class PolicySigner:
    """``key``: 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(key)
        self._public = self._key.public_key()

    @property
    def public_bytes(self) -> bytes:
        """The public key, 32 bytes."""
        return self._public.public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)

    def verify(self, change: PolicyChange) -> None:
        """``RefusedError('policy_signature')`` unless this installation signed exactly this change."""
        try:
            self._public.verify(change.signature or b"", signed_bytes(change))
        except InvalidSignature:
            raise RefusedError(
                "policy_signature",
                "Its signature does not hold: the database was changed by somebody else, or policy.key was.",
                "The last good policy stays in force. Find out who could write to the database.",
            ) from None
