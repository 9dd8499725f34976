"""``nightlight rules``: definitions of detection read, checked, tested, shown, compared and run over the past.

Nothing here switches a rule on.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from nightlight.cli import rule_changes
from nightlight.cli.data import PACKS, pack_file
from nightlight.cli.files import write_private
from nightlight.cli.house import open_house
from nightlight.cli.output import console, say
from nightlight.cli.policy_pictures import out, print_json, problems_picture
from nightlight.cli.rule_explain import explain
from nightlight.cli.rule_pictures import backtest_picture, difference_picture, pack_picture
from nightlight.detect.backtest_report import backtest_summary, backtest_values
from nightlight.detect.definition_file import read_definitions
from nightlight.detect.definitions import Pack
from nightlight.detect.difference import pack_difference
from nightlight.detect.examples import run_examples
from nightlight.detect.meaning import rule_meaning
from nightlight.detect.pack_report import difference_values, pack_values
from nightlight.errors import RefusedError
from nightlight.hazmat.strict_yaml import MalformedError, Problem
from nightlight.model.signal import BacktestRecord
from nightlight.prevent.policy_report import problem_values

app = typer.Typer(
    help="Features and rules of detection: check, test, show, compare, and see what they would have said.",
    no_args_is_help=True,
)
rule_changes.add_to(app)
app.command()(explain)

EXIT_WARNINGS = 2
_DAY_MS = 86_400_000

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
_Named = Annotated[str, typer.Argument(help=f"A file, or a pack: {', '.join(PACKS)}.", metavar="FILE|PACK")]


@app.command()
def check(
    files: Annotated[
        list[str] | None, typer.Argument(help="Files, or names of packs; left out: starter.", metavar="FILE...")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings end with status 2.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find every mistake in files of definitions: line, column, what is wrong, and what was probably meant.

    Ends with status 0 if every file can be used, 1 if one cannot, and 2 with --strict if there are warnings: features
    that no rule asks for, rules that are looked at for every event.
    """
    results: list[dict[str, Any]] = []
    mistakes = warnings = 0
    for name in files or ["starter"]:
        data = pack_file(name)
        reference, problems = _problems_of(data)
        warned = sum(problem.warning for problem in problems)
        mistakes, warnings = mistakes + len(problems) - warned, warnings + warned
        if as_json:
            found = [problem_values(problem) for problem in problems]
            results.append({"file": name, "usable": bool(reference), "pack": reference, "problems": found})
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


@app.command("test")
def run_tests(name: _Named = "starter", as_json: AsJson = False) -> None:
    """Run the examples in a file: given these events, do the features and rules say what is expected?

    Ends with status 1 if one does not, and says what was expected and what was found.
    """
    pack = named_pack(name)
    outcomes = run_examples(pack)
    failed = [outcome for outcome in outcomes if outcome.faults]
    if as_json:
        print_json(
            {
                "pack": pack.reference,
                "examples": [
                    {"title": one.example.title, "line": one.example.line, "faults": list(one.faults)}
                    for one in outcomes
                ],
            }
        )
    else:
        for outcome in failed:
            say(f"{name}:{outcome.example.line}: {outcome.example.title}")
            for fault in outcome.faults:
                say(f"    {fault}")
        say(f"{pack.reference}: {len(outcomes) - len(failed)} of {len(outcomes)} examples hold.")
        if not outcomes:
            say("A file without examples is not tested.")
    if failed:
        raise typer.Exit(1)


@app.command()
def show(
    name: _Named = "starter",
    as_json: AsJson = False,
    text: Annotated[bool, typer.Option("--text", help="The file itself, to begin one of your own with.")] = False,
) -> None:
    """Show features and rules as people read them: what is counted, when a rule speaks, and on what grounds."""
    if text:
        sys.stdout.write(pack_file(name).decode())
        return
    pack = named_pack(name)
    if as_json:
        print_json(pack_values(pack))
    else:
        out.print(pack_picture(pack))


@app.command()
def diff(
    before: _Named,
    after: _Named,
    as_json: AsJson = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with status 2 if anything changes.")] = False,
) -> None:
    """Compare two packs in meaning, not in text: features, thresholds, rules, reasons.

    Order, titles and comments change nothing. A rule is listed too if only a feature that it asks for changes.
    """
    found = pack_difference(named_pack(before), named_pack(after))
    if as_json:
        print_json(difference_values(found))
    else:
        out.print(difference_picture(found))
    if exit_code and found:
        raise typer.Exit(EXIT_WARNINGS)


