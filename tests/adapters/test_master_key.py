"""The master key: what it wraps opens under it alone and in its place alone; a lost or wrong one is explained."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.adapters.master_key import CommandMasterKey, HeldMasterKey
from nightlight.cli.master_key import held_in, master_key_of
from nightlight.errors import RefusedError, UnavailableError
from nightlight.settings import Settings

KEY = HeldMasterKey(lambda: bytes(range(32)))
OTHER = HeldMasterKey(lambda: bytes(32))


@given(st.binary(max_size=300), st.text(max_size=40))
def test_what_is_wrapped_opens_again_and_names_its_key(plain: bytes, context: str) -> None:
    wrapped = KEY.wrap(plain, context)
    assert KEY.unwrap(wrapped, context) == plain
    assert wrapped[1:5].hex() == KEY.name
    assert KEY.wrap(plain, context) != wrapped


@given(st.data())
def test_any_change_to_a_wrapped_key_is_detected(data: st.DataObject) -> None:
    wrapped = KEY.wrap(b"k" * 32, "case_1")
    position = data.draw(st.integers(0, len(wrapped) - 1))
    changed = bytearray(wrapped)
    changed[position] ^= data.draw(st.integers(1, 255))
    for bad in (bytes(changed), wrapped[:position]):
        with pytest.raises(RefusedError) as caught:
            KEY.unwrap(bad, "case_1")
        assert caught.value.code in ("case_key_damaged", "master_key_wrong")


def test_key_of_one_case_does_not_pass_as_that_of_another() -> None:
    with pytest.raises(RefusedError) as caught:
        KEY.unwrap(KEY.wrap(b"k" * 32, "case_1"), "case_2")
    assert caught.value.code == "case_key_damaged"


def test_wrong_master_key_is_explained_in_words() -> None:
    with pytest.raises(RefusedError) as caught:
        OTHER.unwrap(KEY.wrap(b"k" * 32, "case_1"), "case_1")
    assert caught.value.code == "master_key_wrong"
    assert KEY.name in caught.value.message
    assert OTHER.name in caught.value.message
    assert "backup" in caught.value.hint


# By settings


def test_default_key_is_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    wrapped = master_key_of(settings).wrap(b"plain", "x")
    assert master_key_of(settings).unwrap(wrapped, "x") == b"plain"
    assert (tmp_path / "data" / "master.key").stat().st_mode & 0o777 == 0o600


def test_named_file_and_environment_hold_the_same_key(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(bytes(range(32)).hex() + "\n")
    named = master_key_of(Settings(data_dir=tmp_path, master_key_file=tmp_path / "key"))
    given_ = master_key_of(Settings.model_validate({"data_dir": tmp_path, "master_key": bytes(range(32)).hex()}))
    assert named.name == given_.name == KEY.name
    assert given_.unwrap(named.wrap(b"plain", "x"), "x") == b"plain"
    assert not (tmp_path / "master.key").exists()


def test_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as caught:
        held_in(tmp_path / "key").wrap(b"plain", "x")
    assert caught.value.code == "file_unreadable"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "00" * 31, "00" * 33, "zz" * 32, "correct horse battery staple"])
def test_key_that_is_none_is_refused_without_saying_it(text: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(text)
    with pytest.raises(RefusedError) as caught:
        _ = held_in(tmp_path / "key").name
    assert caught.value.code == "master_key_malformed"
    assert not text or text not in caught.value.message + caught.value.hint


def test_two_master_keys_at_once_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as caught:
        master_key_of(Settings.model_validate({"master_key": "00" * 32, "master_key_command": "kms"}))
    assert caught.value.code == "settings_conflict"


# A key management service

#: Wraps by turning bytes around, which is no encryption: what is tried here is the talk, not the service.
KMS = """
import base64, os, sys
assert not [name for name in os.environ if name.startswith("NIGHTLIGHT_")]
what, context = sys.argv[1:]
data = base64.b64decode(sys.stdin.read())
label = context.encode() + b"|"
if what == "unwrap":
    data = data[::-1]
    if not data.startswith(label):
        sys.exit(65)
    out = data[len(label):]
else:
    out = (label + data)[::-1]
print(base64.b64encode(out).decode())
"""


def command(folder: Path, script: str, seconds: float = 60) -> CommandMasterKey:
    (folder / "kms with a space.py").write_text(script)
    return CommandMasterKey(f"{sys.executable} '{folder / 'kms with a space.py'}'", seconds)


def test_command_is_given_context_and_data_and_no_secret_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTLIGHT_HOMESERVER_TOKEN", "a secret")
    key = command(tmp_path, KMS)
    plain = os.urandom(106)
    wrapped = key.wrap(plain, "case 1; touch /tmp/x")
    assert key.unwrap(wrapped, "case 1; touch /tmp/x") == plain
    with pytest.raises(RefusedError) as caught:
        key.unwrap(wrapped, "case_2")
    assert caught.value.code == "master_key_wrong"


def test_key_held_here_and_key_of_a_service_are_told_apart(tmp_path: Path) -> None:
    service = command(tmp_path, KMS)
    with pytest.raises(RefusedError) as caught:
        service.unwrap(KEY.wrap(b"k", "x"), "x")
    assert caught.value.code == "master_key_wrong"
    with pytest.raises(RefusedError) as caught:
        KEY.unwrap(service.wrap(b"k", "x"), "x")
    assert caught.value.code == "master_key_wrong"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("import sys; sys.exit(1)", "status 1"),
        ("import sys; sys.exit(65)", "status 65"),
        ("import os; os.kill(os.getpid(), 9)", "status -9"),
        ("print('not base64!')", "base64"),
        ("pass", "base64"),
        ("print('QUFB' * 100_000)", "far too much"),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\xfe')", "base64"),
    ],
)
def test_command_that_does_not_answer_as_it_should_is_unavailable(script: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        command(tmp_path, script).wrap(b"k", "x")
    assert caught.value.code == "master_key_unavailable"
    assert said in caught.value.message


def test_command_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    alive = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    child = f"import time; file = open({str(fifo)!r}, 'w'); time.sleep(600)"
    script = f"import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', {child!r}])\ntime.sleep(600)"
    with pytest.raises(UnavailableError) as caught:
        command(tmp_path, script, seconds=2).wrap(b"k", "x")
    assert "within 2 seconds" in caught.value.message
    os.set_blocking(alive, True)
    assert os.read(alive, 1) == b""  # it ends when the last one that has it open does
    os.close(alive)


@pytest.mark.parametrize("line", ["", "   ", "kms 'without an end"])
def test_command_that_is_no_command_line_is_refused(line: str) -> None:
    with pytest.raises(RefusedError) as caught:
        CommandMasterKey(line)
    assert caught.value.code == "master_key_command"


def test_command_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(UnavailableError) as caught:
        CommandMasterKey("/nonexistent/kms").wrap(b"k", "x")
    assert "cannot be started" in caught.value.message
