"""The door for the homeserver's stream: only with its token, and nothing that strangers put into it keeps it shut."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from nightlight.web.api import deep_json
from nightlight.web.api.application_service import application_service_router
from nightlight.web.app import build_app
from tests.adapters.test_history import KIM, SAM, member
from tests.prevention_world import PreventionWorld

TOKEN = "h" * 40
PATH = "/_matrix/app/v1/transactions/1"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[PreventionWorld]:
    world = PreventionWorld(tmp_path, f"sqlite:///{tmp_path}/test.sqlite3").migrate()
    yield world
    world.close()


@pytest.fixture
def client(world: PreventionWorld) -> TestClient:
    app = build_app([application_service_router(world.house.history, TOKEN)], [], world.store)
    return TestClient(app, base_url="http://nightlight.test", headers={"Authorization": f"Bearer {TOKEN}"})


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[1:]}"]
)
def test_without_the_homeservers_token_nothing_is_taken(
    client: TestClient, world: PreventionWorld, header: str
) -> None:
    headers = {"Authorization": header}
    body = {"events": [member(SAM, KIM, "invite")]}
    assert client.put(PATH, json=body, headers=headers).status_code == 403
    assert client.put(f"{PATH}?access_token={TOKEN}", json=body, headers=headers).status_code == 403
    assert client.post("/_matrix/app/v1/ping", json={}, headers=headers).status_code == 403
    assert client.get("/_matrix/app/v1/users/@kim", headers=headers).status_code == 403
    assert world.log() == []


def test_what_is_acknowledged_is_in_the_log(client: TestClient, world: PreventionWorld) -> None:
    answer = client.put(PATH, json={"events": [member(SAM, KIM, "invite")]})
    assert (answer.status_code, answer.json()) == (200, {})
    assert world.kinds() == ["contact.requested"]
    assert client.put(PATH, json={"events": []}).status_code == 200


def test_nobody_is_said_to_be_here(client: TestClient) -> None:
    for path in ("users/@kim:home.test", "rooms/%23room:home.test", "thirdparty/user"):
        answer = client.get(f"/_matrix/app/v1/{path}")
        assert (answer.status_code, answer.json()["errcode"]) == (404, "M_NOT_FOUND")


def nested(depth: int) -> bytes:
    """An event as a homeserver on another Python may hold it, nested deeper than ours can read at once."""
    event = json.dumps(member(SAM, KIM, "invite", event_id="$deep"))
    deep = '{"x":[' * depth + '"}]\\"{["' + "]}" * depth
    return event.replace('"[a reason]"', deep).encode()


def test_an_event_nested_deeper_than_python_reads_does_not_stop_the_stream(
    client: TestClient, world: PreventionWorld
) -> None:
    deep = nested(sys.getrecursionlimit() * 3)
    with pytest.raises(RecursionError):
        json.loads(deep)
    body = b'{"events": [' + deep + b", " + json.dumps(member(KIM, KIM, "join", event_id="$next")).encode() + b"]}"
    assert client.put(PATH, content=body).status_code == 200
    assert world.kinds() == ["contact.requested", "room.joined"]


@pytest.mark.parametrize("odd", ["9" * 5_000, "-" + "9" * 5_000, "1e999", "NaN", "-Infinity", '"\\ud800"', '"\\u0000"'])
def test_numbers_and_texts_that_strangers_like_do_not_stop_the_stream(
    client: TestClient, world: PreventionWorld, odd: str
) -> None:
    event = json.dumps(member(SAM, KIM, "invite")).replace('"[a reason]"', odd)
    extra = json.dumps(member(FAR, FAR, "join", event_id="$far")).replace(
        '"replaces_state"', odd if odd[0] == '"' else '"x"'
    )
    body = f'{{"events": [{event}, {extra}], "org.example": {odd}}}'
    assert client.put(PATH, content=body.encode()).status_code == 200
    assert world.kinds()[0] == "contact.requested"


FAR = "@far:away.test"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"events": {}}', b'{"events": 1}', b"\xff\xfe\x00"])
def test_what_is_no_transaction_is_refused(client: TestClient, world: PreventionWorld, body: bytes) -> None:
    assert client.put(PATH, content=body).status_code == 400
    assert world.log() == []


def test_a_body_without_end_is_not_read_to_its_end(client: TestClient) -> None:
    assert client.put(PATH, content=(b"x" * 1_048_576 for _ in range(40))).status_code == 413


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def cut(value: object, depth: int) -> object:
    if isinstance(value, list):
        return [cut(item, depth - 1) for item in value] if depth else None
    if isinstance(value, dict):
        return {name: cut(item, depth - 1) for name, item in value.items()} if depth else None
    return value


@given(values, st.integers(0, 30), st.booleans())
def test_what_is_too_deep_is_cut_off_and_nothing_else_is_changed(value: object, around: int, ascii_only: bool) -> None:
    for _ in range(around):
        value = {"[": value, '"': ["\\", "}"]}
    text = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert deep_json.read(text) == value
    assert json.loads(deep_json._shallow(text)) == cut(value, 20)
