"""``nightlight log``: verifying our own log, and following anybody's."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from nightlight.adapters.transparency.client import LogClient
from nightlight.cli.follower import Follower, state_path
from nightlight.cli.house import open_house
from nightlight.cli.output import console, say
from nightlight.errors import RefusedError, UnavailableError
from nightlight.evidence.checkpoint import SIZE_MAX, LogKey
from nightlight.evidence.follow import PROVEN
from nightlight.evidence.log import LogHead
from nightlight.flows.audit import audit

app = typer.Typer(help="The transparency log.", no_args_is_help=True)

#: The log was caught: not 1 (a mistake in the call) and not 75 (not reachable now).
EXIT_CAUGHT = 3

_DataDir = Annotated[Path | None, typer.Option(help="Data folder, instead of NIGHTLIGHT_DATA_DIR.", metavar="DIR")]


@app.command()
def verify(
    expect: Annotated[
        str, typer.Option(help="A head noted earlier, as `log head` prints it: NUMBER:HASH.", metavar="HEAD")
    ] = "",
    data_dir: _DataDir = None,
) -> None:
    """Find any edit, deletion, truncation or reordering in the log, and any record that no longer agrees with it.

    Ends with status 0 only if everything holds. The end of the log is compared with the head in the database, with
    the anchor file in the data folder, and with --expect. Note the head elsewhere from time to time, or let somebody
    else run `log follow`: whoever controls the whole machine can rewrite all that is on it.
    """
    expected = [_head(expect)] if expect else []
    with open_house(data_dir=data_dir) as house:
        anchors = house.anchor.heads() + expected
        with console.status("Walking the log ..."):
            result = audit(house.store, anchors)
            if problems := house.policy_book.problems():
                raise RefusedError(
                    "record_changed",
                    " ".join(problems),
                    "Find out who could write to the database; see `policy in-force`.",
                )
    say(
        f"The log holds: {result.head.number} entries; {result.reports} reports, {result.evidence} preserved messages "
        f"and {result.decisions} decisions agree with it; {len(anchors)} anchored heads."
    )
    print(f"{result.head.number}:{result.head.hash.hex()}")  # noqa: T201


@app.command()
def head(data_dir: _DataDir = None) -> None:
    """Print the number of entries and the root over them, to be noted somewhere else."""
    with open_house(data_dir=data_dir) as house:
        last = house.store.log_head()
    print(f"{last.number}:{last.hash.hex()}")  # noqa: T201


@app.command()
def checkpoint(data_dir: _DataDir = None) -> None:
    """Print the signed checkpoint of the log as it is now (a C2SP signed note)."""
    with open_house(data_dir=data_dir) as house:
        text = house.transparency.checkpoint()
    print(text, end="")  # noqa: T201


@app.command()
def key(data_dir: _DataDir = None) -> None:
    """Print the log's public key. Publish it where people can compare it: on your site, in print, by mail."""
    with open_house(data_dir=data_dir) as house:
        text = house.transparency.key.text
    print(text)  # noqa: T201


@app.command()
def follow(
    url: Annotated[str, typer.Argument(help="Address of a Nightlight, such as https://reports.example.org")],
    pinned: Annotated[
        str,
        typer.Option("--key", help="The log's key, as its operator published it. Left out: the first one seen stays."),
    ] = "",
    state: Annotated[
        Path | None, typer.Option(help="File that remembers the last checkpoint seen.", metavar="FILE")
    ] = None,
    every: Annotated[float, typer.Option(help="Seconds between two looks.", min=1)] = 60,
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False,
) -> None:
    """Follow somebody's log from outside, and shout when it forks or goes back.

    Remembers the last signed checkpoint and asks for proof that each new one only adds to it. What does not fit is
    saved with both signatures beside the state file: nobody can deny it. Ends with status 3 when the log is caught,
    and with 75 when --once cannot reach it. Run it on a machine that the log's operator has no hand in.
    """
    follower = Follower(LogClient(url), state or state_path(url), LogKey.parse(pinned) if pinned else None)
    try:
        while True:
            try:
                say(follower.look())
            except RefusedError as e:
                if e.code not in PROVEN:
                    raise
                say(f"CAUGHT: {e.message}\n{e.hint}")
                raise typer.Exit(EXIT_CAUGHT) from None
            except UnavailableError as e:
                if once:
                    raise
                say(f"Not now, trying again in {every:.0f} s: {e.message}")
            if once:
                return
            time.sleep(every)
    finally:
        follower.close()


def _head(text: str) -> LogHead:
    number, _, digest = text.strip().partition(":")
    try:
        known = LogHead(int(number) if number.isascii() and number.isdecimal() else -1, bytes.fromhex(digest))
    except ValueError:
        known = LogHead(-1, b"")
    if not 0 <= known.number <= SIZE_MAX or len(known.hash) != 32:
        raise RefusedError("head_malformed", "A head is NUMBER:HASH, as `nightlight log head` prints it.")
    return known
