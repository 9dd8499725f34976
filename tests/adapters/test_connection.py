"""A homeserver that is down, slow, broken or hostile costs a retry and nothing else."""

from __future__ import annotations

import gzip
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from nightlight.adapters.matrix import connection
from nightlight.adapters.matrix.homeserver import MatrixHomeserver
from nightlight.errors import RefusedError, UnavailableError
from tests.adapters.scripted import answering, http
from tests.simulators.homeserver import ADMIN_TOKEN, MODULE_SECRET, SERVER_NAME, SimulatedHomeserver

Call = Callable[[MatrixHomeserver], object]

CALLS: dict[str, Call] = {
    "whois": lambda m: m.whois("token"),
    "fetch_event": lambda m: m.fetch_event("$event"),
    "membership_at": lambda m: m.membership_at("!room", "$event", "@a:b"),
    "membership_now": lambda m: m.membership_now("!room", "@a:b"),
    "event_reports": lambda m: m.event_reports_after(0),
    "user_reports": lambda m: m.user_reports_after(0),
    "send_notice": lambda m: m.send_notice("@a:b", "text", "key"),
    "suspend": lambda m: m.suspend("@a:b"),
    "lock": lambda m: m.lock("@a:b"),
    "deactivate": lambda m: m.deactivate("@a:b"),
    "redact": lambda m: m.redact("!room", "$event", "reason"),
    "quarantine": lambda m: m.quarantine("mxc://server/media"),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


@contextmanager
def asking(url: str, timeout: float = 5) -> Iterator[MatrixHomeserver]:
    matrix = MatrixHomeserver(url, SERVER_NAME, ADMIN_TOKEN, MODULE_SECRET, timeout)
    yield matrix
    matrix.close()


def refused_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def unavailable(matrix: MatrixHomeserver, call: Call) -> UnavailableError:
    with pytest.raises(UnavailableError) as caught:
        call(matrix)
    assert caught.value.retry
    return caught.value


@every_call
def test_homeserver_that_is_not_there_may_be_asked_again(call: Call) -> None:
    with asking(refused_port()) as matrix:
        assert unavailable(matrix, call).code == "homeserver_unreachable"


@every_call
@pytest.mark.parametrize("status", ["429 Too Many Requests", "500 Oh", "502 Oh", "503 Oh", "504 Oh"])
def test_overload_is_no_verdict(call: Call, status: str) -> None:
    with answering(http(status, b'{"errcode":"M_LIMIT_EXCEEDED"}')) as url, asking(url) as matrix:
        assert unavailable(matrix, call).code == "homeserver_busy"


@every_call
@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK", b""),
        http("200 OK", b"<html>welcome</html>"),
        http("200 OK", b"[]"),
        http("200 OK", b'"text"'),
        http("200 OK", b"null"),
        http("200 OK", b"[" * 100_000),
        http("200 OK", b"\xff\xfe{"),
        http("404 Not Found", b"<html>nginx</html>"),
        http("404 Not Found", b"{}"),
        http("404 Not Found", b'{"errcode":"M_UNRECOGNIZED","error":"Unrecognized request"}'),
        http("302 Found", b"{}", "Location: http://127.0.0.1:9/"),
        http("418 Teapot", b"{}"),
        http("200 OK", gzip.compress(b"{}", mtime=0), "Content-Encoding: gzip"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
        b"220 mail.example ESMTP\r\n",
        b"",
    ],
    ids=lambda answer: repr(answer[9:12] + answer[-25:]),
)
def test_nonsense_is_no_verdict(call: Call, answer: bytes) -> None:
    with answering(answer) as url, asking(url) as matrix:
        unavailable(matrix, call)


@pytest.mark.parametrize("name", ["whois", "fetch_event", "membership_at", "membership_now", "event_reports"])
@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"sub":7,"event":7,"state":7,"event_reports":7}',
        b'{"sub":null,"event":[],"state":{},"event_reports":{}}',
    ],
)
def test_answer_of_another_shape_is_no_verdict(name: str, body: bytes) -> None:
    with answering(http("200 OK", body)) as url, asking(url) as matrix:
        assert unavailable(matrix, CALLS[name]).code == "homeserver_nonsense"


