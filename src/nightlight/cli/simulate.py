"""``nightlight simulate``: training services that stand in for agencies."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Annotated

import typer

from nightlight.cli.files import read_bytes, write_private
from nightlight.cli.output import say
from nightlight.errors import RefusedError

app = typer.Typer(
    help="Training services that stand in for agencies. They send nothing anywhere.", no_args_is_help=True
)


@app.callback()
def group() -> None:
    """Training services that stand in for agencies. They send nothing anywhere."""


@app.command("cybertipline")
def cybertipline(
    folder: Annotated[
        Path, typer.Option("--dir", help="Where it keeps what it took; it goes on from there at the next start.")
    ] = Path("cybertipline-training"),
    port: Annotated[int, typer.Option(help="On 127.0.0.1.", min=1, max=65_535)] = 8430,
    user: Annotated[str, typer.Option(help="The user name it takes.")] = "training",
    password_file: Annotated[
        Path | None, typer.Option(help="A file with the password it takes; without one, it makes one.", metavar="FILE")
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="Something to go wrong, as CALL:KIND:NTH; may be given again. NTH counts from 1, * is every time.",
            metavar="CALL:KIND:NTH",
        ),
    ] = None,
) -> None:
    """Stand in for NCMEC's CyberTipline, for training and for trying an installation out.

    It answers status, xsd, submit, upload, fileinfo, finish and retract on this machine only: numbers in sequence, MD5
    answers, documents checked against our schema, unfinished reports deleted after 24 hours or 1 hour after their last
    change. Files are read, digested and forgotten. Nothing is sent anywhere, and nobody looks at what it takes: never
    use it in place of a report.

    The credentials file for Nightlight is written to the folder. Faults, for instance: `--fault submit:drop_after:1`
    takes the first report and hangs up; `--fault upload:error_503:*` answers every upload with status 503. Kinds:
    drop_before, drop_after, delay (with seconds: upload:delay:1:5), error_500, error_500_after, error_503,
    error_503_after, half_answer, html, html_after, redirect, wrong_report, duplicate.
    """
    import uvicorn

    from nightlight.adapters.cybertipline.schema import Schema, own_xsd
    from nightlight.demo.cybertipline import CyberTipline
    from nightlight.demo.tipline_faults import read_fault

    faults = [read_fault(text) for text in fault or ()]
    if not user or ":" in user or not user.isprintable():
        raise RefusedError("user_malformed", "A user name has at least one character, and no colon.")
    password = _password(password_file)
    credentials = folder / "credentials"
    service = CyberTipline(folder, (user, password), Schema.own().check, _now, schema=own_xsd(), faults=faults)
    write_private(credentials, f"{user}\n{password}\n".encode())
    say("This is a training service. It sends nothing anywhere, and nothing it takes reaches anybody.")
    say(f"It answers at http://127.0.0.1:{port}; user name and password are in {credentials}.")
    for one in faults:
        say(f"Planned to go wrong: {one.call}, {one.kind}, {f'at call {one.nth}' if one.nth else 'every time'}.")
    uvicorn.run(service, host="127.0.0.1", port=port, log_level="warning", access_log=False, server_header=False)


def _password(path: Path | None) -> str:
    if path is None:
        return secrets.token_urlsafe(18)
    try:
        lines = read_bytes(path).decode("utf-8").splitlines()
    except UnicodeDecodeError:
        lines = []
    if not lines or not lines[0].strip():
        raise RefusedError("password_missing", f"There is no password in {path}.", "It goes into the first line.")
    return lines[0].strip()


def _now() -> int:
    return time.time_ns() // 1_000_000
