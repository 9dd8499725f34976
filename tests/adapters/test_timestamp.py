"""Asking a time-stamp authority over HTTP: what it learns, and every way in which its answer can be of no use."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rfc3161_client import TimestampRequestBuilder

from nightlight.adapters.timestamp import TimestampAuthority as Adapter
from nightlight.adapters.timestamp import in_der
from nightlight.errors import RefusedError, UnavailableError
from nightlight.evidence.timestamp import RESPONSE_BYTES_MAX, verify_timestamp
from tests.adapters.scripted import answering, http
from tests.loopback import served
from tests.simulators.timestamp_authority import TimestampAuthority

MESSAGE = b"what was signed"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TimestampAuthority:
    return TimestampAuthority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def url(authority: TimestampAuthority) -> Iterator[str]:
    with served(authority.app) as url:
        yield f"{url}/"


def useless(adapter: Adapter) -> str:
    with pytest.raises(UnavailableError) as caught:
        adapter.stamp(MESSAGE)
    return caught.value.code


def test_a_stamp_is_had_and_the_authority_learns_a_digest_and_nothing_else(
    authority: TimestampAuthority, url: str
) -> None:
    authority.queries.clear()
    response = Adapter(url, (authority.root_pem,)).stamp(MESSAGE)
    assert verify_timestamp(response, MESSAGE, [authority.root_pem]).trusted
    (query,) = authority.queries
    assert MESSAGE not in query
    assert hashlib.sha512(MESSAGE).digest() in query
    assert Adapter(url, ()).stamp(MESSAGE) != response  # another number, another nonce


def test_another_authority_than_the_one_that_is_trusted(url: str, tmp_path: Path) -> None:
    """With a root set, an answer of somebody else is no answer; it would be said to be trusted by nobody."""
    other = TimestampAuthority(tmp_path, name="Somebody Else")
    assert useless(Adapter(url, (other.root_pem,))) == "timestamp_nonsense"


def test_an_answer_that_was_good_for_another_request(authority: TimestampAuthority) -> None:
    """The nonce ties it to this one (RFC 3161 §2.4.1): nobody on the way can give an old stamp for a new."""
    old = authority.reply(TimestampRequestBuilder().data(MESSAGE).build().as_bytes())
    with answering(http("200 OK", old)) as url:
        assert useless(Adapter(url, (authority.root_pem,))) == "timestamp_nonsense"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (http("500 Internal Server Error", b""), "timestamp_unreachable"),
        (http("302 Found", b"", "Location: http://127.0.0.1:9/"), "timestamp_unreachable"),
        (http("200 OK", b""), "timestamp_nonsense"),
        (http("200 OK", b"<html>busy</html>"), "timestamp_nonsense"),
        (http("200 OK", b"\x30\x03\x02\x01\x02"), "timestamp_nonsense"),
        (http("200 OK", b"\x30\x80" * 20_000), "timestamp_nonsense"),
        (http("200 OK", bytes(RESPONSE_BYTES_MAX + 1)), "timestamp_nonsense"),
        (b"no HTTP at all\r\n\r\n", "timestamp_unreachable"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "timestamp_unreachable"),
    ],
    ids=["500", "redirect", "empty", "a page", "rejection", "nested", "too long", "no http", "cut short"],
)
def test_an_answer_that_is_of_no_use(answer: bytes, code: str) -> None:
    with answering(answer) as url:
        assert useless(Adapter(url, (), timeout=2)) == code


def test_an_authority_that_never_ends_or_never_answers() -> None:
    start = time.monotonic()
    with answering(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(2_000_000)) as url:
        assert useless(Adapter(url, (), timeout=2)) == "timestamp_nonsense"
    with answering(b"", hang_up=False) as url:
        assert useless(Adapter(url, (), timeout=0.5)) == "timestamp_unreachable"
    with answering(http("200 OK", bytes(1000)), pause=0.1) as url:
        assert useless(Adapter(url, (), timeout=0.5)) == "timestamp_unreachable"
    assert useless(Adapter("http://127.0.0.1:9/", (), timeout=1)) == "timestamp_unreachable"
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a.example", "", "//a.example", "a.example"])
def test_an_address_that_is_no_web_address(url: str) -> None:
    with pytest.raises(RefusedError) as caught:
        Adapter(url, ())
    assert caught.value.code == "timestamp_url"


def test_certificates_are_brought_into_order_and_nothing_else_is_touched(authority: TimestampAuthority) -> None:
    raw = authority.reply(TimestampRequestBuilder().data(MESSAGE).build().as_bytes())
    ordered = in_der(raw)
    assert ordered != raw
    assert sorted(ordered) == sorted(raw)
    assert in_der(ordered) == ordered
    for nothing in (b"", raw[:-1], raw + b"\x00", b"\x30\x00"):
        with pytest.raises(RefusedError):
            in_der(nothing)
