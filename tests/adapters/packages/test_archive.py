"""The package: whole, sealed for one agency alone, or not a package at all."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import tracemalloc
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pyrage
import pytest

from nightlight.adapters.age import is_sealed, seal_stream, unseal
from nightlight.adapters.packages.archive import Member, write_package
from nightlight.adapters.packages.package import Package
from nightlight.errors import RefusedError, UnavailableError
from nightlight.flows.prepare_report import PreparedFile
from nightlight.model.draft import AgencyKind, Basis, Fact
from tests.adapters.packages import made

BUNDLE = b"[an evidence bundle]"


class Sink:
    """Takes bytes, forwards only."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes, /) -> int:
        self.data += data
        return len(data)

    def flush(self) -> None:
        return None


def written(package: Package) -> tuple[tuple[Member, ...], bytes]:
    sink = Sink()
    return write_package(package, made.read, sink), bytes(sink.data)


@pytest.fixture(scope="module")
def police() -> tuple[tuple[Member, ...], bytes]:
    return written(made.package(AgencyKind.POLICE, bundle=BUNDLE))


def opened(sealed: bytes, identity: Any = made.IDENTITY) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(unseal(sealed, [str(identity)])))


def test_the_agency_opens_every_member_and_finds_what_was_named(police: tuple[tuple[Member, ...], bytes]) -> None:
    members, sealed = police
    assert is_sealed(sealed)
    archive = opened(sealed)
    name = f"files/{made.file().name}"
    assert archive.namelist() == [
        "referral.json", "referral.pdf", "conversation.txt", name, "evidence.bundle", "MANIFEST.sha256",
    ]  # fmt: skip
    assert archive.testzip() is None
    for member in members:
        data = archive.read(member.name)
        assert (len(data), hashlib.sha256(data).digest()) == (member.size, member.sha256)
    manifest = {one[66:]: one[:64] for one in archive.read("MANIFEST.sha256").decode().splitlines()}
    assert manifest == {member.name: member.sha256.hex() for member in members[:-1]}
    assert archive.read(name) == made.SHAPE
    assert archive.read("evidence.bundle") == BUNDLE
    assert b"[abusive message 1]" in archive.read("conversation.txt")
    document = json.loads(archive.read("referral.json"))
    assert [file["sha256"] for file in document["files"]] == [manifest[name]]
    assert document["conversation"]["sha256"] == manifest["conversation.txt"]
    assert document["bundle"]["sha256"] == manifest["evidence.bundle"]


def test_nobody_else_opens_it(police: tuple[tuple[Member, ...], bytes]) -> None:
    with pytest.raises(RefusedError) as caught:
        opened(police[1], pyrage.x25519.Identity.generate())
    assert caught.value.code == "identity_wrong"


def test_one_wrong_byte_or_a_lost_end_opens_for_nobody(police: tuple[tuple[Member, ...], bytes]) -> None:
    sealed = police[1]
    for damaged in (sealed[:-1], sealed[:-20] + bytes([sealed[-20] ^ 1]) + sealed[-19:]):
        with pytest.raises(RefusedError) as caught:
            opened(damaged)
        assert caught.value.code == "sealed_damaged"


def test_no_member_says_when_or_by_whom_it_was_written(police: tuple[tuple[Member, ...], bytes]) -> None:
    for info in opened(police[1]).infolist():
        assert (info.date_time, info.comment) == ((1980, 1, 1, 0, 0, 0), b"")


