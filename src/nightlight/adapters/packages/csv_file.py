"""Addresses as a file that people open in a spreadsheet, where a value can be a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from nightlight.respond.visible import visible

#: What makes a spreadsheet reckon (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def addresses_csv(addresses: Iterable[str]) -> bytes:
    """One address a line under a heading (RFC 4180), UTF-8. What a spreadsheet would reckon stands behind a quote."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(["Address of the content"])
    writer.writerows([harmless(address)] for address in addresses)
    return out.getvalue().encode()


def harmless(value: str) -> str:
    """A value as text in every spreadsheet; values without tricks stay as they are."""
    seen = visible(value)
    return f"'{seen}" if seen.startswith(_FORMULA) else seen
