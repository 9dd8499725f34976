"""``nightlight policy explain``: why somebody reaches somebody, or does not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nightlight.cli.house import open_house
from nightlight.cli.named_policy import compiled_policy, default_policy
from nightlight.cli.output import console, say
from nightlight.cli.policy_pictures import out, path_picture, print_json
from nightlight.errors import RefusedError
from nightlight.model.account import AgeBand
from nightlight.model.contact import Approach, ContactDecision, Direction, Relation
from nightlight.prevent.policy_report import path_values
from nightlight.prevent.suppose import suppose
from nightlight.web.evidence.page import clock

_Data = Annotated[Path | None, typer.Option(help="Data folder, instead of NIGHTLIGHT_DATA_DIR.", metavar="DIR")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


def explain(
    come: Annotated[
        str, typer.Option("--from", help="Who comes: an account id, or a band to suppose.", metavar="WHO")
    ] = "",
    to: Annotated[str, typer.Option(help="Who is asked: an account id, or a band to suppose.", metavar="WHO")] = "",
    direction: Annotated[Direction, typer.Option(help="How.")] = Direction.DIRECT,
    relation: Annotated[Relation, typer.Option(help="What they are to each other, supposed.")] = Relation.STRANGER,
    fact: Annotated[
        list[str] | None,
        typer.Option(
            help="A supposed fact, such as minor_refusals=3, account_age=2d, watched or blocked. Repeat it.",
            metavar="NAME=VALUE",
        ),
    ] = None,
    loosened: Annotated[
        list[str] | None, typer.Option(help="A protection that is supposed to be loosened. Repeat it.", metavar="ID")
    ] = None,
    limit: Annotated[
        list[str] | None, typer.Option(help="What a limit is supposed to have counted. Repeat it.", metavar="ID=N")
    ] = None,
    policy: Annotated[
        str, typer.Option(help="For supposed approaches: a file or a preset; left out: NIGHTLIGHT_CONTACT_POLICY.")
    ] = "",
    decision: Annotated[str, typer.Option(help="A decision of the past, by its id.", metavar="ID")] = "",
    data_dir: _Data = None,
    as_json: _AsJson = False,
) -> None:
    """Show the path to a decision, step by step: what applied, what did not, and what it did to the outcome.

    Three ways. With two account ids: what would be decided now, from what this installation knows. With two bands: what
    a policy says to supposed facts; needs no installation. With --decision: a decision of the past, decided again from
    the facts that were kept with it; ends with status 1 if it would not be the same. None of them records anything.
    What is not supposed is quiet: an account known for a year, about which nobody complained.
    """
    bands = {band.value for band in AgeBand}
    supposed = {come, to} & bands
    if decision:
        with open_house(data_dir=data_dir) as house:
            explained = house.contact_desk.explain(decision)
        kept = explained.decided
        made = ContactDecision(
            kept.outcome, kept.reasons, kept.notices, max(0, kept.hold_until - kept.decided_at), kept.policy
        )
        if as_json:
            again = path_values(explained.facts, made, explained.steps)
            print_json({**again, "decision_id": decision, "decided_at": kept.decided_at, "same": explained.same})
        else:
            say(f"{decision}, decided {clock(kept.decided_at)}: {kept.approach.actor} → {kept.approach.target}")
            out.print(path_picture(explained.steps, made))
        if not explained.same:
            say("It does not lead to what was decided then: the record or the software changed.")
            raise typer.Exit(1)
        return
    if not come or not to:
        raise RefusedError(
            "who_missing", "Say --from and --to, or --decision.", "See: nightlight policy explain --help"
        )
    if supposed and not {come, to} <= bands:
        raise RefusedError(
            "who_mixed", "--from and --to are two bands, or two account ids.", f"Bands: {', '.join(bands)}."
        )
    if supposed:
        compiled = compiled_policy(policy or default_policy())
        known = suppose(come, to, relation, direction, fact or (), loosened=loosened or (), limits=limit or ())
        path, would = compiled.explain(known), compiled.decide(known)
    else:
        if policy or fact or loosened or limit:
            raise RefusedError("who_mixed", "Facts are supposed between bands only; accounts have their own.")
        with open_house(data_dir=data_dir) as house, console.status("Reading relations ..."):
            known, would, path = house.contact_desk.preview(Approach(come, to, direction))
    if as_json:
        print_json(path_values(known, would, path))
    else:
        out.print(path_picture(path, would))