def test_the_iwf_gets_a_plain_zip_of_the_form_alone() -> None:
    facts = (
        *made.IWF_FACTS,
        Fact("incident.url", "=cmd|' /C calc'!A0", Basis.REVIEWER, "robin"),
        Fact("incident.url", "https://left-out.example/", Basis.REVIEWER, "robin", included=False),
        Fact("suspect.account_id", made.MALLORY, Basis.PROVEN, "$one"),
    )
    package = made.package(AgencyKind.IWF, facts, bundle=BUNDLE)
    _, data = written(package)
    assert written(package)[1] == data  # byte for byte
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.namelist() == ["referral.json", "referral.pdf", "iwf.csv"]
    rows = list(csv.reader(io.StringIO(archive.read("iwf.csv").decode())))
    assert rows == [
        ["Address of the content"], ["https://one.example/a"], ["https://two.example/b"], ["'=cmd|' /C calc'!A0"],
    ]  # fmt: skip
    for name in ("referral.json", "iwf.csv"):
        for hidden in (b"abusive", b"left-out", made.MALLORY.encode(), b"shape.png", BUNDLE):
            assert hidden not in archive.read(name)


def test_a_package_of_many_megabytes_passes_in_little_memory() -> None:
    pieces = [os.urandom(1_048_576)] * 8 + [bytes(1_048_576)] * 100
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    kept = made.file()
    assert kept.attachment is not None
    assert kept.attachment.digests is not None
    digests = replace(kept.attachment.digests, size=len(pieces) * 1_048_576, sha256=digest.digest())
    large = replace(kept, attachment=replace(kept.attachment, digests=digests))
    package = made.package(AgencyKind.POLICE, files=(large,))
    package = replace(package, prepared=replace(package.prepared, files=(large,)))

    class Counting(Sink):
        size = 0

        def write(self, data: bytes, /) -> int:
            self.size += len(data)
            return len(data)

    sink = Counting()
    written(made.package(AgencyKind.POLICE))  # the page writer is imported
    tracemalloc.start()
    try:
        write_package(package, lambda _file: iter(pieces), sink)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sink.size > 8 * 1_048_576
    assert peak < 30_000_000


def test_a_file_that_is_not_the_described_one_makes_no_package() -> None:
    sink = Sink()
    with pytest.raises(RefusedError) as caught:
        write_package(made.package(AgencyKind.POLICE), lambda file: made.read(file, b"[another shape]"), sink)
    assert caught.value.code == "file_changed"
    with pytest.raises(RefusedError):
        opened(bytes(sink.data))


def test_what_goes_wrong_while_reading_comes_through_and_leaves_no_package() -> None:
    def breaks(file: PreparedFile) -> Iterator[bytes]:
        yield b"half of"
        raise UnavailableError("vault_unreadable", "The kept file cannot be read.")

    sink = Sink()
    with pytest.raises(UnavailableError) as caught:
        write_package(made.package(AgencyKind.POLICE), breaks, sink)
    assert caught.value.code == "vault_unreadable"
    with pytest.raises(RefusedError):
        opened(bytes(sink.data))


def test_what_goes_wrong_while_writing_comes_through() -> None:
    class Full(Sink):
        def write(self, data: bytes, /) -> int:
            raise UnavailableError("disk_full", f"The disk is full, {len(data)} bytes too early.")

    with pytest.raises(UnavailableError) as caught:
        seal_stream(iter([b"x"] * 3), str(made.IDENTITY.to_public()), Full())
    assert caught.value.code == "disk_full"


@pytest.mark.parametrize(("recipient", "code"), [("", "recipient_missing"), ("age1mistyped", "recipient_malformed")])
def test_nothing_is_written_without_a_key_of_the_agency(recipient: str, code: str) -> None:
    package = made.package(AgencyKind.POLICE)
    agency = replace(package.referral.agency, recipient=recipient)
    sink = Sink()
    with pytest.raises(RefusedError) as caught:
        write_package(replace(package, referral=replace(package.referral, agency=agency)), made.read, sink)
    assert caught.value.code == code
    assert not sink.data


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", ".hidden", "", "a\x00b", "x" * 200])
def test_a_file_cannot_be_unpacked_anywhere_else(name: str) -> None:
    sink = Sink()
    with pytest.raises(RefusedError) as caught:
        write_package(made.package(AgencyKind.POLICE, files=(made.file(name=name),)), made.read, sink)
    assert caught.value.code == "name_unsafe"
    assert not sink.data
