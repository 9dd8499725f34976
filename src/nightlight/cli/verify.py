"""``nightlight verify``: what a bundle proves, on any machine, without a network and without any setting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from nightlight.adapters.age import is_sealed, unseal
from nightlight.cli.files import read_bytes, write_private
from nightlight.cli.output import say
from nightlight.errors import RefusedError
from nightlight.evidence.bundle.attestation import fingerprint
from nightlight.evidence.bundle.container import read_members
from nightlight.evidence.bundle.files import open_file
from nightlight.evidence.bundle.report import BundleReport, Held
from nightlight.evidence.bundle.trust import NO_TRUST, Trust
from nightlight.evidence.bundle.verify import verify_bundle
from nightlight.hazmat import strict_json
from nightlight.model.verdict import EXPLANATIONS, Code
from nightlight.respond.visible import visible
from nightlight.web.evidence.page import carried, clock, evidence_page, found, gap, relation, said, whose


def command(
    bundle: Annotated[Path, typer.Argument(help="The bundle, sealed or open.", metavar="BUNDLE")],
    identity: Annotated[
        Path | None,
        typer.Option(help="Your age identity (as `age-keygen` writes it), if the bundle is sealed.", metavar="FILE"),
    ] = None,
    trust: Annotated[
        Path | None,
        typer.Option(help="Keys that the operator published, as `nightlight referral trust` prints.", metavar="FILE"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, for machines.")] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write one page to read and print to this file.", metavar="FILE")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the opened bundle to this file, once it is verified.", metavar="FILE")
    ] = None,
    files: Annotated[
        Path | None,
        typer.Option(help="Write the attached files that are in the bundle, opened, to this folder.", metavar="DIR"),
    ] = None,
    messages: Annotated[bool, typer.Option(help="Show what the messages say.")] = True,
) -> None:
    """Check an evidence bundle: step by step what is proven, by whom, when, and what is not.

    Works offline, on a machine that knows nothing. Ends with status 0 only if every check held, and names the first
    that did not. Without --trust the operator's key is taken from the bundle: compare its fingerprint with the one the
    operator published.
    """
    try:
        data = _opened(read_bytes(bundle), identity)
        report = verify_bundle(data, _trust(trust) if trust else NO_TRUST)
    except RefusedError as e:
        if as_json:
            print(json.dumps({"verified": False, "code": e.code, "message": e.message, "hint": e.hint}))  # noqa: T201
            raise typer.Exit(1) from None
        raise RefusedError(e.code, f"NOT VERIFIED. {e.message} [{e.code}]", e.hint) from None
    if out:
        write_private(out, data)
    if files:
        _write_files(report, data, files)
    if html:
        write_private(html, evidence_page(report, messages=messages).encode())
    if as_json:
        print(json.dumps(to_json(report, messages=messages), indent=2, ensure_ascii=False))  # noqa: T201
    else:
        _show(report, messages=messages)
    if html and not as_json:
        say(f"The page is in {html}.")


def to_json(report: BundleReport, *, messages: bool) -> dict[str, Any]:
    """The report for machines. Bytes are hexadecimal, times milliseconds since 1970, UTC."""
    attestation = report.attestation
    return {
        "verified": True,
        "sha256": report.sha256,
        "bundle_id": attestation.bundle_id,
        "case_id": attestation.case_id,
        "operator": {
            "name": attestation.operator.name,
            "key": attestation.operator.key.hex(),
            "fingerprint": fingerprint(attestation.operator.key),
            "trusted": report.pinned,
        },
        "homeserver": attestation.homeserver,
        "agency": attestation.agency,
        "legal_basis": attestation.legal_basis,
        "approved_by": list(report.approved_by),
        "approvals_needed": attestation.needed,
        "decision": report.decision,
        "reports": list(report.reports),
        "messages": [
            {
                "number": shown.number,
                "event_id": shown.event_id,
                "proven": shown.message is not None,
                "code": shown.code,
                "sender": shown.sender,
                "sent_at": shown.sent_at,
                "role": shown.role,
                "own": shown.own,
                "omitted_before": shown.omitted,
                "relation": {"kind": shown.relation[0], "event_id": shown.relation[1]} if shown.relation else None,
                "server_signature": shown.server_signature or None,
                **({"content": shown.message.content if shown.message else shown.raw} if messages else {}),
            }
            for shown in report.messages
        ],
        "files": [
            {
                "message": file.number,
                "event_id": file.event_id,
                "code": file.code or None,
                "ciphertext_sha256": file.ciphertext,
                "size": file.digests.size if file.digests else None,
                "sha256": file.digests.sha256.hex() if file.digests else None,
                "sha1": file.digests.sha1.hex() if file.digests else None,
                "md5": file.digests.md5.hex() if file.digests else None,
                "list": file.match,
                "in_bundle": file.member,
                "proven": file.proven,
            }
            for file in report.files
        ],
        "timestamp": {"at": report.stamp.at, "authority": report.stamp.authority, "trusted": report.stamp.trusted}
        if report.stamp
        else None,
        "log": {"key": attestation.log_key, "size": attestation.log_size, "root": attestation.log_root.hex()},
        "steps": [
            {"name": step.name, "held": step.held is Held.YES, "proves": step.proves, "source": step.source}
            for step in report.steps
        ],
        "not_proven": list(report.not_proven),
    }


def _write_files(report: BundleReport, data: bytes, folder: Path) -> None:
    """No name that a sender chose becomes a name here, and nothing that is there already is overwritten."""
    members = read_members(data)
    said_by = {shown.number: shown.message for shown in report.messages}
    try:
        folder.mkdir(mode=0o700, parents=True)
    except OSError as e:
        raise RefusedError("file_unwritable", f"{folder} cannot be made: {e.strerror}.", "Name a new folder.") from None
    for number, file in enumerate(report.files, 1):
        message = said_by[file.number]
        if file.member and message:
            path = folder / f"message-{file.number:04d}-file-{number}.bin"
            write_private(path, open_file(message, file, members[file.member]))
            say(f"{path}: the file of message {file.number}. Its kind and its name are claims; look into the message.")


def _show(report: BundleReport, *, messages: bool) -> None:
    console = Console(highlight=False)  # on standard output: this is what was asked for
    attestation = report.attestation
    for number, step in enumerate(report.steps, 1):
        sign = "[green]✓[/]" if step.held is Held.YES else "[yellow]–[/]"
        console.print(f"{sign} {number}. [bold]{escape(step.name)}[/]")
        console.print(f"     {escape(visible(step.proves))}", style="dim")
    console.print("\n[bold]The messages[/]")
    numbers = {shown.event_id: shown.number for shown in report.messages}
    for shown in report.messages:
        if gap(shown):
            console.print(f"     ({gap(shown)})", style="dim")
        related = relation(shown, numbers)
        own = "written by the person who reported" if shown.own else ""
        marks = [shown.role, *(mark for mark in (own, related) if mark)]
        head = f"{shown.number}. {visible(shown.sender)}, {clock(shown.sent_at)} ({', '.join(marks)})"
        console.print(escape(head), soft_wrap=True)
        if shown.message is None:
            console.print(f"     NOT PROVEN: {EXPLANATIONS[Code(shown.code)]}", style="bold yellow")
        if messages:
            text = said(shown) or carried(shown) or "(no text)"
            console.print("     " + escape(visible(text)).replace("\n", "\n     "), style="yellow", soft_wrap=True)
    if report.files:
        console.print("\n[bold]Attached files[/]")
    for file in report.files:
        console.print(f"Of message {file.number}: {found(file)}")
        if file.digests:
            console.print(f"     {file.digests.size:,} bytes, digests {whose(file)}", style="dim")
            for name in ("sha256", "sha1", "md5"):
                console.print(f"     {name} {getattr(file.digests, name).hex()}", style="dim", soft_wrap=True)
    console.print("\n[bold]What was reported[/]")
    for told in report.reports:
        who = told["reporter"] or "somebody who could not be confirmed"
        what = f"{len(told['messages'])} of these messages as {told['category']}, {clock(told['received_at'])}"
        console.print(escape(visible(f"{who} reported {what}")), soft_wrap=True)
        if messages and told["note"]:
            console.print("     " + escape(visible(told["note"])).replace("\n", "\n     "), style="dim", soft_wrap=True)
    console.print("\n[bold]Decision[/]")
    decision = report.decision
    console.print(
        escape(visible(f"{decision['outcome']}: {decision['policy_title']}, {clock(attestation.decided_at)}"))
    )
    console.print(escape(visible(f"Handed to {attestation.agency} on the basis of: {attestation.legal_basis}")))
    by = f"by {attestation.operator.name}, proposed by {attestation.proposed_by}"
    console.print(escape(visible(f"Attested {clock(attestation.proposed_at)} {by}")))
    console.print(escape(visible(f"Approved by {', '.join(report.approved_by)}")))
    if report.stamp:
        console.print(escape(visible(f"Time-stamped {clock(report.stamp.at)} by {report.stamp.authority}")))
    console.print("\n[bold]Not proven[/]")
    for item in report.not_proven:
        console.print(f"  – {escape(visible(item))}")
    proven = sum(shown.message is not None for shown in report.messages)
    of = f"{proven} of {len(report.messages)} messages proven"
    console.print(f"\n[bold green]VERIFIED[/] {of}, file {report.sha256}", soft_wrap=True)


def _opened(data: bytes, identity: Path | None) -> bytes:
    if not is_sealed(data):
        return data
    if identity is None:
        raise RefusedError(
            "identity_missing",
            "The bundle is sealed for one agency.",
            "Give that agency's age identity: --identity FILE.",
        )
    lines = read_bytes(identity).decode("utf-8", "replace").splitlines()
    return unseal(data, [line for line in lines if line.strip() and not line.startswith("#")])


def _trust(path: Path) -> Trust:
    """``{"operators": [hex], "log_keys": [text], "stamp_roots": [PEM]}``; every part may be left out."""
    value = strict_json.loads(read_bytes(path), depth_max=4)
    try:
        if not isinstance(value, dict) or not value.keys() <= {"operators", "log_keys", "stamp_roots"}:
            raise ValueError("other fields")
        operators = tuple(bytes.fromhex(key) for key in value.get("operators", []))
        log_keys = tuple(str(key) for key in value.get("log_keys", []))
        roots = tuple(pem.encode() for pem in value.get("stamp_roots", []))
        if not operators or any(len(key) != 32 for key in operators):
            raise ValueError("no operator's key")
    except (ValueError, TypeError, AttributeError):
        raise RefusedError(
            "trust_malformed",
            f"{path} does not hold the keys that an operator publishes.",
            "`nightlight referral trust` prints them, on the operator's side.",
        ) from None
    return Trust(operators, log_keys, roots)
