"""Pictures of shapes."""

from __future__ import annotations

import struct
import zlib


def a_red_circle(size: int = 64) -> bytes:
    """A PNG of a red circle on white (PNG specification, third edition: IHDR, IDAT, IEND)."""
    rows = bytearray()
    middle = (size - 1) / 2
    for y in range(size):
        rows.append(0)  # no filter
        for x in range(size):
            inside = (x - middle) ** 2 + (y - middle) ** 2 <= (size * 0.4) ** 2
            rows += b"\xd0\x30\x30" if inside else b"\xff\xff\xff"
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(bytes(rows)))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
