"""RFC 3161 time-stamps, through the library rfc3161-client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from rfc3161_client import VerifierBuilder, decode_timestamp_response
from rfc3161_client.errors import VerificationError

from nightlight.errors import RefusedError

RESPONSE_BYTES_MAX = 65_536


@dataclass(frozen=True, slots=True)
class TimeStamp:
    """``at`` in milliseconds since 1970, UTC. ``root``: SHA-256 of the certificate that the chain ends in.

    ``trusted``: whether that certificate is one of those that were asked for.
    """

    at: int
    authority: str
    root: bytes
    trusted: bool


def verify_timestamp(response: bytes, message: bytes, roots: Sequence[bytes] = ()) -> TimeStamp:
    """When an authority saw this message.

    ``roots``: certificates in PEM that are trusted; with none, the chain in the response must hold up to its own end,
    and who that is, is for the reader to judge. ``RefusedError``: ``timestamp_malformed``, ``timestamp_wrong``.
    """
    if len(response) > RESPONSE_BYTES_MAX:
        raise _refused("timestamp_malformed", "it is too long")
    try:
        decoded = decode_timestamp_response(response)
        certificates = [x509.load_der_x509_certificate(data) for data in decoded.signed_data.certificates]
        info = decoded.tst_info
        at = int(info.gen_time.timestamp() * 1000)
    except (ValueError, TypeError, OverflowError, AttributeError) as e:
        raise _refused("timestamp_malformed", f"it cannot be read ({type(e).__name__})") from None
    known = [certificate for pem in roots for certificate in _load(pem)]
    for trusted, anchors in ((True, known), (False, [c for c in certificates if c.subject == c.issuer])):
        for anchor in anchors:
            builder = VerifierBuilder().add_root_certificate(anchor)
            for certificate in certificates:
                builder = builder.add_intermediate_certificate(certificate) if _is_ca(certificate) else builder
            try:
                builder.build().verify_message(decoded, message)
            except (VerificationError, InvalidSignature, ValueError):
                continue
            digest = anchor.fingerprint(SHA256())
            return TimeStamp(at, _name(anchor), digest, trusted)
    raise _refused("timestamp_wrong", "it is not over this bundle, or its signature or certificates do not hold")


def _load(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise RefusedError("trust_malformed", "A time-stamp authority's certificate is not PEM.") from None


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def _refused(code: str, why: str) -> RefusedError:
    return RefusedError(code, f"The time-stamp does not count: {why}.")
