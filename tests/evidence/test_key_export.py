"""Reading exported room keys: what any client wrote is read, what is wrong is said, and no file buys endless work."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nio.crypto.key_export import decrypt_and_read, encrypt_and_save

from nightlight.errors import RefusedError
from nightlight.evidence.key_export import ExportedSession, ExportLimits, open_key_export
from tests.evidence.key_file import FOOTER, HEADER, armour, blob, entry, key_file
from tests.hazmat.sender import Sender

PASSPHRASE = "placeholder passphrase"
MALLORY, BOB = Sender(b"mallory", first=3), Sender(b"bob")
LISTED = [entry(MALLORY), entry(BOB, room_id="!other:example.org")]
SESSIONS = [
    ExportedSession("!playground:example.org", MALLORY.session_id, MALLORY.export),
    ExportedSession("!other:example.org", BOB.session_id, BOB.export),
]


def opened(data: bytes, passphrase: str = PASSPHRASE, **limits: int) -> list[ExportedSession]:
    return list(open_key_export(data, passphrase, ExportLimits(**limits)))


def code_of(data: bytes, passphrase: str = PASSPHRASE, **limits: int) -> str:
    with pytest.raises(RefusedError) as refused:
        opened(data, passphrase, **limits)
    return refused.value.code


@pytest.mark.parametrize("rounds", [1, 2, 1_000, 100_000])
def test_file_is_read_whatever_its_rounds(rounds: int) -> None:
    assert opened(key_file(LISTED, PASSPHRASE, rounds)) == SESSIONS


@pytest.mark.parametrize("blanks", [0, 1, 2])
def test_file_that_nio_wrote_is_read(blanks: int, tmp_path: Path) -> None:
    """matrix-nio leaves the padding of the base64 out, so the three lengths differ."""
    path = tmp_path / "keys.txt"
    encrypt_and_save(json.dumps(LISTED).encode() + b" " * blanks, str(path), PASSPHRASE, count=2)
    assert opened(path.read_bytes()) == SESSIONS


def test_the_builder_of_these_tests_writes_what_nio_reads(tmp_path: Path) -> None:
    path = tmp_path / "keys.txt"
    path.write_bytes(key_file(LISTED, PASSPHRASE).rstrip())
    assert json.loads(decrypt_and_read(str(path), PASSPHRASE)) == LISTED


@pytest.mark.parametrize("passphrase", ["", " ", "ä", "パスワード", "🌙", "a" * 10_000, "nul\x00byte", " a "])
def test_any_passphrase_is_taken_as_typed(passphrase: str) -> None:
    assert opened(key_file(LISTED, passphrase), passphrase) == SESSIONS
    assert code_of(key_file(LISTED, passphrase), passphrase + "x") == "export_passphrase"


def test_passphrase_that_cannot_be_written_is_refused() -> None:
    """A terminal in another encoding hands over half a surrogate pair."""
    assert code_of(key_file(LISTED, PASSPHRASE), "\udcff") == "export_passphrase"


@pytest.mark.parametrize("wrong", ["", "Placeholder passphrase", PASSPHRASE + " ", "\x00"])
def test_wrong_passphrase_is_called_wrong_passphrase(wrong: str) -> None:
    assert code_of(key_file(LISTED, PASSPHRASE), wrong) == "export_passphrase"


@pytest.mark.parametrize("sessions", [[entry(MALLORY)], [entry(MALLORY)] * 50], ids=["one", "fifty"])
def test_wrong_passphrase_is_told_from_damage_at_every_size(sessions: list[Any]) -> None:
    codes = {code_of(key_file(sessions, PASSPHRASE), f"wrong {number}") for number in range(40)}
    assert codes == {"export_passphrase"}


@given(st.data())
def test_damage_is_called_damage(data: st.DataObject) -> None:
    """One byte flipped anywhere in the ciphertext or the MAC: the passphrase was right, and that is said."""
    whole = bytearray(blob(json.dumps(LISTED).encode(), PASSPHRASE))
    at = data.draw(st.integers(37, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    assert code_of(armour(bytes(whole))) == "export_damaged"


@given(st.integers(1, 700))
def test_cut_tail_is_called_damage(cut: int) -> None:
    whole = blob(json.dumps(LISTED).encode(), PASSPHRASE)
    assert code_of(armour(whole[:-cut])) == "export_damaged"
    assert code_of(armour(whole).rstrip()[:-cut]) == "export_damaged"


@pytest.mark.parametrize("at", range(37))
def test_changed_head_of_the_file_is_refused(at: int) -> None:
    whole = bytearray(blob(json.dumps(LISTED).encode(), PASSPHRASE))
    whole[at] ^= 1
    assert code_of(armour(bytes(whole)), rounds=1_000) in {"export_damaged", "export_passphrase", "export_too_large"}


WHOLE = key_file(LISTED, PASSPHRASE)
NO_FILE = {
    "empty": b"",
    "no header": WHOLE.replace(HEADER, b""),
    "no footer": WHOLE.replace(FOOTER, b""),
    "footer before header": FOOTER + b"\n" + WHOLE.replace(FOOTER, b""),
    "nothing inside": HEADER + b"\n" + FOOTER,
    "too short": armour(bytes([1]) * 68),
    "version 0": armour(blob(b"[]", PASSPHRASE, version=0)),
    "version 2": armour(blob(b"[]", PASSPHRASE, version=2)),
    "not base64": HEADER + b"\n" + b"*" * 200 + b"\n" + FOOTER,
    "not ASCII": HEADER + b"\n" + "ä".encode() * 200 + b"\n" + FOOTER,
    "one character lost": WHOLE.replace(b"A", b"", 1),
    "in UTF-16": WHOLE.decode().encode("utf-16"),
    "padding in the middle": WHOLE.replace(b"\n", b"=\n", 2),
    "content is no JSON": armour(blob(b"[abusive message 1]" * 9, PASSPHRASE)),
    "content is an object": armour(blob(b'{"sessions":[]}', PASSPHRASE)),
    "content is a number": armour(blob(b"5", PASSPHRASE)),
    "content is cut": armour(blob(json.dumps(LISTED).encode()[:-1], PASSPHRASE)),
    "content is too deep": armour(blob(b"[" * 99 + b"]" * 99, PASSPHRASE)),
    "content says two things": armour(blob(b'[{"room_id":"a","room_id":"b"}]', PASSPHRASE)),
}


@pytest.mark.parametrize("data", NO_FILE.values(), ids=NO_FILE)
def test_what_is_no_key_export_is_called_damaged(data: bytes) -> None:
    assert code_of(data) == "export_damaged"


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r", b"\n\n", b" \t\n"])
@pytest.mark.parametrize("line", [1, 76, 128, 100_000])
def test_line_ends_do_not_matter(line: int, newline: bytes) -> None:
    whole = blob(json.dumps(LISTED).encode(), PASSPHRASE)
    assert opened(armour(whole, line, newline)) == SESSIONS


def test_text_around_the_data_does_not_matter() -> None:
    assert opened(b"\xef\xbb\xbfFrom my phone \xff:\n\n" + WHOLE + b"\nSent with love\n-----\n") == SESSIONS


@pytest.mark.parametrize("rounds", [5_000_001, 2**31, 2**32 - 1])
def test_endless_rounds_are_refused_before_they_are_spent(rounds: int) -> None:
    head = blob(b"[]", PASSPHRASE)
    asking = head[:33] + rounds.to_bytes(4, "big") + head[37:]
    before = time.process_time()
    assert code_of(armour(asking)) == "export_too_large"
    assert time.process_time() - before < 0.1


def test_rounds_have_exactly_the_limit_that_is_set() -> None:
    assert opened(key_file(LISTED, PASSPHRASE, 10), rounds=10) == SESSIONS
    assert code_of(key_file(LISTED, PASSPHRASE, 11), rounds=10) == "export_too_large"


def test_zero_rounds_are_refused() -> None:
    whole = blob(b"[]", PASSPHRASE)
    assert code_of(armour(whole[:33] + bytes(4) + whole[37:])) in {"export_damaged", "export_too_large"}


def test_file_too_large_is_refused() -> None:
    assert opened(WHOLE, file_bytes=len(WHOLE)) == SESSIONS
    assert code_of(WHOLE, file_bytes=len(WHOLE) - 1) == "export_too_large"


def test_too_many_sessions_are_refused() -> None:
    assert opened(WHOLE, sessions=2) == SESSIONS
    assert code_of(WHOLE, sessions=1) == "export_too_large"


ODD_ENTRIES: list[Any] = [
    None,
    5,
    "text",
    [],
    {},
    entry(MALLORY, algorithm="m.megolm.v2"),
    entry(MALLORY, algorithm=None),
    entry(MALLORY, algorithm=["m.megolm.v1.aes-sha2"]),
    entry(MALLORY, room_id=None),
    entry(MALLORY, session_id=5),
    entry(MALLORY, session_key=None),
    entry(MALLORY, session_key=""),
    entry(MALLORY, session_key="ä"),
    entry(MALLORY, session_key="AAAA"),
    entry(MALLORY, session_key=base64.b64encode(b"\x02" + MALLORY.export_bytes[1:]).decode()),
]


@pytest.mark.parametrize("odd", ODD_ENTRIES, ids=str)
def test_odd_entry_does_not_hide_the_others(odd: object) -> None:
    assert opened(key_file([LISTED[0], odd, LISTED[1]], PASSPHRASE)) == SESSIONS


def test_unknown_fields_and_padding_in_an_entry_do_not_matter() -> None:
    padded = base64.b64encode(MALLORY.export_bytes).decode()
    listed = [entry(MALLORY, session_key=padded, **{"org.matrix.msc3061.shared_history": True, "x": None})]
    assert opened(key_file(listed, PASSPHRASE)) == SESSIONS[:1]


@given(st.binary(max_size=200), st.text(max_size=8))
def test_any_bytes_are_refused_by_name(data: bytes, passphrase: str) -> None:
    inside = data[:1] and b"\x01" + data[1:33].ljust(32) + bytes(3) + b"\x02" + data
    for candidate in (data, HEADER + data + FOOTER, armour(data), armour(inside)):
        code_of(candidate, passphrase)


@given(st.recursive(st.one_of(st.none(), st.text(max_size=9)), lambda inner: st.lists(inner, max_size=3)))
def test_any_content_is_read_or_refused(content: Any) -> None:
    data = key_file(content, PASSPHRASE, 1)
    if isinstance(content, list):
        assert opened(data) == []
    else:
        assert code_of(data) == "export_damaged"
