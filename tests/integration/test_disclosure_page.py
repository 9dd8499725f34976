"""`/report` in a real browser, with a real homeserver and a real app's keys: what it does, and what never leaves it."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, unquote

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, Request, expect

from nightlight.demo.closed_doors import encodings, found_in
from nightlight.demo.people import Person
from nightlight.demo.service import Service
from nightlight.demo.synapse import Synapse
from nightlight.hazmat import base64url
from nightlight.hazmat.megolm import SessionExport
from tests.browser import browser
from tests.evidence.key_backup import ALGORITHM, KEY_ID, Backup, SecretStorage
from tests.integration.conftest import Loop
from tests.integration.test_closed_doors import derived

__all__ = ["browser"]

PASSPHRASE = "a passphrase nobody else has"
ELSEWHERE = "https://www.wikipedia.org/"
Scheme = Literal["light", "dark"]


@dataclass
class Tab:
    """A browser tab, everything it sent, and every complaint of the browser."""

    page: Page
    service: Service
    sent: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def bytes_to(self, origin: str) -> bytes:
        """Addresses, headers and bodies of all requests to ``origin``; and the same with %-escapes undone."""
        parts = []
        for request in self.sent:
            if request.url.startswith(origin):
                head = f"{request.method} {request.url}\n{json.dumps(request.headers)}\n"
                parts += [head.encode(), unquote(head).encode(), request.post_data_buffer or b""]
        return b"\n".join(parts)

    def complain(self, text: str) -> None:
        # Of the page itself; single sign-on leads over pages that are not ours.
        if self.page.url.startswith(self.service.url):
            self.complaints.append(text)

    def check_for_everybody(self) -> None:
        """No obstacle that axe-core finds on the screen as it stands (WCAG 2.2 AA and its best practices)."""
        found = Axe().run(self.page)
        assert found.violations_count == 0, found.generate_report()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def expect_title(self, title: str) -> None:
        expect(self.page.locator("h1")).to_have_text(title)

    def sign_in(self, person: Person, *, password: str | None = None) -> None:
        self.expect_title("Sign in to your chat account")
        self.page.fill("#name", person.user_id)
        self.page.fill("#password", person.password if password is None else password)
        self.press("Sign in")

    def open_key_file(self, path: Path, passphrase: str = PASSPHRASE) -> None:
        self.expect_title("Unlock your messages")
        self.page.get_by_role("heading", name="A key file").locator("..").get_by_role("button").click()
        self.page.set_input_files("#file", path)
        self.page.fill("#passphrase", passphrase)
        self.press("Unlock on this device")


@contextmanager
def tab_of(
    browser: Browser,
    service: Service,
    query: str = "",
    *,
    scheme: Scheme = "light",
    locale: str = "en-GB",
    width: int = 1280,
) -> Iterator[Tab]:
    """A fresh browser profile. Complaints of the browser (policy violations come as such) fail the test."""
    context = browser.new_context(color_scheme=scheme, locale=locale, viewport={"width": width, "height": 900})
    context.route(
        f"{ELSEWHERE}**", lambda route: route.fulfill(body="<title>Somewhere else</title>", content_type="text/html")
    )
    tab = Tab(context.new_page(), service)
    context.on("request", lambda request: tab.sent.append(request))
    tab.page.on("console", lambda message: tab.complain(message.text))
    tab.page.on("pageerror", lambda error: tab.complain(str(error)))
    tab.page.goto(f"{service.url}/report{query}")
    yield tab
    context.close()
    assert tab.complaints == []


@dataclass(frozen=True)
class Talk:
    room: str
    texts: list[str]
    events: list[str]
    export: SessionExport
    #: Of another conversation that Bob's keys open, too.
    other: SessionExport
    other_room: str

    def secrets_of(self, number: int) -> list[bytes]:
        return [self.texts[number].encode(), *derived(self.export, number)]

    @property
    def session_wide(self) -> list[bytes]:
        """The ratchets, whole or moved on, of this conversation and the other; and every message key of the other."""
        parts = [export.ratchet[at : at + 32] for export in (self.export, self.other) for at in (0, 32, 64, 96)]
        later = [self.export.at(number).ratchet[96:] for number in range(len(self.events))]
        return [*parts, *later, *derived(self.other, 0), b"[something else entirely]"]


@pytest.fixture
def talk(run: Loop, people: tuple[Person, Person]) -> Talk:
    """Mallory writes to Bob; one message tries to be more than text."""
    bob, mallory = people
    texts = [f"[message {number}: {secrets.token_hex(8)}]" for number in range(6)]
    texts[4] += ' <img src=x onerror="document.title=1"> \u202egnp.exe'

    async def story(said: list[str]) -> tuple[str, list[str]]:
        room = await mallory.create_encrypted_room([bob.user_id])
        await bob.join(room)
        await mallory.sync()
        events = [await mallory.say(room, text) for text in said]
        await bob.sync()
        return room, events

    def export_of(room: str, event: str) -> SessionExport:
        session_id = run(bob.raw_event(room, event))["content"]["session_id"]
        return SessionExport.parse(base64url.decode_standard(bob.session_export(room, session_id, 0)))

    other_room, (elsewhere,) = run(story(["[something else entirely]"]))
    room, events = run(story(texts))
    return Talk(room, texts, events, export_of(room, events[0]), export_of(other_room, elsewhere), other_room)


def found(data: bytes, wanted: list[bytes]) -> list[bytes]:
    return [secret for secret in wanted if any(form in data for form in encodings(secret))]


def sessions_of_the_page(run: Loop, person: Person) -> list[str]:
    """Device ids: what the page signed in and did not (yet) sign out."""
    listed = run(person.request("GET", "/devices"))["devices"]
    return [d["device_id"] for d in listed if d["display_name"] == "Report page (removes itself)"]


def status_of(tab: Tab) -> dict[str, Any]:
    address = tab.page.locator("#status").inner_text()
    answer: dict[str, Any] = httpx.get(address).json()
    return answer


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_two_of_six_messages_are_proven_from_a_key_file_and_nothing_else_leaves(
    browser: Browser,
    run: Loop,
    people: tuple[Person, Person],
    synapse: Synapse,
    service: Service,
    talk: Talk,
    tmp_path: Path,
    scheme: Scheme,
) -> None:
    bob, _ = people
    run(bob.export_keys(tmp_path / "keys.txt", PASSPHRASE))
    with tab_of(browser, service, scheme=scheme) as tab:
        page = tab.page
        tab.expect_title("You did the right thing by coming here")
        tab.check_for_everybody()
        tab.press("Start")
        tab.expect_title("Sign in to your chat account")
        tab.check_for_everybody()
        tab.sign_in(bob)
        tab.expect_title("Unlock your messages")
        tab.check_for_everybody()
        assert len(sessions_of_the_page(run, bob)) == 1
        tab.open_key_file(tmp_path / "keys.txt")
        tab.expect_title("In which conversation was it?")
        tab.check_for_everybody()
        page.locator(f'[data-room="{talk.room}"]').click()
        tab.expect_title("Which messages?")
        plain = [re.compile(re.escape(text.split(" <")[0])) for text in talk.texts]
        expect(page.locator("#messages .text")).to_have_text(plain)
        strange = page.locator("#messages .text").nth(4)
        expect(strange).to_contain_text("<img src=x onerror=")
        expect(strange).to_contain_text("⟦U+202E⟧gnp.exe")
        tab.press("Continue")
        expect(page.get_by_role("alert")).to_have_text("Tick at least one message.")
        tab.check_for_everybody()
        for number in (1, 3):
            page.locator(f'[data-event="{talk.events[number]}"]').check()
        tab.press("Continue")
        tab.expect_title("This is what will be sent")
        expect(page.locator("#disclosed > li .text")).to_have_text([talk.texts[1], talk.texts[3]])
        tab.press("Send")
        expect(page.get_by_role("alert")).to_have_text("Choose what it is about.")
        page.get_by_label("Somebody threatens me or wants pictures or money").check()
        tab.check_for_everybody()
        assert "/v1/reports" not in "".join(request.url for request in tab.sent)
        tab.press("Send")
        tab.expect_title("Thank you. It has arrived.")
        tab.check_for_everybody()
        assert [node.get_attribute("data-verdict") for node in page.locator("#verdicts > li").all()] == ["VERIFIED"] * 2
        status = status_of(tab)
    assert [message["verdict"] for message in status["messages"]] == ["VERIFIED", "VERIFIED"]
    assert sessions_of_the_page(run, bob) == []
    service.stop()

    ours, theirs = tab.bytes_to(service.url), tab.bytes_to(synapse.base_url)
    assert {request.url.split("/")[2] for request in tab.sent} == {service.url[7:], synapse.base_url[7:]}
    unpicked = [secret for number in (0, 2, 4, 5) for secret in talk.secrets_of(number)]
    never = [*talk.session_wide, *unpicked, PASSPHRASE.encode()]
    assert found(ours + theirs, never) == []
    assert found(theirs, [secret for number in (1, 3) for secret in talk.secrets_of(number)]) == []
    assert found(ours, [bob.password.encode()]) == []
    assert found_in([synapse.data_dir, service.folder], never) == {}
    # The search finds what is there.
    assert found(ours, [talk.export.message_key(number) for number in (1, 3)]) != []
    assert found(theirs, [bob.password.encode()]) != []
    tokens = {h.removeprefix("Bearer ") for r in tab.sent if (h := r.headers.get("authorization"))}
    to_us = {token for token in tokens if token.encode() in ours}
    assert len(to_us) == 1  # the OpenID token,
    assert (
        httpx.get(
            f"{synapse.base_url}/_matrix/client/v3/account/whoami", headers={"Authorization": f"Bearer {to_us.pop()}"}
        ).status_code
        == 401
    )  # which signs nobody in


def test_a_real_backup_opens_with_its_recovery_key_in_german_by_keyboard_alone(
    browser: Browser, run: Loop, people: tuple[Person, Person], synapse: Synapse, service: Service, talk: Talk
) -> None:
    bob, _ = people
    backup, storage = Backup(), SecretStorage("drei ruhige Worte", rounds=50_000)
    run(_upload(bob, backup, storage, talk))
    address = f"#room={quote(talk.room)}&event={quote(talk.events[3])}"
    with tab_of(browser, service, address, locale="de-AT", scheme="dark", width=390) as tab:
        page, keys = tab.page, tab.page.keyboard
        tab.expect_title("Gut, dass du hier bist")
        assert page.locator("html").get_attribute("lang") == "de"
        assert urls_are_clean(page)
        focus(page, "Anfangen")
        keys.press("Enter")
        expect(page.locator("#name")).to_be_visible()
        tab.check_for_everybody()
        focus(page, field="name")
        keys.type(bob.user_id.split(":")[0][1:])
        keys.press("Tab")
        keys.type(bob.password)
        keys.press("Enter")
        expect(page.locator("h1")).to_contain_text("Nachrichten")
        tab.check_for_everybody()
        focus(page, "Weiter")
        keys.press("Enter")
        focus(page, field="recovery")
        tab.check_for_everybody()
        keys.type(storage.recovery_key)
        keys.press("Tab")
        keys.press("Enter")
        # The address names the conversation and the message: the person is not asked again.
        chosen = page.locator(f'[data-event="{talk.events[3]}"]')
        expect(chosen).to_be_checked()
        tab.check_for_everybody()
        focus(page, field="around")
        keys.press("Space")
        focus(page, "Weiter")
        keys.press("Enter")
        expect(page.locator("#disclosed > li")).to_have_count(6)  # three before, two after
        expect(page.locator("#disclosed > li.context")).to_have_count(5)
        tab.check_for_everybody()
        page.locator("input[name=category]").first.focus()
        keys.press("Space")
        focus(page, field="send")
        keys.press("Enter")
        expect(page.locator("#verdicts > li")).to_have_count(6)
        tab.check_for_everybody()
        status = status_of(tab)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")  # nothing sticks out on a phone
    assert {message["verdict"] for message in status["messages"]} == {"VERIFIED"}
    everything = tab.bytes_to("")
    never = [
        *talk.session_wide,
        backup.secret,
        storage.key,
        storage.recovery_key.encode(),
        storage.recovery_key.replace(" ", "").encode(),
        base64url.encode_standard(backup.secret).encode(),
    ]
    assert found(everything, never) == []
    assert sessions_of_the_page(run, bob) == []


def test_the_security_phrase_opens_the_backup_too_and_a_wrong_one_says_so(
    browser: Browser, run: Loop, people: tuple[Person, Person], service: Service, talk: Talk
) -> None:
    bob, _ = people
    backup, storage = Backup(), SecretStorage("three calm words", rounds=50_000)
    run(_upload(bob, backup, storage, talk))
    with tab_of(browser, service) as tab:
        tab.press("Start")
        tab.sign_in(bob)
        tab.page.get_by_role("heading", name="A recovery key").locator("..").get_by_role("button").click()
        tab.page.fill("#recovery", "three other words")
        tab.press("Unlock on this device")
        expect(tab.page.get_by_role("alert")).to_contain_text("does not open your backup")
        tab.check_for_everybody()
        tab.page.fill("#recovery", "three calm words")
        tab.press("Unlock on this device")
        tab.page.locator(f'[data-room="{talk.room}"]').click()
        expect(tab.page.locator("#messages .text").first).to_have_text(talk.texts[0])
        tab.press("Leave this page")
        expect(tab.page).to_have_title("Somewhere else")
    assert found(tab.bytes_to(""), [b"three calm words", backup.secret, storage.key]) == []


def test_every_mistake_is_explained_and_nothing_is_lost_by_it(
    browser: Browser, run: Loop, people: tuple[Person, Person], service: Service, talk: Talk, tmp_path: Path
) -> None:
    bob, mallory = people
    path = tmp_path / "keys.txt"
    run(bob.export_keys(path, PASSPHRASE))

    async def later() -> str:
        # A message of a session that began after the export.
        mallory.client.olm.outbound_group_sessions.pop(talk.room, None)
        return await mallory.say(talk.room, "[a message of a session that the file does not hold]")

    new = run(later())
    (tmp_path / "cut.txt").write_bytes(path.read_bytes()[:-200])
    (tmp_path / "shape.txt").write_text("a picture of a circle")
    with tab_of(browser, service) as tab:
        page = tab.page
        alert = page.get_by_role("alert")
        tab.press("Start")
        tab.sign_in(bob, password="wrong")
        expect(alert).to_contain_text("do not fit together")
        page.fill("#name", "@bob:another.example")
        tab.press("Sign in")
        expect(alert).to_contain_text("This page is for accounts of town.example")
        tab.sign_in(bob)
        tab.expect_title("Unlock your messages")
        page.get_by_role("heading", name="A recovery key").locator("..").get_by_role("button").click()
        page.fill("#recovery", "EsTb 1234")
        tab.press("Unlock on this device")
        expect(alert).to_contain_text("no backup in this account")
        tab.press("Back")
        tab.open_key_file(path, "not this one")
        expect(alert).to_contain_text("does not open the file")
        for name, said in (("cut.txt", "end of the file is missing"), ("shape.txt", "not a key file")):
            page.set_input_files("#file", tmp_path / name)
            tab.press("Unlock on this device")
            expect(alert).to_contain_text(said)
        page.set_input_files("#file", path)
        page.fill("#passphrase", PASSPHRASE)
        tab.press("Unlock on this device")
        page.locator(f'[data-room="{talk.room}"]').click()
        item = page.locator(".message", has=page.locator(f'[data-event="{new}"]'))
        expect(item.locator(".text")).to_have_text("Your keys do not open this message.")
        expect(page.locator(".note")).to_contain_text("You can pick locked ones too")
        tab.check_for_everybody()
        item.locator("input").check()
        page.locator(f'[data-event="{talk.events[0]}"]').check()
        tab.press("Continue")
        expect(page.locator("#disclosed")).to_contain_text("sent without being opened")
        page.get_by_label("Something else").check()
        page.context.route("**/v1/reports", lambda route: route.abort())
        tab.press("Send")
        expect(alert).to_contain_text("Nothing is lost")
        page.context.unroute("**/v1/reports")
        tab.press("Send")
        verdicts = page.locator("#verdicts > li")
        expect(verdicts).to_have_count(2)
        assert [node.get_attribute("data-verdict") for node in verdicts.all()] == ["VERIFIED", "UNVERIFIABLE"]
        # A browser notes by itself what was refused or did not arrive.
        noted = [text for text in tab.complaints if "Failed to load resource" in text]
        assert len(noted) == len(tab.complaints)
        tab.complaints.clear()


def test_whoever_has_no_keys_can_still_report(
    browser: Browser, people: tuple[Person, Person], service: Service, talk: Talk
) -> None:
    with tab_of(browser, service) as tab:
        tab.press("Start")
        tab.sign_in(people[0])
        tab.press("I have neither: show me the messages anyway")
        tab.page.locator(f'[data-room="{talk.room}"]').click()
        tab.page.locator(f'[data-event="{talk.events[2]}"]').check()
        tab.press("Continue")
        tab.page.get_by_label("Something else").check()
        tab.press("Send")
        expect(tab.page.locator("#verdicts > li")).to_have_attribute("data-verdict", "UNVERIFIABLE")


def test_leaving_takes_everything_along_at_any_moment(
    browser: Browser, run: Loop, people: tuple[Person, Person], service: Service, talk: Talk, tmp_path: Path
) -> None:
    """The button, the key pressed three times, and the tab simply closed; and no way back to what was shown."""
    bob, _ = people
    run(bob.export_keys(tmp_path / "keys.txt", PASSPHRASE))
    for how in ("button", "keys", "close"):
        with tab_of(browser, service) as tab:
            tab.press("Start")
            tab.sign_in(bob)
            tab.open_key_file(tmp_path / "keys.txt")
            tab.page.locator(f'[data-room="{talk.room}"]').click()
            expect(tab.page.locator("#messages .text").first).to_have_text(talk.texts[0])
            assert len(sessions_of_the_page(run, bob)) == 1
            if how == "close":
                tab.page.close(run_before_unload=True)
                tab.page.context.new_page().wait_for_timeout(300)
            else:
                if how == "button":
                    tab.press("Leave this page")
                else:
                    for _ in range(3):
                        tab.page.keyboard.press("Escape")
                expect(tab.page).to_have_title("Somewhere else")
                assert len(tab.page.workers) == 0
                tab.page.go_back()
                assert talk.texts[0] not in tab.page.content()
                tab.page.goto(f"{service.url}/report")
                assert tab.page.evaluate("sessionStorage.length + localStorage.length") == 0
                assert tab.page.context.cookies() == []
        assert sessions_of_the_page(run, bob) == [], how


def test_single_sign_on_comes_back_to_where_the_person_was(
    browser: Browser, run: Loop, people: tuple[Person, Person], service: Service, talk: Talk, tmp_path: Path
) -> None:
    bob, _ = people
    run(bob.export_keys(tmp_path / "keys.txt", PASSPHRASE))
    address = f"#room={quote(talk.room)}&event={quote(talk.events[5])}"
    with tab_of(browser, service, address) as tab:
        page = tab.page
        tab.press("Start")
        tab.press("Sign in another way (for example with school or e-mail)")
        page.fill("[name=name]", bob.user_id.split(":")[0][1:])
        page.get_by_role("button", name="Enter").click()
        page.get_by_role("link", name="Continue").click()  # the homeserver's own question: go on to this page?
        tab.open_key_file(tmp_path / "keys.txt")
        assert urls_are_clean(page)
        expect(page.locator(f'[data-event="{talk.events[5]}"]')).to_be_checked()
        tab.press("Leave this page")
        expect(page).to_have_title("Somewhere else")


def test_nobody_is_signed_in_with_a_token_that_this_tab_did_not_ask_for(
    browser: Browser, service: Service, synapse: Synapse
) -> None:
    """Else an attacker could have somebody report from, and show their keys to, the attacker's account."""
    with tab_of(browser, service, "?loginToken=of-somebody-else&state=guessed") as tab:
        tab.expect_title("You did the right thing by coming here")
        assert urls_are_clean(tab.page)
        assert tab.bytes_to(synapse.base_url) == b""


