"""``nightlight evidence``: the vault, its keys, and reading a kept file."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from nightlight.adapters.case_seal import rewrapped
from nightlight.adapters.master_key import CommandMasterKey
from nightlight.cli.house import open_house
from nightlight.cli.master_key import held_in
from nightlight.cli.output import console, say
from nightlight.errors import RefusedError
from nightlight.flows.seal_evidence import rekey as rekey_all
from nightlight.ports import MasterKey
from nightlight.web.evidence.page import clock

app = typer.Typer(help="The evidence vault: what is kept of cases, encrypted for each.", no_args_is_help=True)

#: Evidence is damaged: not 1 (a mistake in the call) and not 75 (not reachable now).
EXIT_DAMAGED = 3
_ACTOR = "command line"

_DataDir = Annotated[Path | None, typer.Option(help="Data folder, instead of NIGHTLIGHT_DATA_DIR.", metavar="DIR")]


@app.command()
def status(data_dir: _DataDir = None) -> None:
    """Show keys, what is not encrypted yet, and how the kept files were when they were last checked."""
    with open_house(data_dir=data_dir) as house:
        with house.store.read() as tx:
            names, clear = tx.case_key_names(), tx.clear_counts()
            counts, damaged = tx.vault_counts(), tx.damaged_files(20)
            shredded = tx.count_shredded()
        present = house.case_keys.master.name
        old_files = len(house.vault.old_files())
    _line("master key", present)
    for name, count in sorted(names.items()):
        _line("data keys", f"{count:,} under {name}" + ("" if name == present else ", which is not the present one"))
    _line("shredded keys", f"{shredded:,}")
    _line("not encrypted", f"{clear.reports:,} reports, {clear.events:,} events, {clear.referrals:,} referrals")
    _line("kept files", f"{counts.files:,}, and {old_files:,} that are not encrypted for a case")
    if counts.oldest_check_at is not None:
        _line("oldest check", clock(counts.oldest_check_at))
    _line("damaged or gone", f"{counts.damaged:,}")
    for file in damaged:
        _line("", f"{file.sha256.hex()} of {file.case_id}: {file.damage}")
    if counts.damaged or any(name != present for name in names):
        raise typer.Exit(EXIT_DAMAGED)


@app.command()
def check(data_dir: _DataDir = None) -> None:
    """Read every kept file now and verify every byte. Ends with status 3 if one is damaged or gone.

    `nightlight serve` does the same by itself, file by file, every NIGHTLIGHT_VAULT_CHECK_DAYS.
    """
    found: Counter[str] = Counter()
    with open_house(data_dir=data_dir) as house, console.status("Reading kept files ..."):
        for file in house.vault_checker.check_all():
            found[file.damage or ""] += 1
            if file.damage:
                say(f"{file.damage}: {file.sha256.hex()} of {file.case_id}")
    bad = sum(count for damage, count in found.items() if damage)
    say(f"{found.total():,} kept files were read; {bad:,} are damaged or gone.")
    if bad:
        raise typer.Exit(EXIT_DAMAGED)


@app.command()
def seal(data_dir: _DataDir = None) -> None:
    """Encrypt what was stored before evidence was encrypted. May run beside the service, and as often as you like."""
    with open_house(data_dir=data_dir) as house:
        with console.status("Encrypting ..."):
            done = house.sealer.seal(_ACTOR)
        house.store.scrub()
    say(
        f"Encrypted: {done.reports:,} reports, {done.events:,} events, {done.referrals:,} referrals, "
        f"{done.files:,} kept files."
    )
    if done.left:
        say(f"{done.left:,} events or files belong to no case and stay as they are.")


@app.command()
def rekey(
    old_key_file: Annotated[
        Path | None, typer.Option(help="The file with the master key of before.", metavar="FILE")
    ] = None,
    old_key_command: Annotated[
        str, typer.Option(help="Or the command that asked for it, as it was set.", metavar="COMMAND")
    ] = "",
    data_dir: _DataDir = None,
) -> None:
    """Wrap the data keys of all cases under the present master key. Stop the service first.

    No evidence is written anew: it stays encrypted under the data keys. Keep the old master key until backups of
    before are gone.
    """
    if (old_key_file is None) == (old_key_command == ""):
        raise RefusedError("master_key_missing", "Name the old master key: --old-key-file or --old-key-command.")
    old: MasterKey = CommandMasterKey(old_key_command) if old_key_file is None else held_in(old_key_file)
    with open_house(data_dir=data_dir) as house:
        new = house.case_keys.master
        if old.name == new.name:
            raise RefusedError("master_key_wrong", "That is the present master key.", "Name the old one.")
        done = rekey_all(house.store, house.clock, new, lambda key: rewrapped(key, old, new), _ACTOR)
        house.store.scrub()
    say(f"{done:,} data keys are wrapped under the master key {new.name}.")


@app.command("read")
def read_kept(
    case_id: str,
    attachment_id: str,
    by: Annotated[str, typer.Option(help="Who reads it; it stands in the log.", metavar="NAME")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the log.", metavar="TEXT")],
    out: Annotated[Path, typer.Option(help="File to write, which must not exist.", metavar="FILE")],
    data_dir: _DataDir = None,
) -> None:
    """Take a kept file out of the vault, as it came from the homeserver: still encrypted by its sender.

    For files too large for a bundle. That it was read is in the log before its first byte is written.
    """
    with open_house(data_dir=data_dir) as house:
        with house.store.read() as tx:
            attachment = tx.attachment(attachment_id)
        event_id = "" if attachment is None else attachment.event_id
        chunks = house.kept_files.read(case_id, event_id, attachment_id, by, reason)
        try:
            handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as e:
            raise RefusedError("file_unwritable", f"{out} cannot be written: {e.strerror}.") from None
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
        except BaseException:
            out.unlink(missing_ok=True)  # half of a file, or one whose end was not authentic, must not look whole
            raise
    say(f"{out}: as it came from the homeserver. The log says that you read it.")


def _line(name: str, text: str) -> None:
    print(f"{name:<16}{text}")  # noqa: T201
