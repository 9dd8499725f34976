"""A young person at their own page (/safe), over HTTP with the same forms that a browser without JavaScript uses."""

from __future__ import annotations

import re
from html import unescape
from types import TracebackType

import httpx

from nightlight.demo.loopback import NO_TLS
from nightlight.errors import UnavailableError

_CSRF = re.compile(r'name="csrf"\s+value="([^"]+)"')
_REQUEST = re.compile(r'href="(/safe/requests/[^"/]+)"')


class OwnPage:
    def __init__(self, nightlight_url: str) -> None:
        self._http = httpx.AsyncClient(
            base_url=nightlight_url,
            timeout=30,
            trust_env=False,
            verify=NO_TLS,
            follow_redirects=True,
            headers={"Origin": nightlight_url, "Accept-Language": "en"},
        )

    async def __aenter__(self) -> OwnPage:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def sign_in(self, openid_token: str) -> None:
        """With what the homeserver says of who this is; the page's own script does the same."""
        answer = await self._http.post("/safe/sign-in", data={"openid_token": openid_token})
        if answer.status_code != 204:
            raise _unexpected("signing in", answer)

    async def waiting(self) -> tuple[str, list[str]]:
        """The first page as it reads, and the addresses of the requests that wait on it."""
        page = await self._open("/safe")
        return unescape(page), list(dict.fromkeys(_REQUEST.findall(page)))

    async def accept(self, request: str) -> None:
        """Says yes, after the page that one has to see before."""
        await self._send(f"{request}/accept", request, answer="accept")

    async def block_and_report(self, account: str, category: str) -> str:
        """One tap; the page that answers it."""
        return await self._send(f"/safe/report?account={account}", "/safe/report", account=account, category=category)

    async def _open(self, path: str) -> str:
        answer = await self._http.get(path)
        if answer.status_code != 200:
            raise _unexpected(f"opening {path}", answer)
        return answer.text

    async def _send(self, page: str, path: str, **fields: str) -> str:
        found = _CSRF.search(await self._open(page))
        if not found:
            raise UnavailableError("own_page", f"{page} carries no form.", retry=False)
        answer = await self._http.post(path, data={**fields, "csrf": found[1]})
        if answer.status_code != 200:
            raise _unexpected(f"sending {path}", answer)
        return unescape(answer.text)


def _unexpected(doing: str, answer: httpx.Response) -> UnavailableError:
    return UnavailableError("own_page", f"/safe answered {answer.status_code} while {doing}.", retry=False)
