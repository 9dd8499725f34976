"""The training service as somebody starts it: what it says, what it writes, what it takes."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from nightlight.adapters.cybertipline import samples
from nightlight.adapters.cybertipline.client import CredentialsFile
from nightlight.adapters.cybertipline.schema import own_xsd
from nightlight.adapters.cybertipline.writer import report_xml
from nightlight.cli.simulate import app
from nightlight.demo.tipline_faults import BEFORE, CALLS, Fault, FaultKind, FaultPlan, read_fault
from nightlight.errors import RefusedError


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, dict[str, Any]]]:
    """What would be served, and how."""
    found: list[tuple[Any, dict[str, Any]]] = []
    monkeypatch.setattr("uvicorn.run", lambda service, **how: found.append((service, how)))
    return found


def asked(service: Any, method: str, path: str, auth: tuple[str, str] | None, body: bytes = b"") -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=service)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, content=body, auth=auth)

    return asyncio.run(ask())


def test_it_listens_on_this_machine_only_and_says_that_it_sends_nothing(
    served: list[tuple[Any, dict[str, Any]]], tmp_path: Path
) -> None:
    folder = tmp_path / "training"
    done = CliRunner().invoke(app, ["cybertipline", "--dir", str(folder), "--fault", "upload:delay:1:0.5"])
    assert done.exit_code == 0, done.output
    assert "sends nothing anywhere" in done.output
    assert "Planned to go wrong: upload, delay, at call 1." in done.output
    ((service, how),) = served
    assert how["host"] == "127.0.0.1"
    path = folder / "credentials"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    user, password = CredentialsFile(path)()
    assert user == "training"
    assert password not in done.output
    assert asked(service, "GET", "/status", (user, password)).status_code == 200
    assert asked(service, "GET", "/xsd", (user, password)).content == own_xsd()
    assert (
        b"<responseCode>0<"
        in asked(service, "POST", "/ispws/submit", (user, password), report_xml(samples.full_report())).content
    )
    assert b"<responseCode>4100<" in asked(service, "POST", "/submit", (user, password), b"<report/>").content


@pytest.mark.parametrize("auth", [None, ("training", "wrong"), ("other", "secret"), ("", "")])
def test_whoever_does_not_know_the_password_gets_nothing(
    served: list[tuple[Any, dict[str, Any]]], tmp_path: Path, auth: tuple[str, str] | None
) -> None:
    (tmp_path / "password").write_text("secret\n")
    arguments = ["cybertipline", "--dir", str(tmp_path / "t"), "--password-file", str(tmp_path / "password")]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    ((service, _),) = served
    for method, path in (("GET", "/status"), ("GET", "/xsd"), ("POST", "/submit"), ("POST", "/finish")):
        answer = asked(service, method, path, auth)
        assert answer.status_code == 401
        assert b"<responseCode>2000<" in answer.content
    assert asked(service, "GET", "/status", ("training", "secret")).status_code == 200
    assert asked(service, "GET", "/submit", ("training", "secret")).status_code == 404
    assert asked(service, "GET", "/elsewhere", ("training", "secret")).status_code == 404


@pytest.mark.parametrize(
    "text",
    ["", "submit", "submit:nothing:1", "nothing:delay:1", "submit:delay:-1", "submit:delay:1:x", "submit:delay:1:1:1"],
)
def test_a_fault_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read_fault(text)
    assert caught.value.code == "fault_malformed"
    assert "submit:drop_after:1" in caught.value.hint


def test_a_fault_comes_at_its_call_and_no_other() -> None:
    plan = FaultPlan([read_fault("submit:drop_after:2"), read_fault("finish:error_503:*")])
    assert [plan.next("submit") is not None for _ in range(4)] == [False, True, False, False]
    assert all(plan.next("finish") == Fault("finish", FaultKind.ERROR_503, 0) for _ in range(3))
    assert plan.next("upload") is None


def test_the_help_names_every_call_and_every_fault() -> None:
    shown = " ".join(CliRunner().invoke(app, ["cybertipline", "--help"], env={"COLUMNS": "400"}).output.split())
    for name in (*CALLS, *FaultKind):
        assert name in shown
    assert set(FaultKind) > BEFORE
