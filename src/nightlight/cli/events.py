"""``nightlight events``: whether the event log and what was made of it agree; events for a backtest."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from nightlight.cli.house import open_house
from nightlight.cli.output import console, say
from nightlight.cli.policy_pictures import out, print_json
from nightlight.errors import RefusedError
from nightlight.flows.not_taken import DAYS, NotTaken, not_taken

app = typer.Typer(help="Events and what is known from them.", no_args_is_help=True)

_DAY_MS = 86_400_000
#: Not 1 (a mistake in the call) and not 75 (not reachable now).
EXIT_DISAGREES = 3


@app.callback()
def events() -> None:
    """Events and what is known from them."""


@app.command()
def check(
    mend: Annotated[bool, typer.Option("--mend", help="State again what events say and the relations lost.")] = False,
    data_dir: Annotated[
        Path | None, typer.Option(help="Data folder, instead of NIGHTLIGHT_DATA_DIR.", metavar="DIR")
    ] = None,
) -> None:
    """Work the relations out again from the events and compare; open every age. Names nobody.

    Ends with status 0 only if everything agrees. It reads one instant and holds nobody up.
    """
    with open_house(data_dir=data_dir) as house, console.status("Working the relations out again ..."):
        found = house.event_check.run(mend=mend)
    say(f"{found.events:,} events and {found.relations:,} relations.")
    for number, words in (
        (len(found.missing), "missing, or older than the events say" + (": stated again" if mend else "")),
        (len(found.unexplained), "that no event explains"),
    ):
        if number:
            say(f"{number:,} relations {words}.")
    if found.sealed:
        say(f"{len(found.sealed):,} ages that do not open: is people.key the one of this database?")
    if found.unexplained or found.sealed or (found.missing and not mend):
        raise typer.Exit(EXIT_DISAGREES)
    say("They agree.")


@app.command()
def refused(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list, for machines.")] = False,
    data_dir: Annotated[
        Path | None, typer.Option(help="Data folder, instead of NIGHTLIGHT_DATA_DIR.", metavar="DIR")
    ] = None,
) -> None:
    """Count what was not taken in the last seven days: events that were refused, and what a full memory left out.

    Why, how often, and what to do about it. Counts only: whom they were about is not kept.
    """
    with open_house(data_dir=data_dir) as house, house.store.read() as tx:
        found = not_taken(tx, house.clock.now())
    if as_json:
        print_json([_refusals(one) for one in found])
        return
    if not found:
        say(f"In the last {DAYS} days every event was taken as it came.")
        return
    table = Table("why", "today", f"{DAYS} days", "last", "each is", "what to do")
    for one in found:
        last = datetime.fromtimestamp(one.last_at / 1_000, UTC).strftime("%Y-%m-%d %H:%M UTC")
        table.add_row(one.code, f"{one.today:,}", f"{one.week:,}", last, one.meaning.what, one.meaning.mend)
    out.print(table)


def _refusals(one: NotTaken) -> dict[str, object]:
    return {
        "code": one.code,
        "today": one.today,
        "week": one.week,
        "last_at": one.last_at,
        "each_is": one.meaning.what,
        "what_to_do": one.meaning.mend,
    }


@app.command()
def export(
    out: Annotated[Path, typer.Option(help="Folder to write: new or empty.", metavar="DIR")],
    since: Annotated[datetime | None, typer.Option("--from", help="First day, UTC.", formats=["%Y-%m-%d"])] = None,
    until: Annotated[datetime | None, typer.Option("--to", help="Last day, UTC.", formats=["%Y-%m-%d"])] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Data folder, instead of NIGHTLIGHT_DATA_DIR.", metavar="DIR")
    ] = None,
) -> None:
    """Write events into Parquet files for `nightlight rules backtest`: numbers, and no name of anybody.

    Accounts, rooms, devices and numbers are keyed numbers; without people.key none leads back to anybody. What was
    known when an event arrived stands beside it, reviewers' decisions are among the events. What retention has removed
    is not there any more. Keep the files no longer than you may keep the events.
    """
    try:
        from nightlight.adapters.parquet.event_writer import write_events
    except ModuleNotFoundError as e:
        raise RefusedError(
            "extra_missing", f"An export needs {e.name}.", "Type: pip install 'nightlight[detect]'"
        ) from None
    from nightlight.flows.export_events import EventExport

    start = _at(since) if since else 0
    end = _at(until) + _DAY_MS if until else 2**62
    if start >= end:
        raise RefusedError("time_range", "--from is later than --to.")
    with open_house(data_dir=data_dir) as house:
        if house.detection is None:
            raise RefusedError(
                "detection_off",
                "Detection is off here, so what was known when events arrived was not kept.",
                "Set NIGHTLIGHT_DETECTION=shadow.",
            )
        flow = EventExport(house.store, house.people, house.detection)
        first = flow.first_kept()
        if first is None:
            raise RefusedError("no_events", "There are no events.")
        with Progress(
            TextColumn("Events"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            console=console, transient=True,
        ) as bar:  # fmt: skip
            task = bar.add_task("", total=flow.count())
            written = write_events(out, flow.pages(start, end, lambda rows: bar.advance(task, rows)))
    say(f"{written:,} events in {out}.")
    if first[0] > 1 and first[1] > start:
        oldest = datetime.fromtimestamp(first[1] / 1000, UTC).strftime("%Y-%m-%d")
        say(f"Nothing from before {oldest} is kept: windows that reach further back are not full.")


def _at(day: datetime) -> int:
    return int(day.replace(tzinfo=UTC).timestamp() * 1000)
