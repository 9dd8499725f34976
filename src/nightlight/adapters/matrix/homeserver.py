"""The homeserver as Nightlight uses it: OpenID, Synapse's admin interface, and our module in Synapse."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from nightlight.adapters.matrix.account_records import SynapseAccountRecords
from nightlight.adapters.matrix.connection import Answer, Connection
from nightlight.errors import RefusedError, UnavailableError
from nightlight.evidence.stored_event import MESSAGE_TYPES
from nightlight.ports import HomeserverReport

_ADMIN = "/_synapse/admin"
_MODULE = "/_synapse/client/nightlight/v1"
_PAGE = 100
#: How far a page of reports reaches back into the one before, and how often to begin again when they do not meet.
_OVERLAP, _BEGINNINGS = 10, 5
_TOKEN = re.compile(r"[!-~]{1,1024}\Z")
#: Matrix, "Common Identifier Format": a server name begins with a letter, a digit or a bracket, so it is no ``..``.
_MXC = re.compile(r"mxc://([A-Za-z0-9\[][A-Za-z0-9.:\[\]-]{0,254})/([A-Za-z0-9_-]{1,255})\Z")
_SERVER = re.compile(r"[A-Za-z0-9\[][A-Za-z0-9.:\[\]-]{0,254}\Z")
_LOCALPART = re.compile(r"@[!-9;-~]+\Z")
_ONLY_MEMBERS = quote('{"types":["m.room.member"]}')
_ONLY_MESSAGES = quote(json.dumps({"types": MESSAGE_TYPES}))
#: How far messages of one report may lie apart for what lies between them to be counted.
_TIMELINE_PAGE, _TIMELINE_PAGES = 500, 4


class MatrixHomeserver:
    """Implements ``nightlight.ports.Homeserver`` on a Synapse.

    ``admin_token``: of an account that is a server admin; ``module_secret``: shared with our Synapse module, empty
    where the module is not loaded; ``timeout``: seconds. ``media_bytes_max`` and ``media_seconds_max``: for one file.
    """

    def __init__(
        self,
        base_url: str,
        server_name: str,
        admin_token: str,
        module_secret: str,
        timeout: float,
        *,
        media_bytes_max: int = 100 * 2**20,
        media_seconds_max: float = 300,
    ) -> None:
        self._media_bytes_max = media_bytes_max
        self._media_seconds_max = media_seconds_max
        self._connection = Connection(base_url, admin_token, timeout)
        self._server_name = server_name
        self._module = {"Authorization": f"Bearer {module_secret}"} if module_secret else None

    def close(self) -> None:
        self._connection.close()

    @property
    def account_records(self) -> SynapseAccountRecords:
        """The same homeserver, asked about its accounts."""
        return SynapseAccountRecords(self._connection, self._server_name)

    # Who reports

    def whois(self, openid_token: str) -> str:
        """Matrix server-server API, "OpenID". Asked of the configured homeserver, wherever the token may be from."""
        refused = RefusedError(
            "invalid_token",
            f"The OpenID token is not one that {self._server_name} issued, or it has expired.",
            "Ask your homeserver for a new one.",
        )
        if not _TOKEN.match(openid_token):
            raise refused
        answer = self._connection.send("GET", f"/_matrix/federation/v1/openid/userinfo?access_token={_q(openid_token)}")
        if answer.status in (400, 401):
            raise refused
        if answer.status != 200:
            raise UnavailableError(
                "no_openid",
                f"The homeserver does not answer OpenID questions (status {answer.status}). "
                "Enable the listener resource openid, and let Nightlight reach it.",
            )
        account = answer.body.get("sub")
        if not isinstance(account, str):
            raise UnavailableError("homeserver_nonsense", "The homeserver's answer names no account.")
        if not self._is_ours(account):
            raise refused
        return account

    # What was said, and who was there

    def fetch_event(self, event_id: str) -> dict[str, Any] | None:
        if not event_id.startswith("$"):
            return None
        answer = self._connection.as_admin("GET", f"{_ADMIN}/v1/fetch_event/{_q(event_id)}")
        if answer.status != 200:
            _require_absent(answer)
            return None
        return _object(answer.body, "event")

    def membership_at(self, room_id: str, event_id: str, account: str) -> str | None:
        """Synapse's room context with no neighbours: its ``state`` is the room's state at that event.

        The filter leaves out everything but memberships. It cannot name one member (it selects by sender, and an
        invitation is sent by somebody else), so the answer still grows with the room: about half a kilobyte for each
        account that was ever in it.
        """
        if not (room_id.startswith("!") and event_id.startswith("$")):
            return None
        path = f"{_ADMIN}/v1/rooms/{_q(room_id)}/context/{_q(event_id)}?limit=0&filter={_ONLY_MEMBERS}"
        answer = self._connection.as_admin("GET", path)
        if answer.status != 200:
            _require_absent(answer)
            return None
        if _object(answer.body, "event").get("room_id") != room_id:
            return None
        return _membership(answer.body.get("state"), account)

    def timeline(self, room_id: str, first: str, wanted: Collection[str]) -> list[str]:
        """Synapse's admin interface to a room's messages. What they hold, ciphertext or not, is dropped here."""
        if not (room_id.startswith("!") and first.startswith("$")):
            return []
        room = f"{_ADMIN}/v1/rooms/{_q(room_id)}"
        answer = self._connection.as_admin("GET", f"{room}/context/{_q(first)}?limit=0&filter={_ONLY_MEMBERS}")
        if answer.status != 200:
            _require_absent(answer)
            return []
        found: list[str] = []
        missing = set(wanted)
        token = answer.body.get("start")
        for _ in range(_TIMELINE_PAGES):
            if not isinstance(token, str):
                break
            path = f"{room}/messages?from={_q(token)}&dir=f&limit={_TIMELINE_PAGE}&filter={_ONLY_MESSAGES}"
            answer = self._connection.as_admin("GET", path)
            chunk = answer.body.get("chunk")
            if answer.status != 200 or not isinstance(chunk, list):
                raise _not_served(answer)
            ids = [event.get("event_id") for event in chunk if isinstance(event, dict)]
            found += [event_id for event_id in ids if isinstance(event_id, str)]
            missing.difference_update(found)
            if not missing:
                break
            token = answer.body.get("end")
        return found

    def server_keys(self, server: str) -> dict[str, object] | None:
        """Our homeserver's own keys, and others' through it: no other server is ever asked.

        Matrix server-server API, "Publishing keys" and "Querying keys through another server". None where the
        listener has no resource ``keys`` or ``federation``.
        """
        if server == self._server_name:
            answer = self._connection.send("GET", "/_matrix/key/v2/server")
            return dict(answer.body) if answer.status == 200 else None
        if not _SERVER.match(server):
            return None
        answer = self._connection.send("GET", f"/_matrix/key/v2/query/{_q(server)}")
        listed = answer.body.get("server_keys")
        for keys in listed if answer.status == 200 and isinstance(listed, list) else []:
            if isinstance(keys, dict) and keys.get("server_name") == server:
                return keys
        return None

    def membership_now(self, room_id: str, account: str) -> str | None:
        if not room_id.startswith("!"):
            return None
        answer = self._connection.as_admin("GET", f"{_ADMIN}/v1/rooms/{_q(room_id)}/state?type=m.room.member")
        if answer.status != 200:
            _require_absent(answer)
            return None
        return _membership(answer.body.get("state"), account)

    # Media

    def download(self, mxc: str) -> Iterator[bytes]:
        """Matrix client-server API, "Content repository" (authenticated media), asked of our homeserver only.

        For a file of another server Synapse answers from its cache, or asks that server itself. A homeserver may answer
        with a redirect to a CDN (same section); it is not followed, because it leads to a place that others name.
        """
        match = _MXC.match(mxc)
        if not match:
            raise RefusedError("no_such_media", "The message names a media address that is none.")
        media = f"{_q(match[1])}/{_q(match[2])}"
        path = f"/_matrix/client/v1/media/download/{media}"
        for part in self._connection.download(path, self._media_bytes_max, self._media_seconds_max):
            if isinstance(part, Answer):
                raise self._no_media(part, media)
            yield part

    def _no_media(self, answer: Answer, media: str) -> RefusedError | UnavailableError:
        if 300 <= answer.status < 400:
            return UnavailableError(
                "media_elsewhere",
                "The homeserver keeps its media at another address, and Nightlight calls no place but the homeserver.",
                retry=False,
            )
        if answer.status in (401, 403):
            return UnavailableError("homeserver_refuses_us", "The homeserver does not let Nightlight fetch media.")
        if not _says_absent(answer):
            return _not_served(answer)
        # To clients Synapse says of quarantined media that they are not there; to administrators it says why.
        known = self._connection.as_admin("GET", f"{_ADMIN}/v1/media/{media}")
        info = known.body.get("media_info")
        if known.status == 200 and isinstance(info, dict) and info.get("quarantined_by"):
            return RefusedError("media_quarantined", "The file is quarantined on the homeserver.")
        return RefusedError("media_gone", "The homeserver does not have the file (any more).")

    # Reports made with Matrix's own report call

    def event_reports_after(self, number: int) -> list[HomeserverReport]:
        return self._reports_after(number, "event_reports", _event_report)

    def user_reports_after(self, number: int) -> list[HomeserverReport]:
        return self._reports_after(number, "user_reports", _user_report)

    def _reports_after(
        self, number: int, what: str, read: Callable[[Mapping[str, Any]], HomeserverReport | None]
    ) -> list[HomeserverReport]:
        for _ in range(_BEGINNINGS):
            found = self._read_back_to(number, what, read)
            if found is not None:
                return [found[key] for key in sorted(found)]
        raise UnavailableError("homeserver_busy", f"The homeserver's {what} change faster than they can be read.")

    def _read_back_to(
        self, number: int, what: str, read: Callable[[Mapping[str, Any]], HomeserverReport | None]
    ) -> dict[int, HomeserverReport] | None:
        """Pages, newest first, until one holds nothing new. None: a purge moved the list, so a report may be missing.

        Pages are cut by position, and positions move when a report arrives or a room is purged; so each page must
        share a report with the page before. Synapse sorts by time of receipt, which is not quite the order of the
        numbers: one known number is no end.
        """
        found: dict[int, HomeserverReport] = {}
        before: set[int] = set()
        start = 0
        while True:
            answer = self._connection.as_admin("GET", f"{_ADMIN}/v1/{what}?dir=b&from={start}&limit={_PAGE}")
            items = answer.body.get(what)
            if answer.status != 200 or not isinstance(items, list):
                raise UnavailableError("homeserver_nonsense", f"The homeserver does not list its {what}.")
            entries = [item for item in items if isinstance(item, dict) and type(item.get("id")) is int]
            numbers = {item["id"] for item in entries}
            if before and not before & numbers:
                return None
            for item in entries:
                report = read(item) if item["id"] > number else None
                if report is not None:
                    found[report.number] = report
            if len(items) < _PAGE or all(known <= number for known in numbers):
                return found
            before = numbers
            start += _PAGE - _OVERLAP

    # What is enforced

    def send_notice(self, account: str, text: str, key: str) -> None:
        """One notice for one key while Synapse remembers it: half an hour or more, never past its restart."""
        body = {"user_id": account, "content": {"msgtype": "m.text", "body": text}}
        answer = self._connection.as_admin("PUT", f"{_ADMIN}/v1/send_server_notice/{_q(key)}", body)
        _require_done(answer, "no_notice", f"The homeserver sends no notice to {account}")

    def suspend(self, account: str) -> None:
        self._suspend(account, "suspend", yes=True)

    def unsuspend(self, account: str) -> None:
        self._suspend(account, "lift the suspension of", yes=False)

    def _suspend(self, account: str, what: str, *, yes: bool) -> None:
        path = f"{_ADMIN}/v1/suspend/{_account(account)}"
        answer = self._connection.as_admin("PUT", path, {"suspend": yes})
        _require_done(answer, "no_such_account", f"The homeserver cannot {what} {account}")

    def lock(self, account: str) -> None:
        self._lock(account, "lock", yes=True)

    def unlock(self, account: str) -> None:
        self._lock(account, "unlock", yes=False)

    def _lock(self, account: str, what: str, *, yes: bool) -> None:
        path = f"{_ADMIN}/v2/users/{_account(account)}"
        # PUT would create an account that does not exist.
        _require_done(self._connection.as_admin("GET", path), "no_such_account", f"There is no account {account}")
        answer = self._connection.as_admin("PUT", path, {"locked": yes})
        _require_done(answer, "no_such_account", f"The homeserver cannot {what} {account}")

    def deactivate(self, account: str) -> None:
        """Without erasure: what others received stays evidence."""
        path = f"{_ADMIN}/v1/deactivate/{_account(account)}"
        answer = self._connection.as_admin("POST", path, {"erase": False})
        _require_done(answer, "no_such_account", f"The homeserver cannot deactivate {account}")

    def redact(self, room_id: str, event_id: str, reason: str) -> None:
        answer = self._ask_module("redact", {"room_id": room_id, "event_id": event_id, "reason": reason})
        _require_done(answer, "not_redacted", f"The homeserver cannot redact {event_id}")

    def answer_invite(self, account: str, inviter: str, room_id: str, answer: str) -> None:
        body = {"account": account, "inviter": inviter, "room_id": room_id, "answer": answer}
        done = self._ask_module("invitation", body)
        _require_done(done, "not_answered", f"The homeserver cannot answer the invitation of {account}")

    def _ask_module(self, what: str, body: dict[str, Any]) -> Answer:
        if self._module is None:
            raise RefusedError(
                "no_module",
                "This needs the Nightlight module in Synapse, and no secret is set for it.",
                "Load the module and set NIGHTLIGHT_MODULE_SECRET_FILE.",
            )
        answer = self._connection.send("POST", f"{_MODULE}/{what}", body, self._module)
        if answer.status in (401, 403):
            raise UnavailableError("module_refuses_us", "The Nightlight module in Synapse does not accept our secret.")
        if answer.status == 404 and answer.body.get("errcode") == "M_UNRECOGNIZED":
            raise UnavailableError("no_module", "The Nightlight module is not loaded in Synapse.")
        return answer

    def quarantine(self, mxc: str) -> None:
        if not self._in_quarantine(mxc, "quarantine"):
            raise RefusedError(
                "media_protected",
                f"The homeserver did not quarantine {mxc}: an administrator protected it.",
                "Unprotect it in the homeserver, then quarantine it there.",
            )

    def unquarantine(self, mxc: str) -> None:
        """Synapse lets go of every file with the same bytes, as it quarantines them."""
        if self._in_quarantine(mxc, "unquarantine"):
            raise UnavailableError("still_quarantined", f"The homeserver keeps {mxc} in quarantine.")

    def _in_quarantine(self, mxc: str, do: str) -> bool:
        """Whether the file is in quarantine after that was done."""
        match = _MXC.match(mxc)
        if not match:
            raise RefusedError("no_such_media", "The message names a media address that is none.")
        media = f"{_q(match[1])}/{_q(match[2])}"
        answer = self._connection.as_admin("POST", f"{_ADMIN}/v1/media/{do}/{media}", {})
        _require_done(answer, "no_such_media", f"Cannot {do} {mxc}")
        # Synapse says yes for media that it does not have and for media protected from quarantine, too.
        answer = self._connection.as_admin("GET", f"{_ADMIN}/v1/media/{media}")
        _require_done(answer, "no_such_media", f"The homeserver has no {mxc}")
        return bool(_object(answer.body, "media_info").get("quarantined_by"))

    def _is_ours(self, account: str) -> bool:
        localpart, _, server = account.partition(":")
        return bool(_LOCALPART.match(localpart)) and server == self._server_name and len(account) <= 255


def _q(text: str) -> str:
    # Half a surrogate pair is in no id that exists.
    return quote(text, safe="", errors="replace")


def _account(account: str) -> str:
    """The account id quoted for a path; what is no account id could point to another path (``..``)."""
    if not account.startswith("@"):
        raise RefusedError("no_such_account", f"{account} is no account id.")
    return _q(account)


def _says_absent(answer: Answer) -> bool:
    """Whether Synapse itself says so: a proxy's 404, or that of a Synapse without this interface, has another code."""
    return answer.status == 404 and answer.body.get("errcode") in ("M_NOT_FOUND", "M_UNKNOWN")


