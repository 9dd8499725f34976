"""``nightlight approver``: keys of approvers, and signing on an approver's own machine."""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path
from typing import Annotated

import typer
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from nightlight.cli.files import read_bytes, read_line, write_private
from nightlight.cli.house import open_house
from nightlight.cli.output import say
from nightlight.errors import RefusedError
from nightlight.evidence.bundle.attestation import approve, fingerprint, open_attestation
from nightlight.respond.visible import visible
from nightlight.web.evidence.page import clock

app = typer.Typer(help="People whose signatures approve that evidence is handed over.", no_args_is_help=True)

_PassphraseFile = Annotated[
    Path | None, typer.Option(help="File with the key's passphrase. Left out: it is asked for.", metavar="FILE")
]


@app.command()
def keygen(
    out: Annotated[Path, typer.Option(help="Where the private key goes; the file must not exist.", metavar="FILE")],
    passphrase_file: _PassphraseFile = None,
    unprotected: Annotated[bool, typer.Option("--unprotected", help="Without a passphrase, for a machine.")] = False,
) -> None:
    """Make an approver's key, on the approver's own machine. Prints the public key, which the operator needs."""
    key = Ed25519PrivateKey.generate()
    if unprotected:
        protection: BestAvailableEncryption | NoEncryption = NoEncryption()
    else:
        passphrase = _passphrase(passphrase_file, confirm=True)
        if not passphrase:
            raise RefusedError("passphrase_empty", "The passphrase is empty.", "Or say --unprotected.")
        protection = BestAvailableEncryption(passphrase)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
            os.fsync(file.fileno())
    except OSError as e:
        raise RefusedError("file_unwritable", f"{out} cannot be written: {e.strerror}.") from None
    public = key.public_key().public_bytes_raw()
    say(f"The key is in {out}. Its fingerprint: {fingerprint(public)}. The operator adds its public half:")
    print(public.hex())  # noqa: T201


@app.command()
def sign(
    attestation: Annotated[
        Path, typer.Argument(help="What the console or `referral attestation` gave out.", metavar="FILE")
    ],
    key: Annotated[Path, typer.Option(help="Your private key.", metavar="FILE")],
    out: Annotated[
        Path | None, typer.Option(help="Write the approval here; left out: as base64 on standard output.")
    ] = None,
    passphrase_file: _PassphraseFile = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Read what an attestation says, and approve it with your key. Needs no network and no settings."""
    data = read_bytes(attestation)
    said = open_attestation(data)
    private = _load(key, passphrase_file)
    public = private.public_key().public_bytes_raw()
    mine = next((approver.name for approver in said.approvers if approver.key == public), None)
    lines = [
        f"Case {said.case_id}, decided {clock(said.decided_at)}: {said.outcome}, {said.policy}",
        f"Evidence: {len(said.messages)} messages out of {len(said.reports)} reports",
        f"Handed over to: {said.agency} (key {said.recipient})",
        f"Legal basis: {said.legal_basis}",
        f"Proposed by {said.proposed_by}, {clock(said.proposed_at)}",
        f"Signed by {said.operator.name}, key {fingerprint(said.operator.key)}",
        f"Approvals needed: {said.needed} of {', '.join(approver.name for approver in said.approvers)}",
    ]
    for line in lines:
        say(visible(line))
    if mine is None:
        raise RefusedError("not_an_approver", "Your key is not among those whose approval counts here.")
    if not yes and not typer.confirm(f"Approve this as {mine}?", err=True):
        raise RefusedError("not_approved", "Nothing was signed.")
    approval = approve(data, private)
    if out is None:
        print(base64.b64encode(approval).decode())  # noqa: T201
        return
    write_private(out, approval)
    say(f"The approval is in {out}.")


@app.command()
def add(
    name: str,
    public_key: Annotated[str, typer.Option(help="The public key that `approver keygen` printed.", metavar="HEX")],
) -> None:
    """Let somebody's signature count, on the operator's side. The same name again replaces the key."""
    try:
        key = bytes.fromhex(public_key.strip())
    except ValueError:
        key = b""
    with open_house(make=True) as house:
        house.referral_people.add_approver(name, key, by="command line")
    say(f"{name} can approve. Fingerprint, to be compared: {fingerprint(key)}")


@app.command()
def remove(name: str) -> None:
    """Let somebody's signature count no more in new referrals; what was approved stays approved."""
    with open_house() as house:
        house.referral_people.remove_approver(name, by="command line")
    say(f"{name} approves nothing new.")


@app.command("list")
def list_() -> None:
    """List the approvers and the fingerprints of their keys."""
    with open_house() as house, house.store.read() as tx:
        for approver in tx.approvers():
            print(f"{approver.name}\t{fingerprint(approver.public_key)}")  # noqa: T201


def read_approval(path: Path) -> bytes:
    """An approval from a file, binary or base64."""
    data = read_bytes(path)
    return decode_approval(data.decode("ascii")) if data.isascii() else data


def decode_approval(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise RefusedError("signature_malformed", "The approval is not base64.", "Copy all of it.") from None


def _load(path: Path, passphrase_file: Path | None) -> Ed25519PrivateKey:
    data = read_bytes(path)
    passphrase = None if b"ENCRYPTED" not in data else _passphrase(passphrase_file, confirm=False)
    try:
        key = load_pem_private_key(data, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise RefusedError(
            "key_unreadable", f"{path} cannot be opened: another passphrase, or no private key in PEM."
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise RefusedError("key_unreadable", f"{path} is no Ed25519 key.", "`nightlight approver keygen` makes one.")
    return key


def _passphrase(path: Path | None, *, confirm: bool) -> bytes:
    if path:
        return read_line(path).encode()
    return str(typer.prompt("Passphrase of the key", hide_input=True, confirmation_prompt=confirm, err=True)).encode()
