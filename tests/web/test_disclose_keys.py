"""The page's key engine in a real browser: the same vectors as Python's, and files and backups made to hurt it."""

from __future__ import annotations

import base64
import json
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nio.crypto.key_export import encrypt_and_save
from playwright.sync_api import Browser, Page
from starlette.applications import Starlette

from nightlight.errors import RefusedError
from nightlight.hazmat import base64url
from nightlight.hazmat.megolm import MegolmMessage, SessionExport
from nightlight.web.disclose.routes import DisclosurePage, disclosure_routes
from tests.browser import browser
from tests.evidence.key_backup import Backup, SecretStorage, recovery_key
from tests.evidence.key_file import FOOTER, HEADER, armour, blob, entry, key_file
from tests.hazmat.sender import Sender, ciphertext_field, index_field, varint
from tests.loopback import served

__all__ = ["browser"]

VECTORS = Path(__file__).parents[1] / "vectors"
SESSION = json.loads((VECTORS / "megolm.json").read_text())
ROOM = "!playground:example.org"


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """The page's own origin and policy, and nothing else: a homeserver is not needed to read keys."""
    page = DisclosurePage("http://homeserver.invalid", "example.org", "https://example.org/", 50, 20, 1000)
    complaints: list[str] = []
    with served(Starlette(routes=disclosure_routes(page))) as url:
        context = browser.new_context()
        tab = context.new_page()
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.goto(f"{url}/report")
        tab.evaluate(HELPERS)
        yield tab
        context.close()
    assert complaints == []


HELPERS = """async () => {
  const [bytes, megolm, backup, { KeyEngine }] = await Promise.all(
    ["bytes", "megolm", "backup", "client"].map((name) => import(`/report/static/keys/${name}.js`)),
  );
  const refused = async (work) => {
    try { return { value: await work() }; } catch (error) { return { code: error.code ?? String(error) }; }
  };
  const file = (text) => new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))]);
  window.test = { bytes, megolm, backup, KeyEngine, refused, file };
}"""

OPEN_FILE = """async ({ file, passphrase, events }) => {
  const engine = new test.KeyEngine();
  try {
    return await test.refused(async () => {
      const listed = await engine.openFile(test.file(file), passphrase);
      const opened = await engine.decrypt(events ?? []);
      return { ...listed, opened, keys: await engine.messageKeys(events ?? []) };
    });
  } finally { engine.close(); }
}"""

