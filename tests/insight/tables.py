"""Tables as forces write them, typed out in a test and read."""

from __future__ import annotations

import csv
import io

from nightlight.insight.columns import HEAD_LINES, Merged, Understood, understand
from nightlight.insight.force_names import ForceNames
from nightlight.insight.mapping import Mapping, read_mapping
from nightlight.insight.reading import TableRead, read_table
from nightlight.insight.rows import Body
from nightlight.insight.shares import Shares, shares_of
from tests.insight.answers import TABLE


def said(text: str) -> Mapping:
    return read_mapping(b"format: nightlight-mapping/1\n" + text.encode())


def lines(text: str) -> list[tuple[int, list[str]]]:
    return list(enumerate(csv.reader(io.StringIO(text)), 1))


def understood(text: str, mapping: str = "", merged: Merged | None = None) -> Understood:
    return understand(lines(text)[:HEAD_LINES], TABLE, said(mapping), merged)


def read(text: str, mapping: str = "", merged: Merged | None = None, file: str = "Northshire") -> TableRead:
    body = Body(lines(text), understood(text, mapping, merged), said(mapping), merged)
    return read_table(body, TABLE, ForceNames(), "answer.csv", file)


def shares_in(text: str, mapping: str = "", merged: Merged | None = None) -> Shares:
    return shares_of(read(text, mapping, merged).offences.tally(), TABLE)


def numbers(text: str, mapping: str = "", merged: Merged | None = None) -> dict[str, int | None]:
    """By platform, how many offences; None where only limits are known."""
    return {one.name: one.numerator.exact for one in shares_in(text, mapping, merged).platforms}


def told(text: str, mapping: str = "", merged: Merged | None = None) -> dict[str, str]:
    """By code, what was noticed."""
    found: dict[str, str] = {}
    for caveat in read(text, mapping, merged).caveats:
        found[caveat.code] = f"{found.get(caveat.code, '')} {caveat.words}".strip()
    return found
