"""From a proven message to its files: what an app opens can be reported, and what is malformed says so."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st
from nio.crypto.attachments import decrypt_attachment, encrypt_attachment

from nightlight.errors import RefusedError
from nightlight.evidence import verify
from nightlight.evidence.attachment import (
    AttachedFile,
    EncryptedFile,
    UnboundFile,
    attachments_of,
    file_of,
    without_file_keys,
)
from nightlight.evidence.media import Role
from nightlight.evidence.stored_event import check_stored_event
from nightlight.evidence.verify import VerifiedMessage, verify_message
from nightlight.hazmat.attachment import Opening
from nightlight.model.attachment import ATTACHMENT_EXPLANATIONS, AttachmentCode
from tests.evidence.homeserver import build_event, encrypted, payload
from tests.hazmat.sender import Sender
from tests.hazmat.test_attachment import opened

MXC = "mxc://example.org/triangle"
KEY, COUNTER, HASH = bytes(range(32)), bytes(range(8)) + bytes(8), bytes(range(100, 132))


def b64(data: bytes, *, urlsafe: bool = False, padded: bool = False) -> str:
    text = (base64.urlsafe_b64encode if urlsafe else base64.b64encode)(data).decode()
    return text if padded else text.rstrip("=")


def described(**changes: Any) -> dict[str, Any]:
    """``EncryptedFile`` of the specification."""
    jwk = {"kty": "oct", "key_ops": ["encrypt", "decrypt"], "alg": "A256CTR", "k": b64(KEY, urlsafe=True), "ext": True}
    return {"url": MXC, "key": jwk, "iv": b64(COUNTER), "hashes": {"sha256": b64(HASH)}, "v": "v2", **changes}


def message(content: dict[str, Any]) -> VerifiedMessage:
    sender = Sender()
    event = check_stored_event(*build_event(encrypted(sender.session_id, sender.send(0, payload(content)))))
    return verify_message(event, sender.export.message_key(0))


def files(content: dict[str, Any]) -> tuple[AttachedFile, ...]:
    return attachments_of(message(content))


def only(content: dict[str, Any]) -> EncryptedFile:
    (file,) = files(content)
    assert isinstance(file, EncryptedFile)
    return file


def picture(**changes: Any) -> dict[str, Any]:
    return {"msgtype": "m.image", "body": "shape.png", "file": described(**changes)}


def encrypt(plaintext: bytes) -> tuple[VerifiedMessage, bytes]:
    """A message with a file as matrix-nio encrypts it, and the file as the media repository holds it."""
    ciphertext, keys = encrypt_attachment(plaintext)
    return message({"msgtype": "m.image", "body": "shape.png", "file": {**keys, "url": MXC}}), ciphertext


def test_file_of_a_message_with_what_opens_it() -> None:
    file = only({**picture(), "info": {"mimetype": "image/png", "size": 12345}})
    assert (file.mxc, file.sha256, file.role) == (MXC, HASH, Role.FILE)
    assert file.opening == Opening(KEY, COUNTER)
    assert (file.claimed.name, file.claimed.mimetype, file.claimed.size) == ("shape.png", "image/png", 12345)


@pytest.mark.parametrize(
    "changes",
    [
        {"key": {"k": b64(KEY, urlsafe=True, padded=True)}},
        {"key": {"k": b64(KEY)}},
        {"key": {"k": b64(KEY, padded=True), "alg": "none", "key_ops": "neither"}},
        {"key": {"k": b64(KEY, urlsafe=True)[:20] + "\n " + b64(KEY, urlsafe=True)[20:]}},
        {"iv": b64(COUNTER, urlsafe=True)},
        {"iv": b64(COUNTER, padded=True)},
        {"iv": b64(COUNTER[:8])},
        {"hashes": {"sha256": b64(HASH, padded=True), "md5": 7}},
        {"hashes": {"sha256": b64(HASH, urlsafe=True)}},
        {"v": "v1"},
        {"v": None},
        {"v": ["v9"]},
        {"mimetype": 5, "extra": {}},
        {"url": MXC + "#auto"},
        {"url": MXC + "/shape.png"},
        {"url": MXC + "?width=1"},
        {"url": "mxc://example.org/%74riangle"},
    ],
)
def test_sender_cannot_dodge_by_an_encoding_that_an_app_reads(changes: dict[str, Any]) -> None:
    file = only(picture(**changes))
    assert (file.mxc, file.opening, file.sha256) == (MXC, Opening(KEY, COUNTER), HASH)


@pytest.mark.parametrize("length", [16, 24])
def test_sender_cannot_dodge_by_a_shorter_key_that_browsers_take(length: int) -> None:
    assert only(picture(key={"k": b64(KEY[:length])})).opening.key == KEY[:length]


def test_sender_cannot_show_one_file_in_one_app_and_another_in_the_next() -> None:
    """A counter about to run over: Element's browser client counts in 64 bits, the Rust SDK in 128."""
    counter = bytes(8) + b"\xff" * 8
    found = files(picture(iv=b64(counter)))
    assert [file.opening.counter_bits for file in found if isinstance(file, EncryptedFile)] == [128, 64]
    assert len({file.reference for file in found}) == 2


