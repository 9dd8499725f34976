"""Opening attachments: the stream beside bare AES-CTR and SHA-256, and the sealed worker end to end beside it."""

from __future__ import annotations

import hashlib
import resource
import secrets
import statistics
import time
from collections.abc import Callable, Iterator, Sequence

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from nightlight.adapters.sealed.process import SealedWorker
from nightlight.bench.harness import Bench, Figure, Progress
from nightlight.hazmat.attachment import AttachmentStream, Opening

_CHUNK = 1_048_576
#: Enough that starting counts for nothing in the stream, and that two gigabytes go by in some seconds.
_CHUNKS, _ROUNDS = 256, 5
_GIGABYTE = 1024


class _Sha256:
    """The sink that binding to a message needs at least: SHA-256 of the plaintext."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def update(self, plaintext: memoryview, /) -> None:
        self._hash.update(plaintext)

    def result(self) -> bytes:
        return self._hash.digest()


def _measure(progress: Progress) -> Sequence[Figure]:
    # Two different chunks, so that nothing is answered out of one cache line; memory stays small whatever the length.
    plain = [secrets.token_bytes(_CHUNK) for _ in range(2)]
    opening = Opening(secrets.token_bytes(32), secrets.token_bytes(8) + bytes(8))

    def ciphertext(chunks: int) -> Iterator[bytes]:
        for number in range(chunks):
            yield plain[number % 2]

    expected = _sha256_of(ciphertext(_CHUNKS))

    def stream() -> None:
        verify: AttachmentStream[bytes] = AttachmentStream(opening, expected, _CHUNKS * _CHUNK, _Sha256)
        for chunk in ciphertext(_CHUNKS):
            verify.feed(chunk)
        verify.finish()

    def bare() -> None:
        """The same three passes with nothing around them, one buffer for all."""
        cipher = Cipher(algorithms.AES(opening.key), modes.CTR(opening.counter)).decryptor()
        before, after, buffer = hashlib.sha256(), hashlib.sha256(), bytearray(_CHUNK + 15)
        view = memoryview(buffer)[:_CHUNK]
        for chunk in ciphertext(_CHUNKS):
            before.update(chunk)
            cipher.update_into(chunk, buffer)
            after.update(view)

    def worker() -> None:
        SealedWorker(120).digest(opening, expected, ciphertext(_CHUNKS), _CHUNKS * _CHUNK)

    small = secrets.token_bytes(2_000_000)
    small_sha256 = hashlib.sha256(small).digest()

    def picture() -> None:
        SealedWorker(120).digest(opening, small_sha256, [small], len(small))

    progress("opening 256 MiB, three ways")
    seconds = _in_turn({"stream": stream, "bare": bare, "worker": worker, "picture": picture})
    megabytes = _CHUNKS * _CHUNK / 1e6
    progress("opening a gigabyte")
    grown = _growth(opening, lambda: ciphertext(_GIGABYTE))
    return [
        Figure(
            "attachment",
            megabytes / seconds["stream"],
            "MB/s: ciphertext hash, decryption, plaintext hash",
            400,
            "higher",
            {
                "bare_aes_ctr_and_sha256_MB_per_s": megabytes / seconds["bare"],
                "sealed_worker_all_digests_MB_per_s": megabytes / seconds["worker"],
                "sealed_worker_2_MB_picture_ms": seconds["picture"] * 1000,
                "sealed_worker_peak_MB": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000,
            },
        ),
        Figure("attachment_memory", grown, "MB of peak memory more for 1 GiB", 16, "lower"),
    ]


def _in_turn(calls: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Median seconds of each, taken in turn, so that a change of the machine's speed hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(_ROUNDS + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if turn:  # the first is for warming up
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(taken) for name, taken in times.items()}


def _growth(opening: Opening, ciphertext: Callable[[], Iterator[bytes]]) -> float:
    """How much the peak of this process grows while a gigabyte goes through the stream and through the worker."""
    expected = _sha256_of(ciphertext())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    stream: AttachmentStream[bytes] = AttachmentStream(opening, expected, _GIGABYTE * _CHUNK, _Sha256)
    for chunk in ciphertext():
        stream.feed(chunk)
    stream.finish()
    SealedWorker(120).digest(opening, expected, ciphertext(), _GIGABYTE * _CHUNK)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1000


def _sha256_of(chunks: Iterator[bytes]) -> bytes:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.digest()


BENCH = Bench("attachment", "Open an encrypted attachment, beside bare AES-CTR and SHA-256.", _measure)