def _require_absent(answer: Answer) -> None:
    """Not there is an answer; anything else that is not 200 is not."""
    if not _says_absent(answer):
        raise _not_served(answer)


def _require_done(answer: Answer, code: str, what: str) -> None:
    if answer.status in (200, 201):
        return
    if _says_absent(answer) or answer.status == 400:
        why = str(answer.body.get("error", f"status {answer.status}"))[:200].rstrip(".")
        raise RefusedError(code, f"{what}: {why}.")
    raise _not_served(answer)


def _not_served(answer: Answer) -> UnavailableError:
    return UnavailableError(
        "homeserver_nonsense",
        f"The homeserver answers with status {answer.status}. Does its address lead to Synapse, /_synapse included?",
    )


def _object(body: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = body.get(key)
    if not isinstance(value, dict):
        raise UnavailableError("homeserver_nonsense", "The homeserver's answer has another shape than expected.")
    return value


def _membership(state: object, account: str) -> str | None:
    if not isinstance(state, list):
        raise UnavailableError("homeserver_nonsense", "The homeserver's answer has another shape than expected.")
    for event in state:
        if isinstance(event, dict) and event.get("type") == "m.room.member" and event.get("state_key") == account:
            content = event.get("content")
            membership = content.get("membership") if isinstance(content, dict) else None
            return membership if isinstance(membership, str) else None
    return None


def _event_report(item: Mapping[str, Any]) -> HomeserverReport | None:
    reporter, room_id, event_id = item.get("user_id"), item.get("room_id"), item.get("event_id")
    if not (isinstance(reporter, str) and isinstance(room_id, str) and isinstance(event_id, str)):
        return None
    return _report(item, reporter, room_id, event_id, None)


def _user_report(item: Mapping[str, Any]) -> HomeserverReport | None:
    reporter, target = item.get("user_id"), item.get("target_user_id")
    if not (isinstance(reporter, str) and isinstance(target, str)):
        return None
    return _report(item, reporter, None, None, target)


def _report(
    item: Mapping[str, Any], reporter: str, room_id: str | None, event_id: str | None, target: str | None
) -> HomeserverReport:
    at, reason = item.get("received_ts"), item.get("reason")
    return HomeserverReport(
        item["id"],
        at if isinstance(at, int) else 0,
        reporter,
        reason if isinstance(reason, str) else "",
        room_id,
        event_id,
        target,
    )
