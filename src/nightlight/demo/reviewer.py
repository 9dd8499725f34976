"""A reviewer at the console, over HTTP with the same forms that a browser uses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape
from types import TracebackType
from urllib.parse import quote

import httpx

from nightlight.demo.loopback import NO_TLS
from nightlight.errors import UnavailableError

_CSRF = re.compile(r'name="csrf"\s+value="([^"]+)"')
_SEEN = re.compile(r'name="seen"\s+value="([^"]+)"')


class ReviewerSession:
    """Signs in, looks at a case, reveals a message, decides."""

    def __init__(self, nightlight_url: str) -> None:
        self._http = httpx.Client(
            base_url=nightlight_url,
            timeout=30,
            trust_env=False,
            verify=NO_TLS,
            headers={"Origin": nightlight_url},
        )

    def __enter__(self) -> ReviewerSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def sign_in(self, username: str, password: str) -> None:
        answer = self._http.post("/login", data={"username": username, "password": password})
        if answer.status_code != 303:
            raise _unexpected("signing in", answer)

    def queue(self) -> str:
        """The queue as HTML."""
        return self._page("/")

    def case(self, case_id: str) -> str:
        """The case as HTML; what the messages say is not in it."""
        return self._page(f"/cases/{quote(case_id)}")

    def signals(self, account: str) -> str:
        """What detection said about an account, as HTML."""
        return self._page(f"/signals?account={quote(account)}")

    def reveal(self, case_id: str, event_id: str) -> str:
        """The case after one message was revealed, as text."""
        answer = self._post(case_id, "reveal", {"event_id": event_id})
        if answer.status_code == 303:
            return unescape(self._page(answer.headers["location"]))
        if answer.status_code != 200:
            raise _unexpected("revealing", answer)
        return unescape(answer.text)

    def decide(self, case_id: str, outcome: str, policy: str, reason: str, actions: Sequence[str]) -> None:
        form: dict[str, str | list[str]] = {
            "outcome": outcome,
            "policy": policy,
            "reason": reason,
            "actions": list(actions),
        }
        answer = self._post(case_id, "decide", form)
        if answer.status_code not in (200, 303):
            raise _unexpected("deciding", answer)

    def refer(self, case_id: str, agency: str, legal_basis: str, chosen: Sequence[str]) -> None:
        form: dict[str, str | list[str]] = {"agency": agency, "legal_basis": legal_basis, "chosen": list(chosen)}
        answer = self._post(case_id, "refer", form)
        if answer.status_code != 303:
            raise _unexpected("referring", answer)

    def begin_referral(self, case_id: str, agency: str) -> str:
        """The id of a new draft, filled from what is known."""
        answer = self._post(case_id, "draft", {"agency": agency})
        if answer.status_code != 303:
            raise _unexpected("beginning a referral", answer)
        return str(answer.headers["location"]).rpartition("/")[2]

    def referral(self, referral_id: str) -> str:
        """The referral as HTML."""
        return self._page(f"/referrals/{quote(referral_id)}")

    def step_referral(self, referral_id: str, what: str) -> int:
        """Takes a step on the draft as it is now; the status of the answer, 303 where it was taken."""
        page = self.referral(referral_id)
        csrf, seen = _CSRF.search(page), _SEEN.search(page)
        if not csrf:
            raise UnavailableError("console", "The referral's page carries no form.", retry=False)
        form = {"csrf": unescape(csrf.group(1)), "seen": unescape(seen.group(1)) if seen else ""}
        return self._http.post(f"/referrals/{quote(referral_id)}/{what}", data=form).status_code

    def keep_attachment(self, case_id: str, event_id: str, attachment_id: str, reason: str) -> None:
        """Has the encrypted file kept."""
        self._about_attachment(case_id, "keep", event_id, attachment_id, {"reason": reason})

    def check_attachment_again(self, case_id: str, event_id: str, attachment_id: str) -> None:
        self._about_attachment(case_id, "check", event_id, attachment_id, {})

    def _about_attachment(
        self, case_id: str, what: str, event_id: str, attachment_id: str, more: dict[str, str | list[str]]
    ) -> None:
        answer = self._post(case_id, what, {"event_id": event_id, "attachment_id": attachment_id, **more})
        if answer.status_code != 303:
            raise _unexpected(f"asking for {what}", answer)

    def _page(self, path: str) -> str:
        answer = self._http.get(path)
        if answer.status_code != 200:
            raise _unexpected(path, answer)
        return answer.text

    def _post(self, case_id: str, what: str, form: dict[str, str | list[str]]) -> httpx.Response:
        found = _CSRF.search(self.case(case_id))
        if not found:
            raise UnavailableError("console", "The case page carries no form.", retry=False)
        return self._http.post(f"/cases/{quote(case_id)}/{what}", data={**form, "csrf": unescape(found.group(1))})


def _unexpected(doing: str, answer: httpx.Response) -> UnavailableError:
    return UnavailableError("console", f"The console answered {answer.status_code} while {doing}.", retry=False)
