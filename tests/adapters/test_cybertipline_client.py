"""The calls of the CyberTipline: what goes out, and every way in which an answer can fail to come."""

from __future__ import annotations

import hashlib
import ssl
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from nightlight.adapters.cybertipline import samples
from nightlight.adapters.cybertipline.client import CredentialsFile, TiplineClient, TiplineTimes
from nightlight.adapters.cybertipline.codes import CODES
from nightlight.adapters.cybertipline.reply import ANSWER_BYTES_MAX, read_reply
from nightlight.adapters.cybertipline.schema import own_xsd
from nightlight.adapters.cybertipline.writer import file_details_xml, report_xml
from nightlight.demo.loopback import free_port
from nightlight.errors import RefusedError, UnavailableError
from nightlight.model.agency_reply import Acted, AgencyReply, Outcome, Problem
from tests.adapters.scripted import answering, http
from tests.simulators.cybertipline import PASSWORD, USER, SimulatedTipline, simulated_tipline

REPORT = report_xml(samples.full_report())
QUICK = TiplineTimes(connect=2, read=2, write=2, call=4, upload=4)
CALLS: dict[str, Callable[[TiplineClient], AgencyReply]] = {
    "submit": lambda client: client.submit(REPORT),
    "upload": lambda client: client.upload(7, "one.png", [b"[picture of a circle]"]),
    "fileinfo": lambda client: client.describe(7, b"<fileDetails/>"),
    "finish": lambda client: client.finish(7),
    "retract": lambda client: client.retract(7),
}


def md5_of(data: bytes = b"") -> hashlib._Hash:
    return hashlib.md5(data, usedforsecurity=False)


def details(report_id: int, file_id: str) -> bytes:
    return file_details_xml(replace(samples.full_file_details(), report_id=report_id, file_id=file_id))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedTipline]:
    with simulated_tipline(tmp_path_factory.mktemp("tipline")) as simulator:
        yield simulator


@pytest.fixture
def agency(running: SimulatedTipline) -> SimulatedTipline:
    running.fail()
    running.heard.clear()
    running.service.credentials = (USER, PASSWORD)
    return running


@pytest.fixture
def client(agency: SimulatedTipline) -> Iterator[TiplineClient]:
    client = TiplineClient(agency.url, lambda: (USER, PASSWORD), times=QUICK)
    yield client
    client.close()


def asking(url: str, times: TiplineTimes = QUICK) -> TiplineClient:
    return TiplineClient(url, lambda: (USER, PASSWORD), times=times)


def test_a_report_with_a_file_is_opened_filled_and_finished(agency: SimulatedTipline, client: TiplineClient) -> None:
    assert client.status().outcome is Outcome.OK
    assert client.schema() == own_xsd()
    opened = client.submit(REPORT)
    assert (opened.outcome, opened.acted, opened.code) == (Outcome.OK, Acted.YES, 0)
    assert opened.request_id
    report_id = opened.report_id or 0
    sent = client.upload(report_id, 'a "name"\r\nX: y/../.png', [b"[picture ", b"", b"of a square]"])
    assert sent.md5 == md5_of(b"[picture of a square]").digest()
    assert client.describe(report_id, details(report_id, sent.file_id)).outcome is Outcome.OK
    done = client.finish(report_id)
    assert (done.outcome, done.report_id, done.file_ids) == (Outcome.OK, report_id, (sent.file_id,))
    (report,) = [one for one in agency.finished() if one.report_id == report_id]
    assert report.document == REPORT
    assert [(file.size, file.details is not None) for file in report.files] == [(21, True)]
    assert client.finish(report_id).outcome is Outcome.ALREADY_FINISHED
    assert client.retract(report_id).outcome is Outcome.ALREADY_FINISHED
    assert client.upload(report_id, "late.png", [b"x"]).outcome is Outcome.ALREADY_FINISHED


