"""How much of a stranger's file is looked at before it is refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes. A table of counts is small; a table of offences may have tens of millions of lines."""

    text_bytes: int = 8 * 2**30
    #: From here on, DuckDB counts the lines of a table of offences.
    counted_bytes: int = 4 * 2**20
    #: Characters of one line.
    line_chars: int = 1_048_576
    columns: int = 1_024
    lines: int = 100_000_000
    #: Of a table of counts.
    count_lines: int = 1_000_000
    workbook_bytes: int = 64 * 2**20
    #: What a workbook may unpack to, and how many times its packed size one part of it may have.
    unpacked_bytes: int = 512 * 2**20
    unpacked_ratio: int = 250
    #: Smaller parts may be packed as tightly as they like.
    ratio_from_bytes: int = 2**20
    parts: int = 2_000
    sheets: int = 200
    cells: int = 3_000_000
    merged_cells: int = 200_000
    #: Of the process that reads a workbook: address space, and seconds of processor time and in all.
    memory_bytes: int = 2 * 2**30
    cpu_seconds: int = 60
    seconds: int = 120


LIMITS = Limits()
