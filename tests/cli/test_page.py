"""`nightlight page check`: a stranger compares what a server hands out with what was released."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nightlight.web.disclose.routes import DisclosurePage, disclosure_routes, file_hashes
from tests.cli.conftest import Run
from tests.loopback import served

PAGE = DisclosurePage("https://matrix.example.org", "example.org", "https://example.org/", 50, 20, 1000)


class Meddler:
    """A server that changes what it hands out."""

    def __init__(self, app: ASGIApp, change: Callable[[str, Message], None]) -> None:
        self.app, self.change = app, change

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def meddle(message: Message) -> None:
            self.change(scope.get("path", ""), message)
            await send(message)

        await self.app(scope, receive, meddle)


def page(change: Callable[[str, Message], None] = lambda *_: None) -> Starlette:
    return Starlette(routes=disclosure_routes(PAGE), middleware=[Middleware(Meddler, change=change)])


def test_the_released_page_is_recognised(run: Run) -> None:
    with served(page()) as url:
        for address in (url, f"{url}/", f"{url}/report"):
            done = run("page", "check", address)
            assert done.returncode == 0, done.stderr
            assert f"All {len(file_hashes())} files" in done.stderr
    printed = dict(line.split("  ")[::-1] for line in run("page", "hashes").stdout.splitlines())
    assert printed == file_hashes()


def _one_byte(path: str, message: Message) -> None:
    if path.endswith("worker.js") and message["type"] == "http.response.body":
        message["body"] = message["body"].replace(b"sessions", b"sessionz", 1)


def _policy(path: str, message: Message) -> None:
    if path == "/report" and message["type"] == "http.response.start":
        message["headers"] = [
            (name, value.replace(b"script-src 'self'", b"script-src 'self' https://evil.example"))
            for name, value in message["headers"]
        ]


def _elsewhere(path: str, message: Message) -> None:
    if path == "/report" and message["type"] == "http.response.start":
        message["headers"] = [
            (name, value.replace(b"connect-src 'self'", b"connect-src 'self' https://evil.example"))
            for name, value in message["headers"]
        ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_one_byte, "worker.js is another file"),
        (_policy, "Content-Security-Policy"),
        (_elsewhere, "Content-Security-Policy"),
    ],
)
def test_a_page_that_was_changed_is_caught(run: Run, change: Callable[[str, Message], None], said: str) -> None:
    with served(page(change)) as url:
        done = run("page", "check", url)
    assert done.returncode == 3
    assert said in " ".join(done.stderr.split())


def test_a_server_without_the_page_is_not_caught_but_not_there(run: Run) -> None:
    with served(Starlette()) as url:
        done = run("page", "check", url)
    assert (done.returncode, "status 404" in done.stderr) == (75, True)
    assert run("page", "check", "http://127.0.0.1:9").returncode == 75
    assert run("page", "check", "file:///etc").returncode == 1
