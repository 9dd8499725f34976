"""The sealed worker: hostile code in it can do nothing, one that fails or lies is seen, and the parent stays blind."""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import struct
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nio.crypto.attachments import encrypt_attachment

from nightlight.adapters.sealed import answer
from nightlight.adapters.sealed.answer import ANSWER_BYTES, READY_BYTES, Job, decode_answer, decode_ready, encode_ready
from nightlight.adapters.sealed.process import _ROOT, SealedWorker
from nightlight.adapters.sealed.seal import REQUIRED, Seal, filter_program
from nightlight.errors import NightlightError, RefusedError, UnavailableError
from nightlight.hazmat import base64url
from nightlight.hazmat.attachment import Opening
from nightlight.model.attachment import Digests

SIZE_MAX = 50_000_000


def by_nio(plaintext: bytes) -> tuple[bytes, Opening, bytes]:
    ciphertext, description = encrypt_attachment(plaintext)
    opening = Opening(base64url.decode_urlsafe(description["key"]["k"]), base64url.decode_standard(description["iv"]))
    return ciphertext, opening, hashlib.sha256(ciphertext).digest()


@pytest.mark.parametrize("size", [0, 1, 15, 1_000, 262_144, 262_145, 3_000_000])
def test_digests_are_of_the_plaintext(size: int) -> None:
    plaintext = os.urandom(size)
    ciphertext, opening, sha256 = by_nio(plaintext)
    chunks = [ciphertext[start : start + 700_001] for start in range(0, size, 700_001)]
    found = SealedWorker(30).digest(opening, sha256, chunks, SIZE_MAX)
    assert found == Digests(
        size,
        hashlib.sha256(plaintext).digest(),
        hashlib.sha1(plaintext).digest(),  # noqa: S324 - what lists are kept in
        hashlib.md5(plaintext).digest(),  # noqa: S324
    )


@pytest.mark.parametrize("attack", ["swapped hash", "truncated", "other blob", "empty"])
def test_blob_other_than_the_one_named_is_refused(attack: str) -> None:
    ciphertext, opening, sha256 = by_nio(b"[a red circle]" * 9)
    blob = {"truncated": ciphertext[:-1], "other blob": by_nio(b"[a square]")[0], "empty": b""}.get(attack, ciphertext)
    with pytest.raises(RefusedError) as caught:
        SealedWorker(30).digest(opening, bytes(32) if attack == "swapped hash" else sha256, [blob], SIZE_MAX)
    assert caught.value.code == "attachment_hash_mismatch"


@pytest.mark.parametrize("swapped", ["key", "counter"])
def test_swapped_key_or_counter_gives_the_digest_of_other_plaintext(swapped: str) -> None:
    """The blob still is the one named: what changes is what it opens to, so nothing known is found by it."""
    ciphertext, opening, sha256 = by_nio(b"[a red circle]")
    other = Opening(bytes(32), opening.counter) if swapped == "key" else Opening(opening.key, b"c" * 16)
    found = SealedWorker(30).digest(other, sha256, [ciphertext], SIZE_MAX)
    assert found.sha256 != hashlib.sha256(b"[a red circle]").digest()


def test_endless_stream_ends_at_the_limit() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(100_000)

    with pytest.raises(RefusedError) as caught:
        SealedWorker(30).digest(Opening(bytes(32), bytes(16)), bytes(32), endless(), 1_000_000)
    assert caught.value.code == "attachment_too_large"


def test_what_the_download_raises_comes_through() -> None:
    def broken() -> Iterator[bytes]:
        yield b"some"
        raise UnavailableError("homeserver_unreachable", "gone")

    with pytest.raises(UnavailableError) as caught:
        SealedWorker(30).digest(Opening(bytes(32), bytes(16)), bytes(32), broken(), 1_000)
    assert caught.value.code == "homeserver_unreachable"


# Hostile code inside

SEAL_THEN = """
import sys, os
sys.path.insert(0, sys.argv[1])
import socket, subprocess, ctypes, threading, mmap, signal, resource, tempfile
from nightlight.adapters.sealed.seal import seal, Seal
kept = os.open("/dev/null", os.O_WRONLY)
holds = seal(64 * 2**20, 5)
assert Seal.DESCRIPTORS in holds
def attempt():
%s
try:
    attempt()
except BaseException as e:
    os.write(1, f"refused {type(e).__name__} {getattr(e, 'errno', '')}".encode())
else:
    os.write(1, b"it worked")
os._exit(0)
"""

