"""``nightlight agency`` and ``nightlight referral``: who is given evidence, and handing it over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from nightlight.adapters.age import check_recipient
from nightlight.cli import tipline
from nightlight.cli.approver import read_approval
from nightlight.cli.files import read_bytes, write_private, writing_private
from nightlight.cli.house import open_house
from nightlight.cli.output import say
from nightlight.model.draft import AgencyKind
from nightlight.web.evidence.page import clock

agency_app = typer.Typer(help="Agencies that may be given evidence.", no_args_is_help=True)
app = typer.Typer(help="What decided cases tell an agency, and the way there.", no_args_is_help=True)
tipline.register(app)


@agency_app.command("add")
def agency_add(
    name: str,
    recipient: Annotated[
        str, typer.Option(help="The agency's age recipient, age1...; not needed for ncmec and iwf.", metavar="AGE")
    ] = "",
    kind: Annotated[
        AgencyKind, typer.Option(help="How it is told: the CyberTipline, the NCA's form, the IWF's form, or a package.")
    ] = AgencyKind.POLICE,
) -> None:
    """Add an agency, with the public key that its files are sealed to. The same name again replaces kind and key."""
    if recipient:
        check_recipient(recipient)
    with open_house(make=True) as house:
        house.referral_people.add_agency(name, recipient, "command line", kind)
    seal = f" Compare its key with the agency by another way: {recipient}" if recipient else ""
    say(f"Cases can be referred to {name}.{seal}")


@agency_app.command("remove")
def agency_remove(name: str) -> None:
    """Refer nothing new to an agency."""
    with open_house() as house:
        house.referral_people.remove_agency(name, by="command line")
    say(f"Nothing new is referred to {name}.")


@agency_app.command("list")
def agency_list() -> None:
    """List the agencies and their keys."""
    with open_house() as house, house.store.read() as tx:
        for agency in tx.agencies():
            print(f"{agency.name}\t{agency.kind}\t{agency.recipient}")  # noqa: T201


@app.command("list")
def list_() -> None:
    """List the referrals: id, state, approvals, case, agency, when."""
    with open_house() as house, house.store.read() as tx:
        for item in tx.referrals():
            given = f"{len(item.approvals)}/{item.needed}"
            row = (item.referral_id, item.state, given, item.case_id, item.agency.name, clock(item.proposed_at))
            print("\t".join(row))  # noqa: T201


@app.command()
def attestation(
    referral_id: str,
    out: Annotated[Path, typer.Option(help="Where it goes.", metavar="FILE")],
) -> None:
    """Write out what approvers sign; `nightlight approver sign` reads it to them."""
    with open_house() as house:
        write_private(out, house.referrer.referral(referral_id).attestation)


@app.command()
def approve(
    referral_id: str,
    approval: Annotated[Path, typer.Argument(help="What `approver sign` made.", metavar="FILE")],
) -> None:
    """Add an approver's signature to a referral."""
    with open_house() as house:
        referral = house.referrer.approve(referral_id, read_approval(approval))
    say(f"{len(referral.approvals)} of {referral.needed} approvals.")


@app.command()
def export(
    referral_id: str,
    out: Annotated[Path, typer.Option(help="Where the sealed bundle goes.", metavar="FILE")],
) -> None:
    """Write the bundle, sealed to the agency, once enough people approved it. Every export stands in the log."""
    with open_house() as house:
        handed = house.referrer.export(referral_id, "command line")
    write_private(out, handed.data)
    say(f"{out}: sealed for the agency. With its identity: nightlight verify {out} --identity FILE")


_Who = Annotated[str, typer.Option("--as", help="Who you are; it is written into the log.", metavar="WHO")]


@app.command()
def package(
    referral_id: str,
    out: Annotated[Path, typer.Option(help="Where the package goes.", metavar="FILE")],
    who: _Who,
) -> None:
    """Write the package of a referral that was signed off, for an agency that has no reporting service.

    It holds the report as PDF and JSON, the messages, the files as they were sent and, once approvers signed one, the
    evidence bundle; sealed to the agency's key. For the IWF it holds the fields of its form alone, and is not sealed.
    Every package taken stands in the log. Say `nightlight referral arrived` when the agency has it.
    """
    with open_house() as house, writing_private(out) as file:
        handed = house.hand_over_desk.take(referral_id, who, file)
    without = "" if handed.with_bundle else " No evidence bundle goes along: none was signed for this agency."
    say(f"{out}: SHA-256 {handed.sha256.hex()}.{without}")


@app.command()
def arrived(
    referral_id: str,
    reference: Annotated[str, typer.Option(help="What the agency calls it.", metavar="TEXT")],
    who: _Who,
) -> None:
    """Say that the agency has a package, and by which number. Until then the referral counts as under way."""
    with open_house() as house:
        house.hand_over_desk.arrived(referral_id, who, reference)
    say(f"{referral_id}: the agency has it.")


@app.command()
def trust() -> None:
    """Print the keys that those who check our bundles should know. Publish them, and let agencies compare."""
    with open_house() as house:
        key = house.operator.key.public_key().public_bytes_raw().hex()
        known = {"operators": [key], "log_keys": [house.log_signer.key.text]}
        if root := house.settings.timestamp_root_file:
            known["stamp_roots"] = [read_bytes(root).decode("ascii", "replace")]
    print(json.dumps(known, indent=2))  # noqa: T201