def test_an_open_report_is_retracted_once(client: TiplineClient) -> None:
    report_id = client.submit(REPORT).report_id or 0
    assert client.retract(report_id).outcome is Outcome.OK
    assert client.retract(report_id).outcome is Outcome.ALREADY_RETRACTED
    assert client.finish(report_id).outcome is Outcome.ALREADY_RETRACTED


def test_what_the_agency_does_not_know_is_gone(client: TiplineClient) -> None:
    assert client.finish(1).outcome is Outcome.REPORT_GONE
    report_id = client.submit(REPORT).report_id or 0
    assert client.describe(report_id, details(report_id, "unknown")).outcome is Outcome.REPORT_GONE


def test_a_document_that_does_not_fit_is_refused_with_the_agency_s_own_words(client: TiplineClient) -> None:
    reply = client.submit(b"<report/>")
    assert (reply.outcome, reply.acted, reply.code) == (Outcome.FIX_DOCUMENT, Acted.NO, 4100)
    assert "incidentSummary" in reply.description
    assert client.submit(b"<report>").outcome is Outcome.FIX_DOCUMENT


def test_unfinished_reports_expire_at_the_agency(agency: SimulatedTipline, client: TiplineClient) -> None:
    report_id = client.submit(REPORT).report_id or 0
    agency.clock.at += 24 * 3_600_000 - 1
    assert client.upload(report_id, "one.png", [b"x"]).outcome is Outcome.OK
    agency.clock.at += 3_600_000 - 1
    file_id = client.upload(report_id, "two.png", [b"y"]).file_id
    agency.clock.at += 3_600_000
    assert client.describe(report_id, details(report_id, file_id)).outcome is Outcome.REPORT_GONE


def test_the_service_goes_on_after_its_own_restart(tmp_path: Path) -> None:
    with simulated_tipline(tmp_path) as agency:
        first = asking(agency.url).submit(REPORT).report_id or 0
    with simulated_tipline(tmp_path) as agency:
        client = asking(agency.url)
        assert (client.submit(REPORT).report_id or 0) > first
        assert client.finish(first).outcome is Outcome.OK
        assert [report.report_id for report in agency.finished()] == [first]


# Credentials


def test_credentials_are_read_anew_for_every_call(agency: SimulatedTipline, tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    client = TiplineClient(agency.url, CredentialsFile(path), times=QUICK)
    missing = client.status()
    assert (missing.outcome, missing.acted, missing.problem) == (
        *(Outcome.FIX_CREDENTIALS, Acted.NO, Problem.CREDENTIALS),
    )
    assert agency.heard == []
    path.write_text(f"{USER}\nthe wrong one\n")
    assert client.submit(REPORT).outcome is Outcome.FIX_CREDENTIALS
    path.write_text(f"{USER}\n{PASSWORD}\n")
    assert client.submit(REPORT).outcome is Outcome.OK
    agency.service.credentials = (USER, "rotated — with ünicode")
    assert client.status().outcome is Outcome.FIX_CREDENTIALS
    path.write_text(f"{USER}\nrotated — with ünicode\n")
    assert client.status().outcome is Outcome.OK


@pytest.mark.parametrize("text", ["", "one line", "\n\n", "user\n", "\npassword", "us:er\npassword"])
def test_a_credentials_file_that_holds_none_is_refused_without_its_words(tmp_path: Path, text: str) -> None:
    path = tmp_path / "credentials"
    path.write_text(text)
    with pytest.raises(RefusedError) as caught:
        CredentialsFile(path)()
    assert caught.value.code == "credentials_unreadable"
    assert "password," in caught.value.message
    assert "one line" not in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        *("http://agency.example/ispws", "ftp://agency.example", "agency.example", "", "https://", "//agency.example"),
        *(
            "https://user:pass@agency.example",
            "https://agency.example/?a=b",
            "https://agency.example:0",
            "https://[::1",
        ),
        "http://127.0.0.1.agency.example",
    ],
)
def test_credentials_go_nowhere_unencrypted(url: str) -> None:
    with pytest.raises(RefusedError) as caught:
        asking(url)
    assert caught.value.code == "agency_url"