HOSTILE = {
    "read a file": "open('/etc/hostname').read()",
    "write a file": "open('/tmp/nightlight-escape', 'w').write('x')",
    "open a folder": "os.listdir('/')",
    "open a socket": "socket.socket()",
    "open a local socket": "socket.socket(socket.AF_UNIX)",
    "a pair of sockets": "socket.socketpair()",
    "make a pipe": "os.pipe()",
    "double a descriptor": "os.dup(1)",
    "use what was open before": "os.write(kept, b'x')",
    "memory as a file": "os.memfd_create('x')",
    "a temporary file": "tempfile.TemporaryFile()",
    "event descriptors": "os.eventfd(0)",
    "start a process": "subprocess.run(['/bin/true'])",
    "fork": "os.fork() or os._exit(0)",
    "become another program": "os.execv('/bin/true', ['true'])",
    "raise its limits": "resource.setrlimit(resource.RLIMIT_NOFILE, (99, 99))",
    "kill its parent": "os.kill(os.getppid(), signal.SIGUSR1)",
    "look at its parent": "ctypes.CDLL(None, use_errno=True).ptrace(16, os.getppid(), 0, 0) == 0 or 1/0",
    "remove a file": "os.unlink('/tmp/nightlight-no-such-file')",
    "take much memory": "bytearray(400 * 2**20)",
    "become dumpable": "ctypes.CDLL(None).prctl(4, 1, 0, 0, 0) == 0 or 1/0",
}


def sealed(body: str) -> str:
    script = SEAL_THEN % textwrap.indent(body, "    ")
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, _ROOT], capture_output=True, timeout=60, env={}, check=False
    )
    assert done.stdout, (done.returncode, done.stderr)
    return done.stdout.decode()


@pytest.mark.parametrize("attack", HOSTILE)
def test_hostile_code_in_the_worker_cannot(attack: str) -> None:
    if attack in ("become dumpable", "look at its parent", "kill its parent", "raise its limits", "fork"):
        _needs_filter()
    said = sealed(HOSTILE[attack])
    assert said.startswith("refused "), said
    if attack == "remove a file":
        assert said == "refused PermissionError 1"
    if attack.startswith(("open", "make", "read", "write")):
        assert said.split()[1] in ("PermissionError", "OSError")


def test_the_attacks_work_where_nothing_is_sealed() -> None:
    """Else the test above would prove nothing."""
    harmless = (
        "read a file",
        "open a socket",
        "make a pipe",
        "double a descriptor",
        "memory as a file",
        "start a process",
    )
    for attack in (*harmless, "use what was open before", "take much memory"):
        script = (SEAL_THEN % textwrap.indent(HOSTILE[attack], "    ")).replace(
            "seal(64 * 2**20, 5)", "Seal.DESCRIPTORS"
        )
        done = subprocess.run([sys.executable, "-I", "-c", script, _ROOT], capture_output=True, timeout=60, check=False)
        assert done.stdout == b"it worked", attack


def test_threads_that_ran_before_are_sealed_too() -> None:
    _needs_filter()
    script = """
import os, sys
sys.path.insert(0, sys.argv[1])
import socket, threading
from nightlight.adapters.sealed.seal import seal
sealed, over = threading.Event(), threading.Event()
def hostile():
    sealed.wait()
    for attempt in (os.fork, lambda: os.unlink(sys.argv[2]), socket.socket):
        try:
            attempt()
        except OSError as e:
            os.write(1, f"{e.errno} ".encode())
        else:
            os.write(1, b"worked ")
    over.set()
threading.Thread(target=hostile, daemon=True).start()
seal(64 * 2**20, 5)
sealed.set()
over.wait()
os._exit(0)
"""
    with tempfile.NamedTemporaryFile() as file:
        command = [sys.executable, "-I", "-c", script, _ROOT, file.name]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        assert done.stdout == b"1 1 1 "  # EPERM, three times
        assert Path(file.name).exists()


