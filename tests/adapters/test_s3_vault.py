"""The vault in an S3-compatible store: the same promises over HTTP, and a store that is down is not damage."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from moto.server import ThreadedMotoServer
from pyrage import x25519

from nightlight.adapters.s3_objects import S3Objects
from nightlight.adapters.vault import CaseVault, FlatFolder
from nightlight.errors import RefusedError, UnavailableError
from nightlight.ports import Sink

#: Of three parts of a multipart upload, the last one short.
BLOB = os.urandom(17_000_000)
SHA256 = hashlib.sha256(BLOB).digest()
IDENTITIES = {f"case_{name}": str(x25519.Identity.generate()) for name in "ab"}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    httpx.post(f"{server}/moto-api/reset").raise_for_status()
    httpx.put(f"{server}/bucket").raise_for_status()
    return f"s3://bucket/in/here?endpoint={server}&region=us-east-1"


def vault_at(url: str) -> CaseVault:
    return CaseVault(S3Objects(url), IDENTITIES.__getitem__, FlatFolder(Path("/nonexistent")))


def chunks() -> Iterator[bytes]:
    for start in range(0, len(BLOB), 1_000_000):
        yield BLOB[start : start + 1_000_000]


def put(sink: Sink, data: bytes) -> None:
    sink.write(data)


def stored(server: str) -> dict[str, bytes]:
    """Every object in the bucket, read by its owner."""
    listed = httpx.get(f"{server}/bucket?list-type=2").text
    names = [part.partition("</Key>")[0] for part in listed.split("<Key>")[1:]]
    return {name: httpx.get(f"{server}/bucket/{name}").content for name in names}


def test_large_and_small_files_go_there_and_come_back(bucket: str, server: str) -> None:
    vault = vault_at(bucket)
    assert not vault.holds("case_a", SHA256)
    vault.keep("case_a", SHA256, chunks())
    assert vault.holds("case_a", SHA256)
    assert b"".join(vault.read("case_a", SHA256)) == BLOB
    small = hashlib.sha256(b"[a picture]").digest()
    vault.keep("case_b", small, [b"[a picture]"])
    assert vault.check("case_b", small) == 11
    objects = stored(server)
    assert objects.keys() == {f"in/here/cases/case_a/{SHA256.hex()}", f"in/here/cases/case_b/{small.hex()}"}
    assert all(b"[a picture]" not in data and BLOB[:32] not in data for data in objects.values())
    head = httpx.head(f"{server}/bucket/in/here/cases/case_a/{SHA256.hex()}")
    assert head.headers["ETag"].strip('"').endswith("-3")  # so it came in three parts


def test_upload_that_breaks_off_leaves_neither_object_nor_parts(bucket: str, server: str) -> None:
    vault = vault_at(bucket)

    def broken() -> Iterator[bytes]:
        yield BLOB
        raise UnavailableError("homeserver_unreachable", "gone")

    with pytest.raises(UnavailableError) as caught:
        vault.keep("case_a", SHA256, broken())
    assert caught.value.code == "homeserver_unreachable"
    with pytest.raises(RefusedError) as refused:
        vault.keep("case_a", SHA256, [BLOB, b"more"])
    assert refused.value.code == "attachment_hash_mismatch"
    assert stored(server) == {}
    assert "<UploadId>" not in httpx.get(f"{server}/bucket?uploads").text


def test_change_in_the_bucket_is_detected(bucket: str, server: str) -> None:
    vault, data = vault_at(bucket), b"[a picture]" * 1000
    sha256 = hashlib.sha256(data).digest()
    vault.keep("case_a", sha256, [data])
    ((name, whole),) = stored(server).items()
    for position in (0, 150, len(whole) // 2, len(whole) - 1):
        changed = bytearray(whole)
        changed[position] ^= 1
        S3Objects(bucket).write(name.removeprefix("in/here/"), lambda sink: put(sink, bytes(changed)))  # noqa: B023
        with pytest.raises(RefusedError) as caught:
            vault.check("case_a", sha256)
        assert caught.value.code == "vault_damaged"


def test_removing_a_case_removes_its_objects_alone(bucket: str, server: str) -> None:
    vault = vault_at(bucket)
    for case, text in (("case_a", b"[1]"), ("case_a", b"[2]"), ("case_b", b"[1]")):
        vault.keep(case, hashlib.sha256(text).digest(), [text])
    vault.remove("case_a")
    vault.remove("case_a")
    assert [name.split("/")[3] for name in stored(server)] == ["case_b"]
    with pytest.raises(RefusedError) as caught:
        vault.check("case_a", hashlib.sha256(b"[1]").digest())
    assert caught.value.code == "vault_missing"


def test_store_that_is_down_or_without_the_bucket_is_unavailable_and_nothing_is_missing(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nightlight.adapters.s3_objects._RETRIES", 0)
    with_no_bucket = bucket.replace("s3://bucket", "s3://another")
    down = "s3://bucket?endpoint=http://127.0.0.1:9&region=us-east-1"
    for url in (with_no_bucket, down):
        vault = vault_at(url)
        for call in (
            lambda: vault.check("case_a", SHA256),  # noqa: B023
            lambda: vault.read("case_a", SHA256),  # noqa: B023
            lambda: vault.keep("case_a", SHA256, chunks()),  # noqa: B023
            lambda: vault.remove("case_a"),  # noqa: B023
        ):
            with pytest.raises(UnavailableError) as caught:
                call()
            assert caught.value.code in ("vault_unreadable", "vault_unwritable")
            assert "127.0.0.1" not in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        "https://bucket.example/",
        "s3://",
        "s3:///prefix",
        "s3://key:secret@bucket/",
        "s3://bucket?endpoint=ftp://x.example",
        "s3://bucket?endpoint=https://key:secret@x.example",
        "s3://bucket?endpiont=https://x.example",
        "s3://bucket?region",
        "s3://bucket#x",
        "s3://[bucket",
    ],
)
def test_address_that_is_none_of_a_bucket_is_refused_in_words(url: str) -> None:
    with pytest.raises(RefusedError) as caught:
        S3Objects(url)
    assert caught.value.code == "vault_url"
    assert "secret" not in caught.value.message