OPEN_BACKUP = """async ({ info, input, sessions, events }) => {
  const engine = new test.KeyEngine();
  try {
    return await test.refused(async () => {
      await engine.unlockBackup(info, input);
      const added = {};
      for (const [room, listed] of Object.entries(sessions ?? {})) {
        added[room] = await engine.addBackupSessions(room, listed);
      }
      return { added, opened: await engine.decrypt(events ?? []), ...(await engine.summary()) };
    });
  } finally { engine.close(); }
}"""


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def opened(page: Page, data: bytes, passphrase: str, events: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = page.evaluate(
        OPEN_FILE, {"file": text(data), "passphrase": passphrase, "events": events or []}
    )
    return answer


def event(
    sender: Sender, index: int, room: str = ROOM, said: str = "[message]", event_id: str = "$1"
) -> dict[str, Any]:
    payload = {"type": "m.room.message", "content": {"msgtype": "m.text", "body": said}, "room_id": room}
    return stored(sender.session_id, sender.send(index, json.dumps(payload).encode()), room, event_id)


def stored(session_id: str, message: bytes, room: str = ROOM, event_id: str = "$1") -> dict[str, Any]:
    ciphertext = base64url.encode_standard(message)
    content = {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": ciphertext, "session_id": session_id}
    return {"event_id": event_id, "room_id": room, "type": "m.room.encrypted", "content": content}


# The ratchet and the message format


def test_the_ratchet_passes_the_vectors_that_python_passes(page: Page) -> None:
    found = page.evaluate(
        """async ({ session_key, session_id, messages }) => {
          const { bytes, megolm } = test;
          const first = megolm.parseSession(bytes.fromBase64(session_key));
          const all = [];
          for (const vector of messages) {
            const key = await megolm.messageKey(await megolm.advance(first, vector.index));
            const message = megolm.parseMessage(vector.message);
            const plaintext = new TextDecoder().decode(await megolm.openMessage(message, key));
            const signed = await megolm.signedBy(message, first.publicKey);
            all.push([message.index, bytes.toBase64(key), plaintext, signed]);
          }
          return { id: megolm.sessionId(first), all };
        }""",
        SESSION,
    )
    assert found["id"] == SESSION["session_id"]
    assert found["all"] == [[v["index"], v["message_key"], v["plaintext"], True] for v in SESSION["messages"]]


def test_message_keys_agree_with_python_all_over_the_counter(page: Page) -> None:
    chance = random.Random(4)
    edges = [0, 1, 255, 256, 257, 65_535, 65_536, 2**24 - 1, 2**24, 2**24 + 1, 2**32 - 1]
    pairs = [(start, target) for start in edges for target in edges if start <= target]
    for _ in range(60):
        start, target = sorted(chance.choices(range(2**32), k=2))
        pairs.append((start, target))
    cases = [(SessionExport(start, chance.randbytes(128), bytes(32)), target) for start, target in pairs]
    found = page.evaluate(
        """(cases) => Promise.all(cases.map(async ([text, target]) => {
          const session = await test.megolm.advance(test.megolm.parseSession(test.bytes.fromBase64(text)), target);
          return test.bytes.toBase64Url(await test.megolm.messageKey(session));
        }))""",
        [
            [base64url.encode_standard(b"\x01" + struct.pack(">I", s.index) + s.ratchet + s.public_key), target]
            for s, target in cases
        ],
    )
    assert found == [base64url.encode_urlsafe(session.message_key(target)) for session, target in cases]


def test_a_ratchet_does_not_run_backwards(page: Page) -> None:
    export = base64url.encode_standard(Sender(first=7).export_bytes)
    code = page.evaluate(
        """(text) => test.refused(() => {
          return test.megolm.advance(test.megolm.parseSession(test.bytes.fromBase64(text)), 6);
        })""",
        export,
    )
    assert code == {"code": "key_too_late"}


def test_both_readers_see_the_same_in_every_strange_message(page: Page) -> None:
    """A difference would let a sender write what the page shows and the service refuses, or the other way round."""
    sender, chance = Sender(), random.Random(11)
    ciphertext = ciphertext_field(b"c" * 32)
    payloads = [
        index_field(3) + ciphertext,
        ciphertext + index_field(3),
        index_field(3, extra=2) + ciphertext_field(b"c" * 16, extra=1),
        ciphertext,
        index_field(1) + index_field(2) + ciphertext,
        index_field(2**32 + 5) + ciphertext,
        b"\x1a\x03abc" + index_field(3) + ciphertext,
        b"\x1b\x08\x09\x1c" + index_field(3) + ciphertext,
        b"\x0b\x0c" + ciphertext,
        b"\x13\x14" + ciphertext,
        b"\x1b" * 101 + b"\x1c" * 101 + ciphertext,
        b"\x19" + bytes(8) + ciphertext,
        b"\x1d" + bytes(4) + ciphertext,
        b"\x1d" + bytes(2),
        b"\x12" + varint(2**63) + b"x",
        b"\x08" + b"\xff" * 9 + b"\x7f" + ciphertext,
        b"\x00\x00" + ciphertext,
        index_field(3) + ciphertext_field(b""),
    ]
    messages = [sender.seal(0, payload) for payload in payloads]
    whole = sender.seal(0, index_field(300) + ciphertext)
    messages += [whole[:at] for at in range(0, len(whole), 3)] + [b"\x02" + whole[1:], whole + bytes(131_072)]
    for _ in range(600):
        spoilt = bytearray(chance.choice(messages[: len(payloads)]))
        for _ in range(chance.randint(1, 4)):
            spoilt[chance.randrange(len(spoilt) - 60)] = chance.randrange(256)
        messages.append(bytes(spoilt))
    found = page.evaluate(
        """(all) => Promise.all(all.map((text) => test.refused(async () => {
          const m = test.megolm.parseMessage(text);
          return [m.index, ...[m.ciphertext, m.mac, m.signature, ...m.forms].map(test.bytes.toBase64)];
        })))""",
        [base64url.encode_standard(message) for message in messages],
    )
    for message, seen in zip(messages, found, strict=True):
        try:
            m = MegolmMessage.parse(message)
        except RefusedError:
            assert seen == {"code": "message_malformed"}
        else:
            parts = [base64url.encode_standard(part) for part in (m.ciphertext, m.mac, m.signature, *m.forms)]
            assert seen == {"value": [m.index, *parts]}


@pytest.mark.parametrize(
    "spelling", ["", "A", "AB=C", "AAAA====", "A-_A", "AAA\n", "AB", " AAAA", "AAAAA=", "\u0660AAA"]
)
def test_one_text_for_one_value(page: Page, spelling: str) -> None:
    expected: list[int] | None
    try:
        expected = list(base64url.decode_standard(spelling))
    except (RefusedError, ValueError):
        expected = None
    assert page.evaluate("(t) => { const d = test.bytes.fromBase64(t); return d && [...d]; }", spelling) == expected


# Key files


def test_a_key_file_of_nio_opens_its_messages_and_no_others(page: Page) -> None:
    events = [
        stored(SESSION["session_id"], base64url.decode_standard(v["message"]), SESSION["room_id"], f"$v{v['index']}")
        for v in SESSION["messages"]
    ]
    found = opened(page, (VECTORS / "key_export.txt").read_bytes(), "placeholder passphrase", events)["value"]
    assert (found["sessions"], found["skipped"]) == (1, 0)
    assert found["rooms"] == [{"roomId": SESSION["room_id"], "sessions": 1}]
    assert [item["payload"]["content"] for item in found["opened"]] == [
        json.loads(v["plaintext"])["content"] for v in SESSION["messages"]
    ]
    url_safe = [v["message_key"].replace("+", "-").replace("/", "_") for v in SESSION["messages"]]
    assert [item["messageKey"] for item in found["keys"]] == url_safe
    # What leaves the worker for a report is the message key and nothing beside it.
    assert {tuple(sorted(item)) for item in found["keys"]} == {("eventId", "messageKey", "ok")}


@pytest.mark.parametrize("passphrase", ["pässwörd", "ÿ", "plain"])
def test_passphrases_of_nio_that_are_not_ascii(page: Page, tmp_path: Path, passphrase: str) -> None:
    path = tmp_path / "keys.txt"
    encrypt_and_save(json.dumps([entry(Sender())]).encode(), str(path), passphrase, count=10)
    assert opened(page, path.read_bytes(), passphrase)["value"]["sessions"] == 1


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("line", [64, 128, 10_000_000])
def test_files_of_every_shape_that_apps_write(page: Page, newline: bytes, line: int) -> None:
    data = armour(blob(json.dumps([entry(Sender())]).encode(), "a passphrase ☂"), line, newline)
    assert opened(page, b"\xef\xbb\xbf" + data, "a passphrase ☂")["value"]["sessions"] == 1


GOOD = key_file([entry(Sender())], "right")
INSIDE = blob(json.dumps([entry(Sender())]).encode(), "right")


@pytest.mark.parametrize(
    ("data", "passphrase", "code"),
    [
        (GOOD, "wrong", "passphrase_wrong"),
        (GOOD, "", "passphrase_wrong"),
        (GOOD[: len(GOOD) // 2], "right", "file_truncated"),
        (GOOD[: len(HEADER) + 1], "right", "file_truncated"),
        (HEADER + b"\n" + FOOTER, "right", "file_truncated"),
        (b"", "right", "file_foreign"),
        (b"PK\x03\x04 something else", "right", "file_foreign"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "right", "file_foreign"),
        (GOOD.replace(b"SESSION DATA-----\n", b"SESSION DATA-----\n!!"), "right", "file_damaged"),
        (armour(INSIDE[:-1]), "right", "file_damaged"),
        (armour(INSIDE[:60] + bytes([INSIDE[60] ^ 1]) + INSIDE[61:]), "right", "file_damaged"),
        (armour(blob(b"[]", "right", version=2)), "right", "file_damaged"),
        (
            armour(blob(b"[]", "right", rounds=1)[:33] + struct.pack(">I", 2**31) + INSIDE[37:]),
            "right",
            "rounds_too_many",
        ),
        (armour(INSIDE[:33] + struct.pack(">I", 2**32 - 1) + INSIDE[37:]), "right", "rounds_too_many"),
        (armour(INSIDE[:33] + bytes(4) + INSIDE[37:]), "right", "rounds_too_many"),
        (armour(blob(b"{not json", "right")), "right", "file_damaged"),
        (armour(blob(b'{"a": 1}', "right")), "right", "file_damaged"),
        (armour(blob(b"\xff\xfe", "right")), "right", "file_damaged"),
        (armour(blob(b"[" * 100_000, "right")), "right", "file_damaged"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",
)
def test_a_file_that_cannot_be_opened_says_why(page: Page, data: bytes, passphrase: str, code: str) -> None:
    assert opened(page, data, passphrase) == {"code": code}


def test_a_million_entries_are_looked_at_and_one_more_is_refused(page: Page) -> None:
    """Entries of one byte: a million real ones are a file of 700 MB, which is not even read (below)."""
    million = b"[" + b"0," * 999_999 + b"0]"
    found = opened(page, armour(blob(million, "right")), "right")["value"]
    assert (found["sessions"], found["skipped"]) == (0, 1_000_000)
    assert opened(page, armour(blob(million[:-1] + b",0]", "right")), "right") == {"code": "sessions_too_many"}


def test_a_file_that_no_app_writes_is_not_even_read(page: Page) -> None:
    code = page.evaluate(
        """async () => {
          const engine = new test.KeyEngine();
          const part = new Uint8Array(2 ** 20);
          const found = await test.refused(() => engine.openFile(new Blob(Array(129).fill(part)), "right"));
          engine.close();
          return found;
        }"""
    )
    assert code == {"code": "file_too_large"}


def test_entries_that_make_no_sense_are_counted_and_passed_over(page: Page) -> None:
    sender = Sender()
    good = entry(sender)
    strange: list[Any] = [
        None, 3, "text", [], {}, {"room_id": ROOM}, entry(sender, algorithm="m.olm.v1"), entry(sender, room_id=5),
        entry(sender, session_key=None), entry(sender, session_id=["x"]),
    ]  # fmt: skip
    found = opened(page, key_file([*strange, good], "right"), "right", [event(sender, 2)])["value"]
    assert (found["sessions"], found["skipped"]) == (1, len(strange))
    assert found["opened"][0]["payload"]["content"]["body"] == "[message]"


def test_names_that_programs_use_are_names_like_any_other(page: Page) -> None:
    names = ["__proto__", "constructor", "toString", "hasOwnProperty"]
    listed = [entry(Sender(), room_id=name, session_id=name) for name in names]
    found = opened(page, key_file([*listed, {"__proto__": {"room_id": ROOM}}], "right"), "right")["value"]
    assert {room["roomId"] for room in found["rooms"]} == set(names)
    assert page.evaluate("() => ({}).room_id === undefined")


def test_the_same_session_id_in_two_rooms_stays_in_two_rooms(page: Page) -> None:
    """Somebody who was given a session cannot pass its messages off as another conversation's."""
    sender, other = Sender(), "!other:example.org"
    moved = event(sender, 1, ROOM) | {"room_id": other, "event_id": "$2"}
    events = [event(sender, 1, ROOM), moved]
    one = opened(page, key_file([entry(sender)], "right"), "right", events)["value"]
    assert [item.get("code", "ok") for item in one["keys"]] == ["ok", "session_missing"]
    both = opened(page, key_file([entry(sender), entry(sender, room_id=other)], "right"), "right", events)["value"]
    assert both["sessions"] == 2
    assert [item.get("code", "ok") for item in both["keys"]] == ["ok", "other_room"]


def test_a_session_of_somebody_else_under_this_name_is_not_taken(page: Page) -> None:
    victim, forger = Sender(), Sender(b"forger")
    forged = entry(forger, session_id=victim.session_id)
    found = opened(page, key_file([forged], "right"), "right", [event(victim, 1)])["value"]
    assert found["keys"][0]["code"] == "session_missing"


def test_the_earliest_start_of_a_session_is_kept_whatever_the_order(page: Page) -> None:
    early = Sender()
    late = early.export.at(5)
    late_entry = entry(
        early, session_key=base64url.encode_standard(b"\x01" + struct.pack(">I", 5) + late.ratchet + late.public_key)
    )
    for order in ([entry(early), late_entry], [late_entry, entry(early)]):
        found = opened(page, key_file(order, "right"), "right", [event(early, 7), event(early, 2)])["value"]
        assert [item["ok"] for item in found["opened"]] == [True, True]
        assert found["sessions"] == 1
    only_late = opened(page, key_file([late_entry], "right"), "right", [event(early, 7), event(early, 2)])["value"]
    assert [item.get("code", "ok") for item in only_late["opened"]] == ["ok", "key_too_late"]


def test_messages_that_do_not_fit_each_say_why(page: Page) -> None:
    sender = Sender()
    good = sender.send(1, b'{"type":"m.room.message","content":{},"room_id":"' + ROOM.encode() + b'"}')
    wrong_mac = sender.seal(1, index_field(1) + ciphertext_field(bytes(32)), covered=b"else")
    events = [
        stored(sender.session_id, good, ROOM, "$good"),
        stored(sender.session_id, good[:-1] + bytes([good[-1] ^ 1]), ROOM, "$signature"),
        stored(sender.session_id, wrong_mac, ROOM, "$mac"),
        stored(sender.session_id, b"\x03short", ROOM, "$short"),
        stored(Sender(b"nobody").session_id, good, ROOM, "$stranger"),
        {"event_id": "$none", "room_id": ROOM, "content": None},
        {"event_id": "$plain", "room_id": ROOM, "content": {"body": "x"}},
        {"event_id": "$odd", "room_id": ROOM, "content": {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": 5}},
    ]
    found = opened(page, key_file([entry(sender)], "right"), "right", events)["value"]
    codes = {item["eventId"]: item.get("code", "ok") for item in found["keys"]}
    assert codes == {
        "$good": "ok",
        "$signature": "signature_invalid",
        "$mac": "signature_invalid",
        "$short": "message_malformed",
        "$stranger": "session_missing",
        "$none": "message_malformed",
        "$plain": "message_malformed",
        "$odd": "message_malformed",
    }


def test_work_that_takes_long_shows_how_far_it_is_and_can_be_stopped(page: Page) -> None:
    slow = armour(INSIDE[:33] + struct.pack(">I", 4_999_999) + INSIDE[37:])
    found = page.evaluate(
        """async ({ slow, quick }) => {
          const engine = new test.KeyEngine();
          const stop = new AbortController();
          const seen = [];
          const onProgress = ({ stage, done }) => {
            seen.push([stage, done]);
            if (seen.filter(([name]) => name === "deriving").length === 3) stop.abort();
          };
          const open = (data, how) => test.refused(() => engine.openFile(test.file(data), "right", how));
          const first = await open(slow, { onProgress, signal: stop.signal });
          const again = await engine.openFile(test.file(quick), "right");
          const never = await open(quick, { signal: AbortSignal.abort() });
          engine.close();
          return { first, again, never, seen };
        }""",
        {"slow": text(slow), "quick": text(GOOD)},
    )
    assert found["first"] == found["never"] == {"code": "cancelled"}
    assert found["again"]["sessions"] == 1  # a fresh worker took over
    shares = [share for stage, share in found["seen"] if stage == "deriving"]
    assert shares == sorted(shares)
    assert all(0 < share < 1 for share in shares)


# The key backup


def backed_up(page: Page, info: dict[str, Any], typed: str, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = page.evaluate(OPEN_BACKUP, {"info": info, "input": typed, **more})
    return answer


@pytest.mark.parametrize("proper_mac", [False, True])
def test_a_backup_opens_with_its_recovery_key(page: Page, proper_mac: bool) -> None:
    backup, sender = Backup(), Sender()
    sessions = {ROOM: {sender.session_id: {"session_data": backup.session_data(entry(sender), proper_mac=proper_mac)}}}
    found = backed_up(page, backup.info(), backup.recovery_key, sessions=sessions, events=[event(sender, 1)])["value"]
    assert found["added"] == {ROOM: {"added": 1, "failed": 0}}
    assert found["opened"][0]["payload"]["content"]["body"] == "[message]"


def test_a_session_that_vodozemac_backed_up_opens(page: Page) -> None:
    """What apps write (`m.megolm_backup.v1.curve25519-aes-sha2`), by another implementation than the tests' own."""
    backup, sender = Backup(), Sender()
    sessions = {ROOM: {sender.session_id: {"session_data": backup.session_data_by_vodozemac(entry(sender))}}}
    found = backed_up(page, backup.info(), backup.recovery_key, sessions=sessions, events=[event(sender, 1)])["value"]
    assert found["added"] == {ROOM: {"added": 1, "failed": 0}}
    assert found["opened"][0]["payload"]["content"]["body"] == "[message]"


def test_secret_storage_opens_with_its_key_its_phrase_or_an_older_recovery_key(page: Page) -> None:
    backup, storage = Backup(), SecretStorage("three calm words", rounds=25_000)
    for typed in (storage.recovery_key, storage.recovery_key.replace(" ", ""), "three calm words", backup.recovery_key):
        assert "value" in backed_up(page, backup.info(storage), typed), typed


def test_a_recovery_key_is_read_strictly(page: Page) -> None:
    secret = bytes(range(32))
    good = recovery_key(secret)
    cases = {
        good: list(secret),
        good.replace(" ", "\n  "): list(secret),
        recovery_key(secret, head=b"\x8b\x02"): None,
        recovery_key(secret, parity=1): None,
        recovery_key(secret + b"x"): None,
        recovery_key(secret[:-1]): None,
        good[:-1]: None,
        good.replace("E", "0", 1): None,
        "": None,
        "1" * 58: None,
    }
    found = page.evaluate(
        "(all) => all.map((t) => { const k = test.backup.recoveryKey(t); return k && [...k]; })", list(cases)
    )
    assert found == list(cases.values())


def test_what_does_not_open_a_backup_says_why(page: Page) -> None:
    backup, storage = Backup(), SecretStorage()
    phrase = SecretStorage("right phrase")
    info = backup.info(storage)

    def changed(where: str, **values: Any) -> dict[str, Any]:
        return {**info, where: {**info[where], **values}}

    spoilt = json.loads(json.dumps(info))
    spoilt["encryptedSecret"]["encrypted"]["chosenbytheapp"]["mac"] = base64url.encode_standard(bytes(32))
    greedy = json.loads(json.dumps(backup.info(phrase)))
    greedy["keyDescription"]["passphrase"]["iterations"] = 2**31
    odd = json.loads(json.dumps(backup.info(phrase)))
    odd["keyDescription"]["passphrase"]["bits"] = 1
    key = storage.recovery_key
    cases = [
        (info, "not a key", "recovery_key_malformed"),
        (info, recovery_key(bytes(32)), "recovery_key_wrong"),
        (backup.info(), recovery_key(bytes(32)), "recovery_key_wrong"),
        (backup.info(), "a phrase", "recovery_key_malformed"),
        (Backup().info(), backup.recovery_key, "recovery_key_wrong"),
        (backup.info(phrase), "wrong phrase", "phrase_wrong"),
        (greedy, "right phrase", "rounds_too_many"),
        (odd, "right phrase", "backup_unsupported"),
        (spoilt, key, "backup_damaged"),
        (changed("keyDescription", algorithm="m.other"), key, "backup_unsupported"),
        (changed("keyDescription", iv="AA"), key, "backup_unsupported"),
        (changed("authData", public_key=5), key, "backup_unsupported"),
        (changed("authData", public_key="AAAA"), key, "backup_unsupported"),
        (changed("authData", algorithm="org.matrix.msc3270.v1.aes-hmac-sha2"), key, "backup_unsupported"),
        ({**info, "encryptedSecret": {"encrypted": {}}}, key, "backup_unsupported"),
        # A storage key that opens, and a backup that is another one: the server cannot swap it.
        ({**info, "authData": Backup().info()["authData"]}, key, "recovery_key_wrong"),
        ({}, key, "backup_unsupported"),
    ]  # fmt: skip
    found = [backed_up(page, given, typed) for given, typed, _ in cases]
    assert found == [{"code": code} for _, _, code in cases]


def test_sessions_that_do_not_open_are_counted_and_the_rest_is_kept(page: Page) -> None:
    backup, sender = Backup(), Sender()
    good = backup.session_data(entry(sender))
    listed = {
        sender.session_id: {"session_data": good},
        "other key": {"session_data": Backup().session_data(entry(sender))},
        "spoilt": {"session_data": {**good, "ciphertext": "AAAA"}},
        "low order": {"session_data": {**good, "ephemeral": base64url.encode_standard(bytes(32))}},
        "no json": {"session_data": backup.session_data(b"no json")},
        "no session": {"session_data": backup.session_data(b"[1]")},
        "nothing": {},
        "null": None,
        "__proto__x": {"session_data": 5},
    }
    found = backed_up(page, backup.info(), backup.recovery_key, sessions={ROOM: listed}, events=[event(sender, 1)])
    assert found["value"]["added"][ROOM] == {"added": 1, "failed": len(listed) - 1}
    assert found["value"]["opened"][0]["ok"] is True


def test_the_name_on_the_server_binds_what_is_inside(page: Page) -> None:
    """A homeserver that files a session under another room or name gains nothing: the message says its room."""
    backup, sender, other = Backup(), Sender(), "!other:example.org"
    sessions = {other: {sender.session_id: {"session_data": backup.session_data(entry(sender))}}}
    moved = event(sender, 1) | {"room_id": other}
    found = backed_up(page, backup.info(), backup.recovery_key, sessions=sessions, events=[event(sender, 1), moved])
    assert [item["code"] for item in found["value"]["opened"]] == ["session_missing", "other_room"]
