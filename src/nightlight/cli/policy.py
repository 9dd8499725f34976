"""``nightlight policy``: contact policies read, checked, explained, compared and replayed. Nothing here changes one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from nightlight.cli import policy_changes
from nightlight.cli.data import PRESETS, policy_file, preset
from nightlight.cli.house import open_house
from nightlight.cli.named_policy import compiled_policy, default_policy, problems_of
from nightlight.cli.output import console, say
from nightlight.cli.policy_explain import explain
from nightlight.cli.policy_pictures import (
    difference_picture,
    out,
    policy_picture,
    print_json,
    problems_picture,
    replay_picture,
)
from nightlight.errors import RefusedError
from nightlight.flows.replay_policy import IN_FORCE, Against, PolicyReplay
from nightlight.prevent.difference import difference
from nightlight.prevent.notices import NOTICES
from nightlight.prevent.policy import FACTS, Risk
from nightlight.prevent.policy_report import difference_values, policy_values, problem_values
from nightlight.prevent.replay_report import cautions, replay_values, shown

app = typer.Typer(
    help="Contact policies: who may reach whom. Check, show, explain, compare, replay; propose and approve changes.",
    no_args_is_help=True,
)
policy_changes.add_to(app)

#: `policy check --strict` found only warnings; `policy diff` found a difference.
EXIT_WARNINGS = 2
_DAY_MS = 86_400_000

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
_Named = Annotated[str, typer.Argument(help=f"A file, or a preset: {', '.join(PRESETS)}.", metavar="FILE|PRESET")]
_Data = Annotated[Path | None, typer.Option(help="Data folder, instead of NIGHTLIGHT_DATA_DIR.", metavar="DIR")]


@app.command()
def check(
    files: Annotated[list[str], typer.Argument(help="Files, or names of presets.", metavar="FILE...")],
    strict: Annotated[bool, typer.Option("--strict", help="Warnings end with status 2.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find every mistake in policy files: line, column, what is wrong, and what was probably meant.

    Warnings are for what is allowed and surely not meant: rows that are never reached, rules that change nothing.
    Ends with status 0 if every file can be used, 1 if one cannot, and 2 with --strict if there are warnings.
    """
    results: list[dict[str, Any]] = []
    mistakes = warnings = 0
    for name in files:
        data = policy_file(name)
        reference, problems = problems_of(data)
        warned = sum(problem.warning for problem in problems)
        mistakes, warnings = mistakes + len(problems) - warned, warnings + warned
        if as_json:
            found = [problem_values(problem) for problem in problems]
            results.append({"file": name, "usable": bool(reference), "policy": reference, "problems": found})
            continue
        if problems:
            out.print(problems_picture(name, data, problems))
        verdict = f"can be used: {reference}" if reference else "cannot be used"
        say(f"{name}: {verdict}; {len(problems) - warned} mistakes, {warned} warnings.")
    if as_json:
        print_json(results)
    if mistakes:
        raise typer.Exit(1)
    if strict and warnings:
        raise typer.Exit(EXIT_WARNINGS)


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(help="A file or a preset; left out: NIGHTLIGHT_CONTACT_POLICY.", metavar="FILE|PRESET")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Show a policy as people read it: who reaches whom in which way, and everything that makes it stricter.

    Bands with the same outcomes share a line. Outcomes are what holds while nothing speaks for a risk, protections that
    nobody loosened included. What is in force right now: `nightlight policy in-force --show`.
    """
    compiled = compiled_policy(name or default_policy())
    if as_json:
        print_json(policy_values(compiled))
    else:
        out.print(policy_picture(compiled))


@app.command()
def facts(as_json: AsJson = False) -> None:
    """List the facts that a condition may ask for, and the notices that a rule may send. Both lists are closed."""
    if as_json:
        asked = {f.name: {"unit": f.unit, "ask": _sign(f.risk), "what": f.help} for f in FACTS.values()}
        print_json({"facts": asked, "notices": {kind.id: kind.when for kind in NOTICES.values()}})
        return
    table = Table("fact", "written as", "what it is", title="Facts", title_justify="left", title_style="bold")
    for fact in FACTS.values():
        table.add_row(fact.name, "true" if fact.unit == "yes_no" else f"{_sign(fact.risk)}: {fact.unit}", fact.help)
    out.print(table)
    table = Table("notice", "when it is meant", title="Notices", title_justify="left", title_style="bold")
    for kind in NOTICES.values():
        table.add_row(kind.id, kind.when)
    out.print(table)


@app.command("preset")
def preset_command(name: Annotated[str, typer.Argument(help=f"One of {', '.join(PRESETS)}.")]) -> None:
    """Print a preset as a file to start from: `nightlight policy preset teen-default > our-policy.yaml`."""
    if name not in PRESETS:
        raise RefusedError("no_such_policy", f"There is no preset {name}.", f"Presets: {', '.join(PRESETS)}.")
    print(preset(name).decode(), end="")  # noqa: T201


app.command()(explain)


@app.command()
def diff(
    before: _Named,
    after: _Named,
    as_json: AsJson = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with status 2 if anything changes.")] = False,
) -> None:
    """Compare two policies: every cell of the matrix whose outcome changes, and every rule, part by part.

    Cells that change alike share a line; those that become milder come first. `--json` lists every cell.
    """
    found = difference(compiled_policy(before), compiled_policy(after))
    if as_json:
        print_json(difference_values(found))
    else:
        out.print(difference_picture(found))
    if exit_code and found:
        raise typer.Exit(EXIT_WARNINGS)


@app.command()
def replay(
    new: _Named,
    against: Annotated[
        str,
        typer.Option(help="Compare with: in-force, recorded (what was decided then), or a file or preset."),
    ] = "in-force",
    since: Annotated[
        datetime | None,
        typer.Option("--from", help="First day, UTC; left out: all that is kept.", formats=["%Y-%m-%d"]),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", help="Last day, UTC; left out: today.", formats=["%Y-%m-%d"])
    ] = None,
    names: Annotated[
        bool, typer.Option("--names", help="Exact numbers and account ids. For inside alone: never publish this.")
    ] = False,
    data_dir: _Data = None,
    as_json: AsJson = False,
) -> None:
    """Run a policy over recorded decisions, and say how many would have gone another way, and for how many people.

    Facts are those that were kept with every decision, sealed; limits are counted anew. Nothing is changed, nobody is
    told. Numbers of fewer than 10 people are shown as "< 10", also those that would follow from others.
    """
    compiled = compiled_policy(new)
    with open_house(data_dir=data_dir) as house:
        compare = {"in-force": IN_FORCE, "recorded": Against(recorded=True)}.get(against)
        start = _at(since) if since else 0
        end = _at(until) + _DAY_MS if until else house.clock.now() + 1
        if start >= end:
            raise RefusedError("time_range", "--from is later than --to.")
        flow = PolicyReplay(house.store, house.people, house.policy_book)
        with Progress(
            TextColumn("Replaying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            console=console, transient=True,
        ) as bar:  # fmt: skip
            task = bar.add_task("", total=flow.count(start, end))
            report = flow.run(
                compiled, compare or Against(compiled_policy(against)), start, end, lambda n: bar.advance(task, n)
            )
    seen = shown(report, exact=names)
    said = cautions(compiled, seen.made_under, seen.damaged)
    if as_json:
        print_json(replay_values(seen, compiled.reference, against, said, names=names))
    else:
        out.print(replay_picture(seen, compiled.reference, against, said, names=names))


def _sign(risk: Risk) -> str:
    return "at_least" if risk is Risk.UP else "below"


def _at(day: datetime) -> int:
    return int(day.replace(tzinfo=UTC).timestamp() * 1000)
