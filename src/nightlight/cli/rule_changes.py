"""``nightlight rules propose`` and its kin: what rules may do, and who changed it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from nightlight.cli.data import pack_file
from nightlight.cli.house import open_house
from nightlight.cli.output import console, say
from nightlight.cli.policy_pictures import out, print_json, problems_picture
from nightlight.flows.rule_report import Overview, RuleLine
from nightlight.hazmat.strict_yaml import MalformedError
from nightlight.model.signal import RuleChange

#: The guard found a rule outside of its bounds.
EXIT_FOUND = 3

_Rule = Annotated[str, typer.Argument(help="The rule's id, as `rules in-force` lists it.", metavar="RULE")]
_Who = Annotated[str, typer.Option("--as", help="Who you are; it is written into the log.", metavar="WHO")]
_Why = Annotated[str, typer.Option("--reason", help="Why, in a sentence; it is written into the log.", metavar="WHY")]
_Data = Annotated[Path | None, typer.Option(help="Data folder, instead of NIGHTLIGHT_DATA_DIR.", metavar="DIR")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


def add_to(app: typer.Typer) -> None:
    """Adds these commands to ``nightlight rules``."""
    for name, command in (
        ("in-force", in_force),
        ("changes", changes),
        ("adopt", adopt),
        ("propose", propose),
        ("approve", approve),
        ("shadow", shadow),
        ("pause", pause),
        ("roll-back", roll_back),
        ("guard", guard),
    ):
        app.command(name)(command)


def in_force(data_dir: _Data = None, as_json: _AsJson = False) -> None:
    """List the rules in force: what each may do, how much it says, how often it was right, and what waits for somebody.

    In shadow a rule's signals are written down and change nothing. Live, they count: two families of them together let
    contact policy add friction and bring a case up. "Right" is of accounts that reviewers decided about, with the
    interval of 95 %; it is a biased sample, mostly of what detection itself or a report brought up.
    """
    with open_house(data_dir=data_dir) as house:
        seen = house.rule_report.overview()
        # A command is no service: whether events are judged is for `nightlight doctor` to say.
        backtested = {line.rule.id: house.rule_desk.backtested(line.rule.id) is not None for line in seen.lines}
    if as_json:
        print_json(
            {
                "pack": seen.in_force.pack.reference,
                "change": seen.in_force.change.number or None,
                "rules": [_line_values(line, backtested[line.rule.id]) for line in seen.lines],
            }
        )
        return
    _picture(seen, backtested)


def changes(data_dir: _Data = None, as_json: _AsJson = False) -> None:
    """List every change of the rules, the newest first: what, by whom, and why."""
    with open_house(data_dir=data_dir) as house:
        found = house.rule_desk.history()
    if as_json:
        print_json([_change_values(change) for change in found])
        return
    table = Table("no", "when", "what", "rule", "by", "why")
    for change in found:
        table.add_row(
            str(change.number), _clock(change.at), change.kind.replace("_", " "), change.rule, escape(change.by),
            escape(change.note),
        )  # fmt: skip
    out.print(table)
    if not found:
        say("Nothing was changed yet: the setting NIGHTLIGHT_RULES holds.")


def adopt(
    file: Annotated[str, typer.Argument(help="Features and rules: a file or a pack.", metavar="FILE|PACK")],
    who: _Who,
    why: _Why,
    data_dir: _Data = None,
) -> None:
    """Put a file of features and rules in force. Rules that mean what they meant keep what they may do.

    Every other rule begins in shadow. A feature whose meaning is new is warming up until it has seen a whole window,
    and rules that ask for it say nothing before. Running services take it up at once.
    """
    text = pack_file(file)
    try:
        with open_house(make=True, data_dir=data_dir) as house:
            change = house.rule_desk.adopt(text, who, why)
            now = house.rule_book.in_force()
    except MalformedError as e:
        console.print(problems_picture(file, text, e.problems))
        raise
    live = sum(mode == "live" for mode in now.modes.values())
    say(f"Change {change.number}: {now.pack.reference} is in force; {live} of its {len(now.modes)} rules are live.")


def propose(rule: _Rule, who: _Who, why: _Why, data_dir: _Data = None) -> None:
    """Propose that a rule goes live. It needs a backtest of the last seven days, of the rule as it is now.

    Nothing changes until another person approves it.
    """
    with open_house(data_dir=data_dir) as house:
        change = house.rule_desk.propose_live(rule, who, why)
    say(f"Change {change.number}: it is proposed that {rule} goes live.")
    say(f"Another person approves it: nightlight rules approve {rule} --as NAME")


def approve(rule: _Rule, who: _Who, data_dir: _Data = None) -> None:
    """Let a rule go live that somebody else proposed. Its signals count from now on.

    The command believes what --as says, as it believes whoever can read the data folder; in the console both people
    sign in.
    """
    with open_house(data_dir=data_dir) as house:
        change = house.rule_desk.approve(rule, who)
    say(f"Change {change.number}: {rule} is live.")


def shadow(rule: _Rule, who: _Who, why: _Why, data_dir: _Data = None) -> None:
    """Take a rule back into shadow, or a paused one out of its pause. One person is enough."""
    with open_house(data_dir=data_dir) as house:
        change = house.rule_desk.to_shadow(rule, who, why)
    say(f"Change {change.number}: {rule} is in shadow. What it says is written down and changes nothing.")


def pause(rule: _Rule, who: _Who, why: _Why, data_dir: _Data = None) -> None:
    """Stop a rule at once. It is not looked at until somebody takes it back into shadow. One person is enough."""
    with open_house(data_dir=data_dir) as house:
        change = house.rule_desk.pause(rule, who, why)
    say(f"Change {change.number}: {rule} is paused.")


def roll_back(who: _Who, why: _Why, data_dir: _Data = None) -> None:
    """Take the last change back, at once and alone: what held before it holds again. What is paused stays paused."""
    with open_house(data_dir=data_dir) as house:
        change = house.rule_desk.roll_back(who, why)
        now = house.rule_book.in_force()
    say(f"Change {change.number}: what held after change {change.rule} holds again, {now.pack.reference}.")


def guard(
    run: Annotated[bool, typer.Option("--pause", help="Pause what is found, as the service does by itself.")] = False,
    data_dir: _Data = None,
) -> None:
    """Look for rules that went wrong: more signals in a day, or surely less often right, than their bounds allow.

    The service does so every five minutes and pauses what it finds. Ends with status 3 if there is such a rule.
    """
    with open_house(data_dir=data_dir) as house:
        found = house.rule_guard.look()
        if run:
            house.rule_guard.run()
    for one in found:
        say(f"{one.rule} ({one.mode}): {one.why}{' It is paused.' if run else ''}")
    if found:
        raise typer.Exit(EXIT_FOUND)
    say("Every rule is within its bounds.")


def _picture(seen: Overview, backtested: dict[str, bool]) -> None:
    by = f"change {seen.in_force.change.number}" if seen.in_force.change.number else "the setting NIGHTLIGHT_RULES"
    out.print(f"{seen.in_force.pack.reference} is in force, by {by}.", markup=False, soft_wrap=True)
    table = Table("rule", "may", "24 h", "30 d", "right", "backtest", "last change")
    for line in seen.lines:
        changed = line.changed
        said = f"{changed.kind.replace('_', ' ')} by {changed.by}" if changed else ""
        if line.proposed_by:
            said = f"proposed live by {line.proposed_by}: nightlight rules approve {line.rule.id}"
        table.add_row(
            line.rule.id, line.mode.value, f"{line.volume[0]:,}", f"{line.volume[2]:,}", _right(line),
            "yes" if backtested[line.rule.id] else "none", escape(said),
        )  # fmt: skip
    out.print(table)


def _right(line: RuleLine) -> str:
    share = line.precision
    if not share.whole:
        return "not measured"
    low, high = share.interval
    return f"{share.part} of {share.whole} ({low:.0%} to {high:.0%})"


def _line_values(line: RuleLine, backtested: bool) -> dict[str, object]:
    share = line.precision
    return {
        "id": line.rule.id,
        "mode": line.mode.value,
        "meaning": line.meaning,
        "signals": dict(zip(("24h", "7d", "30d"), line.volume, strict=True)),
        "precision": {"violations": share.part, "decided": share.whole, "interval": list(share.interval)},
        "proposed_by": line.proposed_by or None,
        "backtest_of_the_last_week": backtested,
        "last_change": _change_values(line.changed) if line.changed else None,
    }


def _change_values(change: RuleChange) -> dict[str, object]:
    return {
        "number": change.number,
        "at": change.at,
        "kind": change.kind.value,
        "rule": change.rule,
        "by": change.by,
        "note": change.note,
        "pack": change.pack,
    }


def _clock(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M")