# Failures on the way: each is typed, and says whether the service may have acted


def outcome(reply: AgencyReply) -> tuple[Outcome, Acted, Problem]:
    return reply.outcome, reply.acted, reply.problem


@pytest.mark.parametrize("call", list(CALLS))
def test_nobody_listens(call: str) -> None:
    reply = CALLS[call](asking(f"http://127.0.0.1:{free_port()}"))
    assert outcome(reply) == (Outcome.RETRY, Acted.NO, Problem.UNREACHABLE)


XML = b'<?xml version="1.0"?>'
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n<reportResponse>"


@pytest.mark.parametrize("call", list(CALLS))
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"", (Outcome.RETRY, Problem.CUT_SHORT)),
        (HALF, (Outcome.RETRY, Problem.CUT_SHORT)),
        (b"no HTTP at all\r\n\r\n", (Outcome.RETRY, Problem.CUT_SHORT)),
        (http("302 Found", b"", "Location: http://192.0.2.1/"), (Outcome.RETRY, Problem.REDIRECT)),
        (http("500 Oh", b"<html>"), (Outcome.RETRY, Problem.BUSY)),
        (http("503 Busy", b""), (Outcome.RETRY, Problem.BUSY)),
        (http("200 OK", b"<html><body>Welcome</body></html>"), (Outcome.NONSENSE, Problem.NONE)),
        (http("200 OK", b"{}"), (Outcome.NONSENSE, Problem.NONE)),
        (http("200 OK", bytes(ANSWER_BYTES_MAX + 1)), (Outcome.NONSENSE, Problem.NONE)),
        (http("404 Not Found", b""), (Outcome.NONSENSE, Problem.NONE)),
        (http("500 Oh", XML + b"<reportResponse><responseCode>0</responseCode></reportResponse>"),
         (Outcome.NONSENSE, Problem.NONE)),
        (http("200 OK", XML + b"<reportResponse><responseCode>1000</responseCode></reportResponse>"),
         (Outcome.RETRY, Problem.NONE)),
        (http("200 OK", XML + b"<reportResponse><responseCode>9999</responseCode></reportResponse>"),
         (Outcome.REFUSED, Problem.NONE)),
    ],
    ids=["nothing", "half", "no http", "redirect", "500", "503", "page", "json", "long", "404", "0+500", "1000", "?"],
)  # fmt: skip
def test_an_answer_that_is_of_no_use_leaves_it_open_whether_it_acted(
    call: str, answer: bytes, expected: tuple[Outcome, Problem]
) -> None:
    # Who hangs up on a request that is not read to its end may take the answer away with it.
    with answering(answer, hang_up=expected[1] is Problem.CUT_SHORT) as url:
        reply = CALLS[call](asking(url))
    assert (reply.outcome, reply.problem) == expected
    # Of a file that was broken off before its end it is known that it did not arrive.
    assert reply.acted is Acted.UNKNOWN or (call == "upload" and reply.acted is Acted.NO)


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_credentials_that_are_refused_without_a_document(status: str) -> None:
    with answering(http(status, b"<html>"), hang_up=False) as url:
        reply = asking(url).finish(7)
    assert outcome(reply) == (Outcome.FIX_CREDENTIALS, Acted.NO, Problem.CREDENTIALS)


@pytest.mark.parametrize("call", ["upload", "fileinfo", "finish", "retract"])
def test_an_answer_about_another_report_is_no_answer(call: str) -> None:
    body = (
        b"<reportResponse><responseCode>0</responseCode><reportId>8</reportId><fileId>f</fileId>"
        b"<hash>" + md5_of(b"[picture of a circle]").hexdigest().encode() + b"</hash></reportResponse>"
    )
    with answering(http("200 OK", body), hang_up=False) as url:
        reply = CALLS[call](asking(url))
    assert outcome(reply) == (Outcome.NONSENSE, Acted.UNKNOWN, Problem.WRONG_REPORT)


