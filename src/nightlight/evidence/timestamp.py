"""RFC 3161 time-stamps, through the library rfc3161-client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from rfc3161_client import VerifierBuilder, decode_timestamp_response
from rfc3161_client.errors import VerificationError

from nightlight.errors import RefusedError

RESPONSE_BYTES_MAX = 65_536
#: What the libraries raise about bytes that they cannot read; each has a class of its own for some of them.
_UNREADABLE = (
    ValueError,
    TypeError,
    OverflowError,
    AttributeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


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
        # The library trusts every certificate that it is given, and whoever made the response chose these: one that
        # ends a chain by itself must not stand in for the reader's.
        ends = [certificate for certificate in certificates if certificate.subject == certificate.issuer]
        between = [c for c in certificates if c.subject != c.issuer and _is_ca(c)]
        at = int(decoded.tst_info.gen_time.timestamp() * 1000)
    except _UNREADABLE as e:
        raise _refused("timestamp_malformed", f"it cannot be read ({type(e).__name__})") from None
    known = [certificate for pem in roots for certificate in _load(pem)]
    for trusted, anchors in ((True, known), (False, ends)):
        for anchor in anchors:
            builder = VerifierBuilder().add_root_certificate(anchor)
            try:
                for certificate in between:
                    builder = builder.add_intermediate_certificate(certificate)
                builder.build().verify_message(decoded, message)
            except (VerificationError, InvalidSignature, *_UNREADABLE):
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
    except (x509.ExtensionNotFound, *_UNREADABLE):
        return False


def _name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def _refused(code: str, why: str) -> RefusedError:
    return RefusedError(code, f"The time-stamp does not count: {why}.")
