"""A report: an encrypted chat, a proof, a forgery, a decision, and what the homeserver does about it."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from typing import Any

import httpx

from nightlight.demo.closed_doors import count_encrypted, found_in
from nightlight.demo.loopback import NO_TLS
from nightlight.demo.outcome import Outcome
from nightlight.demo.own_page import OwnPage
from nightlight.demo.people import Person
from nightlight.demo.pictures import a_red_circle
from nightlight.demo.stage import Scene, Stage
from nightlight.hazmat import base64url

_PASSPHRASE = "bob's own passphrase"  # noqa: S105 - a puppet's
_UNWANTED = [
    ("mallory", "Hello Bob, it is me, from the game. [placeholder: friendly opening]"),
    ("bob", "Who are you?"),
    ("mallory", "[abusive message 1]"),
    ("mallory", "[abusive message 2]"),
]
REPORTED = "[abusive message 1]"
CONTEXT = "Who are you?"


class ReportStory:
    """``picture``: the event id of the picture that Mallory sends."""

    def __init__(self, stage: Stage, outcome: Outcome) -> None:
        self._stage = stage
        self._outcome = outcome
        self._room = self._media = ""
        self.picture = ""

    def scenes(self) -> list[Scene]:
        return [
            ("Mallory writes to Bob, encrypted end to end", self._mallory_writes),
            ("What can the servers read?", self._look_behind_doors),
            ("Bob presses Report in his app", self._bob_reports),
            ("Bob proves the message from his own computer", self._bob_proves),
            ("The picture is opened where nobody can see it", self._picture_is_checked),
            ("Mallory sends a forged report about Bob", self._mallory_forges),
            ("A reviewer looks, and decides", self._reviewer_decides),
            ("The homeserver carries it out", self._homeserver_acts),
            ("Bob blocks Mallory on his own page", self._bob_blocks),
        ]

    async def _mallory_writes(self) -> None:
        bob, mallory = self._stage.person("bob"), self._stage.person("mallory")
        self._room = self._stage.rooms["mallory", "bob"]
        await self._stage.say_all(self._room, _UNWANTED)
        self.picture, self._media = await mallory.send_picture(self._room, a_red_circle())
        await bob.sync()
        self._stage.expect(await bob.can_download(self._media), "the picture", "Bob cannot fetch it")
        texts = [text for _, _, text in await bob.decrypted(self._room)]
        self._stage.expect(REPORTED in texts, "Mallory's message", f"Bob's app shows {texts}")

    async def _look_behind_doors(self) -> None:
        texts = self._stage.said
        readable = found_in([self._stage.town.folder], [text.encode() for text in texts])
        self._outcome.encrypted = count_encrypted(self._stage.town.synapse.database_path)
        self._outcome.readable = len(readable)
        one_picture = 1
        self._stage.expect(
            self._outcome.encrypted == len(texts) + one_picture, "counting", f"{self._outcome.encrypted} encrypted"
        )
        self._stage.expect(not readable, "closed doors", f"the servers can read {readable}")

    async def _bob_reports(self) -> None:
        bob = self._stage.person("bob")
        await bob.report_with_matrix(self._room, self._stage.events[REPORTED], "this person scares me")
        self._outcome.case_id = await self._case_with(self._stage.events[REPORTED])
        self._outcome.first_verdict = "a case, marked unverified: nobody here could read the message"

    async def _bob_proves(self) -> None:
        bob, folder = self._stage.person("bob"), self._stage.devices / "bob"
        await bob.export_keys(folder / "keys.txt", _PASSPHRASE)
        (folder / "passphrase").write_text(_PASSPHRASE)
        (folder / "access-token").write_text(bob.access_token)
        made = await asyncio.to_thread(
            self._stage.town.nightlight.run,
            *("disclose", "--keys", str(folder / "keys.txt"), "--passphrase-file", str(folder / "passphrase")),
            *("--homeserver", self._stage.town.synapse.base_url, "--access-token-file", str(folder / "access-token")),
            *("--room", self._room, "--event", self._stage.events[REPORTED], "--event", self.picture),
            *("--context-event", self._stage.events[CONTEXT]),
            *("--category", "grooming", "--note", "I do not know this person.", "--language", "en"),
        )
        self._stage.expect(made.returncode == 0, "nightlight disclose", made.stderr)
        receipt = await self._post(json.loads(made.stdout), await bob.openid_token(), 201)
        verdicts = {message["event_id"]: message["verdict"] for message in receipt["messages"]}
        self._stage.expect(set(verdicts.values()) == {"VERIFIED"}, "proof", str(receipt["messages"]))
        self._outcome.reported = [f'"{REPORTED}"', "a picture (a red circle)", f'as context his own "{CONTEXT}"']
        self._outcome.proven = (
            f"{len(verdicts)} of {len(verdicts)} messages: these accounts sent exactly these, to this room, then"
        )
        self._outcome.bob = (bob.user_id, bob.password, (folder / "keys.txt").read_bytes(), _PASSPHRASE)
        found = await self._case_with(self._stage.events[REPORTED])
        self._stage.expect(found == self._outcome.case_id, "joining the case", "the proof opened a second case")

    async def _picture_is_checked(self) -> None:
        await self._stage.until("the picture's digest", lambda: asyncio.to_thread(self._is_checked))
        self._outcome.file = "the file that was sent, on no list of known files; nobody has seen or kept it"

    def _is_checked(self) -> bool:
        with self._stage.reviewer() as session:
            page = session.case(self._outcome.case_id)
        return 'data-attachment="matches_event"' in page

    async def _mallory_forges(self) -> None:
        token = await self._stage.person("mallory").openid_token()
        forged = {
            "room_id": self._room,
            "category": "threat",
            "note": "[false accusation]",
            "language": "en",
            "messages": [
                {
                    "event_id": self._stage.events[CONTEXT],
                    "message_key": base64url.encode_urlsafe(secrets.token_bytes(32)),
                }
            ],
        }
        receipt = await self._post(forged, token, 201)
        (message,) = receipt["messages"]
        self._stage.expect(message["verdict"] == "REFUSED", "forgery", str(message))
        self._outcome.forged = f"{message['verdict']} ({message['code']}): {message['explanation']}"

    async def _reviewer_decides(self) -> None:
        await asyncio.to_thread(self._review)

    def _review(self) -> None:
        case_id, event_id = self._outcome.case_id, self._stage.events[REPORTED]
        with self._stage.reviewer() as session:
            before = session.case(case_id)
            self._stage.expect(REPORTED not in before, "hidden until revealed", "the text stood in the page")
            self._stage.expect(REPORTED in session.reveal(case_id, event_id), "revealing", "the text did not come")
            session.decide(
                case_id,
                "violation",
                "child_safety.grooming",
                "An adult sent abusive messages to a child; it is proven.",
                ["warn", "suspend", "redact", "quarantine"],
            )
        self._outcome.decision = "violation of child_safety.grooming: redact, quarantine, warn, suspend"

    async def _homeserver_acts(self) -> None:
        bob, mallory = self._stage.person("bob"), self._stage.person("mallory")
        await self._stage.until("redaction", lambda: self._is_redacted(bob))
        self._outcome.enforced.append("the reported message is gone from Bob's room")
        await self._stage.until("quarantine", lambda: self._is_quarantined(bob))
        self._outcome.enforced.append("the picture can no longer be downloaded")
        await self._stage.until("suspension", lambda: self._is_suspended(mallory))
        self._outcome.enforced.append("Mallory is suspended and can send nothing more")
        await self._stage.until("warning", lambda: asyncio.to_thread(self._all_done))
        self._outcome.enforced.append("Mallory was told which rule was broken")

    async def _bob_blocks(self) -> None:
        bob, mallory = self._stage.person("bob"), self._stage.person("mallory")
        async with OwnPage(self._stage.town.nightlight.url) as page:
            await page.sign_in(await bob.openid_token())
            answer = await page.block_and_report(mallory.user_id, "grooming")
        self._stage.expect("tel:" in answer, "his page", "it shows nobody whom he can call")
        self._outcome.blocked = "Mallory is blocked and reported, and Bob sees whom he can call"

    async def _post(self, report: dict[str, Any], openid_token: str, expected: int) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {openid_token}", "Idempotency-Key": secrets.token_hex(8)}
        url = self._stage.town.nightlight.url
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30, verify=NO_TLS) as http:
            answer = await http.post("/v1/reports", json=report, headers=headers)
        self._stage.expect(
            answer.status_code == expected, "POST /v1/reports", f"{answer.status_code} {answer.text[:300]}"
        )
        receipt: dict[str, Any] = answer.json()
        return receipt

    async def _case_with(self, event_id: str) -> str:
        """The open case that holds this event, as a reviewer finds it."""
        found = ""

        def look() -> bool:
            nonlocal found
            with self._stage.reviewer() as session:
                for case_id in dict.fromkeys(re.findall(r"/cases/(case_[0-9a-f]+)", session.queue())):
                    if event_id in session.case(case_id):
                        found = case_id
                        return True
            return False

        await self._stage.until("the case", lambda: asyncio.to_thread(look))
        return found

    def _all_done(self) -> bool:
        with self._stage.reviewer() as session:
            page = session.case(self._outcome.case_id).lower()
        return 'data-state="pending"' not in page and page.count('data-state="done"') >= 4

    async def _is_redacted(self, bob: Person) -> bool:
        event = await bob.raw_event(self._room, self._stage.events[REPORTED])
        return not event.get("content", {}).get("ciphertext")

    async def _is_quarantined(self, bob: Person) -> bool:
        return not await bob.can_download(self._media)

    async def _is_suspended(self, mallory: Person) -> bool:
        return not await mallory.can_send(self._room)
