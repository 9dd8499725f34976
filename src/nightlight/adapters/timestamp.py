"""Asking a time-stamp authority (RFC 3161 §3.4, HTTP) that the operator named. It learns a digest, and nothing else."""

from __future__ import annotations

import httpx
from rfc3161_client import TimestampRequestBuilder, TimeStampResponse, decode_timestamp_response

from nightlight.errors import RefusedError, UnavailableError
from nightlight.evidence.timestamp import RESPONSE_BYTES_MAX, verify_timestamp


class TimestampAuthority:
    """``roots``: the authority's root certificates in PEM; with none, its own chain is believed, and said so."""

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
        response = self._ask(request.as_bytes())
        try:
            decoded: TimeStampResponse = decode_timestamp_response(response)
            if decoded.tst_info.nonce != request.nonce:
                raise UnavailableError("timestamp_nonsense", "The time-stamp answers another request.")
            verify_timestamp(response, message, self._roots)
        except (RefusedError, ValueError) as e:
            why = e.message if isinstance(e, RefusedError) else "it cannot be read."
            raise UnavailableError("timestamp_nonsense", f"The authority's answer is of no use: {why}") from None
        return response

    def _ask(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        data = bytearray()
        try:
            with (
                httpx.Client(timeout=self._timeout, follow_redirects=False) as http,
                http.stream("POST", self._url, content=body, headers=headers) as answer,
            ):
                for chunk in answer.iter_bytes():
                    data += chunk
                    if len(data) > RESPONSE_BYTES_MAX:
                        raise UnavailableError("timestamp_nonsense", "The authority's answer is far too long.")
        except (httpx.HTTPError, httpx.InvalidURL) as e:
            raise UnavailableError(
                "timestamp_unreachable", f"The time-stamp authority does not answer ({type(e).__name__})."
            ) from None
        if answer.status_code != 200:
            raise UnavailableError("timestamp_unreachable", f"The authority answers with status {answer.status_code}.")
        return bytes(data)
