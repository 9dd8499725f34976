"""``nightlight demo``: everything on this machine, and the story."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from nightlight.cli.output import console, say
from nightlight.errors import RefusedError

if TYPE_CHECKING:
    from nightlight.demo.outcome import Outcome
    from nightlight.demo.town import Town


class _StopRequestedError(Exception):
    """SIGTERM asked the demo to end."""


def command(
    once: Annotated[
        bool, typer.Option("--once", help="End after the story; status 0 only if every step happened.")
    ] = False,
    keep: Annotated[
        Path | None, typer.Option(help="Keep all data in this folder, which must be new or empty.", metavar="DIR")
    ] = None,
    info: Annotated[
        Path | None,
        typer.Option(help="Write addresses and logins to this file, as JSON, once everything is up.", metavar="FILE"),
    ] = None,
) -> None:
    """Start a real homeserver and Nightlight on this machine, and play the story of a town.

    Strangers, families, a class and a coach come towards children; somebody reports what reached a child all the same.

    Needs nothing but this installation. Everything listens on loopback, on free ports, in a throw-away folder. After
    the story the town stays up for a look; Ctrl-C stops it, and nothing else.
    """
    for module in ("nio", "synapse"):
        if importlib.util.find_spec(module) is None:
            raise RefusedError("demo_missing", f"The demo needs {module}.", "Type: pip install 'nightlight[demo]'")
    _play(once, keep, info)


def _play(once: bool, keep: Path | None, info: Path | None) -> None:
    from nightlight.demo.story import Story
    from nightlight.demo.town import Town

    started = time.monotonic()
    with _folder(keep) as folder, _terminable(), Town(folder) as town:
        try:
            with _progress(Story.steps + 3) as step:
                step("A homeserver (Synapse) and Nightlight start")
                town.start()
                if info:
                    town.write_info(info)
                outcome = asyncio.run(Story(town, step).play())
                step("The story is told")
            _show(outcome, time.monotonic() - started)
            if not once:
                # On a device of its own, so to speak: not among what the servers keep.
                with tempfile.TemporaryDirectory(prefix="nightlight-bob-") as device:
                    _show_addresses(town, keep, outcome, Path(device))
                    _wait()
        except (KeyboardInterrupt, _StopRequestedError):
            say("Stopping ...")
            if once:
                raise typer.Exit(130) from None
        finally:
            # A second Ctrl-C must not leave a homeserver behind.
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _show(outcome: Outcome, seconds: float) -> None:
    from nightlight.demo.table import tables

    for part in tables(outcome, seconds, unicode=console.encoding.startswith("utf")):
        console.print(part)


def _show_addresses(town: Town, keep: Path | None, outcome: Outcome, device: Path) -> None:
    table = Table(title="Look around", show_header=False, title_justify="left", pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    reviewer, synapse = town.reviewer, town.synapse
    table.add_row("Console for reviewers", town.nightlight.url)
    table.add_row("  sign in as", f"{reviewer.username}   password {reviewer.password}")
    account, password, keys, passphrase = outcome.bob
    key_file = device / "bobs-keys.txt"
    key_file.write_bytes(keys)
    table.add_row("Page for reporters", f"{town.nightlight.url}/report")
    table.add_row("  sign in as", f"{account}   password {password}")
    table.add_row("  his key file", f"{key_file}   passphrase {passphrase}")
    table.add_row("Page for young people", f"{town.nightlight.url}/safe")
    table.add_row("  sign in as", "Bob, as above")
    table.add_row("Interface for programs", f"{town.nightlight.url}/openapi.json")
    table.add_row("Homeserver", f"{synapse.base_url}  ({synapse.server_name})")
    table.add_row("  its admin", f"{synapse.admin_user}   password {synapse.admin_password}")
    table.add_row("Data" if keep else "Data (removed at the end)", str(town.folder))
    console.print(table)
    server = synapse.server_name
    say("Why a cell of the table is as it is, step by step:")
    say(f"  nightlight policy explain --data-dir {town.folder} --from @victor:{server} --to @leo:{server}")
    say("Ctrl-C stops everything that was started here.")


def _wait() -> None:
    while True:
        signal.pause()


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        folder = Path(tempfile.mkdtemp(prefix="nightlight-demo-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise RefusedError("folder_not_empty", f"{keep} is not an empty folder.", "Name a new one.")
    keep.mkdir(parents=True, exist_ok=True, mode=0o700)
    yield keep.resolve()


@contextmanager
def _terminable() -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise _StopRequestedError

    before = signal.signal(signal.SIGTERM, stop)
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGINT, interrupt)


class _Steps:
    """Shows one step after the other: a bar on a terminal, a line each elsewhere."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total = total
        self._progress = progress
        self._at = 0
        self._task = progress.add_task("", total=total) if progress else None

    def __call__(self, title: str) -> None:
        self._at += 1
        if self._progress and self._task is not None:
            self._progress.update(self._task, description=title, completed=self._at)
        else:
            say(f"[{self._at}/{self._total}] {title}")


@contextmanager
def _progress(total: int) -> Iterator[_Steps]:
    if not console.is_terminal:
        yield _Steps(total, None)
        return
    columns = (SpinnerColumn(), BarColumn(24), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Steps(total, progress)
