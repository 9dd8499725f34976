"""``nightlight retention``: what is kept, until when and why; what goes; and holds, which win over all of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from nightlight.cli import retention_holds
from nightlight.cli.data import retention_file
from nightlight.cli.house import open_house
from nightlight.cli.output import console, say
from nightlight.cli.policy_pictures import out, print_json, problems_picture
from nightlight.cli.retention_pictures import case_picture, plan_picture, rules_picture, rules_values
from nightlight.errors import RefusedError
from nightlight.flows.retention_plan import case_plan, retention_plan
from nightlight.hazmat.strict_yaml import MalformedError
from nightlight.respond.retention_report import line_values, totals_values
from nightlight.respond.retention_rules import RetentionRules, read_retention_rules

app = typer.Typer(
    help="What is kept of cases, until when and why; what goes and when; and holds, which win over all of it.",
    no_args_is_help=True,
)
retention_holds.add_to(app)

#: Something in the database is not as the log says.
EXIT_TAMPERED = 3

_Data = Annotated[Path | None, typer.Option(help="Data folder, instead of NIGHTLIGHT_DATA_DIR.", metavar="DIR")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
_Rules = Annotated[
    str, typer.Option(help="Rules to plan with, instead of those in force: to see what a change would do.")
]


@app.command()
def rules(
    file: Annotated[
        str, typer.Argument(help="A file of rules; left out: NIGHTLIGHT_RETENTION_RULES, or the ones we come with.")
    ] = "",
    as_json: _AsJson = False,
) -> None:
    """Show retention rules, or find every mistake in a file of them: line, column, and what was probably meant.

    Duties (at least) and limits (at most), for which records of which cases, from when they count, why, and the law
    that each rests on. Ends with status 1 if the file cannot be used.
    """
    found = _named(file)
    if as_json:
        print_json(rules_values(found))
    else:
        out.print(rules_picture(found))


@app.command()
def plan(
    at: Annotated[
        datetime | None,
        typer.Option(help="As it will be at the end of this day, UTC; left out: now.", formats=["%Y-%m-%d"]),
    ] = None,
    case: Annotated[str, typer.Option(help="One case alone, record by record.", metavar="CASE")] = "",
    listed: Annotated[
        int, typer.Option("--next", help="How many records to list whose turn comes next.", min=0, max=1_000)
    ] = 20,
    months: Annotated[int, typer.Option(help="For how many months ahead to show columns.", min=0, max=24)] = 6,
    rules: _Rules = "",
    data_dir: _Data = None,
    as_json: _AsJson = False,
) -> None:
    """Show what will go, when and why, before anything does. Changes nothing.

    Totals by rule, kind of record and month; what stays whatever its age (open, under way, held); and the records whose
    turn comes next. What goes now is announced in the log first and erased only some days later
    (NIGHTLIGHT_ERASURE_NOTICE_DAYS): `nightlight retention hold` stops it.
    """
    with open_house(data_dir=data_dir) as house:
        by = _named(rules) if rules else house.retention_rules
        moment = _end_of(at) if at else house.clock.now()
        if case:
            lines = case_plan(house.store, by, moment, case)
            with house.store.read() as tx:
                erasures, holds = tx.erasures_of(case), tx.holds_of(case)
            if as_json:
                print_json([line_values(line) for line in lines])
            else:
                out.print(case_picture(case, lines, erasures, holds, moment))
            return
        with console.status("Looking through the cases ..."):
            totals = retention_plan(house.store, by, moment, listed)
            with house.store.read() as tx:
                announced = tx.announced()
    if as_json:
        waiting = [{"case": one.case_id, "record": one.record, "not_before": one.not_before} for one in announced]
        print_json({**totals_values(totals, by.reference), "announced": waiting})
    else:
        out.print(plan_picture(totals, by, announced, months))


@app.command()
def run(data_dir: _Data = None) -> None:
    """Do now what the service does by itself every hour: announce what will be due, erase what is due and announced.

    Nothing goes that was not announced NIGHTLIGHT_ERASURE_NOTICE_DAYS before, or that is held, open or under way. Ends
    with status 3 if a case was left alone because it is not as the log says.
    """
    with open_house(data_dir=data_dir) as house:
        swept = house.eraser.sweep()
    say(f"Records announced: {swept.announced}, withdrawn: {swept.withdrawn}, erased: {swept.erased}.")
    for case_id in swept.refused:
        say(f"NOT ERASED, because it is not as the log says: {case_id}. Run `nightlight log verify`.")
    if swept.refused:
        raise typer.Exit(EXIT_TAMPERED)


def _named(name: str) -> RetentionRules:
    """Rules as a file, or those in force; what is wrong with them is shown, then refused."""
    if not name:
        from nightlight.cli.foundation import load_settings

        name = load_settings().retention_rules
    data = retention_file(name)
    try:
        return read_retention_rules(data)
    except MalformedError as e:
        console.print(problems_picture(name or "retention.yaml", data, e.problems))
        raise RefusedError(e.code, f"{name} cannot be used.", "Mend what is shown above.") from None


def _end_of(day: datetime) -> int:
    """The last millisecond of that day."""
    return int((day.replace(tzinfo=UTC) + timedelta(days=1)).timestamp() * 1000) - 1
