"""``nightlight events``: whether the event log and what was made of it agree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nightlight.cli.house import open_house
from nightlight.cli.output import console, say

app = typer.Typer(help="Events and what is known from them.", no_args_is_help=True)

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
