"""``nightlight doctor``: what is wrong with a live installation, and how to mend it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from nightlight.cli.house import open_house
from nightlight.cli.output import console
from nightlight.model.health import Finding, Level

#: Not 1 (a mistake in the call) and not 75 (not reachable now).
EXIT_PROBLEM = 3
_MARKS = {Level.OK: ("✓", "green"), Level.WARNING: ("!", "yellow"), Level.PROBLEM: ("✗", "bold red")}


def command(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list of findings, for machines.")] = False,
    data_dir: Annotated[
        Path | None, typer.Option(help="Data folder, instead of NIGHTLIGHT_DATA_DIR.", metavar="DIR")
    ] = None,
) -> None:
    """Examine a live installation: Nightlight, the homeserver, the module in it, and what strangers can learn there.

    Run it where Nightlight runs, with the same settings, while both are up. It changes nothing. Every finding says how
    to mend it. Ends with status 3 if something that Nightlight promises does not hold; warnings do not count.
    """
    found: list[Finding] = []
    with open_house(data_dir=data_dir) as house:
        for finding in house.examination.run():
            found.append(finding)
            if not as_json:
                _show(finding)
    problems = sum(finding.level is Level.PROBLEM for finding in found)
    warnings = sum(finding.level is Level.WARNING for finding in found)
    if as_json:
        print(json.dumps([dataclasses.asdict(finding) for finding in found], indent=2, ensure_ascii=False))  # noqa: T201
    else:
        console.print(f"{_count(problems, 'problem')}, {_count(warnings, 'warning')}.")
    if problems:
        raise typer.Exit(EXIT_PROBLEM)


def _show(finding: Finding) -> None:
    mark, style = _MARKS[finding.level]
    line = Text.assemble((mark, style), " ", (f"{finding.part}: ", "bold"), finding.what)
    if finding.mend:
        line.append(f"\n  → {finding.mend}", style="dim" if finding.level is Level.OK else "")
    Console(highlight=False).print(line, soft_wrap=True)


def _count(number: int, what: str) -> str:
    return f"{number or 'No'} {what}{'' if number == 1 else 's'}"