def test_a_session_that_ended_elsewhere_is_begun_anew(
    browser: Browser, run: Loop, people: tuple[Person, Person], service: Service, talk: Talk
) -> None:
    bob, _ = people
    with tab_of(browser, service) as tab:
        tab.press("Start")
        tab.sign_in(bob)
        tab.expect_title("Unlock your messages")
        (theirs,) = sessions_of_the_page(run, bob)
        run(_delete_device(bob, theirs))
        tab.press("I have neither: show me the messages anyway")
        expect(tab.page.get_by_role("alert")).to_contain_text("You were signed out")
        tab.press("Back")  # to the keys
        tab.page.reload()
        tab.press("Start")
        tab.sign_in(bob)
        tab.expect_title("Unlock your messages")
        assert all("401" in text for text in tab.complaints)
        tab.complaints.clear()


def urls_are_clean(page: Page) -> bool:
    """Whether what the address said is no longer in it, nor in the browser's history of this tab."""
    return page.url.endswith("/report")


def focus(page: Page, name: str = "", field: str = "") -> None:
    """By Tab alone, as far as it takes."""
    target = page.locator(f"#{field}") if field else page.get_by_role("button", name=name, exact=True).first
    expect(target).to_be_visible()
    for _ in range(60):
        if target.evaluate("node => node === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name or field} cannot be reached by keyboard")


