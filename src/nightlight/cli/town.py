"""``nightlight town``: an invented town whose events detection can be tried on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from nightlight.cli.output import console, say
from nightlight.errors import RefusedError

app = typer.Typer(help="An invented town whose events detection can be tried on.", no_args_is_help=True)

_SIZE = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,3}))?([kM]?)\Z")
_UNIT = {"": 1, "k": 1_000, "M": 1_000_000}
#: What a shell says of a command that Ctrl-C ended.
EXIT_STOPPED = 130


@app.callback()
def town() -> None:
    """An invented town whose events detection can be tried on. Nobody in it exists."""


@app.command()
def generate(
    out: Annotated[Path, typer.Option(help="Folder to write: new or empty.", metavar="DIR")],
    events: Annotated[str, typer.Option(help="How many events, such as 100k, 1M or 100M.")] = "1M",
    people: Annotated[
        str | None, typer.Option(help="Accounts when the log begins; without it, as many as leave that many events.")
    ] = None,
    days: Annotated[int, typer.Option(help="How many days the log covers.")] = 365,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes, another one another town.")] = 1,
    start: Annotated[str, typer.Option(help="The first day, UTC.", metavar="YYYY-MM-DD")] = "2025-01-01",
    harmful: Annotated[float, typer.Option(help="Share of people who mean harm; 0: none, else each strategy.")] = 0.001,
    doubled: Annotated[float, typer.Option(help="Share of events that come twice.")] = 0.0,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier town in the folder.")] = False,
) -> None:
    """Make up a town and write its events: families, classes, clubs, coaches, busy teenagers, shops, spammers, and
    a few accounts that follow planted harmful strategies. Metadata only: there is no content, invented or other.

    The folder holds `events-00000.parquet` and so on for detection, `labels.parquet` for judging what it found, and
    `town.json`, written last: a folder without it is unfinished. Memory grows with people, not with events.

    Everything in it is invented. No figure from it says how often a rule is right about real people (docs/town.md).
    """
    with _needed():
        from nightlight.town import folder, parameters
    number = _size("events", events)
    wanted = parameters.Parameters(
        events=number,
        people=_size("people", people) if people is not None else parameters.people_for(number, days),
        days=days,
        seed=seed,
        start_ms=_midnight(start),
        harmful=harmful,
        doubled=doubled,
    )
    folder.prepare(out, wanted, force=force)
    columns = (
        TextColumn("events"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    try:
        with Progress(*columns, console=console) as progress:
            task = progress.add_task("", total=number)
            summary = folder.write_town(wanted, out, lambda done: progress.update(task, completed=done))
    except KeyboardInterrupt:
        say(f"Stopped. {out} is unfinished: it has no {folder.SUMMARY}. Replace it with --force.")
        raise typer.Exit(EXIT_STOPPED) from None
    say(f"{summary['events']:,} events of {summary['accounts']:,} accounts in {out}.")
    say(summary["limits"])


@app.command()
def show(
    folder: Annotated[Path, typer.Argument(help="Folder of a town.", metavar="DIR")],
    labels: Annotated[bool, typer.Option("--labels", help="Open the labels: how many accounts were what.")] = False,
) -> None:
    """Show what a town holds: its parameters, events by kind and by the age band of who did them.

    Who was what is shown only with `--labels`: whoever writes rules should not need to look.
    """
    with _needed():
        from nightlight.town import folder as town_folder
    summary = town_folder.read_summary(folder)
    table = Table("what", "how many", title=f"{summary['events']:,} events of {summary['accounts']:,} accounts")
    table.columns[1].justify = "right"
    for name, value in summary["parameters"].items():
        shown = f"{datetime.fromtimestamp(value / 1000, UTC):%Y-%m-%d}" if name == "start_ms" else f"{value:,}"
        table.add_row(name.removesuffix("_ms"), shown)
    for title, counts in (("", summary["by_kind"]), ("actor's band: ", summary["by_actor_band"])):
        table.add_section()
        for name, number in counts.items():
            table.add_row(f"{title}{name}", f"{number:,}")
    if labels:
        table.add_section()
        for name, number in town_folder.read_roles(folder).items():
            table.add_row(name, f"{number:,}")
    console.print(table)
    say(summary["limits"])


@contextmanager
def _needed() -> Iterator[None]:
    """The libraries of the extra ``detect``, or how to get them. ``RefusedError('detect_missing')``."""
    try:
        yield
    except ModuleNotFoundError as e:
        if (e.name or "").split(".")[0] not in ("numpy", "pyarrow"):
            raise
        raise RefusedError(
            "detect_missing", f"The town needs {e.name}, which is not installed.", "pip install 'nightlight[detect]'"
        ) from None


def _size(name: str, text: str) -> int:
    """A whole number, or one with k (thousands) or M (millions): 500, 100k, 1.5M. ``RefusedError('size')``."""
    found = _SIZE.match(text)
    thousandths = int(found[1]) * 1_000 + int((found[2] or "").ljust(3, "0")) if found else 0
    size, rest = divmod(thousandths * _UNIT[found[3]], 1_000) if found else (0, 1)
    if rest:
        raise RefusedError("size", f"--{name}: {text!r} is no size.", "Write a whole number, or such as 100k, 1.5M.")
    return size


def _midnight(text: str) -> int:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise RefusedError("date", f"--start: {text!r} is no date.", "Write it as 2025-01-01.") from None
    return int(day.timestamp()) * 1_000
