"""Agencies, approvers and referrals as people type them: on the operator's side, and on an approver's own machine."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from nightlight.evidence.bundle.attestation import fingerprint, open_approval, open_attestation
from nightlight.evidence.bundle.contents import ATTESTATION
from tests.bundles import BundleMaker, key
from tests.cli.conftest import Run


@pytest.fixture
def attestation(tmp_path: Path) -> Path:
    path = tmp_path / "case.attestation"
    path.write_bytes(BundleMaker().members()[ATTESTATION])
    return path


def key_file(path: Path, name: str) -> Path:
    path.write_bytes(key(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def test_a_key_is_made_for_one_person_and_never_overwritten(run: Run, tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("a passphrase")
    out = tmp_path / "alex.key"
    done = run("approver", "keygen", "--out", str(out), "--passphrase-file", str(secret))
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    made = load_pem_private_key(out.read_bytes(), b"a passphrase")
    assert isinstance(made, Ed25519PrivateKey)
    public = made.public_key().public_bytes_raw()
    assert done.stdout.strip() == public.hex()
    assert fingerprint(public) in " ".join(done.stderr.split())
    before = out.read_bytes()
    again = run("approver", "keygen", "--out", str(out), "--unprotected")
    assert (again.returncode, "cannot be written" in again.stderr, out.read_bytes()) == (1, True, before)
    secret.write_text("")
    assert "--unprotected" in run("approver", "keygen", "--out", "x", "--passphrase-file", str(secret)).stderr


def test_an_approver_reads_what_they_sign_and_may_say_no(run: Run, attestation: Path, tmp_path: Path) -> None:
    mine = key_file(tmp_path / "alex.key", "alex")
    no = run("approver", "sign", str(attestation), "--key", str(mine), given="n\n")
    assert (no.returncode, no.stdout.strip()) == (1, "")
    assert "Nothing was signed" in no.stderr
    for said in (
        "Handed over to: Example Agency",
        "Legal basis: an example of a legal basis",
        "2 of alex, billie, charlie",
    ):
        assert said in no.stderr
    yes = run("approver", "sign", str(attestation), "--key", str(mine), given="y\n")
    assert yes.returncode == 0
    data = attestation.read_bytes()
    approver = open_approval(data, base64.b64decode(yes.stdout), open_attestation(data).approvers)
    assert approver.name == "alex"
    out = tmp_path / "it.approval"
    assert run("approver", "sign", str(attestation), "--key", str(mine), "--out", str(out), "--yes").returncode == 0
    assert out.read_bytes() == base64.b64decode(yes.stdout)


def test_keys_that_do_not_count_sign_nothing(run: Run, attestation: Path, tmp_path: Path) -> None:
    stranger = key_file(tmp_path / "stranger.key", "stranger")
    done = run("approver", "sign", str(attestation), "--key", str(stranger), "--yes")
    assert (done.returncode, done.stdout, "not among those whose approval counts" in done.stderr) == (1, "", True)
    other = tmp_path / "rsa.key"
    made = rsa.generate_private_key(65537, 2048)
    other.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "text").write_text("no key")
    for path in (other, tmp_path / "text", attestation):
        done = run("approver", "sign", str(attestation), "--key", str(path), "--yes")
        assert (done.returncode, "Traceback" in done.stderr) == (1, False)
        assert "cannot be opened" in done.stderr or "no Ed25519 key" in done.stderr
    spoilt = bytearray(attestation.read_bytes())
    spoilt[200] ^= 1
    attestation.write_bytes(spoilt)
    done = run("approver", "sign", str(attestation), "--key", str(key_file(tmp_path / "a.key", "alex")), "--yes")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr


def test_the_operators_side_lists_what_it_was_told(run: Run, tmp_path: Path) -> None:
    settings = {"NIGHTLIGHT_HOMESERVER_URL": "http://127.0.0.1:9", "NIGHTLIGHT_SERVER_NAME": "town.example"}
    token = tmp_path / "token"
    token.write_text("t")
    settings |= {"NIGHTLIGHT_HOMESERVER_TOKEN_FILE": str(token), "NIGHTLIGHT_MODULE_SECRET_FILE": str(token)}
    agency = pyrage.x25519.Identity.generate()
    assert run("agency", "list", **settings).returncode == 1  # there is no database yet, and none is made by looking
    added = run("agency", "add", "Example Agency", "--recipient", str(agency.to_public()), **settings)
    assert added.returncode == 0, added.stderr
    assert run("agency", "list", **settings).stdout == f"Example Agency\tpolice\t{agency.to_public()}\n"
    refused = run("agency", "add", "Other", "--recipient", str(agency), **settings)
    assert (refused.returncode, "not an age recipient" in refused.stderr) == (1, True)
    assert str(agency) not in refused.stderr
    public = key("alex").public_key().public_bytes_raw()
    assert run("approver", "add", "alex", "--public-key", public.hex(), **settings).returncode == 0
    assert run("approver", "list", **settings).stdout == f"alex\t{fingerprint(public)}\n"
    for wrong in ("", "zz", public.hex()[2:]):
        assert run("approver", "add", "kim", "--public-key", wrong, **settings).returncode == 1
    # One key under two names would make one person two.
    assert run("approver", "add", "kim", "--public-key", public.hex(), **settings).returncode == 1
    trust = json.loads(run("referral", "trust", **settings).stdout)
    assert len(bytes.fromhex(trust["operators"][0])) == 32
    assert trust["log_keys"][0].startswith("town.example")
    assert run("referral", "list", **settings).stdout == ""
    for command in (["attestation", "none", "--out", "x"], ["export", "none", "--out", "x"]):
        done = run("referral", *command, **settings)
        assert (done.returncode, "There is no such referral" in done.stderr) == (1, True), done.stderr
    assert run("agency", "remove", "Example Agency", **settings).returncode == 0
    assert run("approver", "remove", "alex", **settings).returncode == 0
    assert run("agency", "list", **settings).stdout + run("approver", "list", **settings).stdout == ""
    assert run("log", "verify", **settings).returncode == 0
