"""``nightlight matrix``: files that connect Nightlight with a Matrix homeserver."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Annotated

import typer
import yaml

from nightlight.adapters.matrix.history import registration
from nightlight.cli.files import write_private
from nightlight.cli.output import say
from nightlight.errors import RefusedError

app = typer.Typer(help="Connect Nightlight with a Matrix homeserver.", no_args_is_help=True)


@app.command("registration")
def registration_command(
    out: Annotated[Path, typer.Option(help="The file to write; Synapse and Nightlight both read it.")],
    url: Annotated[str, typer.Option(help="Where Synapse reaches Nightlight.")] = "http://127.0.0.1:8420",
) -> None:
    """Write the registration file of the application service that Synapse sends room history to.

    It names every room and no account: its token can act as nobody. Name the file in Synapse's
    `app_service_config_files` and in `NIGHTLIGHT_APPSERVICE_FILE`, and restart Synapse.
    """
    if out.exists():
        raise RefusedError("file_unwritable", f"{out} exists.", "Remove it first, or name another file.")
    made = registration(url.rstrip("/"), secrets.token_urlsafe(32), secrets.token_urlsafe(32))
    write_private(out, (json.dumps(made, indent=2) + "\n").encode())  # JSON is YAML, too
    say(f"Written to {out}. Synapse's account must be able to read it; nobody else should.")


def hs_token(data: bytes) -> str:
    """The token that the homeserver shows, out of a registration file."""
    return _token(data, "hs_token")


def as_token(data: bytes) -> str:
    """The token that we show the homeserver, out of a registration file."""
    return _token(data, "as_token")


def _token(data: bytes, name: str) -> str:
    try:
        value = yaml.safe_load(data)
    except yaml.YAMLError:
        value = None
    token = value.get(name) if isinstance(value, dict) else None
    if not isinstance(token, str) or len(token) < 32:
        raise RefusedError(
            "registration_malformed",
            f"NIGHTLIGHT_APPSERVICE_FILE is no registration of an application service with a long {name}.",
            "Make one: nightlight matrix registration --out FILE",
        )
    return token
