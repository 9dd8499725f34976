# SPDX-License-Identifier: AGPL-3.0-or-later
"""Asking the Nightlight service: a short deadline, and a circuit breaker that keeps a dead service from slowing all."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

from synapse.api.errors import HttpResponseException
from synapse.logging.context import make_deferred_yieldable, run_in_background
from synapse.module_api import ModuleApi

_log = logging.getLogger(__name__)

_FAILURES = 3
_PAUSE_SECONDS = 5.0
#: Of all refusals these say nothing of the question: another secret is set, or it is too much at once.
_NOT_THE_QUESTION = frozenset({401, 403, 404, 408, 429})


class NoAnswerError(Exception):
    """The service did not answer in time, or not sensibly."""


class NotUnderstoodError(NoAnswerError):
    """The service refuses this very question; asking it again leads nowhere."""


@dataclass(frozen=True)
class Verdict:
    """``deliver``: show, hide or refuse. ``decision``: its id; empty if the service did not decide."""

    deliver: str
    decision: str = ""


@dataclass(frozen=True)
class Approach:
    actor: str
    target: str
    direction: str
    room: str = ""


class Service:
    """``post`` asks one question. The breaker opens after three failures in a row, for five seconds."""

    def __init__(self, api: ModuleApi, url: str, secret: str, deadline_ms: int) -> None:
        self._api = api
        self._url = url.rstrip("/")
        self._headers = {b"Authorization": [b"Bearer " + secret.encode()]}
        self._deadline = deadline_ms / 1000
        self._failures = 0
        self._closed_until = 0.0
        #: Milliseconds since 1970, and the last failure's kind, for ``nightlight doctor``; 0 and "" if there was none.
        self.last_answer_at = 0
        self.last_failure = ""

    async def decide(self, approaches: list[Approach]) -> tuple[list[Verdict], list[str]]:
        """A verdict for each, and who of them is known to be an adult; ``NoAnswerError``."""
        asked = [{**vars(one), **await self._known_since(one.actor)} for one in approaches]
        answer = await self.post("/v1/module/decide", {"approaches": asked})
        try:
            verdicts = [Verdict(_delivery(one["deliver"]), str(one["decision_id"])) for one in answer["decisions"]]
            adults = [str(account) for account in answer["adults"]]
        except (KeyError, TypeError, ValueError) as e:
            raise NoAnswerError("the service's answer is not understood") from e
        if len(verdicts) != len(approaches):
            raise NoAnswerError("the service's answer is not understood")
        return verdicts, adults

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        """The answer; ``NoAnswerError`` after the deadline, at once while the breaker is open."""
        if time.monotonic() < self._closed_until:
            raise NoAnswerError("the service did not answer before")
        try:
            asking = run_in_background(self._api.http_client.post_json_get_json, self._url + path, body, self._headers)
            asking.addTimeout(self._deadline, self._api._hs.get_reactor())
            answer = await make_deferred_yieldable(asking)
        except HttpResponseException as e:
            if 400 <= e.code < 500 and e.code not in _NOT_THE_QUESTION:
                # Somebody's odd name must not open the breaker: then anybody could.
                _log.warning("Nightlight refuses a question of %s: status %d", path, e.code)
                raise NotUnderstoodError(f"status {e.code}") from e
            raise self._failed(path, f"status {e.code}") from e
        except Exception as e:  # whatever it is, there is no answer
            raise self._failed(path, type(e).__name__) from e
        self._failures = 0
        self.last_answer_at = int(time.time() * 1000)
        return answer

    def _failed(self, path: str, why: str) -> NoAnswerError:
        self._failures += 1
        self.last_failure = why
        if self._failures >= _FAILURES:
            self._closed_until = time.monotonic() + _PAUSE_SECONDS
        _log.warning("Nightlight does not answer %s: %s", path, why)
        return NoAnswerError(why)

    async def _known_since(self, account: str) -> dict[str, int]:
        """When a local account was made; the service knows other accounts only since it first heard of them."""
        if not self._api.is_mine(account):
            return {}
        info = await self._api.get_userinfo_by_id(account)
        return {"since": info.creation_ts * 1000} if info is not None else {}


def _delivery(value: object) -> str:
    if value not in ("show", "hide", "refuse"):
        raise ValueError("unknown delivery")
    return str(value)
