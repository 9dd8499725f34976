"""Asking a time-stamp authority (RFC 3161 §3.4, HTTP) that the operator named. It learns a digest, and nothing else."""

from __future__ import annotations

import time

import httpx
from rfc3161_client import TimestampRequestBuilder, TimeStampResponse, decode_timestamp_response

from nightlight.errors import RefusedError, UnavailableError
from nightlight.evidence.timestamp import RESPONSE_BYTES_MAX, verify_timestamp


class TimestampAuthority:
    """``roots``: the authority's root certificates in PEM; with none, its own chain is believed, and said so.

    ``timeout``: seconds without a byte; twice that is the longest that an answer may take.
    """

    def __init__(self, url: str, roots: tuple[bytes, ...], timeout: float = 15.0) -> None:
        if not url.startswith(("https://", "http://")):
            raise RefusedError(
                "timestamp_url", "The time-stamp authority's address must start with https:// or http://."
            )
        self._url = url
        self._roots = roots
        self._timeout = timeout

    def stamp(self, message: bytes) -> bytes:
        """The authority's response over ``message``, verified; ``UnavailableError`` if it gives no good one."""
        request = TimestampRequestBuilder().data(message).build()
        try:
            response = in_der(self._ask(request.as_bytes()))
            decoded: TimeStampResponse = decode_timestamp_response(response)
            if decoded.tst_info.nonce != request.nonce:
                raise UnavailableError("timestamp_nonsense", "The time-stamp answers another request.")
            if not verify_timestamp(response, message, self._roots).trusted and self._roots:
                raise UnavailableError("timestamp_nonsense", "The time-stamp is of another authority.")
        except (RefusedError, ValueError) as e:
            why = e.message if isinstance(e, RefusedError) else "it cannot be read."
            raise UnavailableError("timestamp_nonsense", f"The authority's answer is of no use: {why}") from None
        return response

    def _ask(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        data = bytearray()
        until = time.monotonic() + 2 * self._timeout
        try:
            with (
                httpx.Client(timeout=self._timeout, follow_redirects=False) as http,
                http.stream("POST", self._url, content=body, headers=headers) as answer,
            ):
                for chunk in answer.iter_bytes():
                    data += chunk
                    if len(data) > RESPONSE_BYTES_MAX:
                        raise UnavailableError("timestamp_nonsense", "The authority's answer is far too long.")
                    if time.monotonic() > until:
                        raise UnavailableError("timestamp_unreachable", "The authority answers far too slowly.")
        except (httpx.HTTPError, httpx.InvalidURL) as e:
            raise UnavailableError(
                "timestamp_unreachable", f"The time-stamp authority does not answer ({type(e).__name__})."
            ) from None
        if answer.status_code != 200:
            raise UnavailableError("timestamp_unreachable", f"The authority answers with status {answer.status_code}.")
        return bytes(data)


def in_der(response: bytes) -> bytes:
    """The same response with its certificates in the order that DER demands of a set (X.690 §11.6).

    Authorities that run on OpenSSL write them in an order of their own, and strict readers take none of that. The set
    is under no signature (RFC 5652 §5.1). ``RefusedError('timestamp_malformed')`` if there is no token in it.
    """
    try:
        decode_timestamp_response(response)
    except ValueError:
        pass
    else:
        return response
    # Large, and hardly ever needed.
    from pyasn1.codec.der import decoder, encoder
    from pyasn1.error import PyAsn1Error
    from pyasn1_modules import rfc3161, rfc5652

    try:
        value, rest = decoder.decode(response, asn1Spec=rfc3161.TimeStampResp())
        token = value["timeStampToken"]
        signed, within = decoder.decode(token["content"], asn1Spec=rfc5652.SignedData())
        token["content"] = encoder.encode(signed)
        sorted_response = bytes(encoder.encode(value))
    except (PyAsn1Error, ValueError, TypeError, RecursionError):
        rest = within = b"?"
    if rest or within:
        raise RefusedError("timestamp_malformed", "it is no time-stamp.")
    return sorted_response