@pytest.mark.parametrize(
    "content",
    [
        {"msgtype": "m.text", "body": "*", "m.new_content": picture()},
        {"msgtype": "m.text", "body": "*", "info": {"thumbnail_file": described()}},
        {"msgtype": "m.text", "body": "*", "thumbnail_file": described()},
        {"msgtype": "dm.filament.gallery", "body": "*", "itemtypes": [picture(), 7]},
        {"msgtype": "m.audio", "body": "*", "org.matrix.msc1767.file": described()},
        {"msgtype": "m.text", "body": "*", "m.new_content": {"itemtypes": [{"info": {"thumbnail_file": described()}}]}},
    ],
)
def test_sender_cannot_hide_a_file_where_apps_look(content: dict[str, Any]) -> None:
    assert only(content).sha256 == HASH
    assert message(content).media == (MXC,)


def test_file_that_is_named_twice_is_one() -> None:
    assert len(files({**picture(), "org.matrix.msc1767.file": described(), "m.new_content": picture()})) == 1


def test_two_keys_for_one_ciphertext_are_two_files() -> None:
    """The salamander (Dodis et al., CRYPTO 2018): nothing is the same because its ciphertext is."""
    first, second = picture(), described(key={"k": b64(bytes(32))})
    found = files({**first, "info": {"thumbnail_file": second}})
    assert len({file.reference for file in found}) == 2
    blob = b"one ciphertext for both"
    digest = hashlib.sha256(blob).digest()
    plaintexts = {opened(file.opening, digest, blob) for file in found if isinstance(file, EncryptedFile)}
    assert len(plaintexts) == 2


def test_unencrypted_media_are_not_bound() -> None:
    content = {"msgtype": "m.image", "body": "x", "url": MXC, "info": {"thumbnail_url": "mxc://example.org/small"}}
    assert [(file.mxc, file.code) for file in files(content)] == [
        (MXC, AttachmentCode.NOT_BOUND),
        ("mxc://example.org/small", AttachmentCode.NOT_BOUND),
    ]
    assert "not bound" in ATTACHMENT_EXPLANATIONS[AttachmentCode.NOT_BOUND]


@pytest.mark.parametrize(
    "changes",
    [
        {"url": None},
        {"url": "https://example.org/triangle"},
        {"url": "mxc://../triangle"},
        {"url": "mxc://example.org/.."},
        {"url": "mxc://example.org/../../_synapse/admin"},
        {"url": "mxc://example.org/%2e%2e"},
        {"url": "mxc://example.org%2f..%2fx/triangle"},
        {"url": "mxc://user@example.org/triangle"},
        {"url": "MXC://example.org/triangle"},
        {"url": "mxc://example.org/" + "a" * 300},
        {"key": None},
        {"key": "k"},
        {"key": {}},
        {"key": {"k": 5}},
        {"key": {"k": b64(KEY[:31])}},
        {"key": {"k": "A" * 10_000}},
        {"iv": None},
        {"iv": ""},
        {"iv": b64(bytes(17))},
        {"iv": b64(bytes(7))},
        {"iv": "A"},
        {"hashes": None},
        {"hashes": {}},
        {"hashes": {"sha256": b64(HASH[:31])}},
        {"hashes": {"sha512": b64(HASH * 2)}},
    ],
)
def test_malformed_description_says_so_and_is_never_followed(changes: dict[str, Any]) -> None:
    (file,) = files(picture(**changes))
    assert isinstance(file, UnboundFile)
    assert file.code is AttachmentCode.MALFORMED
    assert file.why