@pytest.mark.parametrize("call", ["submit", "upload", "finish"])
def test_a_success_that_does_not_say_of_what_is_no_success(call: str) -> None:
    with answering(
        http("200 OK", b"<reportResponse><responseCode>0</responseCode></reportResponse>"), hang_up=False
    ) as url:
        reply = CALLS[call](asking(url))
    assert (reply.outcome, reply.acted) == (Outcome.NONSENSE, Acted.UNKNOWN)


def test_a_file_that_arrived_with_other_bytes_is_noticed() -> None:
    body = (
        b"<reportResponse><responseCode>0</responseCode><reportId>7</reportId><fileId>f</fileId>"
        b"<hash>" + md5_of(b"other").hexdigest().encode() + b"</hash></reportResponse>"
    )
    with answering(http("200 OK", body), hang_up=False) as url:
        reply = CALLS["upload"](asking(url))
    assert outcome(reply) == (Outcome.RETRY, Acted.YES, Problem.FILE_DAMAGED)


@pytest.mark.parametrize(
    ("answer", "pause", "hang_up"),
    [
        (b"", 0.0, False),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 9_000, 0.02, True),
        (http("200 OK", bytes(9_000)), 0.02, True),
    ],
    ids=["silence", "headers that drip", "a body that drips"],
)  # fmt: skip
def test_an_agency_that_never_comes_to_an_end_is_left(answer: bytes, pause: float, hang_up: bool) -> None:
    times = TiplineTimes(connect=2, read=0.5, write=2, call=1, upload=1)
    with answering(answer, pause=pause, hang_up=hang_up) as url:
        reply = asking(url, times).finish(7)
    assert outcome(reply) == (Outcome.RETRY, Acted.UNKNOWN, Problem.TIMEOUT)


def test_an_upload_that_breaks_off_in_its_middle_certainly_did_not_arrive(agency: SimulatedTipline) -> None:
    client = asking(agency.url)
    report_id = client.submit(REPORT).report_id or 0
    agency.fail("upload:drop_before:1")
    reply = client.upload(report_id, "large.png", (bytes(1_000_000) for _ in range(300)))
    assert outcome(reply)[:2] == (Outcome.RETRY, Acted.NO)


def test_a_fault_of_the_content_stops_the_upload_and_comes_through(agency: SimulatedTipline) -> None:
    closed = []

    def damaged() -> Iterator[bytes]:
        try:
            yield b"the beginning"
            raise RefusedError("vault_damaged", "The kept file is damaged.")
        finally:
            closed.append(True)

    client = asking(agency.url)
    report_id = client.submit(REPORT).report_id or 0
    with pytest.raises(RefusedError, match="damaged"):
        client.upload(report_id, "one.png", damaged())
    assert closed == [True]
    done = client.finish(report_id)
    assert done.file_ids == ()  # half a file is none


def test_content_is_let_go_of_also_where_nobody_reads_it() -> None:
    closed = []

    def content() -> Iterator[bytes]:
        try:
            yield b"x"
            yield b"y"
        finally:
            closed.append(True)

    source = content()
    next(source)
    reply = asking(f"http://127.0.0.1:{free_port()}").upload(7, "one.png", source)
    assert reply.acted is Acted.NO
    assert closed == [True]


def test_a_file_of_no_bytes_is_sent(client: TiplineClient) -> None:
    reply = client.upload(client.submit(REPORT).report_id or 0, "empty", [])
    assert (reply.outcome, reply.md5) == (Outcome.OK, md5_of(b"").digest())


@pytest.mark.parametrize("name", ["", "\ud800.png", "a\udfff", "x" * 256, "ü" * 128])
def test_a_name_that_cannot_be_sent_is_refused_before_anything_is(
    agency: SimulatedTipline, client: TiplineClient, name: str
) -> None:
    closed = []

    def content() -> Iterator[bytes]:
        try:
            yield b"x"
        finally:
            closed.append(True)

    source = content()
    next(source)
    reply = client.upload(7, name, source)
    assert (reply.outcome, reply.acted) == (Outcome.REFUSED, Acted.NO)
    assert reply.description.isascii()  # the name itself is not repeated
    assert (agency.heard, closed) == ([], [True])


