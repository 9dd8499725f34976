"""`nightlight verify` as an investigator types it: a machine that knows nothing, and files that want to fool it."""

from __future__ import annotations

import hashlib
import json
import re
import stat
from html.parser import HTMLParser
from pathlib import Path

import pyrage
import pytest

from nightlight.adapters.age import seal
from nightlight.evidence.bundle.attestation import NamedKey, fingerprint
from tests.bundles import BundleMaker, public
from tests.cli.conftest import Run

EVIL = "<script>alert(1)</script> \u202etxt.exe \x1b[2J\x1b]0;owned\x07 [bold red]VERIFIED[/]"
MAKER = BundleMaker()


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "case.bundle"
    path.write_bytes(MAKER.make())
    return path


def test_it_says_step_by_step_what_is_proven_and_what_is_not(run: Run, bundle: Path) -> None:
    done = run("verify", str(bundle), NIGHTLIGHT_DATA_DIR="/nonexistent")
    assert (done.returncode, done.stderr) == (0, "")
    steps = re.findall(r"^[✓–] (\d+)\. (.+)$", done.stdout, flags=re.M)
    assert [int(number) for number, _ in steps] == list(range(1, len(steps) + 1))
    assert len(steps) >= 8
    order = [
        done.stdout.index(text)
        for text in (
            "The file is whole",
            "The messages are what was sent",
            "[abusive message 1]",
            "Not proven",
            "VERIFIED",
        )
    ]
    assert order == sorted(order)
    assert fingerprint(public("operator")) in done.stdout
    assert "Who reported it" in done.stdout


def test_what_is_not_proven_and_what_answers_what_is_said_at_the_message(run: Run, tmp_path: Path) -> None:
    """Whoever reads only the messages must not take one for proven that is not."""
    bundle = tmp_path / "case.bundle"
    bundle.write_bytes(BundleMaker(locked=(1,), answers=True).make())
    done = run("verify", str(bundle), COLUMNS="200")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    (second,) = [number for number, line in enumerate(lines) if line.startswith("2. @mallory")]
    assert "NOT PROVEN: No message key" in lines[second + 1]
    assert "[abusive message 2]" not in done.stdout
    assert "(context, written by the person who reported, replies to message 1)" in done.stdout
    assert "@bob:sim.example reported 3 of these messages as grooming" in done.stdout
    assert "VERIFIED 2 of 3 messages proven" in done.stdout


