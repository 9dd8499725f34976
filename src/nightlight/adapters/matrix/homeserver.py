"""The homeserver as Nightlight uses it: OpenID, Synapse's admin interface, and our module in Synapse."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from nightlight.adapters.matrix.connection import Answer, Connection
from nightlight.errors import RefusedError, UnavailableError
from nightlight.ports import HomeserverReport

_ADMIN = "/_synapse/admin"
_MODULE = "/_synapse/client/nightlight/v1"
_PAGE = 100
_MXC = re.compile(r"mxc://([A-Za-z0-9.:\[\]-]{1,255})/([A-Za-z0-9_-]{1,255})\Z")


class MatrixHomeserver:
    """Implements ``nightlight.ports.Homeserver`` on a Synapse.

    ``admin_token``: of an account that is a server admin; ``module_secret``: shared with our Synapse module, empty
    where the module is not loaded; ``timeout``: seconds.
    """

    def __init__(self, base_url: str, server_name: str, admin_token: str, module_secret: str, timeout: float) -> None:
        self._connection = Connection(base_url, admin_token, timeout)
        self._server_name = server_name
        self._module = {"Authorization": f"Bearer {module_secret}"} if module_secret else None

    def close(self) -> None:
        self._connection.close()

    # Who reports

    def whois(self, openid_token: str) -> str:
        """Matrix server-server API, "OpenID". Asked of the configured homeserver, wherever the token may be from."""
        path = f"/_matrix/federation/v1/openid/userinfo?access_token={_q(openid_token)}"
        answer = self._connection.send("GET", path)
        account = answer.body.get("sub")
        if answer.status == 404:
            raise UnavailableError("no_openid", "The homeserver does not serve OpenID: enable the listener resource.")
        if answer.status == 200 and not isinstance(account, str):
            raise UnavailableError("homeserver_nonsense", "The homeserver's answer names no account.")
        if answer.status == 200 and isinstance(account, str) and self._is_ours(account):
            return account
        raise RefusedError(
            "invalid_token",
            f"The OpenID token is not one that {self._server_name} issued, or it has expired.",
            "Ask your homeserver for a new one.",
        )

    # What was said, and who was there

    def fetch_event(self, event_id: str) -> dict[str, Any] | None:
        answer = self._connection.as_admin("GET", f"{_ADMIN}/v1/fetch_event/{_q(event_id)}")
        if answer.status != 200:
            _require_absent(answer)
            return None
        return _object(answer.body, "event")

    def membership_at(self, room_id: str, event_id: str, account: str) -> str | None:
        """Synapse's room context with no neighbours: its ``state`` is the room's state at that event.

        The whole state comes along; Synapse offers no filter for one member (its ``filter`` parameter can only keep
        the senders of the events in the answer).
        """
        answer = self._connection.as_admin("GET", f"{_ADMIN}/v1/rooms/{_q(room_id)}/context/{_q(event_id)}?limit=0")
        if answer.status != 200:
            _require_absent(answer)
            return None
        event = answer.body.get("event")
        if not isinstance(event, dict) or event.get("room_id", room_id) != room_id:
            return None
        return _membership(answer.body.get("state"), account)

    def membership_now(self, room_id: str, account: str) -> str | None:
        answer = self._connection.as_admin("GET", f"{_ADMIN}/v1/rooms/{_q(room_id)}/state")
        if answer.status != 200:
            _require_absent(answer)
            return None
        return _membership(answer.body.get("state"), account)

    # Reports made with Matrix's own report call

    def event_reports_after(self, number: int) -> list[HomeserverReport]:
        return self._reports_after(number, "event_reports", _event_report)

    def user_reports_after(self, number: int) -> list[HomeserverReport]:
        return self._reports_after(number, "user_reports", _user_report)

    def _reports_after(
        self, number: int, what: str, read: Callable[[Mapping[str, Any]], HomeserverReport | None]
    ) -> list[HomeserverReport]:
        # Newest first until a known one turns up: positions shift when a room is purged, numbers do not.
        found: dict[int, HomeserverReport] = {}
        start = 0
        while True:
            answer = self._connection.as_admin("GET", f"{_ADMIN}/v1/{what}?dir=b&from={start}&limit={_PAGE}")
            items = answer.body.get(what)
            if answer.status != 200 or not isinstance(items, list):
                raise UnavailableError("homeserver_nonsense", f"The homeserver does not list its {what}.")
            numbers = [item["id"] for item in items if isinstance(item, dict) and isinstance(item.get("id"), int)]
            for item in items:
                report = read(item) if isinstance(item, dict) else None
                if report is not None and report.number > number:
                    found[report.number] = report
            if len(items) < _PAGE or not numbers or min(numbers) <= number:
                return [found[key] for key in sorted(found)]
            # Reports that came in meanwhile push the list down by their count: what comes twice counts once.
            start += _PAGE

    # What is enforced

    def send_notice(self, account: str, text: str, key: str) -> None:
        """Synapse sends one notice for one transaction id."""
        body = {"user_id": account, "content": {"msgtype": "m.text", "body": text}}
        answer = self._connection.as_admin("PUT", f"{_ADMIN}/v1/send_server_notice/{_q(key)}", body)
        self._require(answer, "no_notice", f"The homeserver sends no notice to {account}")

    def suspend(self, account: str) -> None:
        answer = self._connection.as_admin("PUT", f"{_ADMIN}/v1/suspend/{_q(account)}", {"suspend": True})
        self._require(answer, "no_such_account", f"The homeserver cannot suspend {account}")

    def lock(self, account: str) -> None:
        path = f"{_ADMIN}/v2/users/{_q(account)}"
        # PUT would create an account that does not exist.
        self._require(self._connection.as_admin("GET", path), "no_such_account", f"There is no account {account}")
        answer = self._connection.as_admin("PUT", path, {"locked": True})
        self._require(answer, "no_such_account", f"The homeserver cannot lock {account}")

    def deactivate(self, account: str) -> None:
        """Without erasure: what others received stays evidence."""
        answer = self._connection.as_admin("POST", f"{_ADMIN}/v1/deactivate/{_q(account)}", {"erase": False})
        self._require(answer, "no_such_account", f"The homeserver cannot deactivate {account}")

    def redact(self, room_id: str, event_id: str, reason: str) -> None:
        if self._module is None:
            raise RefusedError(
                "no_module",
                "Redacting one message needs the Nightlight module in Synapse, and no secret is set for it.",
                "Load the module and set NIGHTLIGHT_MODULE_SECRET_FILE.",
            )
        body = {"room_id": room_id, "event_id": event_id, "reason": reason}
        answer = self._connection.send("POST", f"{_MODULE}/redact", body, self._module)
        if answer.status == 401:
            raise UnavailableError("module_refuses_us", "The Nightlight module in Synapse does not accept our secret.")
        if answer.status == 404 and answer.body.get("errcode") == "M_UNRECOGNIZED":
            raise UnavailableError("no_module", "The Nightlight module is not loaded in Synapse.")
        self._require(answer, "not_redacted", f"The homeserver cannot redact {event_id}")

    def quarantine(self, mxc: str) -> None:
        match = _MXC.match(mxc)
        if not match:
            raise RefusedError("no_such_media", "The message names a media address that is none.")
        path = f"{_ADMIN}/v1/media/quarantine/{_q(match[1])}/{_q(match[2])}"
        self._require(self._connection.as_admin("POST", path, {}), "no_such_media", f"Cannot quarantine {mxc}")

    def _require(self, answer: Answer, code: str, what: str) -> None:
        if answer.status not in (200, 201):
            why = str(answer.body.get("error", f"status {answer.status}"))[:200]
            raise RefusedError(code, f"{what}: {why}.")

    def _is_ours(self, account: str) -> bool:
        localpart, _, server = account.partition(":")
        return localpart.startswith("@") and len(localpart) > 1 and server == self._server_name and len(account) <= 255


def _q(text: str) -> str:
    return quote(text, safe="")


def _require_absent(answer: Answer) -> None:
    """Not there is an answer; anything else that is not 200 is not."""
    if answer.status in (400, 404):
        return
    raise UnavailableError("homeserver_nonsense", f"The homeserver answers with status {answer.status}.")


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
) -> HomeserverReport | None:
    number, at, reason = item.get("id"), item.get("received_ts"), item.get("reason")
    if not isinstance(number, int):
        return None
    return HomeserverReport(
        number,
        at if isinstance(at, int) else 0,
        reporter,
        reason if isinstance(reason, str) else "",
        room_id,
        event_id,
        target,
    )
