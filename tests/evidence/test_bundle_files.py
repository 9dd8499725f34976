"""Attached files in a bundle: none unsaid, none exchanged, and nothing said of one that the log did not fix."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from nightlight.errors import RefusedError
from nightlight.evidence.attachment import attachment_record, attachments_of
from nightlight.evidence.bundle.files import BundledFile, check_files, file_members, open_file
from nightlight.evidence.bundle.report import ShownFile
from nightlight.evidence.verify import VerifiedMessage
from nightlight.model.attachment import Attachment, AttachmentCode, AttachmentState, Digests
from tests.evidence.test_attachment import b64, described, encrypt, message

PLAIN = b"a picture of a circle" * 100
MESSAGE, BLOB = encrypt(PLAIN)
OTHER, OTHER_BLOB = encrypt(b"a picture of a square")
DIGESTS = Digests(len(PLAIN), *(hashlib.new(name, PLAIN).digest() for name in ("sha256", "sha1", "md5")))
EVENT = "$event"


def found(
    code: AttachmentCode = AttachmentCode.MATCHES_EVENT,
    digests: Digests | None = DIGESTS,
    of: VerifiedMessage = MESSAGE,
    event: str = EVENT,
) -> Attachment:
    (file,) = attachments_of(of)
    state = AttachmentState.PENDING if code is AttachmentCode.PENDING else AttachmentState.CHECKED
    return Attachment("attachment_1", event, file.reference, 0, state, code, 1, 0, 0, digests)


def record(attachment: Attachment) -> str:
    return attachment_record(
        attachment.attachment_id, attachment.event_id, attachment.reference, attachment.code, attachment.digests
    )


def checked(
    *files: BundledFile,
    messages: list[tuple[int, str, VerifiedMessage | None]] | None = None,
    change: Callable[[list[dict[str, Any]], dict[str, bytes]], None] = lambda *_: None,
    records: dict[str, str | None] | None = None,
) -> tuple[ShownFile, ...]:
    lines, members = file_members(files)
    listed = json.loads(json.dumps(lines))
    logged = {record(file.attachment): file.match for file in files} if records is None else records
    change(listed, members)
    named = [(1, EVENT, MESSAGE)] if messages is None else messages
    return check_files(named, listed, members, logged)


def refused(*files: BundledFile, **how: Any) -> str:
    with pytest.raises(RefusedError) as caught:
        checked(*files, **how)
    assert caught.value.code == "bundle_inconsistent"
    return caught.value.message


def test_a_file_that_is_here_is_proven_and_opens() -> None:
    (shown,) = checked(BundledFile(found(), "no_match", BLOB))
    assert (shown.proven, shown.digests, shown.match, shown.member) == (
        True,
        DIGESTS,
        "no_match",
        "attachments/0001.bin",
    )
    assert open_file(MESSAGE, shown, BLOB) == PLAIN
    with pytest.raises(RefusedError):
        open_file(MESSAGE, shown, BLOB[:-1] + b"x")


def test_a_file_that_is_not_here_is_the_operators_word() -> None:
    (shown,) = checked(BundledFile(found(), "match"))
    assert (shown.proven, shown.digests, shown.code) == (False, DIGESTS, "matches_event")
    assert shown.ciphertext == hashlib.sha256(BLOB).hexdigest()


def test_a_file_of_which_nothing_is_said_is_shown_all_the_same() -> None:
    (shown,) = checked()
    assert (shown.code, shown.digests, shown.proven) == ("", None, False)
    (pending,) = checked(BundledFile(found(AttachmentCode.PENDING, None), None))
    assert pending.code == ""


@pytest.mark.parametrize("code", [c for c in AttachmentCode if c not in ("matches_event", "pending")])
def test_what_was_found_instead_is_shown(code: AttachmentCode) -> None:
    (shown,) = checked(BundledFile(found(code, None), None))
    assert (shown.code, shown.digests) == (code, None)


def test_another_events_blob() -> None:
    assert "not the one whose hash" in refused(BundledFile(found(), None, OTHER_BLOB))


def test_wrong_hash_by_a_byte_more_or_less() -> None:
    for blob in (BLOB + b"\x00", BLOB[:-1], b"", bytes([BLOB[0] ^ 1]) + BLOB[1:]):
        assert "not the one whose hash" in refused(BundledFile(found(), None, blob))


def test_swapped_key() -> None:
    """Another key in the message would be another message; a reference to one that is not there is refused."""
    swapped = message(
        {"msgtype": "m.image", "body": "x", "file": described(hashes={"sha256": b64(hashlib.sha256(BLOB).digest())})}
    )
    assert "no message here names" in refused(BundledFile(found(of=swapped), None, BLOB))


def test_digests_of_another_file() -> None:
    lie = Digests(DIGESTS.size, bytes(32), DIGESTS.sha1, DIGESTS.md5)
    assert "other digests" in refused(BundledFile(found(digests=lie), None, BLOB))


def test_a_finding_that_the_log_does_not_fix() -> None:
    honest = BundledFile(found(), "no_match")
    assert "log does not say" in refused(honest, records={})
    assert "log does not say" in refused(honest, records={record(found()): "match"})
    better = BundledFile(found(AttachmentCode.MATCHES_EVENT), "no_match")
    assert "log does not say" in refused(
        better, records={record(found(AttachmentCode.HASH_MISMATCH, None)): "no_match"}
    )


def test_a_file_that_no_message_names_or_that_stands_twice() -> None:
    file = BundledFile(found(), None)
    assert "no message here names" in refused(file, messages=[])
    assert "no message here names" in refused(file, messages=[(1, EVENT, None)])
    assert "no message here names" in refused(BundledFile(found(event="$other"), None))
    assert "twice" in refused(file, change=lambda listed, _: listed.append(dict(listed[0])))


def test_a_file_in_the_bundle_that_nothing_names() -> None:
    def add(_: list[dict[str, Any]], members: dict[str, bytes]) -> None:
        members["attachments/0002.bin"] = b"unnamed"

    assert "does not name" in refused(BundledFile(found(), None, BLOB), change=add)

    def drop(_: list[dict[str, Any]], members: dict[str, bytes]) -> None:
        members.clear()

    assert "not here" in refused(BundledFile(found(), None, BLOB), change=drop)


def test_a_result_without_a_check() -> None:
    assert "not checked" in refused(BundledFile(found(AttachmentCode.PENDING), None))
    assert "fit its digests" in refused(BundledFile(found(AttachmentCode.MATCHES_EVENT, None), None))
    assert "fit its digests" in refused(BundledFile(found(AttachmentCode.GONE), None))


@pytest.mark.parametrize(
    "changes",
    [
        {"list": []}, {"list": {}}, {"event_id": []},
        {"code": "proven"}, {"code": None}, {"list": "certainly"}, {"file": 5}, {"file": "../../etc"}, {"reference": 1},
        {"digests": {}}, {"digests": []}, {"extra": 1},
        {"digests": {"size": -1, "sha256": "00" * 32, "sha1": "00" * 20, "md5": "00" * 16}},
        {"digests": {"size": 1.5, "sha256": "00" * 32, "sha1": "00" * 20, "md5": "00" * 16}},
        {"digests": {"size": 1, "sha256": "zz", "sha1": "00" * 20, "md5": "00" * 16}},
        {"digests": {"size": 1, "sha256": "00", "sha1": "00" * 20, "md5": "00" * 16}},
        {"digests": {"size": 1, "sha256": None, "sha1": "00" * 20, "md5": "00" * 16}},
    ],
)  # fmt: skip
def test_lines_that_are_none(changes: dict[str, Any]) -> None:
    refused(BundledFile(found(), None, BLOB), change=lambda listed, _: listed[0].update(changes))
    nothing: list[Any] = [None, 5, "x", []]
    for line in nothing:
        refused(BundledFile(found(), None), change=partial(_append, line))


def _append(line: object, listed: list[Any], _: dict[str, bytes]) -> None:
    listed.append(line)
