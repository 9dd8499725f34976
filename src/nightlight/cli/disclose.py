"""``nightlight disclose``: on the reporter's own computer, from a key file to a report of the named messages."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import vodozemac

from nightlight.adapters.matrix.reporter import ReporterClient, send_report
from nightlight.cli.files import read_bytes, read_line
from nightlight.cli.output import console, say
from nightlight.errors import RefusedError
from nightlight.evidence.disclosure import disclose
from nightlight.evidence.key_export import ExportedSession, open_key_export
from nightlight.evidence.verify import OpenedContent
from nightlight.hazmat import base64url, strict_json
from nightlight.hazmat.megolm import SessionExport
from nightlight.model.report import Category, MessageRole


def command(
    keys: Annotated[Path, typer.Option(help='The file that "Export room keys" in your app wrote.', metavar="FILE")],
    event: Annotated[list[str], typer.Option(help="Event id of a message to report. Repeat it for several.")],
    room: Annotated[
        str, typer.Option(help="Room id. Left out: every room in the key file is looked at.", metavar="ROOM_ID")
    ] = "",
    context: Annotated[
        list[str] | None,
        typer.Option("--context-event", help="Event id of a message to send along as context. Repeat it for several."),
    ] = None,
    around: Annotated[
        int,
        typer.Option(help="Send along up to this many messages before and after each reported one.", min=0, max=20),
    ] = 0,
    source: Annotated[
        list[Path] | None,
        typer.Option(help="Take the encrypted event from this JSON file (View source), not from the homeserver."),
    ] = None,
    homeserver: Annotated[
        str, typer.Option(help="Your homeserver's address.", envvar="MATRIX_HOMESERVER", metavar="URL")
    ] = "",
    access_token_file: Annotated[
        Path | None,
        typer.Option(
            help="File with your access token; it only ever goes to your homeserver. Or set MATRIX_ACCESS_TOKEN.",
            metavar="FILE",
        ),
    ] = None,
    passphrase_file: Annotated[
        Path | None,
        typer.Option(
            help="File with the passphrase of the key file. Or set NIGHTLIGHT_PASSPHRASE. Else it is asked for.",
            metavar="FILE",
        ),
    ] = None,
    category: Annotated[Category, typer.Option(help="What the report is about.")] = Category.OTHER,
    note: Annotated[str, typer.Option(help="In your own words.")] = "",
    language: Annotated[str, typer.Option(help="Language of the note, such as en or pt-BR.")] = "und",
    send: Annotated[
        str, typer.Option(help="Send the report to this Nightlight. Left out: it is only printed.", metavar="URL")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before sending.")] = False,
) -> None:
    """Make a report that proves exactly the named messages, on your own computer.

    Reads the key file of your app, computes the message key of each named message, shows you what will be opened, and
    prints the report as JSON. Your room keys and your passphrase never leave this computer: a message key opens one
    message and no other. Context is opened, too: it helps the reviewer to understand, and nothing in between is opened.

    Example: nightlight disclose --keys keys.txt --homeserver https://matrix.example --room '!abc:matrix.example'
    --event '$def' --category grooming
    """
    sessions = {(s.room_id, s.session_id): s for s in _read_keys(keys, passphrase_file)}
    say(f"{len(sessions)} session(s) in the key file.")
    client = ReporterClient(homeserver, _access_token(access_token_file)) if homeserver else None
    try:
        rooms = [room] if room else list(dict.fromkeys(room_id for room_id, _ in sessions))
        events = _events([*event, *(context or [])], source or [], client, rooms)
        reported = set(event)
        if around:
            events += _around([e for e in events if e["event_id"] in reported], events, sessions, client, around)
        report = _report(events, reported, sessions, category, note, language)
        print(json.dumps(report, indent=2, ensure_ascii=False))  # noqa: T201 - the report is this command's output
        if send:
            _send(client, send, report, ask=not yes)
    finally:
        if client:
            client.close()


def _read_keys(path: Path, passphrase_file: Path | None) -> list[ExportedSession]:
    data = read_bytes(path)
    passphrase = read_line(passphrase_file) if passphrase_file else os.environ.get("NIGHTLIGHT_PASSPHRASE")
    if passphrase is None:
        passphrase = str(typer.prompt("Passphrase of the key file", hide_input=True, err=True))
    with console.status("Opening the key file ..."):
        return list(open_key_export(data, passphrase))


def _access_token(path: Path | None) -> str:
    token = read_line(path).strip() if path else os.environ.get("MATRIX_ACCESS_TOKEN", "")
    if not token:
        raise RefusedError(
            "access_token",
            "Your homeserver asks for your access token.",
            "Give --access-token-file or set MATRIX_ACCESS_TOKEN; or use --source with the event's JSON instead.",
        )
    return token


def _events(
    wanted: list[str], sources: list[Path], client: ReporterClient | None, rooms: list[str]
) -> list[dict[str, Any]]:
    given: dict[str, dict[str, Any]] = {}
    for path in sources:
        value = strict_json.loads(read_bytes(path))
        if not isinstance(value, dict) or not isinstance(value.get("event_id"), str):
            raise RefusedError("event_malformed", f"{path} does not hold the JSON of an event.")
        given[value["event_id"]] = value
    found = []
    for event_id in dict.fromkeys(wanted):
        if event_id in given:
            found.append(given[event_id])
        elif client:
            found.append(client.find_event(event_id, rooms))
        else:
            raise RefusedError(
                "event_missing",
                f"The encrypted message {event_id} is needed as well as the keys.",
                "Give --homeserver with --access-token-file, or --source FILE with the event's JSON.",
            )
    if len({e.get("room_id") for e in found}) > 1:
        raise RefusedError("several_rooms", "The messages are from several rooms.", "Make one report for each room.")
    return found


def _around(
    reported: list[dict[str, Any]],
    known: list[dict[str, Any]],
    sessions: Mapping[tuple[str, str], ExportedSession],
    client: ReporterClient | None,
    count: int,
) -> list[dict[str, Any]]:
    """Messages around the reported ones that the key file opens, each once."""
    if client is None:
        raise RefusedError("event_missing", "--around asks your homeserver.", "Give --homeserver too.")
    seen = {event["event_id"] for event in known}
    found = []
    for event in reported:
        for near in client.around(event["event_id"], str(event.get("room_id")), count):
            content = near["content"]
            closed = near["type"] == "m.room.encrypted" and (
                (near["room_id"], str(content.get("session_id"))) not in sessions or "ciphertext" not in content
            )
            if near["event_id"] in seen:
                continue
            seen.add(near["event_id"])
            if closed:
                say(f"{near['event_id']}: near, but the key file does not open it; left out.")
            else:
                found.append(near)
    return found


def _report(
    events: list[dict[str, Any]],
    reported: set[str],
    sessions: Mapping[tuple[str, str], ExportedSession],
    category: Category,
    note: str,
    language: str,
) -> dict[str, Any]:
    messages = []
    for event in events:
        room_id, content = event.get("room_id"), event.get("content")
        if not isinstance(room_id, str) or not isinstance(content, dict):
            raise RefusedError("event_malformed", f"{event['event_id']} is not an event with a room and a content.")
        if event.get("type") != "m.room.encrypted":
            messages.append({"event_id": event["event_id"], **_role(event, reported)})
            say(f"{event['event_id']}: was not encrypted; sent without a key.")
            continue
        held = sessions.get((room_id, str(content.get("session_id"))))
        if held is None:
            raise RefusedError(
                "session_missing",
                f"The key file does not hold the session of {event['event_id']}.",
                "Export the keys from the device on which you can read the message.",
            )
        disclosure, opened = disclose(event["event_id"], room_id, content, held.session)
        _cross_check(content, held.session, opened)
        as_context = "" if event["event_id"] in reported else " as context"
        say(f"{event['event_id']} will be opened{as_context}. It says:")
        say(f"    {str(opened.payload['content'].get('body', '(no text)'))[:500]!r}", quoted=True)
        key = base64url.encode_urlsafe(disclosure.message_key or b"")
        messages.append({"event_id": event["event_id"], "message_key": key, **_role(event, reported)})
    return {
        "room_id": events[0]["room_id"],
        "category": category.value,
        "note": note,
        "language": language,
        "messages": messages,
    }


def _role(event: Mapping[str, Any], reported: set[str]) -> dict[str, str]:
    return {} if event["event_id"] in reported else {"role": MessageRole.CONTEXT.value}


def _cross_check(content: Mapping[str, Any], export: SessionExport, opened: OpenedContent) -> None:
    """Opens the message once more with vodozemac: what the server will read is what an app shows."""
    blob = b"\x01" + export.index.to_bytes(4, "big") + export.ratchet + export.public_key
    key = vodozemac.ExportedSessionKey(base64.b64encode(blob).rstrip(b"=").decode())
    session = vodozemac.InboundGroupSession.import_session(key)
    try:
        shown = session.decrypt(vodozemac.MegolmMessage.from_base64(str(content["ciphertext"])))
    except (vodozemac.MegolmDecryptionException, vodozemac.DecodeException):
        say("Some apps do not open this message, because it is written in an unusual way. It can be reported.")
        return
    if bytes(shown.plaintext) != opened.raw:
        raise RefusedError(
            "implementations_disagree", "Two implementations open this message differently. Not reported."
        )


def _send(client: ReporterClient | None, url: str, report: dict[str, Any], *, ask: bool) -> None:
    if client is None:
        raise RefusedError(
            "access_token",
            "Sending needs your sign-in at your homeserver.",
            "Give --homeserver and --access-token-file.",
        )
    if ask and not typer.confirm(f"Send this report to {url}?", err=True):
        raise RefusedError("not_sent", "Nothing was sent.")
    receipt = send_report(url, client.openid_token(), report, secrets.token_urlsafe(16))
    for message in receipt["messages"]:
        say(f"{message['event_id']}: {message['verdict']}. {message['explanation']}")
    say(f"Follow it at {receipt['status_url']}")
