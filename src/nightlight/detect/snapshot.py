"""Snapshots of the live engine: one header line, the arrays of ``storage.Contents``, a checksum over all of it.

A snapshot that is damaged in any place, or is of another pack, is refused; whoever holds the log replays it then. The
checksum finds damage, not malice: a snapshot is as secret, and has to be kept as safe, as the state itself.

Layout: ``MAGIC``, SHA-256 of the rest (32 bytes), length of the header (4 bytes, big-endian), the header in JSON,
then the arrays, little-endian, in the order and with the lengths that the header says.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from nightlight.detect.definitions import Pack
from nightlight.detect.storage import Contents
from nightlight.errors import RefusedError

MAGIC = b"nightlight-windows/1\n"
CORRUPTED, ANOTHER_PACK = "snapshot_corrupted", "snapshot_of_another_pack"
_DTYPES: Mapping[str, str] = {
    "ids": "<i8",
    "groups": "<i4",
    "firsts": "<i8",
    "rows": "<i4",
    "values": "<i8",
    "times": "<i8",
    "counted": "<i8",
}
_HINT = "Replay the log from its start, or from an older snapshot."


def write_snapshot(pack: Pack, kept: str, what: Contents, since: Mapping[str, int]) -> bytes:
    """``kept``: the digest of what is kept (``Plan.digest``)."""
    arrays = {field.name: getattr(what, field.name) for field in fields(Contents)}
    header = {
        "pack": pack.digest,
        "kept": kept,
        "number": int(what.counted[0]),
        "lengths": {name: len(array) for name, array in arrays.items()},
        "since": dict(since),
    }
    text = json.dumps(header, sort_keys=True).encode()
    parts = [len(text).to_bytes(4, "big"), text]
    parts += [np.ascontiguousarray(array, _DTYPES[name]).tobytes() for name, array in arrays.items()]
    checksum = hashlib.sha256()
    for part in parts:
        checksum.update(part)
    return b"".join([MAGIC, checksum.digest(), *parts])


def read_snapshot(pack: Pack, kept: str, data: bytes) -> tuple[Contents, dict[str, int]]:
    """What was kept, and since when features had seen events."""
    start = len(MAGIC) + 32
    if data[: len(MAGIC)] != MAGIC or len(data) < start + 4:
        raise RefusedError(CORRUPTED, "This is no snapshot of this format.", _HINT)
    view = memoryview(data)
    if hashlib.sha256(view[start:]).digest() != data[len(MAGIC) : start]:
        raise RefusedError(CORRUPTED, "The snapshot's checksum does not fit what it holds.", _HINT)
    at = start + 4
    length = int.from_bytes(data[start:at], "big")
    header = json.loads(data[at : at + length])
    if (header["pack"], header["kept"]) != (pack.digest, kept):
        raise RefusedError(ANOTHER_PACK, f"The snapshot is not of {pack.reference}.", _HINT)
    at += length
    arrays: dict[str, Any] = {}
    for name, dtype in _DTYPES.items():
        count = header["lengths"][name]
        arrays[name] = np.frombuffer(data, dtype, count, at).astype(dtype[1:])
        at += arrays[name].nbytes
    return Contents(**arrays), {str(name): int(t) for name, t in header["since"].items()}
