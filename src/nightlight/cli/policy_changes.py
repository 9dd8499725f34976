"""``nightlight policy propose`` and its kin: changing the policy in force takes two people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from nightlight.cli.data import policy_file
from nightlight.cli.house import open_house
from nightlight.cli.output import console, say
from nightlight.cli.policy_pictures import out, policy_picture, print_json, problems_picture
from nightlight.flows.policy_book import InForce
from nightlight.hazmat.strict_yaml import MalformedError
from nightlight.model.contact_policy import PolicyChange

#: Something in the database is not as the people left it.
EXIT_TAMPERED = 3

_Number = Annotated[int, typer.Argument(help="Number of the change, as `policy changes` lists it.", min=1)]
_Who = Annotated[str, typer.Option("--as", help="Who you are; it is written into the log.", metavar="WHO")]
_Data = Annotated[Path | None, typer.Option(help="Data folder, instead of NIGHTLIGHT_DATA_DIR.", metavar="DIR")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


def add_to(app: typer.Typer) -> None:
    """Adds these commands to ``nightlight policy``."""
    for name, command in (
        ("propose", propose),
        ("approve", approve),
        ("reject", reject),
        ("roll-back", roll_back),
        ("changes", changes),
        ("in-force", in_force),
    ):
        app.command(name)(command)


def propose(
    file: Annotated[str, typer.Argument(help="The policy: a file or a preset.", metavar="FILE|PRESET")],
    note: Annotated[str, typer.Option(help="Why this is changed; the second person reads it.")],
    who: _Who,
    share: Annotated[int, typer.Option(help="For how many of a hundred accounts it will hold.", min=1, max=100)] = 100,
    data_dir: _Data = None,
) -> None:
    """Propose a policy. Nothing changes until another person approves it.

    To let a policy that holds for a share hold for more, propose the same file again with a greater share.
    """
    text = policy_file(file)
    try:
        with open_house(make=True, data_dir=data_dir) as house:
            change, checked = house.policy_desk.propose(text, share, note, who)
    except MalformedError as e:
        console.print(problems_picture(file, text, e.problems))
        raise
    if checked.warnings:
        console.print(problems_picture(file, text, checked.warnings))
    say(f"Change {change.number} is proposed: {checked.policy.reference} for {share} of 100 accounts.")
    say(f"Another person approves it: nightlight policy approve {change.number} --as NAME")


def approve(number: _Number, who: _Who, data_dir: _Data = None) -> None:
    """Put a proposal in force. Whoever proposed it cannot approve it. Running services take it up at once.

    The command believes what --as says, as it believes whoever can read the data folder; in the console both people
    sign in.
    """
    with open_house(data_dir=data_dir) as house:
        change = house.policy_desk.approve(number, who)
        _say_in_force(house.policy_book.in_force())
    say(f"Change {number} is approved for {change.share} of 100 accounts.")


def reject(number: _Number, who: _Who, data_dir: _Data = None) -> None:
    """Reject a proposal. One's own, too: that withdraws it."""
    with open_house(data_dir=data_dir) as house:
        house.policy_desk.reject(number, who)
    say(f"Change {number} is rejected.")


def roll_back(number: _Number, who: _Who, data_dir: _Data = None) -> None:
    """Take a change back that is in force, at once and alone: what held before it holds again."""
    with open_house(data_dir=data_dir) as house:
        house.policy_desk.roll_back(number, who)
        _say_in_force(house.policy_book.in_force())
    say(f"Change {number} is taken back.")


def changes(data_dir: _Data = None, as_json: _AsJson = False) -> None:
    """List every change that was ever proposed, the newest first, with its state and its people."""
    with open_house(data_dir=data_dir) as house:
        found = house.policy_desk.changes()
        problems = house.policy_book.problems()
    if as_json:
        print_json([_values(change) for change in found])
    else:
        table = Table("no", "state", "share", "policy", "proposed by", "decided by", "note")
        for change in found:
            table.add_row(
                str(change.number), change.state.replace("_", " "), f"{change.share} %", change.digest[:16],
                escape(change.proposed_by), escape(change.decided_by or ""), escape(change.note),
            )  # fmt: skip
        out.print(table)
    _complain(problems)


def in_force(
    show: Annotated[bool, typer.Option("--show", help="Show the policy as a matrix, too.")] = False,
    data_dir: _Data = None,
    as_json: _AsJson = False,
) -> None:
    """Say which policy holds now, for how many, and whether anything in the database is not as people left it.

    Ends with status 3 if a change, a signature or a policy's text was altered, removed or put back in the database.
    What two people last approved stays in force meanwhile.
    """
    with open_house(data_dir=data_dir) as house:
        now = house.policy_book.in_force()
        problems = house.policy_book.problems()
    if as_json:
        print_json(
            {
                "policy": now.newest.reference,
                "share": now.share,
                "change": now.change or None,
                "before": now.before.reference if now.share < 100 else None,
                "problems": list(problems),
            }
        )
    else:
        _say_in_force(now)
        if show:
            out.print(policy_picture(now.newest))
    _complain(problems)


def _say_in_force(now: InForce) -> None:
    by = f"change {now.change}" if now.change else "the setting NIGHTLIGHT_CONTACT_POLICY"
    out.print(f"{now.newest.reference} holds for {now.share} of 100 accounts, by {by}.", markup=False, soft_wrap=True)
    if now.share < 100:
        out.print(f"{now.before.reference} holds for the others.", markup=False, soft_wrap=True)


def _complain(problems: tuple[str, ...]) -> None:
    for problem in problems:
        console.print(f"NOT AS IT WAS LEFT: {problem}", style="bold red", markup=False, soft_wrap=True)
    if problems:
        say("What two people last approved stays in force. Find out who could write to the database.")
        raise typer.Exit(EXIT_TAMPERED)


def _values(change: PolicyChange) -> dict[str, object]:
    return {
        "number": change.number,
        "state": change.state.value,
        "share": change.share,
        "digest": change.digest,
        "note": change.note,
        "proposed_by": change.proposed_by,
        "proposed_at": change.proposed_at,
        "decided_by": change.decided_by,
        "decided_at": change.decided_at,
    }