@settings(max_examples=25)
@given(st.text(max_size=80))
def test_any_name_is_sent_or_refused(running: SimulatedTipline, name: str) -> None:
    reply = asking(running.url).upload(1, name, [b"x"])
    assert reply.outcome in (Outcome.REPORT_GONE, Outcome.REFUSED)


def test_a_large_file_goes_out_in_constant_memory() -> None:
    """300 MB, taken by a listener that keeps nothing: what both sides hold stays far below it."""
    chunk, count = bytes(1_000_000), 300
    body = "<reportResponse><responseCode>0</responseCode><reportId>7</reportId><fileId>f</fileId><hash>{}</hash>"
    digest = md5_of()
    for _ in range(count):
        digest.update(chunk)
    answer = http("200 OK", (body.format(digest.hexdigest()) + "</reportResponse>").encode())
    with swallowing(answer) as url:
        client = asking(url, replace(QUICK, upload=300, read=60))
        tracemalloc.start()
        reply = client.upload(7, "large.mp4", (chunk for _ in range(count)))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert reply.outcome is Outcome.OK
    assert peak < 20_000_000


@contextmanager
def swallowing(answer: bytes) -> Iterator[str]:
    """Reads a chunked request to its end into one buffer, then answers."""
    import socket

    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            buffer, end = bytearray(1_000_000), b""
            view = memoryview(buffer)
            while not end.endswith(b"\r\n0\r\n\r\n") and (size := connection.recv_into(view)):
                end = (end + view[max(0, size - 16) : size])[-16:]
            connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        thread.join(timeout=10)
        listener.close()


