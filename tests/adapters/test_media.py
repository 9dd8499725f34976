"""Fetching media: from our homeserver and no other place, bounded in size and time, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from nightlight.adapters.matrix.homeserver import MatrixHomeserver
from nightlight.errors import RefusedError, UnavailableError
from tests.adapters.scripted import answering, http
from tests.simulators.homeserver import SERVER_NAME, SimulatedHomeserver

MXC = f"mxc://{SERVER_NAME}/media0"


@contextmanager
def scripted(
    answer: bytes, *, hang_up: bool = True, pause: float = 0, seconds: float = 2
) -> Iterator[MatrixHomeserver]:
    with answering(answer, hang_up=hang_up, pause=pause) as url:
        matrix = MatrixHomeserver(url, SERVER_NAME, "token", "", 1, media_bytes_max=10_000, media_seconds_max=seconds)
        yield matrix
        matrix.close()


def fetched(matrix: MatrixHomeserver, mxc: str = MXC) -> bytes:
    return b"".join(matrix.download(mxc))


def test_file_comes_as_it_is(matrix: MatrixHomeserver, simulator: SimulatedHomeserver) -> None:
    simulator.blobs[MXC] = bytes(range(256)) * 2_000
    assert fetched(matrix) == simulator.blobs[MXC]
    assert fetched(matrix) == simulator.blobs[MXC]  # and the connection is good for another
    assert simulator.requests == [f"GET /_matrix/client/v1/media/download/{SERVER_NAME}/media0"] * 2


def test_gone_and_quarantined_are_told_apart(matrix: MatrixHomeserver, simulator: SimulatedHomeserver) -> None:
    simulator.lost_media.add(MXC)
    with pytest.raises(RefusedError) as caught:
        fetched(matrix)
    assert caught.value.code == "media_gone"
    simulator.lost_media.clear()
    simulator.blobs[MXC] = b"x"
    matrix.quarantine(MXC)
    with pytest.raises(RefusedError) as caught:
        fetched(matrix)
    assert caught.value.code == "media_quarantined"


@pytest.mark.parametrize(
    "mxc",
    [
        "mxc://../triangle",
        "mxc://a/../b",
        "mxc://a/b/c",
        "mxc://a/b?c",
        "mxc://a/b#c",
        "mxc://a/%2e%2e",
        "mxc://a%2fb/c",
        "mxc://a/b\n",
        "mxc://a\x00/b",
        "mxc://@evil.example/b",
        "https://evil.example/b",
        "mxc:///b",
        "mxc://a/",
        "",
    ],
)
def test_address_that_is_none_leads_nowhere(matrix: MatrixHomeserver, simulator: SimulatedHomeserver, mxc: str) -> None:
    with pytest.raises(RefusedError) as caught:
        fetched(matrix, mxc)
    assert caught.value.code == "no_such_media"
    assert simulator.requests == []


def test_file_of_another_server_is_asked_of_ours(matrix: MatrixHomeserver, simulator: SimulatedHomeserver) -> None:
    simulator.blobs["mxc://evil.example:8448/media"] = b"from afar"
    assert fetched(matrix, "mxc://evil.example:8448/media") == b"from afar"
    assert simulator.requests == ["GET /_matrix/client/v1/media/download/evil.example:8448/media"]


def test_redirect_to_another_place_is_not_followed(matrix: MatrixHomeserver, simulator: SimulatedHomeserver) -> None:
    with answering(http("200 OK", b"stolen")) as elsewhere:
        simulator.media_redirect = elsewhere
        with pytest.raises(UnavailableError) as caught:
            fetched(matrix)
    assert (caught.value.code, caught.value.retry) == ("media_elsewhere", False)
    assert elsewhere not in caught.value.message


def test_announced_size_is_refused_before_it_arrives() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"
    with scripted(head, hang_up=False) as matrix, pytest.raises(RefusedError) as caught:
        fetched(matrix)
    assert caught.value.code == "media_too_large"


def test_endless_file_ends_at_the_limit() -> None:
    chunk = b"%x\r\n%b\r\n" % (5_000, bytes(5_000))
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with scripted(head + chunk * 50, hang_up=False) as matrix, pytest.raises(RefusedError) as caught:
        fetched(matrix)
    assert caught.value.code == "media_too_large"


def test_slow_drip_ends() -> None:
    answer = http("200 OK", bytes(5_000))
    with scripted(answer, pause=0.01, seconds=1) as matrix, pytest.raises(UnavailableError) as caught:
        fetched(matrix)
    assert (caught.value.code, caught.value.retry) == ("media_slow", True)


@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK", bytes(100))[:-50],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
        b"",
        b"nonsense",
        http("200 OK", b"packed", "Content-Encoding: gzip"),
        http("502 Bad Gateway", b"{}"),
        http("429 Too Many", b"{}"),
        http("404 Not Found", b"a proxy's page"),
        http("404 Not Found", b'{"errcode": "M_UNRECOGNIZED"}'),
        http("204 No Content", b""),
        http("401 Unauthorized", b'{"errcode": "M_UNKNOWN_TOKEN"}'),
        http("403 Forbidden", b"{}"),
        http("301 Moved", b"", "Location: https://evil.example/"),
    ],
)
def test_file_cut_short_and_other_answers_are_no_file(answer: bytes) -> None:
    with scripted(answer) as matrix, pytest.raises(UnavailableError):
        fetched(matrix)


def test_silence_ends() -> None:
    with scripted(b"", hang_up=False) as matrix, pytest.raises(UnavailableError) as caught:
        fetched(matrix)
    assert caught.value.code == "homeserver_unreachable"


def test_download_that_nobody_reads_to_its_end_spoils_no_connection(
    matrix: MatrixHomeserver, simulator: SimulatedHomeserver
) -> None:
    simulator.blobs[MXC] = bytes(5_000_000)
    half = matrix.download(MXC)
    next(half)
    half.close()  # type: ignore[attr-defined]
    simulator.blobs[MXC] = b"whole"
    assert fetched(matrix) == b"whole"
