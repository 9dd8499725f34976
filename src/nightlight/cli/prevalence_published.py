"""``nightlight prevalence published``: which published figures follow from the counts that were published with them."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from nightlight.cli.csv_cells import csv_text
from nightlight.cli.data import shipped_published
from nightlight.cli.files import read_bytes
from nightlight.cli.results import print_picture, write_result
from nightlight.errors import RefusedError
from nightlight.insight.published import Finding, Published, Verdict, audit, read_published
from nightlight.insight.shares import span_json
from nightlight.respond.visible import visible

FORMAT = "nightlight-published/1"
_BYTES_MAX = 20_000_000
_TITLES = {
    Verdict.DOES_NOT_FOLLOW: "Do not follow from their own counts, or are printed differently elsewhere",
    Verdict.FOLLOWS: "Follow from their counts",
    Verdict.NO_SHARE: "Counts without a share",
    Verdict.NOT_COMPUTABLE: "Cannot be computed: a count is not published",
}


class PublishedForm(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def published_command(
    file: Annotated[
        Path | None, typer.Argument(help="A table like the one that comes along; left out: that one.", metavar="FILE")
    ] = None,
    form: Annotated[PublishedForm, typer.Option("--format", help="How to print it.")] = PublishedForm.TABLE,
    out: Annotated[Path | None, typer.Option(help="Write to this file.", metavar="FILE")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="End with status 1 if a figure does not follow.")] = False,
) -> None:
    """Check published figures against the counts that were published with them. Those that do not follow come first.

    A table has the columns period, offence_group, total_recorded, platform_known, platform, count,
    published_share_pct, forces, source_url. What is not published is left empty.
    """
    rows = _rows(shipped_published() if file is None else read_bytes(file, _BYTES_MAX), file)
    found = sorted(audit(rows), key=lambda one: (list(_TITLES).index(one.verdict), one.line))
    if form is PublishedForm.JSON:
        write_result(json.dumps(_values(found, rows), indent=2, ensure_ascii=False).encode() + b"\n", out)
    elif form is PublishedForm.CSV:
        write_result(_csv(found, rows).encode(), out)
    else:
        print_picture(_picture(found, rows), out)
    if strict and any(one.verdict is Verdict.DOES_NOT_FOLLOW for one in found):
        raise typer.Exit(1)


def _rows(data: bytes, file: Path | None) -> tuple[Published, ...]:
    name = "The table" if file is None else str(file)
    try:
        rows = read_published(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), restval=""))
    except UnicodeDecodeError:
        raise RefusedError("published_malformed", f"{name} is not text in UTF-8.", "Save it as CSV, UTF-8.") from None
    except csv.Error as e:
        raise RefusedError("published_malformed", f"{name} is no CSV: {e}.", "Save it as CSV, UTF-8.") from None
    if not rows:
        raise RefusedError("published_malformed", f"{name} has no rows.", "It needs a heading and a row a figure.")
    return rows


def _picture(found: Sequence[Finding], rows: Sequence[Published]) -> RenderableType:
    counts = Counter(one.verdict for one in found)
    sources = {row.line: row.source for row in rows}
    shown: list[RenderableType] = []
    for verdict, title in _TITLES.items():
        table = Table(
            title=f"{title}: {counts[verdict]}", title_justify="left", title_style="bold", box=None, pad_edge=False
        )
        for column in ("line", "figure", "what the counts say", "source"):
            table.add_column(column, justify="right" if column == "line" else "left", overflow="fold")
        for one in found:
            if one.verdict is verdict:
                table.add_row(
                    str(one.line),
                    *(escape(_cell(text)) for text in (one.subject, one.words, sources.get(one.line, ""))),
                )
        if counts[verdict]:
            shown += [table, Text()]
    shown.append(Text("A share follows if the counts, rounded as the share was, give it. Nothing else is assumed."))
    return Group(*shown)


def _values(found: Sequence[Finding], rows: Sequence[Published]) -> dict[str, Any]:
    sources = {row.line: row.source for row in rows}
    counts = Counter(one.verdict for one in found)
    return {
        "format": FORMAT,
        "counts": {verdict.value: counts[verdict] for verdict in _TITLES},
        "findings": [
            {
                "line": one.line,
                "figure": one.subject,
                "verdict": one.verdict.value,
                "basis": one.basis.value,
                "text": one.words,
                "computed_pct": one.computed,
                "difference": one.difference,
                "derived": None if one.derived is None else span_json(one.derived),
                "unknown_pct": one.unknown_share,
                "source": sources.get(one.line, ""),
            }
            for one in found
        ],
    }


def _csv(found: Sequence[Finding], rows: Sequence[Published]) -> str:
    sources = {row.line: row.source for row in rows}
    head = (
        "line",
        "figure",
        "verdict",
        "basis",
        "text",
        "computed_pct",
        "difference",
        "derived_low",
        "derived_high",
        "source",
    )
    return csv_text(
        head,
        (
            (
                one.line, one.subject, one.verdict.value, one.basis.value, one.words, one.computed, one.difference,
                None if one.derived is None else one.derived.low, None if one.derived is None else one.derived.high,
                sources.get(one.line, ""),
            )
            for one in found
        ),
    )  # fmt: skip


def _cell(text: str) -> str:
    return " ".join(visible(text[:400]).split())
