"""The sending server's own signature on an event, against the keys that it publishes.

Matrix server-server API, "Signing events", "Validating hashes and signatures on received events", "Publishing keys".
With it, not only our homeserver says that the event was sent: the sender's server does, in a way it cannot deny.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from canonicaljson import encode_canonical_json
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from nightlight.errors import RefusedError
from nightlight.evidence.stored_event import StoredEvent, signed_bytes
from nightlight.hazmat import base64url

_ALGORITHM = "ed25519:"


def verify_server_signature(event: StoredEvent, published: Mapping[str, Any]) -> str:
    """The name of the sending server's key that signed this event.

    ``published``: for each server, its answer to ``/_matrix/key/v2/server``. ``RefusedError``:
    ``server_keys_unknown`` (nothing is known of the server or the key), ``server_keys_malformed``,
    ``server_signature_wrong`` (a known key did not sign this).
    """
    server = event.sender.partition(":")[2]
    answer = published.get(server)
    signed = signed_bytes(event)
    if answer is None or signed is None:
        raise RefusedError("server_keys_unknown", f"The keys of {server} are not known.")
    keys = open_server_keys(server, answer)
    listed = json.loads(event.encoded).get("signatures")
    signatures = listed.get(server) if isinstance(listed, dict) else None
    if not isinstance(signatures, dict):
        raise RefusedError("server_signature_wrong", f"{server} has not signed the event.")
    for name, signature in signatures.items():
        expires, public = keys.get(name, (None, None))
        if public is None:
            continue
        if expires is not None and expires < event.sent_at:
            raise RefusedError("server_signature_wrong", f"{server} had given up the key {name} before the event.")
        _verify(server, public, signature, signed)
        return str(name)
    raise RefusedError("server_keys_unknown", f"{server} signed with a key that it no longer publishes.")


def open_server_keys(server: str, answer: Any) -> dict[str, tuple[int | None, bytes]]:
    """Each key's end (None: in use) and its 32 bytes, once the server's own signature on the list holds."""
    try:
        if answer["server_name"] != server:
            raise ValueError("another server")
        current = {name: (None, _key(entry)) for name, entry in answer["verify_keys"].items() if _named(name)}
        old = {
            name: (int(entry["expired_ts"]), _key(entry))
            for name, entry in answer.get("old_verify_keys", {}).items()
            if _named(name)
        }
        plain = {name: value for name, value in answer.items() if name not in ("signatures", "unsigned")}
        signed = encode_canonical_json(plain)
        own = answer["signatures"][server]
        signatures = [(current[name][1], own[name]) for name in current if name in own]
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise _malformed(server) from None
    if not signatures:
        raise _malformed(server)
    for public, signature in signatures:
        _verify(server, public, signature, signed)
    return {**old, **current}


def _named(name: object) -> bool:
    return isinstance(name, str) and name.startswith(_ALGORITHM)


def _key(entry: Mapping[str, Any]) -> bytes:
    public = base64url.decode_standard(entry["key"])
    if len(public) != 32:
        raise ValueError("no Ed25519 key")
    return public


def _verify(server: str, public: bytes, signature: object, signed: bytes) -> None:
    try:
        data = base64url.decode_standard(signature if isinstance(signature, str) else "")
        Ed25519PublicKey.from_public_bytes(public).verify(data, signed)
    except (InvalidSignature, ValueError):
        raise RefusedError("server_signature_wrong", f"A signature of {server} does not hold.") from None


def _malformed(server: str) -> RefusedError:
    return RefusedError("server_keys_malformed", f"This is not the signed list of keys of {server}.")