def test_endless_work_in_the_worker_ends() -> None:
    """The limit on processor time kills it: no answer at all."""
    script = SEAL_THEN.replace("64 * 2**20, 5", "64 * 2**20, 1") % "    while True: pass"
    done = subprocess.run([sys.executable, "-I", "-c", script, _ROOT], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (-9, b"")


def test_the_real_worker_is_sealed_before_it_is_given_anything(tmp_path: Path) -> None:
    with SealedWorker(30)._started() as (process, _given, answered):
        seals = decode_ready(answered.read(READY_BYTES))
        assert seals & REQUIRED == REQUIRED
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert [line.split()[3:5] for line in limits.splitlines() if "open files" in line] == [["0", "0"]]
        assert [line.split()[4:6] for line in limits.splitlines() if "core file" in line] == [["0", "0"]]
        assert "NoNewPrivs:\t1" in status
        assert "Seccomp:\t2" in status or platform.machine() not in ("x86_64", "aarch64")
        assert {entry.name for entry in Path(f"/proc/{process.pid}/fd").iterdir()} == {"0", "1", "2"}
        assert Path(f"/proc/{process.pid}/environ").read_bytes() == b""


def test_filter_lets_through_what_is_listed_and_nothing_else() -> None:
    program = filter_program(7, (1, 5))
    steps = [struct.unpack("=HBBI", program[at : at + 8]) for at in range(0, len(program), 8)]

    def run(architecture: int, number: int) -> object:
        at, accumulator = 0, 0
        while True:
            code, yes, no, value = steps[at]
            if code == 0x06:
                return value
            if code == 0x20:
                accumulator = architecture if value == 4 else number
                at += 1
            else:
                holds = accumulator == value if code == 0x15 else accumulator >= value
                at += 1 + (yes if holds else no)

    assert [run(7, number) == 0x7FFF0000 for number in (0, 1, 2, 5, 6, 0x40000001)] == [
        False,
        True,
        False,
        True,
        False,
        False,
    ]
    assert run(8, 1) == 0x80000000


def _needs_filter() -> None:
    if platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip("no list of system calls for this machine")


# Workers that fail or lie

ANSWER = struct.Struct(">4sBQ32s20s16s")
READY = encode_ready(REQUIRED)


def impostor(then: str, ready: bytes = READY) -> SealedWorker:
    """A worker that says it is sealed, reads all it is given, and does ``then``."""
    script = f"import os, sys, time\nos.write(1, {ready!r})\n{then}\n"
    return SealedWorker(3, (sys.executable, "-I", "-S", "-c", script))


DRAIN = "data = b''\nwhile not data.endswith(bytes(4)): data += os.read(0, 65536)\n"

LIES = {
    "says nothing": "",
    "too short": DRAIN + "os.write(1, b'NLA1')",
    "too long": DRAIN + f"os.write(1, {ANSWER.pack(b'NLA1', 0, 9, bytes(32), bytes(20), bytes(16)) + b'!'!r})",
    "wrong size": DRAIN + f"os.write(1, {ANSWER.pack(b'NLA1', 0, 8, bytes(32), bytes(20), bytes(16))!r})",
    "unknown status": DRAIN + f"os.write(1, {ANSWER.pack(b'NLA1', 9, 9, bytes(32), bytes(20), bytes(16))!r})",
    "other magic": DRAIN + f"os.write(1, {ANSWER.pack(b'XXXX', 0, 9, bytes(32), bytes(20), bytes(16))!r})",
    "denies what fits": DRAIN + f"os.write(1, {ANSWER.pack(b'NLA1', 1, 0, bytes(32), bytes(20), bytes(16))!r})",
    "smuggles in a refusal": DRAIN + f"os.write(1, {ANSWER.pack(b'NLA1', 1, 0, b'x' * 32, bytes(20), bytes(16))!r})",
    "says it is too large": DRAIN + f"os.write(1, {ANSWER.pack(b'NLA1', 2, 0, bytes(32), bytes(20), bytes(16))!r})",
    "crashes": "os.abort()",
    "is killed": "os.kill(os.getpid(), 9)",
    "fails after its answer": DRAIN
    + f"os.write(1, {ANSWER.pack(b'NLA1', 0, 9, bytes(32), bytes(20), bytes(16))!r})\nos._exit(4)",
    "hangs": "time.sleep(99)",
    "hangs while it answers": DRAIN + "os.write(1, b'NLA1')\ntime.sleep(99)",
}


@pytest.mark.parametrize("lie", LIES)
def test_worker_that_fails_or_lies_is_a_typed_failure(lie: str) -> None:
    blob = b"9 bytes.."
    with pytest.raises(UnavailableError) as caught:
        impostor(LIES[lie]).digest(Opening(bytes(32), bytes(16)), hashlib.sha256(blob).digest(), [blob], 1_000)
    assert (caught.value.code, caught.value.retry) == ("worker_failed", True)


def test_worker_cannot_vouch_for_a_blob_that_is_not_the_one_named() -> None:
    fits = ANSWER.pack(b"NLA1", 0, 9, bytes(32), bytes(20), bytes(16))
    with pytest.raises(UnavailableError) as caught:
        impostor(DRAIN + f"os.write(1, {fits!r})").digest(
            Opening(bytes(32), bytes(16)), bytes(32), [b"9 bytes.."], 1_000
        )
    assert "contradicts" in caught.value.message


def test_hanging_worker_does_not_hold_up_a_large_file() -> None:
    with pytest.raises(UnavailableError):
        impostor("time.sleep(99)").digest(Opening(bytes(32), bytes(16)), bytes(32), [bytes(2**20)] * 8, SIZE_MAX)


@pytest.mark.parametrize("ready", [b"", b"NLS1", b"NLS1\x00", b"NLS1\x0e", b"XXXX\x0f", b"NLS1\xff"])
def test_worker_that_is_not_sealed_is_given_no_key(ready: bytes) -> None:
    with pytest.raises(UnavailableError):
        impostor("assert os.read(0, 1) == b''", ready).digest(Opening(bytes(32), bytes(16)), bytes(32), [b"x"], 9)


def test_worker_that_cannot_be_started_says_so() -> None:
    with pytest.raises(UnavailableError) as caught:
        SealedWorker(3, ("/no/such/python",)).digest(Opening(bytes(32), bytes(16)), bytes(32), [], 9)
    assert caught.value.code == "worker_failed"


@given(st.binary(max_size=ANSWER_BYTES + 2), st.integers(0, 100))
def test_any_bytes_are_an_answer_or_a_typed_failure(data: bytes, size: int) -> None:
    for candidate in (data, b"NLA1" + data, (b"NLA1" + data).ljust(ANSWER_BYTES, b"\x00")[:ANSWER_BYTES]):
        try:
            found = decode_answer(candidate, size, 1_000)
        except NightlightError:
            continue
        assert found.size == size


@given(st.binary(max_size=READY_BYTES + 1))
def test_any_greeting_is_sealed_or_a_typed_failure(data: bytes) -> None:
    try:
        assert decode_ready(data) & REQUIRED == REQUIRED
    except UnavailableError:
        assert data != encode_ready(Seal(data[-1] if data else 0)) or data[-1] & REQUIRED != REQUIRED


def test_job_goes_through_the_pipe_unchanged_and_hides_its_key() -> None:
    for length in (16, 24, 32):
        job = Job(Opening(b"k" * length, b"c" * 16, 64), b"h" * 32, 77)
        assert Job.decode(job.encode()) == job
        assert "kkk" not in repr(job)
    with pytest.raises(ValueError, match="not a job"):
        Job.decode(bytes(answer.JOB_BYTES))


# The parent stays blind

PARENT = """
import sys, pathlib
from nightlight.adapters.sealed.process import SealedWorker
from nightlight.hazmat.attachment import Opening
folder = pathlib.Path(sys.argv[1])
blob = (folder / "blob").read_bytes()
opening = Opening((folder / "key").read_bytes(), (folder / "counter").read_bytes())
found = SealedWorker(30).digest(opening, (folder / "hash").read_bytes(), [blob], 10**8)
print(found.sha256.hex(), flush=True)
sys.stdin.read()
"""


def memory_of(pid: int) -> bytes:
    """Everything that is readable in the memory of a process."""
    found = bytearray()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            start, end = (int(part, 16) for part in span.split("-"))
            if "r" not in rights or line.endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                continue
            memory.seek(start)
            try:
                found += memory.read(end - start)
            except OSError:
                continue
    return bytes(found)


def test_plaintext_is_never_in_the_memory_of_the_parent(tmp_path: Path) -> None:
    marker = secrets.token_bytes(24)
    plaintext = (marker + bytes(1000)) * 2000
    ciphertext, opening, sha256 = by_nio(plaintext)
    parts = {"blob": ciphertext, "key": opening.key, "counter": opening.counter, "hash": sha256}
    for name, data in parts.items():
        (tmp_path / name).write_bytes(data)
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": _ROOT}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline().strip().decode() == hashlib.sha256(plaintext).hexdigest()
        memory = memory_of(parent.pid)
        parent.kill()
    assert ciphertext[:64] in memory, "the search works"
    assert marker not in memory
    assert all(marker not in path.read_bytes() for path in tmp_path.rglob("*"))