@app.command()
def backtest(
    data: Annotated[str, typer.Argument(help="A folder of Parquet files, a file, or a pattern.", metavar="DATA")],
    since: Annotated[datetime | None, typer.Option("--from", help="First day, UTC.", formats=["%Y-%m-%d"])] = None,
    until: Annotated[datetime | None, typer.Option("--to", help="Last day, UTC.", formats=["%Y-%m-%d"])] = None,
    rules: Annotated[str, typer.Option(help="A file, or a pack.", metavar="FILE|PACK")] = "starter",
    against: Annotated[str, typer.Option(help="A second one, to compare with.", metavar="FILE|PACK")] = "",
    as_json: AsJson = False,
    html: Annotated[Path | None, typer.Option(help="Write one page with charts to this file.", metavar="FILE")] = None,
    examples: Annotated[int, typer.Option(help="Events to open, for each rule.", min=0, max=100)] = 3,
    labels: Annotated[
        Path | None, typer.Option(help="Labels of a synthetic town: judges invented people only.", metavar="FILE")
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Exact numbers and accounts. For inside alone: never publish this.")
    ] = False,
    record: Annotated[
        bool, typer.Option("--record", help="Note it: for a week, rules that mean the same may be proposed to go live.")
    ] = False,
    who: Annotated[str, typer.Option("--as", help="Who you are, with --record.", metavar="WHO")] = "",
    data_dir: Annotated[
        Path | None, typer.Option(help="With --record: data folder, instead of NIGHTLIGHT_DATA_DIR.", metavar="DIR")
    ] = None,
) -> None:
    """See what rules would have said about the past: signals per day, who was touched, and how often it was right.

    Nobody is told, nothing is changed. Events before --from fill the windows, decisions after --to still count. Numbers
    of fewer than 10 people are kept back, in the table, in JSON and on the page, unless --exact is given.
    """
    packs = [named_pack(name) for name in (rules, against) if name]
    if record and not who:
        raise RefusedError("who_missing", "It is noted who ran a backtest.", "Add: --as NAME")
    if record and labels is not None:
        raise RefusedError("town_is_no_proof", "A made-up town says nothing about real people.", "Leave out --labels.")
    start = _at(since) if since else None
    end = _at(until) + _DAY_MS if until else None
    if start is not None and end is not None and start >= end:
        raise RefusedError("time_range", "--from is later than --to.")
    try:
        from nightlight.adapters.parquet.event_files import EventFiles
        from nightlight.adapters.parquet.labels import read_labels

        if html is not None:
            from nightlight.cli.backtest_page import backtest_page
    except ModuleNotFoundError as e:
        raise missing_extra(e) from None
    from nightlight.adapters.engines import batch_engine
    from nightlight.flows.backtest import Replay

    began = time.monotonic()
    known = read_labels(labels) if labels is not None else None
    with console.status("Looking through the files ..."):
        history = EventFiles(data)
    with history, Progress(
        TextColumn("Events"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=console, transient=True,
    ) as bar:  # fmt: skip
        task = bar.add_task("", total=history.span.events)
        result = Replay(history, batch_engine(history.span.events)).run(
            packs,
            since=start,
            until=end,
            examples=examples,
            labels=known,
            progress=lambda rows: bar.advance(task, rows),
        )
    values = backtest_values(result, exact=exact)
    if record:
        with open_house(data_dir=data_dir) as house:
            meanings = {rule.id: rule_meaning(packs[0], rule) for rule in packs[0].rules}
            house.rule_desk.note_backtest(
                BacktestRecord(house.clock.now(), who, packs[0].digest, meanings, backtest_summary(values))
            )
        say(f"Noted: for a week the rules of {packs[0].reference} may be proposed to go live.")
    if html is not None:
        write_private(html, backtest_page(values).encode())
        say(f"Written: {html}")
    if as_json:
        print_json(values)
    elif html is None:
        out.print(backtest_picture(values))
    say(f"{history.span.events:,} events in {time.monotonic() - began:.1f} s.")


def named_pack(name: str) -> Pack:
    """A file or a pack; what is wrong with it is shown, then refused."""
    data = pack_file(name)
    try:
        return read_definitions(data).pack
    except MalformedError as e:
        console.print(problems_picture(name, data, e.problems))
        raise RefusedError(e.code, f"{name} cannot be used.", "Mend what is shown above.") from None


def missing_extra(error: ModuleNotFoundError) -> RefusedError:
    return RefusedError(
        "extra_missing",
        f"A backtest needs {error.name}, which is not installed.",
        "Type: pip install 'nightlight[detect]'",
    )


def _problems_of(data: bytes) -> tuple[str, tuple[Problem, ...]]:
    try:
        checked = read_definitions(data)
    except MalformedError as e:
        return "", e.problems
    return checked.pack.reference, checked.warnings


def _at(day: datetime) -> int:
    return int(day.replace(tzinfo=UTC).timestamp() * 1000)
