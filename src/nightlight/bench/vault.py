"""The evidence vault: a large file written and read again, on one core, beside the bare cipher and the bare hash.

Seconds are those of the processor: how fast the disk is, and what else runs, is no property of this code.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from pyrage import x25519

from nightlight.adapters.objects import FolderObjects
from nightlight.adapters.vault import CaseVault, FlatFolder
from nightlight.bench.harness import Bench, Figure, Progress

_CHUNK = 1_048_576
#: Of age's payload.
_PART = 65_536
_CHUNKS, _ROUNDS = 128, 5
_TARGET = 150


def _measure(progress: Progress) -> Sequence[Figure]:
    # Two different chunks, so that nothing is answered out of one cache line; memory stays small whatever the length.
    plain = [secrets.token_bytes(_CHUNK) for _ in range(2)]

    def chunks() -> Iterator[bytes]:
        for number in range(_CHUNKS):
            yield plain[number % 2]

    digest = hashlib.sha256()
    for chunk in chunks():
        digest.update(chunk)
    sha256, identity = digest.digest(), str(x25519.Identity.generate())

    with tempfile.TemporaryDirectory(prefix="nightlight-bench-") as name, _one_core():
        vault = CaseVault(FolderObjects(Path(name) / "vault"), lambda _: identity, FlatFolder(Path(name)))

        def write() -> None:
            vault.keep("case_bench", sha256, chunks())

        def read() -> None:
            for _ in vault.read("case_bench", sha256):
                pass

        def check() -> None:
            vault.check("case_bench", sha256)

        def cipher() -> None:
            """ChaCha20-Poly1305 over parts as age has them: once to encrypt, as a vault does when it writes."""
            key = ChaCha20Poly1305(bytes(32))
            for chunk in chunks():
                with memoryview(chunk) as view:
                    for start in range(0, _CHUNK, _PART):
                        key.encrypt(bytes(12), view[start : start + _PART], None)

        def hashed() -> None:
            bare = hashlib.sha256()
            for chunk in chunks():
                bare.update(chunk)

        progress("writing and reading 128 MiB")
        seconds = _in_turn({"write": write, "read": read, "check": check, "cipher": cipher, "sha256": hashed})
    megabytes = _CHUNKS * _CHUNK / 1e6
    return [
        Figure(
            "vault",
            megabytes / max(seconds["write"], seconds["read"]),
            "MB per second of one core, the slower of writing and reading",
            _TARGET,
            "higher",
            {
                "write_MB_per_s": megabytes / seconds["write"],
                "read_MB_per_s": megabytes / seconds["read"],
                "written_and_read_again_MB_per_s": megabytes / (seconds["write"] + seconds["read"]),
                "check_MB_per_s": megabytes / seconds["check"],
                "bare_chacha20_poly1305_and_sha256_MB_per_s": megabytes / (seconds["cipher"] + seconds["sha256"]),
            },
        )
    ]


@contextmanager
def _one_core() -> Iterator[None]:
    """Reading uses two threads; they share a core here, so that the figure is one of a core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _in_turn(calls: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Median seconds of each, taken in turn, so that a change of the machine's speed hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(_ROUNDS + 1):
        for name, call in calls.items():
            start = time.process_time()
            call()
            if turn:  # the first is for warming up
                times[name].append(time.process_time() - start)
    return {name: statistics.median(taken) for name, taken in times.items()}


BENCH = Bench("vault", "Keep a large file encrypted and read it again, beside the bare cipher and hash.", _measure)
