"""The operator's list: read whole or refused at a line, and found by any of three digests."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.evidence.hash_list import parse_hash_list
from nightlight.model.attachment import Digests, ListMatch

SHAPE = b"[a red circle]"
MD5, SHA1 = hashlib.md5(SHAPE).hexdigest(), hashlib.sha1(SHAPE).hexdigest()  # noqa: S324 - what lists are kept in
SHA256 = hashlib.sha256(SHAPE).hexdigest()


def digests(data: bytes) -> Digests:
    md5, sha1 = hashlib.md5(data).digest(), hashlib.sha1(data).digest()  # noqa: S324
    return Digests(len(data), hashlib.sha256(data).digest(), sha1, md5)


@pytest.mark.parametrize("entry", [MD5, SHA1, SHA256])
def test_known_file_is_found_by_any_of_its_digests(entry: str) -> None:
    listed = parse_hash_list(f"# shapes\n\n{'0' * 32}\n  {entry}  # a circle\r\n".encode())
    assert listed.match(digests(SHAPE)) is ListMatch.MATCH
    assert listed.match(digests(SHAPE + b".")) is ListMatch.NO_MATCH


@pytest.mark.parametrize("line", [MD5.upper(), MD5[:-1], SHA256 + "0", "not a digest", MD5 + " " + SHA1, "\x00", "é"])
def test_line_that_is_no_digest_is_named_and_never_repeated(line: str) -> None:
    with pytest.raises(RefusedError) as caught:
        parse_hash_list(f"# one\n{MD5}\n{line}\n".encode())
    assert caught.value.code == "hash_list_malformed"
    assert "Line 3" in caught.value.message
    assert line not in caught.value.message


@given(st.binary(max_size=300))
def test_any_bytes_are_a_list_or_refused(data: bytes) -> None:
    try:
        listed = parse_hash_list(data)
    except RefusedError:
        return
    assert len(listed.entries) <= data.count(b"\n") + 1


def test_the_list_is_not_shown() -> None:
    assert MD5 not in repr(parse_hash_list(MD5.encode()))
    assert repr(bytes.fromhex(MD5)) not in repr(parse_hash_list(MD5.encode()))
