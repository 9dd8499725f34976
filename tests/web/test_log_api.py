"""The transparency log over HTTP: what is signed can be proven, and nothing else is told."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from starlette.testclient import TestClient

from nightlight.errors import RefusedError
from nightlight.evidence.checkpoint import Checkpoint, LogKey, open_checkpoint
from nightlight.hazmat.merkle import verify_consistency, verify_inclusion
from tests.world import World


def checkpoint(client: TestClient) -> Checkpoint:
    key = LogKey.parse(client.get("/v1/log/key").text)
    return open_checkpoint(client.get("/v1/log/checkpoint").content, [key])


def hashes(values: list[str]) -> list[bytes]:
    return [base64.b64decode(value) for value in values]


def test_checkpoint_is_signed_by_the_published_key(client: TestClient, world: World) -> None:
    world.report(world.abusive)
    answer = client.get("/v1/log/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert checkpoint(client).head == world.store.log_head()


def test_every_entry_is_proven_to_be_in_the_log(client: TestClient, world: World) -> None:
    world.report(world.abusive)
    world.report(world.opening)
    signed = checkpoint(client)
    with world.store.read() as tx:
        entries = list(tx.log_entries())
    for entry in entries:
        answer = client.get(f"/v1/log/inclusion?number={entry.number}&size={signed.size}").json()
        assert base64.b64decode(answer["leaf"]) == entry.leaf
        verify_inclusion(entry.leaf, entry.number - 1, signed.size, hashes(answer["proof"]), signed.root)
    assert client.get("/v1/log/inclusion?number=1").json()["size"] == signed.size


def test_growth_is_proven_from_every_checkpoint_on(client: TestClient, world: World) -> None:
    seen = [checkpoint(client)]
    for event in (world.abusive, world.opening, world.reply):
        world.report(event, by=world.bob if event != world.reply else world.mallory)
        seen.append(checkpoint(client))
    new = seen[-1]
    for old in seen:
        answer = client.get(f"/v1/log/consistency?from={old.size}&to={new.size}").json()
        verify_consistency(old.size, old.root, new.size, new.root, hashes(answer["proof"]))


def test_nothing_of_an_entry_is_served(client: TestClient, world: World) -> None:
    world.report(world.abusive)
    with world.store.read() as tx:
        entries = list(tx.log_entries())
    size = len(entries)
    served = "".join(
        client.get(path).text
        for path in (
            "/v1/log/checkpoint",
            "/v1/log/key",
            f"/v1/log/inclusion?number={size}&size={size}",
            f"/v1/log/consistency?from=1&to={size}",
        )
    )
    for entry in entries:
        for secret in (
            *({entry.actor, entry.subject} - {"test"}),
            entry.detail,
            base64.b64encode(entry.salt).decode(),
            entry.salt.hex(),
        ):
            assert secret not in served
        assert base64.b64encode(entry.commitment).decode() not in served


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("inclusion?number=99", "log_range"),
        ("inclusion?number=1&size=99", "log_range"),
        ("inclusion?number=2&size=1", "log_range"),
        ("inclusion?number=0", "query_malformed"),
        ("inclusion?number=-1", "query_malformed"),
        ("inclusion?number=1e3", "query_malformed"),
        ("inclusion?number=9223372036854775808", "query_malformed"),
        ("inclusion", "query_malformed"),
        ("consistency?from=2&to=1", "log_range"),
        ("consistency?from=0&to=99", "log_range"),
        ("consistency?from=0", "query_malformed"),
    ],
)
def test_numbers_outside_the_log_are_refused(client: TestClient, world: World, path: str, code: str) -> None:
    world.report(world.abusive)
    answer = client.get(f"/v1/log/{path}")
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_anybodys_page_may_check_the_log_and_nothing_else(client: TestClient, world: World) -> None:
    world.report(world.abusive)
    for path in ("checkpoint", "key", "inclusion?number=1", "consistency?from=0&to=1"):
        assert client.get(f"/v1/log/{path}").headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in client.get("/health").headers


def test_tampered_head_is_not_signed(client: TestClient, world: World) -> None:
    with world.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE log_head SET number = number + 1")
    answer = client.get("/v1/log/checkpoint")
    assert answer.status_code == 503


def test_proof_of_another_entry_does_not_fit(client: TestClient, world: World) -> None:
    world.report(world.abusive)
    signed = checkpoint(client)
    answer: dict[str, Any] = client.get(f"/v1/log/inclusion?number=1&size={signed.size}").json()
    with world.store.read() as tx:
        other = list(tx.log_entries())[1]
    with pytest.raises(RefusedError):
        verify_inclusion(other.leaf, 0, signed.size, hashes(answer["proof"]), signed.root)
