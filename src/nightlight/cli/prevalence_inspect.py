"""``nightlight prevalence inspect``: how a file is understood, and a mapping in which a person can correct it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from nightlight.cli.data import platform_table
from nightlight.cli.output import console, say
from nightlight.errors import RefusedError
from nightlight.insight.force_names import ForceNames
from nightlight.insight.headers import Column, Role
from nightlight.insight.mapping_text import examples, mapping_text
from nightlight.insight.platforms import Platforms
from nightlight.insight.shares import shares_of
from nightlight.insight.spelling import shown

if TYPE_CHECKING:
    from nightlight.adapters.answers.read import File
    from nightlight.adapters.answers.read import Table as Answers

#: So many columns, and spellings that nothing matches, are shown.
_COLUMNS_MAX, _SPELLINGS_MAX = 60, 20


def inspect_command(
    files: Annotated[list[Path], typer.Argument(help="Files that police forces sent.", metavar="FILE...")],
    platforms: Annotated[
        Path | None, typer.Option(help="Another table of platforms than the one that comes along.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write the mapping anew, whatever it says now.")] = False,
    stdout: Annotated[bool, typer.Option("--stdout", help="Print the mapping and write nothing.")] = False,
) -> None:
    """Show how the columns of a file are understood, and write a mapping that a person can correct.

    The mapping, `FILE.mapping.yaml`, lies beside the data and is read with it from then on.
    """
    from nightlight.adapters.answers.read import open_file

    table = platform_table(platforms)
    trouble: RefusedError | None = None
    for path in files:
        opened = open_file(path, table)
        for caveat in opened.caveats:
            say(caveat.words)
        for one in opened.tables:
            _show_columns(one)
            trouble = _show_figures(opened, one, table) or trouble
        _write(path, _mapping(opened), force=force, stdout=stdout)
    if trouble is not None:
        raise trouble


def _show_columns(one: Answers) -> None:
    lines = " and ".join(map(str, one.understood.header))
    say(f"{one.where}: {one.understood.kind.value}; the header is line {lines}.")
    picture = Table("header", "cells", "is", "because")
    columns = [column for column in one.understood.columns if column.header or column.role is not Role.IGNORE]
    for column in columns[:_COLUMNS_MAX]:
        cells = " · ".join(examples(column, one.head, one.understood))
        picture.add_row(*map(escape, (column.header or "(none)", cells, _meaning(column), column.words)))
    console.print(picture)
    if len(columns) > _COLUMNS_MAX:
        say(f"And {len(columns) - _COLUMNS_MAX} more columns.")


def _meaning(column: Column) -> str:
    details = [column.platform, str(column.period) if column.period else "", shown(column.group), shown(column.force)]
    return ", ".join([column.role.value, *filter(None, details)])


def _show_figures(opened: File, one: Answers, table: Platforms) -> RefusedError | None:
    """Reads it all: what was left out, and what nothing matches. What keeps it from being read comes back."""
    from nightlight.adapters.answers.read import read_one

    try:
        read = read_one(opened, one, table, ForceNames())
    except RefusedError as e:
        say(f"It cannot be read yet: {e.message}\n{e.hint}")
        return e
    for caveat in (*(opened.rows.caveats() if opened.rows is not None else ()), *read.caveats):
        say(caveat.words)
    shares = shares_of(read.offences.tally(), table)
    say(f"{one.where}: {read.rows:,} lines of {shares.forces:,} forces are read.")
    if shares.unmatched:
        picture = Table("spelling that nothing matches", "how often", "did they mean")
        for spelling in shares.unmatched[:_SPELLINGS_MAX]:
            number = spelling.count
            often = f"{number.low:,}" if number.exact is not None else f"{number.low:,} to {number.high:,}"
            picture.add_row(escape(spelling.text), often, spelling.suggestion or "")
        console.print(picture)
        if len(shares.unmatched) > _SPELLINGS_MAX:
            say(f"And {len(shares.unmatched) - _SPELLINGS_MAX:,} more spellings.")
    return None


def _mapping(opened: File) -> str:
    first = opened.tables[0]
    return mapping_text(
        opened.path.name,
        first.understood,
        first.head,
        delimiter=opened.rows.delimiter if opened.rows is not None else "",
        sheets=tuple(one.sheet for one in opened.tables if one.sheet),
    )


def _write(path: Path, text: str, *, force: bool, stdout: bool) -> None:
    from nightlight.adapters.answers.read import MAPPING_ENDS

    if stdout:
        print(text, end="")  # noqa: T201
        return
    beside = path.with_name(path.name + MAPPING_ENDS)
    try:
        with beside.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        say(f"{beside} is there and stays as it is; --force writes it anew, --stdout prints it.")
    except OSError as e:
        raise RefusedError("file_unwritable", f"{beside} cannot be written: {e.strerror}.") from None
    else:
        say(f"Written: {beside}")