# Certificates


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    now, subject = datetime.now(UTC), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    (folder / "certificate.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return folder / "certificate.pem", folder / "key.pem"


@contextmanager
def behind_tls(files: tuple[Path, Path], answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A port that speaks TLS and what it was told there."""
    import socket

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    listener = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def serve() -> None:
        try:
            plain, _ = listener.accept()
            with context.wrap_socket(plain, server_side=True) as connection:
                heard.append(connection.recv(65_536))
                connection.sendall(answer)
        except OSError:
            pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], heard
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=10)


def test_a_certificate_that_nobody_vouches_for_gets_no_credentials(tmp_path: Path) -> None:
    with behind_tls(certificate(tmp_path, "localhost"), b"") as (port, heard):
        reply = asking(f"https://localhost:{port}").finish(7)
    assert outcome(reply) == (Outcome.RETRY, Acted.NO, Problem.CERTIFICATE)
    assert heard == []


def test_a_certificate_of_another_place_gets_no_credentials(tmp_path: Path) -> None:
    files = certificate(tmp_path, "elsewhere.example")
    with behind_tls(files, b"") as (port, heard):
        client = TiplineClient(f"https://localhost:{port}", lambda: (USER, PASSWORD), times=QUICK, roots=files[0])
        reply = client.finish(7)
    assert outcome(reply) == (Outcome.RETRY, Acted.NO, Problem.CERTIFICATE)
    assert heard == []


def test_a_trusted_certificate_and_a_deadline_in_the_middle_of_tls(tmp_path: Path) -> None:
    files = certificate(tmp_path, "localhost")
    done = b"<reportDoneResponse><responseCode>0</responseCode><reportId>7</reportId></reportDoneResponse>"
    with behind_tls(files, http("200 OK", done)) as (port, heard):
        client = TiplineClient(f"https://localhost:{port}", lambda: (USER, PASSWORD), times=QUICK, roots=files[0])
        assert client.finish(7).outcome is Outcome.OK
    assert b"authorization: basic" in heard[0].lower()


def test_the_schema_is_bounded_and_its_failures_named(agency: SimulatedTipline, client: TiplineClient) -> None:
    agency.fail("xsd:error_503:1")
    with pytest.raises(UnavailableError) as caught:
        client.schema()
    assert caught.value.code == "agency_busy"
    with answering(http("200 OK", bytes(5_000_000))) as url, pytest.raises(UnavailableError) as caught:
        asking(url).schema()
    assert caught.value.code == "agency_nonsense"


# Answers as bytes


@pytest.mark.parametrize("code", list(CODES))
def test_every_documented_code_has_its_outcome(code: int) -> None:
    body = f"<reportResponse><responseCode>{code}</responseCode><responseDescription>said</responseDescription>"
    reply = read_reply(200, f"{body}</reportResponse>".encode())
    assert (reply.outcome, reply.code) == (CODES[code].outcome, code)
    assert "said" in reply.description


def test_a_namespace_and_spaces_change_nothing() -> None:
    body = (
        b'<r:reportDoneResponse xmlns:r="urn:x"><!-- c --><r:responseCode> 0 </r:responseCode>'
        b"<r:reportId>\n7</r:reportId><r:files><r:fileId>a</r:fileId><!-- c --><r:fileId>b</r:fileId></r:files>"
        b"</r:reportDoneResponse>"
    )
    reply = read_reply(200, body)
    assert (reply.outcome, reply.report_id, reply.file_ids) == (Outcome.OK, 7, ("a", "b"))


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
        b"<reportResponse><responseCode>0</responseCode><reportId>7</reportId></reportResponse>",
        b"<!DOCTYPE reportResponse><reportResponse><responseCode>0</responseCode></reportResponse>",
        b"<reportResponse><responseCode>0x0</responseCode></reportResponse>",
        b"<reportResponse><responseCode>-1</responseCode></reportResponse>",
        b"<other><responseCode>0</responseCode></other>",
        b"<reportResponse>" + b"<a>" * 5_000,
    ],
    ids=["entity", "dtd", "hexadecimal", "negative", "another document", "nested"],
)
def test_a_document_that_only_looks_like_an_answer(body: bytes) -> None:
    assert read_reply(200, body).outcome is Outcome.NONSENSE


def test_the_agency_s_words_cannot_break_a_line_or_fill_a_page() -> None:
    words = "said\n\u202egnihtyna " + "x" * 5_000
    body = f"<reportResponse><responseCode>4100</responseCode><responseDescription>{words}</responseDescription>"
    description = read_reply(200, f"{body}</reportResponse>".encode()).description
    assert description.isprintable()
    assert len(description) < 500


@given(st.integers(100, 599), st.binary(max_size=300))
def test_any_bytes_are_some_reply_and_never_a_success(status: int, body: bytes) -> None:
    reply = read_reply(status, body)
    assert reply.outcome is not Outcome.OK
    assert reply.description


NUMBERS = st.integers(-10, 10**20) | st.text(max_size=8, alphabet="0123456789abcxyz .-")


@given(st.sampled_from(["reportResponse", "reportDoneResponse"]), NUMBERS, NUMBERS, st.text(max_size=40), NUMBERS)
def test_any_answer_of_the_right_shape_is_read_or_refused(
    root: str, code: object, report_id: object, file_id: str, md5: object
) -> None:
    from xml.sax.saxutils import escape

    inside = "".join(char for char in file_id if char.isprintable())
    body = (
        f"<{root}><responseCode>{code}</responseCode><reportId>{report_id}</reportId><fileId>{escape(inside)}</fileId>"
        f"<hash>{md5}</hash><files><fileId>{escape(inside)}</fileId></files></{root}>"
    )
    reply = read_reply(200, body.encode("utf-8", "replace"))
    assert reply.report_id is None or 0 < reply.report_id < 10**18
    assert len(reply.md5) in (0, 16)
    assert all(one.isascii() for one in (reply.file_id, *reply.file_ids))
    if reply.outcome is Outcome.OK:
        assert str(code).strip().strip("0") == ""
