"""``nightlight reviewer``: who may review."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nightlight.cli.files import read_line
from nightlight.cli.house import open_house
from nightlight.cli.output import say

app = typer.Typer(help="People who may review cases.", no_args_is_help=True)


@app.command()
def add(
    username: str,
    password_file: Annotated[
        Path | None, typer.Option(help="Read the password from this file.", metavar="FILE")
    ] = None,
) -> None:
    """Add a reviewer, or give one a new password. The password is asked for, twice, unless a file is named."""
    if password_file:
        password = read_line(password_file)
    else:
        password = str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    with open_house(make=True) as house:
        house.door.add_reviewer(username, password, by="command line")
    say(f"{username} can sign in.")


@app.command()
def remove(username: str) -> None:
    """Take a reviewer's access away, at once; what they did stays in the log."""
    with open_house() as house:
        house.door.remove_reviewer(username, by="command line")
    say(f"{username} can no longer sign in.")


@app.command("list")
def list_() -> None:
    """List who may review."""
    with open_house() as house, house.store.read() as tx:
        for name in tx.reviewers():
            print(name)  # noqa: T201
