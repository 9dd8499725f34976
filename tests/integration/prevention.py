"""A real Synapse with our module and application service, and a real Nightlight that decides about contact."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

from nightlight.demo.loopback import free_port
from nightlight.demo.service import Service
from nightlight.demo.synapse import Synapse


class Account:
    """Somebody on a homeserver, with plain requests: what a client sees, byte by byte."""

    def __init__(self, synapse: Synapse, user_id: str, token: str) -> None:
        self._turn = itertools.count()
        self.user_id = user_id
        self.token = token
        self._http = httpx.Client(
            base_url=synapse.base_url, headers={"Authorization": f"Bearer {self.token}"}, timeout=30, trust_env=False
        )

    @classmethod
    def new(cls, synapse: Synapse, name: str) -> Account:
        token = synapse.register(name, secrets.token_urlsafe(12))
        return cls.of(synapse, name, token)

    @classmethod
    def of(cls, synapse: Synapse, name: str, token: str) -> Account:
        return cls(synapse, f"@{name}:{synapse.server_name}", token)

    def close(self) -> None:
        self._http.close()

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        return self._http.request(method, f"/_matrix/client/v3{path}", json=body)

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = self.send(method, path, body)
        assert answer.status_code == 200, (method, path, answer.status_code, answer.text)
        value: dict[str, Any] = answer.json()
        return value

    def create_room(self, *invited: str, **more: Any) -> httpx.Response:
        encryption = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
        body = {"preset": "private_chat", "invite": list(invited), "initial_state": [encryption], **more}
        return self.send("POST", "/createRoom", body)

    def room(self, *invited: str, **more: Any) -> str:
        answer = self.create_room(*invited, **more)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["room_id"])

    def invite(self, room: str, account: str) -> httpx.Response:
        return self.send("POST", f"/rooms/{quote(room)}/invite", {"user_id": account})

    def join(self, room: str) -> httpx.Response:
        return self.send("POST", f"/join/{quote(room)}", {})

    def leave(self, room: str) -> httpx.Response:
        return self.send("POST", f"/rooms/{quote(room)}/leave", {})

    def membership(self, room: str, account: str) -> str | None:
        """As this account sees it in the room's state."""
        answer = self.send("GET", f"/rooms/{quote(room)}/state/m.room.member/{quote(account)}")
        return answer.json().get("membership") if answer.status_code == 200 else None

    def invitations(self) -> list[str]:
        """Rooms in which a fresh sync shows an invitation, other than that of server notices: it is joined at once."""
        # Synapse remembers the answer to a first sync for two minutes; another timeout is another question.
        answer = self.ask("GET", f"/sync?timeout={next(self._turn)}")
        invited = answer.get("rooms", {}).get("invite", {}).items()
        return sorted(room for room, shown in invited if "@notices:" not in str(shown))

    def sync(self, since: str) -> dict[str, Any]:
        """What a client learns that was there before."""
        return self.ask("GET", f"/sync?since={since}&timeout={next(self._turn)}")

    def sync_token(self) -> str:
        return str(self.ask("GET", f"/sync?timeout={next(self._turn)}")["next_batch"])

    def sliding_invitations(self) -> list[str]:
        body = {"lists": {"all": {"ranges": [[0, 50]], "required_state": [], "timeline_limit": 1}}}
        path = f"/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?timeout={next(self._turn)}"
        answer = self._http.post(path, json=body)
        assert answer.status_code == 200, answer.text
        rooms = answer.json()["rooms"]
        invited = {name: room for name, room in rooms.items() if "invite_state" in room or "stripped_state" in room}
        return sorted(name for name, room in invited.items() if "@notices:" not in str(room))

    def joined(self) -> list[str]:
        return sorted(self.ask("GET", "/joined_rooms")["joined_rooms"])

    def ignored(self) -> list[str]:
        """People on the account's own list; the name of nobody that we put there is left out."""
        listed = self.account_data("m.ignored_user_list").get("ignored_users", {})
        return sorted(name for name in listed if not name.startswith("@_nightlight:"))

    def account_data(self, kind: str) -> dict[str, Any]:
        answer = self.send("GET", f"/user/{quote(self.user_id)}/account_data/{kind}")
        value: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        return value

    def put_account_data(self, kind: str, content: dict[str, Any]) -> None:
        self.ask("PUT", f"/user/{quote(self.user_id)}/account_data/{kind}", content)

    def notices(self) -> list[str]:
        texts = []
        for room in self.joined():
            chunk = self.ask("GET", f"/rooms/{quote(room)}/messages?dir=b&limit=50")["chunk"]
            texts += [one["content"]["body"] for one in chunk if "body" in one["content"]]
        return texts

    def openid(self) -> str:
        return str(self.ask("POST", f"/user/{quote(self.user_id)}/openid/request_token", {})["access_token"])


