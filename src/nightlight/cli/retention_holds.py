"""``nightlight retention hold`` and its kin: what is held is not erased until two people let go of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from nightlight.cli.house import open_house
from nightlight.cli.output import say
from nightlight.cli.policy_pictures import out, print_json
from nightlight.cli.retention_pictures import holds_picture
from nightlight.errors import RefusedError
from nightlight.flows.holds import NewHold
from nightlight.model.hold import HoldKind, HoldScope

_Who = Annotated[str, typer.Option("--as", help="Who you are; it is written into the log.", metavar="WHO")]
_Data = Annotated[Path | None, typer.Option(help="Data folder, instead of NIGHTLIGHT_DATA_DIR.", metavar="DIR")]
_Basis = Annotated[str, typer.Option(help="The law and clause, or the order, that it rests on.")]
_Agency = Annotated[str, typer.Option(help="The agency or court it is for.")]
_Reference = Annotated[str, typer.Option(help="Their reference, such as the number of a letter.")]
_Account = Annotated[
    bool, typer.Option("--account", help="TARGET is an account: every case it is in, also of the future.")
]
_Until = Annotated[
    datetime | None,
    typer.Option(help="Last day on which it holds, UTC; left out: until two people release it.", formats=["%Y-%m-%d"]),
]


def add_to(app: typer.Typer) -> None:
    """Adds these commands to ``nightlight retention``."""
    for name, command in (
        ("hold", hold),
        ("preserve", preserve),
        ("release", release),
        ("holds", holds),
        ("events", events),
    ):
        app.command(name)(command)


def hold(
    target: Annotated[str, typer.Argument(help="A case, or with --account an account.", metavar="TARGET")],
    why: Annotated[str, typer.Option(help="Why nothing of it may go.")],
    legal_basis: _Basis,
    who: _Who,
    account: _Account = False,
    agency: _Agency = "",
    reference: _Reference = "",
    until: _Until = None,
    data_dir: _Data = None,
) -> None:
    """Place a hold on a case or an account: nothing of it is erased, whatever the rules say and whatever was announced.

    It holds from the moment this command ends. One person places a hold; it takes two to release one.
    """
    scope = HoldScope.ACCOUNT if account else HoldScope.CASE
    new = NewHold(HoldKind.LEGAL, scope, target, why, legal_basis, agency, reference, _end_of(until))
    _place(new, who, data_dir)


def preserve(
    target: Annotated[str, typer.Argument(help="A case, or with --account an account.", metavar="TARGET")],
    agency: _Agency,
    reference: _Reference,
    who: _Who,
    account: _Account = False,
    until: _Until = None,
    legal_basis: _Basis = "18 U.S.C. § 2703(f), or the law that the request names",
    data_dir: _Data = None,
) -> None:
    """Preserve a case or an account because an agency asked for it: a hold with the agency's reference.

    It does not wait for a referral and does not depend on one. Besides, the rules keep what was asked to be preserved
    for some time from the request, also when the hold is released early (`nightlight retention rules`).
    """
    scope = HoldScope.ACCOUNT if account else HoldScope.CASE
    why = f"{agency.strip()} asked that it be preserved."
    new = NewHold(HoldKind.PRESERVATION, scope, target, why, legal_basis, agency, reference, _end_of(until))
    _place(new, who, data_dir)


def release(
    hold_id: Annotated[str, typer.Argument(help="The hold, as `retention holds` lists it.", metavar="HOLD")],
    who: _Who,
    reason: Annotated[str, typer.Option(help="Propose to release it, for this reason.")] = "",
    confirm: Annotated[bool, typer.Option("--confirm", help="Release what another person proposed.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="Keep it: no to the proposal.")] = False,
    data_dir: _Data = None,
) -> None:
    """Let go of a hold, which takes two people: one proposes with --reason, another confirms with --confirm.

    The command believes what --as says, as it believes whoever can read the data folder; in the console both people
    sign in. What a hold kept goes by its rules again: it is announced first, so nothing goes at once.
    """
    if (bool(reason) + confirm + reject) != 1:
        raise RefusedError("release_unclear", "Say one of --reason, --confirm and --reject.")
    with open_house(data_dir=data_dir) as house:
        desk = house.hold_desk
        if reason:
            desk.propose_release(hold_id, who, reason)
            say(f"Proposed. It holds until another person confirms: nightlight retention release {hold_id} --confirm")
        elif confirm:
            desk.release(hold_id, who)
            say(f"Released: {hold_id} holds no longer.")
        else:
            desk.reject_release(hold_id, who)
            say(f"Rejected: {hold_id} holds as before.")


def holds(
    every: Annotated[bool, typer.Option("--all", help="Also those that were released or have lapsed.")] = False,
    data_dir: _Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """List the holds in force, the newest first: on what, why, since when, until when, and who would release them."""
    with open_house(data_dir=data_dir) as house:
        now = house.clock.now()
        found = [hold for hold in house.hold_desk.holds() if every or hold.holds(now)]
    if as_json:
        print_json([{**asdict(hold), "in_force": hold.holds(now)} for hold in found])
    else:
        out.print(holds_picture(found, now))


def events(
    account: Annotated[str, typer.Argument(help="An account under a hold.", metavar="ACCOUNT")],
    who: _Who,
    data_dir: _Data = None,
) -> None:
    """Print every event about an account under a hold as a line of JSON each, for the agency that it is held for.

    Events are metadata: who came towards whom, when, and what became of it; never content. Those that would have gone
    after NIGHTLIGHT_EVENTS_DAYS were put aside when the hold was placed before that. That you look is logged first.
    """
    with open_house(data_dir=data_dir) as house:
        for logged in house.hold_desk.events_of(account, who):
            values = {**asdict(logged.event), "fields": dict(logged.event.fields), "received_at": logged.received_at}
            print(json.dumps(values, ensure_ascii=False))  # noqa: T201


def _place(new: NewHold, who: str, data_dir: Path | None) -> None:
    with open_house(data_dir=data_dir) as house:
        placed = house.hold_desk.place(new, who)
    print(placed.hold_id)  # noqa: T201
    say(f"Held: nothing of {placed.target} goes while {placed.hold_id} holds.")


def _end_of(day: datetime | None) -> int | None:
    """The end of that day."""
    return None if day is None else int((day.replace(tzinfo=UTC) + timedelta(days=1)).timestamp() * 1000)