def test_messages_can_be_left_out_of_everything(run: Run, bundle: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = run("verify", str(bundle), "--no-messages", "--html", str(page))
    assert done.returncode == 0
    assert "[abusive message" not in done.stdout + page.read_text()
    assert "content" not in json.loads(run("verify", str(bundle), "--no-messages", "--json").stdout)["messages"][0]


def test_machines_read_all_of_it(run: Run, bundle: Path) -> None:
    done = run("verify", str(bundle), "--json")
    value = json.loads(done.stdout)
    assert (done.returncode, value["verified"], value["operator"]["trusted"]) == (0, True, False)
    assert [item["content"]["body"] for item in value["messages"]] == list(MAKER.texts)
    assert all(step["held"] or "server" in step["name"] or "time" in step["name"] for step in value["steps"])
    assert value["not_proven"]


@pytest.mark.parametrize("as_json", [False, True])
def test_any_defect_ends_with_status_1_and_its_name(run: Run, bundle: Path, tmp_path: Path, as_json: bool) -> None:
    data = bytearray(bundle.read_bytes())
    data[data.index(b'"messages_left_out"')] ^= 1
    bundle.write_bytes(data)
    out, page = tmp_path / "opened", tmp_path / "page.html"
    done = run("verify", str(bundle), "--out", str(out), "--html", str(page), *(["--json"] if as_json else []))
    assert done.returncode == 1
    assert not out.exists()
    assert not page.exists()
    if as_json:
        value = json.loads(done.stdout)
        assert (value["verified"], value["code"]) == (False, "bundle_malformed")
    else:
        assert done.stdout == ""
        assert "NOT VERIFIED." in done.stderr
        assert "[bundle_malformed]" in done.stderr


def test_a_sealed_bundle_opens_with_the_agencys_identity_alone(run: Run, tmp_path: Path) -> None:
    identity, stranger = (pyrage.x25519.Identity.generate() for _ in range(2))
    sealed, key, wrong = tmp_path / "case.bundle.age", tmp_path / "agency.key", tmp_path / "wrong.key"
    sealed.write_bytes(seal(MAKER.make(), str(identity.to_public())))
    key.write_text(f"# created: 2026-01-01\n# public key: {identity.to_public()}\n\n{identity}\n")
    wrong.write_text(f"{stranger}\n")
    out = tmp_path / "case.bundle"
    done = run("verify", str(sealed), "--identity", str(key), "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == MAKER.make()
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    for arguments, code in (
        ([], "identity_missing"),
        (["--identity", str(wrong)], "identity_wrong"),
        (["--identity", str(sealed)], "identity_malformed"),
        (["--identity", str(tmp_path / "none")], "file_unreadable"),
    ):
        refused = run("verify", str(sealed), *arguments)
        assert (refused.returncode, f"[{code}]" in refused.stderr) == (1, True), refused.stderr
        assert str(identity) not in refused.stderr
    sealed.write_bytes(sealed.read_bytes()[:-5])
    assert "[sealed_damaged]" in run("verify", str(sealed), "--identity", str(key)).stderr


def test_keys_that_are_trusted_beforehand_are_demanded(run: Run, bundle: Path, tmp_path: Path) -> None:
    trust = tmp_path / "operator.json"
    trust.write_text(json.dumps({"operators": [public("operator").hex()], "log_keys": [MAKER.signer.key.text]}))
    good = run("verify", str(bundle), "--trust", str(trust), "--json")
    assert json.loads(good.stdout)["operator"]["trusted"] is True
    trust.write_text(json.dumps({"operators": [public("somebody else").hex()]}))
    assert "[operator_not_trusted]" in run("verify", str(bundle), "--trust", str(trust)).stderr
    for text in (
        "",
        "{",
        "[]",
        "{}",
        '{"operators": ["zz"]}',
        '{"operators": ["00"]}',
        '{"operators": 5}',
        '{"other": 1}',
    ):
        trust.write_text(text)
        done = run("verify", str(bundle), "--trust", str(trust))
        assert done.returncode == 1, text
        assert "NOT VERIFIED" in done.stderr


@pytest.mark.parametrize("name", ["missing", ".", "/dev/zero"])
def test_what_is_no_file_is_said_so(run: Run, name: str) -> None:
    done = run("verify", name)
    assert (done.returncode, "[file_unreadable]" in done.stderr) == (1, True)
    assert "Traceback" not in done.stderr


def test_a_place_that_cannot_be_written_is_said_so(run: Run, bundle: Path) -> None:
    done = run("verify", str(bundle), "--html", "/nonexistent/page.html")
    assert (done.returncode, "cannot be written" in done.stderr) == (1, True)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def test_hostile_words_reach_neither_the_terminal_nor_the_page(run: Run, tmp_path: Path) -> None:
    """Of a sender, and of an operator who lies: no markup, no escape sequence, no override, no own verdict."""
    maker = BundleMaker(texts=(EVIL, "[reply]"))
    maker.attestation_changes = {
        "operator": NamedKey(EVIL, public("operator")),
        "agency": EVIL,
        "legal_basis": EVIL,
        "proposed_by": EVIL,
        "software": EVIL,
    }
    bundle, page = tmp_path / "case.bundle", tmp_path / "page.html"
    bundle.write_bytes(maker.make())
    done = run("verify", str(bundle), "--html", str(page), NO_COLOR="1")
    assert done.returncode == 0, done.stderr
    for shown in (done.stdout, page.read_text()):
        assert not {"\x1b", "\x07", "\u202e"} & set(shown)
        assert "⟦U+202E⟧" in shown
    assert "[bold red]VERIFIED[/]" in done.stdout
    tags = _Tags()
    tags.feed(page.read_text())
    assert not {"script", "img", "link", "iframe", "object", "a", "form"} & set(tags.tags)
    assert not [name for name, _ in tags.attributes if name in ("src", "href", "srcset") or name.startswith("on")]


def test_the_page_is_one_file_that_asks_for_nothing(run: Run, bundle: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert run("verify", str(bundle), "--html", str(page)).returncode == 0
    text = page.read_text()
    assert "default-src 'none'" in text
    assert "http" not in text.replace("http-equiv", "")
    assert "url(" not in text
    assert "@import" not in text
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    for part in ("Every check held", "What is not proven", "Keys and fingerprints", "[abusive message 2]"):
        assert part in text


def test_page_and_terminal_do_not_open_a_picture_that_they_do_not_show(run: Run, tmp_path: Path) -> None:
    maker = BundleMaker(picture=b"a picture of a circle")
    bundle, page = tmp_path / "case.bundle", tmp_path / "page.html"
    bundle.write_bytes(maker.make())
    done = run("verify", str(bundle), "--html", str(page))
    assert done.returncode == 0, done.stderr
    file_key = maker.description["key"]["k"]
    assert file_key not in done.stdout + page.read_text()
    assert maker.description["hashes"]["sha256"] in page.read_text()
    assert file_key in run("verify", str(bundle), "--json").stdout  # machines get what is in the bundle


def test_attached_files_come_out_opened_under_names_that_nobody_chose(run: Run, tmp_path: Path) -> None:
    bundle, folder, page = tmp_path / "case.bundle", tmp_path / "files", tmp_path / "page.html"
    bundle.write_bytes(BundleMaker(picture=b"a picture of a circle").make())
    done = run("verify", str(bundle), "--files", str(folder), "--html", str(page))
    assert done.returncode == 0, done.stderr
    (file,) = folder.iterdir()
    assert (file.name, file.read_bytes()) == ("message-0004-file-1.bin", b"a picture of a circle")
    assert (stat.S_IMODE(folder.stat().st_mode), stat.S_IMODE(file.stat().st_mode)) == (0o700, 0o600)
    digest = hashlib.sha256(b"a picture of a circle").hexdigest()
    assert digest in done.stdout
    assert digest in page.read_text()
    (said,) = json.loads(run("verify", str(bundle), "--json").stdout)["files"]
    assert (said["message"], said["proven"], said["sha256"]) == (4, True, digest)
    again = run("verify", str(bundle), "--files", str(folder))
    assert (again.returncode, "Name a new folder" in again.stderr) == (1, True)