async def _upload(bob: Person, backup: Backup, storage: SecretStorage, talk: Talk) -> None:
    """What Bob's app does when he turns its backup on: all that he can read, encrypted by vodozemac."""
    version = (
        await bob.request("POST", "/room_keys/version", {"algorithm": ALGORITHM, "auth_data": backup.auth_data})
    )["version"]
    rooms = {}
    for room, export in ((talk.room, talk.export), (talk.other_room, talk.other)):
        session_id = base64url.encode_standard(export.public_key)
        session = {
            "algorithm": "m.megolm.v1.aes-sha2",
            "forwarding_curve25519_key_chain": [],
            "sender_claimed_keys": {},
            "sender_key": "A" * 43,
            "session_key": bob.session_export(room, session_id, 0),
        }
        data = {
            "first_message_index": 0,
            "forwarded_count": 0,
            "is_verified": True,
            "session_data": backup.session_data_by_vodozemac(session),
        }
        rooms[room] = {"sessions": {session_id: data}}
    await bob.request("PUT", f"/room_keys/keys?version={version}", {"rooms": rooms})
    kept = {
        "m.secret_storage.default_key": {"key": KEY_ID},
        f"m.secret_storage.key.{KEY_ID}": storage.description,
        "m.megolm_backup.v1": storage.encrypted("m.megolm_backup.v1", backup.secret),
    }
    for name, content in kept.items():
        await bob.request("PUT", f"/user/{quote(bob.user_id)}/account_data/{name}", content)


async def _delete_device(person: Person, device_id: str) -> None:
    proof = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": person.user_id}}
    await person.request(
        "POST", "/delete_devices", {"devices": [device_id], "auth": {**proof, "password": person.password}}
    )
