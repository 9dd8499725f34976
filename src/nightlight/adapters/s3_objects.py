"""The vault's objects in a bucket of any S3-compatible store, through obstore."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from nightlight.adapters.objects import AbsentError, Source
from nightlight.adapters.pulled import pulled
from nightlight.errors import NightlightError, RefusedError, UnavailableError
from nightlight.ports import Sink

#: Of a multipart upload: S3 takes parts of 5 MiB and more, and at most 10,000 of them.
_PART = 8 * 1_048_576
_PARTS_AT_ONCE = 2
_RANGE = 4 * 1_048_576

_SECONDS = {"connect": 10, "request": 120, "retries": 60}
_RETRIES = 3


class S3Objects:
    """Implements ``nightlight.adapters.objects.Objects``. An object appears when its upload is completed."""

    def __init__(self, url: str) -> None:
        """``url``: ``s3://bucket/prefix?endpoint=…&region=…``; ``RefusedError('vault_url')``.

        Credentials come from the standard AWS variables, or from where the machine's role gives them.
        """
        self._store = _store(url)

    def write(self, name: str, fill: Callable[[Sink], None]) -> None:
        with _said("vault_unwritable", "The encrypted file cannot be kept"), closing(pulled(fill)) as parts:
            # obstore completes the upload when the parts end, and aborts it when they end in an error.
            obstore.put(self._store, name, parts, chunk_size=_PART, max_concurrency=_PARTS_AT_ONCE)

    def open(self, name: str) -> Source:
        with _said("vault_unreadable", "The kept file cannot be read"):
            try:
                found = obstore.head(self._store, name)
            except FileNotFoundError:
                # A bucket that is not there answers like an object that is not.
                for _ in obstore.list(self._store, chunk_size=1):
                    break
                raise AbsentError from None
        return _RangeReader(self._store, name, found["size"])

    def holds(self, name: str) -> bool:
        with _said("vault_unreadable", "The vault does not answer"):
            try:
                obstore.head(self._store, name)
            except FileNotFoundError:
                return False
        return True

    def remove(self, folder: str) -> None:
        with _said("vault_unwritable", "Kept files cannot be removed"):
            for found in obstore.list(self._store, prefix=folder, chunk_size=500):
                obstore.delete(self._store, [meta["path"] for meta in found])


class _RangeReader:
    """Reads an object range by range, so that each request is short and little is in memory."""

    def __init__(self, store: S3Store, name: str, size: int) -> None:
        self._store, self._name, self._size = store, name, size
        self._reached = 0
        self._range = memoryview(b"")

    def read(self, size: int = -1, /) -> bytes:
        if not self._range and self._reached < self._size:
            length = min(_RANGE, self._size - self._reached)
            with _said("vault_unreadable", "The kept file cannot be read"):
                found = obstore.get_range(self._store, self._name, start=self._reached, length=length)
            self._range = memoryview(found)
            self._reached += length
        taken = self._range if size < 0 else self._range[:size]
        self._range = self._range[len(taken) :]
        return bytes(taken)

    def close(self) -> None:
        return None


@contextmanager
def _said(code: str, what: str) -> Iterator[None]:
    try:
        yield
    except (NightlightError, AbsentError):
        raise
    except (BaseError, OSError) as e:
        # Its own words name the address and everything that was tried; the kind of error is enough.
        raise UnavailableError(code, f"{what}: the S3 store does not answer as it should ({type(e).__name__}).") from e


def _store(url: str) -> S3Store:
    try:
        parts = urlsplit(url)
        query = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        endpoint, region = (query.pop(name, [""])[0] for name in ("endpoint", "region"))
        to = urlsplit(endpoint)
        bare = not parts.fragment and "@" not in parts.netloc and "@" not in to.netloc
        fits = not endpoint or (to.scheme in ("http", "https") and to.netloc)
    except ValueError:
        raise _malformed() from None
    if parts.scheme != "s3" or not parts.netloc or query or not bare or not fits:
        raise _malformed()
    options: dict[str, Any] = {"endpoint": endpoint} if endpoint else {}
    if region:
        options["region"] = region
    return S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        client_options={
            "allow_http": to.scheme == "http",
            "connect_timeout": timedelta(seconds=_SECONDS["connect"]),
            "timeout": timedelta(seconds=_SECONDS["request"]),
        },
        retry_config={"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_SECONDS["retries"])},
        **options,
    )


def _malformed() -> RefusedError:
    return RefusedError(
        "vault_url",
        "NIGHTLIGHT_VAULT_URL is not the address of a bucket.",
        "Write s3://bucket/prefix?endpoint=https://store.example&region=eu-west-1 without credentials; those come from "
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
    )
