"""The story: an encrypted chat, a report, a proof, a forgery, a decision, and what the homeserver does about it.

Every step checks what it claims. A step that does not happen raises ``StoryError``.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pyrage

from nightlight.demo.closed_doors import count_encrypted, found_in
from nightlight.demo.people import Person
from nightlight.demo.pictures import a_red_circle
from nightlight.demo.reviewer import ReviewerSession
from nightlight.demo.town import Town
from nightlight.errors import NightlightError
from nightlight.hazmat import base64url

_PASSPHRASE = "bob's own passphrase"  # noqa: S105 - a puppet's

FRIENDLY = [
    ("alice", "Hi Bob! Did you finish the maths homework?"),
    ("bob", "Nearly. Number four is hard."),
    ("alice", "Draw the triangle first, then it is easy."),
    ("bob", "Got it, thank you! See you at chess club."),
]
UNWANTED = [
    ("mallory", "Hello Bob, we do not know each other yet. [placeholder: friendly opening]"),
    ("bob", "Who are you?"),
    ("mallory", "[abusive message 1]"),
    ("mallory", "[abusive message 2]"),
]
REPORTED = "[abusive message 1]"
CONTEXT = "Who are you?"
AGENCY = "Example Agency"
APPROVERS = ("alex", "billie")

Progress = Callable[[str], None]


class StoryError(NightlightError):
    """A step of the story did not happen."""

    def __init__(self, step: str, what: str) -> None:
        super().__init__("story", f"{step}: {what}")


@dataclass(slots=True)
class Outcome:
    """What happened, as seen from outside."""

    encrypted: int = 0
    readable: int = 0
    readable_after: int = 0
    reported: list[str] = field(default_factory=list)
    first_verdict: str = ""
    proven: str = ""
    forged: str = ""
    decision: str = ""
    enforced: list[str] = field(default_factory=list)
    file: str = ""
    referred: str = ""
    checked: str = ""
    followed: str = ""
    log: str = ""
    case_id: str = ""
    #: What Bob has on his device, for somebody who wants to report as Bob: account, password, key file, passphrase.
    bob: tuple[str, str, bytes, str] = field(default=("", "", b"", ""), repr=False)


class Story:
    """Plays in a town that is up."""

    steps = 12

    def __init__(self, town: Town, progress: Progress) -> None:
        self._town = town
        self._progress = progress
        self._people: dict[str, Person] = {}
        self._events: dict[str, str] = {}
        self._picture = self._media = ""
        self._room = ""
        self._devices = Path()
        self.outcome = Outcome()

    async def play(self) -> Outcome:
        async with self._everybody():
            for title, step in self._plot():
                self._progress(title)
                try:
                    await step()
                except StoryError:
                    raise
                except (NightlightError, httpx.HTTPError, TimeoutError, KeyError, AssertionError) as e:
                    raise StoryError(title, f"{type(e).__name__}: {e}") from e
        return self.outcome

    def _plot(self) -> list[tuple[str, Callable[[], Awaitable[None]]]]:
        return [
            ("Alice and Bob chat, encrypted end to end", self._friends_chat),
            ("Mallory writes to Bob, encrypted end to end", self._mallory_writes),
            ("What can the servers read?", self._look_behind_doors),
            ("Bob presses Report in his app", self._bob_reports),
            ("Bob proves the message from his own computer", self._bob_proves),
            ("The picture is opened where nobody can see it", self._picture_is_checked),
            ("Mallory sends a forged report about Bob", self._mallory_forges),
            ("A reviewer looks, and decides", self._reviewer_decides),
            ("The homeserver carries it out", self._homeserver_acts),
            ("Two people approve that an agency is told", self._agency_is_told),
            ("Is everything in the log, and still nothing else readable?", self._look_again),
            ("A stranger checks the bundle, and follows the log", self._stranger_checks),
        ]

    @asynccontextmanager
    async def _everybody(self) -> AsyncIterator[None]:
        self._progress("Alice, Bob and Mallory sign in")
        names = ("alice", "bob", "mallory")
        # Their devices, keys included, are their own: not beside the servers' data, and gone after the story.
        with TemporaryDirectory(prefix="nightlight-people-", ignore_cleanup_errors=True) as folder:
            self._devices = Path(folder)
            try:
                for name in names:
                    self._people[name] = await Person.arrive(self._town.synapse, name, self._devices / name)
                yield
            finally:
                await asyncio.gather(*(person.depart() for person in self._people.values()))

    async def _friends_chat(self) -> None:
        room = await self._room_of("alice", "bob")
        await self._say_all(room, FRIENDLY)

    async def _mallory_writes(self) -> None:
        self._room = await self._room_of("mallory", "bob")
        await self._say_all(self._room, UNWANTED)
        self._picture, self._media = await self._people["mallory"].send_picture(self._room, a_red_circle())
        bob = self._people["bob"]
        await bob.sync()
        self._expect(await bob.can_download(self._media), "the picture", "Bob cannot fetch it")
        texts = [text for _, _, text in await bob.decrypted(self._room)]
        self._expect(REPORTED in texts, "Mallory's message", f"Bob's app shows {texts}")

    async def _look_behind_doors(self) -> None:
        texts = [text.encode() for _, text in FRIENDLY + UNWANTED]
        readable = found_in(self._server_folders(), texts)
        self.outcome.encrypted = count_encrypted(self._town.synapse.database_path)
        self.outcome.readable = len(readable)
        self._expect(
            self.outcome.encrypted == len(texts) + 1, "counting", f"{self.outcome.encrypted} encrypted messages"
        )
        self._expect(not readable, "closed doors", f"the servers can read {readable}")

    async def _bob_reports(self) -> None:
        bob = self._people["bob"]
        await bob.report_with_matrix(self._room, self._events[REPORTED], "this person scares me")
        self.outcome.case_id = await self._case_with(self._events[REPORTED])
        self.outcome.first_verdict = "a case, marked unverified: nobody here could read the message"

    async def _bob_proves(self) -> None:
        bob, folder = self._people["bob"], self._devices / "bob"
        await bob.export_keys(folder / "keys.txt", _PASSPHRASE)
        (folder / "passphrase").write_text(_PASSPHRASE)
        (folder / "access-token").write_text(bob.access_token)
        made = await asyncio.to_thread(
            self._town.nightlight.run,
            *("disclose", "--keys", str(folder / "keys.txt"), "--passphrase-file", str(folder / "passphrase")),
            *("--homeserver", self._town.synapse.base_url, "--access-token-file", str(folder / "access-token")),
            *("--room", self._room, "--event", self._events[REPORTED], "--event", self._picture),
            *("--context-event", self._events[CONTEXT]),
            *("--category", "grooming", "--note", "I do not know this person.", "--language", "en"),
        )
        self._expect(made.returncode == 0, "nightlight disclose", made.stderr)
        receipt = await self._post(json.loads(made.stdout), await bob.openid_token(), 201)
        verdicts = {message["event_id"]: message["verdict"] for message in receipt["messages"]}
        self._expect(set(verdicts.values()) == {"VERIFIED"}, "proof", str(receipt["messages"]))
        self.outcome.reported = [f'"{REPORTED}"', "a picture (a red circle)", f'as context his own "{CONTEXT}"']
        self.outcome.proven = (
            f"{len(verdicts)} of {len(verdicts)} messages: these accounts sent exactly these, to this room, then"
        )
        self.outcome.bob = (bob.user_id, bob.password, (folder / "keys.txt").read_bytes(), _PASSPHRASE)
        found = await self._case_with(self._events[REPORTED])
        self._expect(found == self.outcome.case_id, "joining the case", "the proof opened a second case")

    async def _picture_is_checked(self) -> None:
        await self._until("the picture's digest", lambda: asyncio.to_thread(self._is_checked))
        self.outcome.file = "the file that was sent, on no list of known files; nobody has seen or kept it"

    def _is_checked(self) -> bool:
        with ReviewerSession(self._town.nightlight.url) as session:
            session.sign_in(self._town.reviewer.username, self._town.reviewer.password)
            page = session.case(self.outcome.case_id)
        return 'data-attachment="matches_event"' in page

    async def _mallory_forges(self) -> None:
        token = await self._people["mallory"].openid_token()
        forged = {
            "room_id": self._room,
            "category": "threat",
            "note": "[false accusation]",
            "language": "en",
            "messages": [
                {
                    "event_id": self._events[CONTEXT],
                    "message_key": base64url.encode_urlsafe(secrets.token_bytes(32)),
                }
            ],
        }
        receipt = await self._post(forged, token, 201)
        (message,) = receipt["messages"]
        self._expect(message["verdict"] == "REFUSED", "forgery", str(message))
        self.outcome.forged = f"{message['verdict']} ({message['code']}): {message['explanation']}"

    async def _reviewer_decides(self) -> None:
        await asyncio.to_thread(self._review)

    def _review(self) -> None:
        case_id, event_id = self.outcome.case_id, self._events[REPORTED]
        with ReviewerSession(self._town.nightlight.url) as session:
            session.sign_in(self._town.reviewer.username, self._town.reviewer.password)
            before = session.case(case_id)
            self._expect(REPORTED not in before, "hidden until revealed", "the text stood in the page")
            self._expect(REPORTED in session.reveal(case_id, event_id), "revealing", "the text did not come")
            session.decide(
                case_id,
                "violation",
                "child_safety.grooming",
                "An adult stranger sent abusive messages to a child; both are proven.",
                ["warn", "suspend", "redact", "quarantine"],
            )
        self.outcome.decision = "violation of child_safety.grooming: redact, quarantine, warn, suspend"

    async def _homeserver_acts(self) -> None:
        bob, mallory = self._people["bob"], self._people["mallory"]
        await self._until("redaction", lambda: self._is_redacted(bob))
        self.outcome.enforced.append("the reported message is gone from Bob's room")
        await self._until("quarantine", lambda: self._is_quarantined(bob))
        self.outcome.enforced.append("the picture can no longer be downloaded")
        await self._until("suspension", lambda: self._is_suspended(mallory))
        self.outcome.enforced.append("Mallory is suspended and can send nothing more")
        await self._until("warning", lambda: asyncio.to_thread(self._all_done))
        self.outcome.enforced.append("Mallory was told which rule was broken")

    async def _agency_is_told(self) -> None:
        await asyncio.to_thread(self._refer)

    def _refer(self) -> None:
        run, desk = self._town.nightlight.run, self._devices / "agency"
        desk.mkdir()
        identity = pyrage.x25519.Identity.generate()
        (desk / "identity").write_text(f"{identity}\n")
        self._done(run("agency", "add", AGENCY, "--recipient", str(identity.to_public())))
        for name in APPROVERS:
            made = self._done(run("approver", "keygen", "--unprotected", "--out", str(desk / name)))
            self._done(run("approver", "add", name, "--public-key", made.stdout.strip()))
        with ReviewerSession(self._town.nightlight.url) as session:
            session.sign_in(self._town.reviewer.username, self._town.reviewer.password)
            chosen = [self._events[CONTEXT], self._events[REPORTED], self._picture]
            session.refer(self.outcome.case_id, AGENCY, "[the law that asks for it]", chosen)
        referral = self._done(run("referral", "list")).stdout.split("\t")[0]
        attestation = desk / "attestation"
        self._done(run("referral", "attestation", referral, "--out", str(attestation)))
        refused = run("referral", "export", referral, "--out", str(desk / "too-early"))
        self._expect(refused.returncode == 1, "approvals", "a bundle left the house before two people approved it")
        for name in APPROVERS:
            approval = desk / f"{name}.approval"
            signing = ("--key", str(desk / name), "--out", str(approval), "--yes")
            self._done(run("approver", "sign", str(attestation), *signing))
            self._done(run("referral", "approve", referral, str(approval)))
        self._done(run("referral", "export", referral, "--out", str(desk / "case.bundle.age")))
        (desk / "trust.json").write_text(self._done(run("referral", "trust")).stdout)
        self.outcome.referred = f"sealed for the {AGENCY}, after {' and '.join(APPROVERS)} had signed"

    async def _stranger_checks(self) -> None:
        await asyncio.to_thread(self._check_as_a_stranger)

    def _check_as_a_stranger(self) -> None:
        desk = self._devices / "agency"
        keys = ("--identity", "identity", "--trust", "trust.json", "--html", "case.html")
        checked = self._stranger("verify", "case.bundle.age", *keys, "--json")
        report = json.loads(self._done(checked).stdout)
        texts = [message["content"]["body"] for message in report["messages"] if message["proven"]]
        self._expect(sorted(texts) == sorted([CONTEXT, REPORTED, "shape.png"]), "the bundle", str(texts))
        held = sum(1 for step in report["steps"] if step["held"])
        self.outcome.checked = (
            f"{len(texts)} of {len(texts)} messages proven; {held} checks held, {len(report['steps']) - held} left "
            f"open (a time-stamp, the file itself); {len(report['not_proven'])} things named that are not proven"
        )
        bent = bytearray((desk / "case.bundle.age").read_bytes())
        bent[len(bent) // 2] ^= 1
        (desk / "bent").write_bytes(bent)
        refused = self._stranger("verify", "bent", *keys[:2])
        self._expect(refused.returncode == 1, "the bundle", "a bundle with one bit changed was accepted")
        for _ in range(2):
            followed = self._done(
                self._stranger("log", "follow", self._town.nightlight.url, "--once", "--state", "log.json")
            )
        self.outcome.followed = " ".join(followed.stderr.split())

    def _stranger(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A process that knows nothing of us: no settings, no data folder, an empty environment."""
        return subprocess.run(
            [sys.executable, "-m", "nightlight.cli.main", *arguments],
            cwd=self._devices / "agency",
            env={"PATH": os.environ.get("PATH", ""), "COLUMNS": "400"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def _done(self, process: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
        self._expect(process.returncode == 0, " ".join(process.args[3:6]), process.stderr)
        return process

    async def _look_again(self) -> None:
        kept_closed = [text.encode() for _, text in FRIENDLY + UNWANTED if text not in (REPORTED, CONTEXT)]
        readable = found_in(self._server_folders(), kept_closed)
        self.outcome.readable_after = len(readable)
        self._expect(not readable, "closed doors", f"the servers can read {readable}")
        verified = await asyncio.to_thread(self._town.nightlight.run, "log", "verify")
        self._expect(verified.returncode == 0, "nightlight log verify", verified.stderr)
        self.outcome.log = " ".join(verified.stderr.split())

    # What the steps are made of

    async def _room_of(self, host: str, guest: str) -> str:
        room: str = await self._people[host].create_encrypted_room([self._people[guest].user_id])
        await self._people[guest].join(room)
        await self._people[host].sync()
        return room

    async def _say_all(self, room: str, lines: list[tuple[str, str]]) -> None:
        for name, text in lines:
            await self._people[name].sync()
            self._events[text] = await self._people[name].say(room, text)

    async def _post(self, report: dict[str, Any], openid_token: str, expected: int) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {openid_token}", "Idempotency-Key": secrets.token_hex(8)}
        async with httpx.AsyncClient(base_url=self._town.nightlight.url, trust_env=False, timeout=30) as http:
            answer = await http.post("/v1/reports", json=report, headers=headers)
        self._expect(answer.status_code == expected, "POST /v1/reports", f"{answer.status_code} {answer.text[:300]}")
        receipt: dict[str, Any] = answer.json()
        return receipt

    async def _case_with(self, event_id: str) -> str:
        """The open case that holds this event, as a reviewer finds it."""
        found = ""

        def look() -> bool:
            nonlocal found
            with ReviewerSession(self._town.nightlight.url) as session:
                session.sign_in(self._town.reviewer.username, self._town.reviewer.password)
                for case_id in dict.fromkeys(re.findall(r"/cases/(case_[0-9a-f]+)", session.queue())):
                    if event_id in session.case(case_id):
                        found = case_id
                        return True
            return False

        await self._until("the case", lambda: asyncio.to_thread(look))
        return found

    def _all_done(self) -> bool:
        with ReviewerSession(self._town.nightlight.url) as session:
            session.sign_in(self._town.reviewer.username, self._town.reviewer.password)
            page = session.case(self.outcome.case_id).lower()
        return 'data-state="pending"' not in page and page.count('data-state="done"') >= 4

    async def _is_redacted(self, bob: Person) -> bool:
        event = await bob.raw_event(self._room, self._events[REPORTED])
        return not event.get("content", {}).get("ciphertext")

    async def _is_quarantined(self, bob: Person) -> bool:
        return not await bob.can_download(self._media)

    async def _is_suspended(self, mallory: Person) -> bool:
        return not await mallory.can_send(self._room)

    async def _until(self, what: str, happened: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while not await happened():
            if asyncio.get_running_loop().time() > deadline:
                raise StoryError(what, f"did not happen within {seconds:.0f} s")
            await asyncio.sleep(0.15)

    def _server_folders(self) -> list[Path]:
        return [self._town.folder]

    def _expect(self, holds: bool, step: str, what: str) -> None:
        if not holds:
            raise StoryError(step, what)