@pytest.mark.parametrize("status", ["401 No", "403 No"])
@pytest.mark.parametrize("name", [name for name in CALLS if name not in ("whois", "redact")])
def test_closed_admin_interface_is_said_to_the_operator(name: str, status: str) -> None:
    with answering(http(status, b'{"errcode":"M_SOMETHING"}')) as url, asking(url) as matrix:
        error = unavailable(matrix, CALLS[name])
    assert error.code == "homeserver_refuses_us"
    assert "NIGHTLIGHT_HOMESERVER_TOKEN_FILE" in error.message


def test_closed_openid_interface_is_not_the_reporters_fault() -> None:
    with answering(http("403 No", b'{"errcode":"M_FORBIDDEN"}')) as url, asking(url) as matrix:
        assert unavailable(matrix, CALLS["whois"]).code == "no_openid"


def test_redirect_is_not_followed() -> None:
    asked = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:

        def listen() -> None:
            elsewhere.settimeout(1)
            try:
                elsewhere.accept()
                asked.set()
            except TimeoutError:
                pass

        thread = threading.Thread(target=listen)
        thread.start()
        target = f"Location: http://127.0.0.1:{elsewhere.getsockname()[1]}/"
        with answering(http("307 Elsewhere", b"{}", target)) as url, asking(url) as matrix:
            unavailable(matrix, CALLS["fetch_event"])
        thread.join()
    assert not asked.is_set()


def test_silent_homeserver_is_left_after_the_timeout() -> None:
    with answering(b"", hang_up=False) as url, asking(url, 0.2) as matrix:
        started = time.monotonic()
        assert unavailable(matrix, CALLS["fetch_event"]).code == "homeserver_unreachable"
        assert time.monotonic() - started < 2


def test_answer_that_drips_is_left_after_the_timeout() -> None:
    with answering(http("200 OK", b"{" + b" " * 500), pause=0.01) as url, asking(url, 0.5) as matrix:
        started = time.monotonic()
        assert unavailable(matrix, CALLS["fetch_event"]).code == "homeserver_unreachable"
        assert time.monotonic() - started < 4


def test_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ANSWER_BYTES_MAX", 1000)
    with answering(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 50_000) as url, asking(url) as matrix:
        assert unavailable(matrix, CALLS["fetch_event"]).code == "homeserver_nonsense"


def test_homeserver_that_comes_back_is_asked_again_at_once(
    simulator: SimulatedHomeserver, matrix: MatrixHomeserver
) -> None:
    bob = simulator.account("bob")
    simulator.down = True
    unavailable(matrix, CALLS["whois"])
    simulator.down = False
    assert matrix.whois(simulator.token_for(bob)) == bob


def test_forty_threads_get_their_own_answers(simulator: SimulatedHomeserver, matrix: MatrixHomeserver) -> None:
    accounts = [simulator.account(f"person{number}") for number in range(40)]
    tokens = [simulator.token_for(account) for account in accounts]
    simulator.delays["/userinfo"] = 0.02
    with ThreadPoolExecutor(40) as pool:
        assert list(pool.map(matrix.whois, tokens * 5)) == accounts * 5


def test_token_and_texts_stand_in_no_log_even_at_debug(
    simulator: SimulatedHomeserver, matrix: MatrixHomeserver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = simulator.token_for(simulator.account("bob"))
    matrix.whois(token)
    matrix.send_notice("@bob:sim.example", "[the text of a notice]", "key")
    with pytest.raises(RefusedError):
        matrix.whois("wrong-" + token)
    simulator.down = True
    unavailable(matrix, lambda m: m.whois(token))
    with asking(refused_port()) as nobody:
        unavailable(nobody, lambda m: m.whois(token))
    for secret in (token, ADMIN_TOKEN, MODULE_SECRET, "[the text of a notice]", "access_token"):
        assert secret not in caplog.text


def test_error_says_nothing_of_the_token() -> None:
    with asking(refused_port()) as matrix:
        error = unavailable(matrix, lambda m: m.whois("a-secret"))
    assert "a-secret" not in error.message + str(error) + repr(error)
    assert error.__suppress_context__


def test_token_with_a_line_break_is_refused_at_start() -> None:
    with pytest.raises(RefusedError) as caught:
        MatrixHomeserver("http://127.0.0.1:1", SERVER_NAME, "token\r\nX-Other: 1", MODULE_SECRET, 5)
    assert caught.value.code == "homeserver_token"
