"""``nightlight accounts``: ages from the platform's own table, looking one up, forgetting one."""

from __future__ import annotations

import csv
import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from nightlight.cli.house import open_house
from nightlight.cli.output import console, say
from nightlight.errors import RefusedError
from nightlight.flows.accounts import RefusedLine
from nightlight.flows.import_accounts import Imported, import_accounts
from nightlight.prevent.event_reader import account_name

app = typer.Typer(help="Accounts and what is known of their ages.", no_args_is_help=True)

#: Refused lines shown; all of them go into the file of --refused.
_SHOWN = 20


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="Comma-separated values in UTF-8, with a header.", metavar="FILE.csv")],
    refused: Annotated[
        Path | None, typer.Option(help="Write every refused line's number and reason here.", metavar="OUT.csv")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every line and change nothing.")] = False,
) -> None:
    """Take ages and account dates from the platform's table.

    Columns, by name, in any order: account, age_band, assurance, birth_month, created_at; only account has to be there.
    Lines that do not fit are refused one by one; the others are durable batch by batch, so an import that was cut
    short is simply run again. Ends with status 1 if any line was refused.
    """
    kept: list[RefusedLine] = []
    with _reading(file) as text, _refusals(refused) as write, open_house(make=True) as house, _progress() as bar:
        task = bar.add_task("Accounts", total=_lines_of(file))

        def refuse(line: RefusedLine) -> None:
            write(line)
            if len(kept) < _SHOWN:
                kept.append(line)

        done = import_accounts(
            house.account_book,
            text,
            f"command line: {getpass.getuser()}",
            refuse,
            dry=dry_run,
            progress=lambda read: bar.update(task, completed=read),
        )
        bar.update(task, total=done.lines)
    _report(done, kept, dry_run=dry_run)
    if done.refused:
        raise typer.Exit(1)


@app.command()
def show(
    account: str,
    age: Annotated[bool, typer.Option("--age", help="Show the age, too. Needs --reason, and is logged.")] = False,
    reason: Annotated[str, typer.Option(help="Why somebody has to know the age.")] = "",
) -> None:
    """Say whether anything is known about an account; its age only with a reason, which goes into the log."""
    account_name(account)
    with open_house() as house:
        if age:
            known_age = house.account_book.look_up_age(account, f"command line: {getpass.getuser()}", reason)
            month = f", born {known_age.birth_month}" if known_age.birth_month else ""
            print(f"{known_age.at(house.clock.now())}, {known_age.assurance}{month}")  # noqa: T201
            return
        known = house.account_book.look_up(account)
    print(f"age {'not known' if known.assurance == 'none' else 'known'}; {known.relations:,} relations")  # noqa: T201


@app.command()
def forget(account: str) -> None:
    """Remove everything that prevention knows about an account: events, relations, age, decisions, requests.

    Reports, evidence and the log stay: they are not prevention's.
    """
    account_name(account)
    with open_house() as house:
        gone = house.account_book.forget([account], f"command line: {getpass.getuser()}")
    say(f"Forgotten: {gone:,} records.")


def _report(done: Imported, kept: list[RefusedLine], *, dry_run: bool) -> None:
    if kept:
        table = Table("line", "code", "why", title=f"{done.refused:,} refused")
        for line in kept:
            table.add_row(str(line.number), line.code, line.message)
        if done.refused > len(kept):
            table.caption = f"and {done.refused - len(kept):,} more; --refused OUT.csv writes them all"
        console.print(table)
    if dry_run:
        good = done.lines - done.refused
        say(f"{done.lines:,} lines read: {good:,} fit, {done.refused:,} do not. Nothing was changed.")
    else:
        say(
            f"{done.lines:,} lines read: {done.changed:,} accounts changed, {done.unchanged:,} unchanged, "
            f"{done.refused:,} lines refused."
        )


@contextmanager
def _reading(file: Path) -> Iterator[TextIO]:
    try:
        # utf-8-sig: spreadsheets put a mark in front.
        with file.open(encoding="utf-8-sig", newline="") as text:
            yield text
    except OSError as e:
        raise RefusedError("no_such_file", f"{file} cannot be read: {e.strerror}.") from None


@contextmanager
def _refusals(path: Path | None) -> Iterator[Callable[[RefusedLine], object]]:
    """Writes number, code and reason of each; the account is not repeated."""
    if path is None:
        yield lambda _: None
        return
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(("line", "code", "reason"))
            yield lambda line: table.writerow((line.number, line.code, line.message))
    except OSError as e:
        raise RefusedError("no_such_file", f"{path} cannot be written: {e.strerror}.") from None


def _lines_of(file: Path) -> int:
    """About how many there are, for the bar: counted without being held."""
    with file.open("rb") as data:
        return max(0, sum(chunk.count(b"\n") for chunk in iter(lambda: data.read(1_048_576), b"")) - 1)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console)