class Protected:
    """The two servers. ``policy``: a preset's name or a path."""

    def __init__(
        self,
        folder: Path,
        policy: str = "teen-default",
        synapse_settings: dict[str, Any] | None = None,
        further_listeners: Sequence[dict[str, Any]] = (),
    ) -> None:
        self.port = free_port()
        url = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        self.synapse = Synapse(folder / "synapse", synapse_settings, url, further_listeners)
        self._policy = policy
        self.service: Service
        self._number = 0

    def __enter__(self) -> Protected:
        self.synapse.start()
        token = self.folder / "service-token"
        token.write_text("s" * 40)
        self.service = Service(
            self.folder / "nightlight",
            self.synapse,
            self.synapse.module_secret_path,
            self.port,
            service_token_file=str(token),
            appservice_file=str(self.synapse.appservice_path),
            contact_policy=self._policy,
        )
        self.service.start()
        self.http = httpx.Client(
            base_url=self.service.url, headers={"Authorization": "Bearer " + "s" * 40}, timeout=30, trust_env=False
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.service.stop()
        self.synapse.stop()

    def account(self, name: str, band: str | None = None, **more: Any) -> Account:
        """A new account, its name made unique."""
        self._number += 1
        account = Account.new(self.synapse, f"{name}{self._number}")
        if band:
            self.age(account.user_id, band, **more)
        return account

    def age(self, account: str, band: str, **more: Any) -> None:
        answer = self.http.put(f"/v1/accounts/{quote(account)}", json={"age_band": band, **more})
        assert answer.status_code == 204, answer.text

    def connect(self, one: Account, other: Account) -> None:
        """The platform says that these two know each other."""
        self.connect_ids(one.user_id, other.user_id)

    def connect_ids(self, one: str, other: str) -> None:
        self._number += 1
        event = {
            "id": f"connect/{self._number}",
            "kind": "contact.accepted",
            "at": int(time.time() * 1000) - 1000,
            "actor": one,
            "target": other,
        }
        answer = self.http.post("/v1/events", json={"events": [event]})
        assert answer.json()["accepted"] == 1, answer.text

    def decide(self, one: Account, other: Account, direction: str = "direct") -> dict[str, Any]:
        body = {"actor": one.user_id, "target": other.user_id, "direction": direction}
        answer = self.http.post("/v1/contacts/decide", json=body)
        assert answer.status_code == 200, answer.text
        value: dict[str, Any] = answer.json()
        return value

    def requests(self, account: Account) -> list[dict[str, Any]]:
        answer = self.http.get("/v1/contacts/requests", params={"account": account.user_id})
        return list(answer.json()["requests"])

    def answer(self, account: Account, request_id: str, answer: str) -> None:
        body = {"account": account.user_id, "answer": answer}
        done = self.http.post(f"/v1/contacts/requests/{request_id}", json=body)
        assert done.status_code == 200, done.text


def until(what: str, seen: Any, seconds: float = 15) -> Any:
    """Waits until ``seen()`` is true, and returns it."""
    end = time.monotonic() + seconds
    while True:
        value = seen()
        if value:
            return value
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.1)