@pytest.mark.parametrize("size", [-1, 2**70, True, "12", None, 1.5, {}])
def test_claimed_size_is_only_a_claim(size: Any) -> None:
    assert only({**picture(), "info": {"size": size}}).claimed.size is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
field_names = st.sampled_from(["url", "key", "iv", "hashes", "v", "k", "sha256", "file", "info", "thumbnail_file"])
descriptions = st.fixed_dictionaries(
    {},
    optional={
        "url": json_values | st.just(MXC),
        "key": json_values | st.fixed_dictionaries({"k": json_values | st.just(b64(KEY))}),
        "iv": json_values | st.just(b64(COUNTER)) | st.binary(max_size=20).map(b64),
        "hashes": json_values | st.fixed_dictionaries({"sha256": json_values | st.just(b64(HASH))}),
    },
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "file": descriptions | json_values,
            "url": json_values,
            "info": json_values | st.dictionaries(field_names, descriptions | json_values, max_size=4),
            "m.new_content": json_values | st.dictionaries(field_names, descriptions, max_size=3),
            "itemtypes": json_values | st.lists(st.dictionaries(field_names, descriptions, max_size=3), max_size=3),
            "org.matrix.msc1767.file": descriptions | json_values,
            "body": json_values,
            "filename": json_values,
        },
    )
)
def test_whatever_a_sender_writes_every_file_has_one_place_and_one_verdict(content: dict[str, Any]) -> None:
    content = json.loads(json.dumps(content))
    opened_message = _without_ciphertext(content)
    found = attachments_of(opened_message)
    assert len({file.reference for file in found}) == len(found)
    for file in found:
        assert file_of(opened_message, file.reference) == file
        if isinstance(file, EncryptedFile):
            assert len(file.sha256) == 32
        if file.mxc is not None:
            assert file.mxc in opened_message.media


def _without_ciphertext(content: dict[str, Any]) -> VerifiedMessage:
    """The message as it comes out of verification, without the cost of a ratchet for each example."""
    return VerifiedMessage("$e", "!r", "@m:x", 1, "m.room.message", content, None, None, None, verify._SEAL)


def test_what_nio_encrypts_is_found_and_opens() -> None:
    ciphertext, description = encrypt_attachment(b"[a red circle]")
    file = only({"msgtype": "m.image", "body": "x", "file": {"url": MXC, **description}})
    assert opened(file.opening, file.sha256, ciphertext) == b"[a red circle]"


@pytest.mark.parametrize("iv", [b"12345678" + bytes(8), b"12345678" + b"\x00" * 7 + b"\x05", b"12345678" + b"\xff" * 7])
def test_counters_are_read_as_nio_reads_them(iv: bytes) -> None:
    cipher = Cipher(algorithms.AES(KEY), modes.CTR(bytes(16))).encryptor()
    blob = cipher.update(b"[a red circle]")
    digest = hashlib.sha256(blob).digest()
    file = only(picture(iv=b64(iv), hashes={"sha256": b64(digest)}))
    assert opened(file.opening, digest, blob) == decrypt_attachment(blob, b64(KEY), b64(digest), b64(iv))


def test_keys_are_left_out_of_what_a_reviewer_reads_and_text_is_not() -> None:
    content = {**picture(), "info": {"thumbnail_file": described()}, "itemtypes": [picture()], "k": "[read me]"}
    shown = json.dumps(without_file_keys(content))
    assert b64(KEY, urlsafe=True) not in shown
    assert shown.count("left out here") == 3
    assert "[read me]" in shown
    assert MXC in shown
    assert json.dumps(without_file_keys({"k": "a text of some length, not a key"})).count("not a key") == 1


def test_reference_of_another_message_finds_nothing() -> None:
    with pytest.raises(RefusedError) as caught:
        file_of(message(picture()), "0" * 32)
    assert caught.value.code == "attachment_not_found"


def test_neither_key_nor_name_is_shown_in_a_repr() -> None:
    shown = repr(only(picture()))
    assert KEY.hex() not in shown
    assert repr(KEY) not in shown
    assert "shape.png" not in shown
