"""Asks a log for its key, its checkpoint and its consistency proofs. Bounded, and no redirect is followed."""

from __future__ import annotations

import base64
import binascii

import httpx

from nightlight.errors import RefusedError, UnavailableError
from nightlight.hazmat import strict_json

ANSWER_BYTES_MAX = 65_536


class LogClient:
    """``url``: where a Nightlight answers; the log is at ``/v1/log`` there."""

    def __init__(self, url: str, *, timeout: float = 15.0) -> None:
        if not url.startswith(("https://", "http://")):
            raise RefusedError("log_url", "The log's address must start with https:// or http://.")
        self._base = url.rstrip("/").removesuffix("/v1/log") + "/v1/log"
        self._http = httpx.Client(timeout=timeout, follow_redirects=False)

    def close(self) -> None:
        self._http.close()

    def key(self) -> str:
        return self._get("/key").decode("utf-8", "replace")

    def checkpoint(self) -> bytes:
        return self._get("/checkpoint")

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof as the log states it, unverified."""
        answer = self._get(f"/consistency?from={old}&to={new}")
        try:
            value = strict_json.loads(answer, depth_max=4)
            proof = [base64.b64decode(step.encode("ascii"), validate=True) for step in value["proof"]]
        except (RefusedError, ValueError, TypeError, KeyError, AttributeError, binascii.Error):
            raise UnavailableError("log_nonsense", "The log's answer is no consistency proof.") from None
        return proof

    def _get(self, path: str) -> bytes:
        try:
            with self._http.stream("GET", self._base + path) as answer:
                data = bytearray()
                for chunk in answer.iter_bytes():
                    data += chunk
                    if len(data) > ANSWER_BYTES_MAX:
                        raise UnavailableError("log_nonsense", "The log's answer is far too long.")
        except (httpx.HTTPError, httpx.InvalidURL) as e:
            raise UnavailableError("log_unreachable", f"The log does not answer ({type(e).__name__}).") from None
        if answer.status_code != 200:
            raise UnavailableError("log_unreachable", f"The log answers with status {answer.status_code}.")
        return bytes(data)
