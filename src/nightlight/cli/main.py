"""The command ``nightlight``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from nightlight import __version__
from nightlight.cli import accounts as accounts_command
from nightlight.cli import approver as approver_command
from nightlight.cli import bench as bench_command
from nightlight.cli import demo as demo_command
from nightlight.cli import disclose as disclose_command
from nightlight.cli import doctor as doctor_command
from nightlight.cli import events as events_command
from nightlight.cli import evidence as evidence_command
from nightlight.cli import log as log_command
from nightlight.cli import matrix as matrix_command
from nightlight.cli import page as page_command
from nightlight.cli import policy as policy_command
from nightlight.cli import prevalence as prevalence_command
from nightlight.cli import referral as referral_command
from nightlight.cli import retention as retention_command
from nightlight.cli import reviewer as reviewer_command
from nightlight.cli import rules as rules_command
from nightlight.cli import simulate as simulate_command
from nightlight.cli import stream as stream_command
from nightlight.cli import town as town_command
from nightlight.cli import transparency as transparency_command
from nightlight.cli import verify as verify_command
from nightlight.cli.output import say
from nightlight.errors import NightlightError, RefusedError, UnavailableError

app = typer.Typer(
    name="nightlight",
    help="Prevent, detect and respond to the sexual exploitation of children in encrypted messengers, "
    "without reading private messages.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.add_typer(log_command.app, name="log")
app.add_typer(accounts_command.app, name="accounts")
app.add_typer(events_command.app, name="events")
app.add_typer(reviewer_command.app, name="reviewer")
app.add_typer(page_command.app, name="page")
app.add_typer(matrix_command.app, name="matrix")
app.add_typer(policy_command.app, name="policy")
app.add_typer(rules_command.app, name="rules")
app.add_typer(approver_command.app, name="approver")
app.add_typer(referral_command.agency_app, name="agency")
app.add_typer(referral_command.app, name="referral")
app.add_typer(evidence_command.app, name="evidence")
app.add_typer(retention_command.app, name="retention")
app.add_typer(stream_command.app, name="stream")
app.add_typer(prevalence_command.app, name="prevalence")
app.add_typer(town_command.app, name="town")
app.add_typer(simulate_command.app, name="simulate")
app.command("disclose")(disclose_command.command)
app.command("verify")(verify_command.command)
app.command("transparency")(transparency_command.command)
app.command("demo")(demo_command.command)
app.command("doctor")(doctor_command.command)
app.command("bench")(bench_command.command)


@app.command()
def serve(
    workers: Annotated[int, typer.Option(help="Processes. More than one needs PostgreSQL.", min=1)] = 1,
) -> None:
    """Run the service: the interface for reporters, the console for reviewers, and the work in the background.

    All settings come from the environment; `nightlight settings` lists them.
    """
    import uvicorn

    from nightlight.cli.compose import House
    from nightlight.cli.foundation import load_settings
    from nightlight.cli.serve import app_for, quiet_logging

    settings = load_settings()
    quiet_logging()
    if workers > 1 and settings.resolved_database_url.startswith("sqlite"):
        raise RefusedError("workers", "SQLite serves one process.", "Set NIGHTLIGHT_DATABASE_URL to a PostgreSQL.")
    first = House(settings)  # settings that are missing or do not fit are said here, before anything starts
    _ = first.record_keeper, first.attachment_policy, first.retention_rules, first.vault, first.master_key_name()
    first.homeserver.close()
    if workers > 1:
        uvicorn.run(
            "nightlight.cli.serve:app_from_environment",
            factory=True,
            host=settings.host,
            port=settings.port,
            workers=workers,
            access_log=False,
            server_header=False,
            proxy_headers=False,
        )
        return
    house = House(settings)
    house.store.migrate()
    with house.store.read() as tx:
        house.case_keys.require_master(tx)  # evidence that cannot be opened is said now, not at the next case
    uvicorn.run(
        app_for(house),
        host=settings.host,
        port=settings.port,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=10,
    )


@app.command()
def settings() -> None:
    """List every setting: its name in the environment, default, and what it does."""
    from nightlight.settings import Settings

    table = Table("setting", "default", "what it does", show_lines=False)
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else str(field.default)
        table.add_row(f"NIGHTLIGHT_{name.upper()}", default, field.description or "")
    Console().print(table)


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)  # noqa: T201


def main() -> None:
    """Runs a command; a refusal ends with status 1, a world that does not answer with status 75 (try again later)."""
    try:
        app()
    except UnavailableError as e:
        say(f"Not now: {e.message}")
        sys.exit(75)
    except NightlightError as e:
        hint = e.hint if isinstance(e, RefusedError) else ""
        say(f"Refused: {e.message}" + (f"\n{hint}" if hint else ""))
        sys.exit(1)


if __name__ == "__main__":
    main()
