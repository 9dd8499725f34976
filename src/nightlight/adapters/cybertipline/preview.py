"""A report of the CyberTipline as rows that a person can read: made from the very documents that are sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from nightlight.adapters.cybertipline.documents import TiplineDocuments
from nightlight.adapters.cybertipline.schema import Schema
from nightlight.flows.prepare_report import Prepared
from nightlight.flows.preview_referral import PreviewRow
from nightlight.model.reporter import ReportingOperator


def tipline_preview(prepared: Prepared, operator: ReportingOperator, schema: Schema) -> Sequence[PreviewRow]:
    """``RefusedError('document_invalid')`` where the agency's schema would not take it."""
    documents = TiplineDocuments(prepared, operator, schema, lambda _file: iter(()))
    rows = [PreviewRow(0, "Report"), *_rows(schema.check(documents.report()), 1)]
    for position, name in enumerate(documents.files()):
        rows.append(PreviewRow(0, "File", name))
        details = schema.check(documents.file_details(position, 0, "-"))
        # Both numbers are the agency's and not known yet.
        rows += [row for row in _rows(details, 1) if row.label not in ("Report id", "File id")]
    return rows


def _rows(element: Any, depth: int) -> Iterator[PreviewRow]:
    for child in element:
        said = ", ".join(f"{_words(name)}: {value}" for name, value in child.attrib.items())
        value = "" if len(child) else (child.text or "")
        yield PreviewRow(depth, _words(child.tag) + (f" ({said})" if said else ""), value)
        yield from _rows(child, depth + 1)


def _words(tag: str) -> str:
    """``espIdentifier`` is ``Esp identifier``."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", tag)
    return words[:1].upper() + words[1:].lower()
