"""``nightlight transparency``: the service's own record, as it can be published."""

from __future__ import annotations

import io
import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from nightlight.cli.csv_cells import csv_text
from nightlight.cli.data import regulator_template
from nightlight.cli.house import open_house
from nightlight.cli.output import console, say
from nightlight.errors import RefusedError, UnavailableError
from nightlight.insight.record import NOT_FOR_PUBLICATION, RecordShown
from nightlight.insight.record_period import read_record_period
from nightlight.insight.record_values import NOT_HELD, Line, record_lines, record_values
from nightlight.insight.regulator import (
    TEMPLATES,
    Template,
    field_lines,
    read_template,
    template_values,
    template_warnings,
)


class Format(StrEnum):
    TABLE = "table"
    HTML = "html"
    PDF = "pdf"
    CSV = "csv"
    JSON = "json"


def command(
    first: Annotated[str, typer.Option("--from", help="First month or day: 2026-01, or 2026-01-01.", metavar="MONTH")],
    last: Annotated[str, typer.Option("--to", help="Last month or day, included.", metavar="MONTH")],
    format: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.TABLE,
    template: Annotated[
        str, typer.Option(help=f"Only what a regulator asks for, clause by clause: {', '.join(TEMPLATES)}.")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="File to write; left out: standard output.", metavar="FILE")] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Exact numbers, for inside alone: never publish them.")
    ] = False,
    data_dir: Annotated[
        Path | None, typer.Option(help="Data folder, instead of NIGHTLIGHT_DATA_DIR.", metavar="DIR")
    ] = None,
) -> None:
    """Count what was reported, looked at, decided, done, referred and taken back, and how soon, for publication.

    Numbers below 10 are kept back, with as many others as it takes that sums do not give them away. Periods are whole
    months, or days, in UTC. Changes nothing. docs/transparency.md says what each number means and what it cannot.
    """
    chosen = _template(template)
    if format is Format.PDF and out is None:
        raise RefusedError("out_missing", "A PDF is not for a terminal.", "Name a file: --out FILE.")
    with open_house(data_dir=data_dir) as house:
        period = read_record_period(first, last, house.clock.now())
        with console.status("Counting ..."):
            shown = house.record_keeper.record(period).shown(whole=exact)
        operator = house.operator.name
    for warning in template_warnings(shown) if chosen else ():
        say(f"Careful: {warning}")
    if exact:
        say(f"{NOT_FOR_PUBLICATION}: exact numbers.")
    data = _written(format, shown, chosen, operator)
    if data is None:
        _to_terminal(shown, chosen, out)
    elif out is None:
        typer.echo(data.decode(), nl=False)
    else:
        _write(out, data)


def _template(name: str) -> Template | None:
    if not name:
        return None
    if name not in TEMPLATES:
        raise RefusedError(
            "template_unknown", f"There is no template {name[:40]!r}.", f"There are: {', '.join(TEMPLATES)}."
        )
    return read_template(name, regulator_template(name))


def _written(format: Format, shown: RecordShown, template: Template | None, operator: str) -> bytes | None:
    match format:
        case Format.JSON:
            values = record_values(shown)
            if template:
                kept = ("format", "not_for_publication", "from", "to", "finished", "counted_at", "least", "cautions")
                values = {name: values[name] for name in kept} | {"template": template_values(template, shown)}
            return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode()
        case Format.CSV:
            return _csv(shown, template).encode()
        case Format.HTML | Format.PDF:
            return _page(format, shown, template, operator)
        case _:
            return None


def _csv(shown: RecordShown, template: Template | None) -> str:
    inside = [[NOT_FOR_PUBLICATION]] if shown.whole else []
    if template is None:
        return csv_text(Line._fields, [*record_lines(shown), *inside])
    rows: list[list[str | float | None]] = []
    for field in template.fields:
        lines = field_lines(field, shown)
        rows += [[field.clause, field.asks, *line] for line in lines]
        if not lines:
            said = field.says or NOT_HELD
            rows.append([field.clause, field.asks, "", "", "", "", said, None, "" if field.held else "not_held"])
    return csv_text(("clause", "asks", *Line._fields), [*rows, *inside])


def _page(format: Format, shown: RecordShown, template: Template | None, operator: str) -> bytes:
    try:
        from nightlight.cli.record_page import record_page
    except ModuleNotFoundError as e:
        raise RefusedError(
            "extra_missing", f"Charts need {e.name}, which is not installed.", "Install nightlight[insight]."
        ) from None
    html = record_page(shown, template, operator, paper=format is Format.PDF)
    if format is Format.HTML:
        return html.encode()
    from nightlight.adapters.paper import pdf_of

    return pdf_of(html)


def _to_terminal(shown: RecordShown, template: Template | None, out: Path | None) -> None:
    from rich.console import Console

    from nightlight.cli.record_pictures import record_picture

    picture = record_picture(shown, template)
    if out is None:
        Console(highlight=False).print(picture)
        return
    written = io.StringIO()
    Console(width=160, file=written, highlight=False).print(picture)
    _write(out, written.getvalue().encode())


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as e:
        raise UnavailableError("out_unwritable", f"{path} cannot be written: {e.strerror}.", retry=False) from None
    say(f"Written: {path}")
