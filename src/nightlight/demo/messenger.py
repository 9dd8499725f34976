"""The messenger's own servers, as far as Nightlight hears from them: ages and contacts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import httpx

from nightlight.demo.account import quoted
from nightlight.demo.loopback import NO_TLS
from nightlight.errors import UnavailableError

_DAY_MS = 86_400_000


class Messenger:
    """Speaks with a service token over HTTP, as any messenger would."""

    def __init__(self, nightlight_url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.AsyncClient(
            base_url=nightlight_url, headers=headers, timeout=30, trust_env=False, verify=NO_TLS
        )
        self._turn = 0

    async def __aenter__(self) -> Messenger:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def says_age(self, account: str, birth_month: str, days: int) -> None:
        """What the messenger knows of somebody's age, and that the account was made so many days ago."""
        body = {
            "birth_month": birth_month,
            "assurance": "declared",
            "created_at": int(time.time() * 1000) - days * _DAY_MS,
        }
        await self._ask("PUT", f"/v1/accounts/{quoted(account)}", body, 204)

    async def says_connected(self, pairs: Sequence[tuple[str, str]]) -> None:
        """These know each other: as the messenger's family groups say."""
        now = int(time.time() * 1000)
        events = []
        for one, other in pairs:
            self._turn += 1
            made = {"id": f"family/{self._turn}", "kind": "contact.accepted", "at": now - _DAY_MS}
            events.append({**made, "actor": one, "target": other})
        await self._take(events)

    async def says_device(self, account: str, device: str) -> None:
        """That the account is used on a device; of that, only the messenger's keyed hash."""
        self._turn += 1
        event = {"id": f"device/{self._turn}", "kind": "account.device", "at": int(time.time() * 1000)}
        await self._take([{**event, "actor": account, "device": device}])

    async def requests(self, account: str) -> list[dict[str, Any]]:
        """What waits for this account's answer."""
        answer = await self._ask("GET", f"/v1/contacts/requests?account={quoted(account)}", None, 200)
        waiting: list[dict[str, Any]] = answer["requests"]
        return waiting

    async def _take(self, events: list[dict[str, Any]]) -> None:
        receipt = await self._ask("POST", "/v1/events", {"events": events}, 200)
        if receipt["accepted"] != len(events):
            raise UnavailableError("events", f"Not all events were taken: {receipt['refused']}", retry=False)

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None, expected: int) -> dict[str, Any]:
        answer = await self._http.request(method, path, json=body)
        if answer.status_code != expected:
            raise UnavailableError("nightlight", f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        value: dict[str, Any] = answer.json() if answer.content else {}
        return value
