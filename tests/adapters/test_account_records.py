"""What the adapter makes of account records that are not as they should be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nightlight.adapters.matrix.account_records import SynapseAccountRecords
from nightlight.adapters.matrix.connection import Connection
from nightlight.errors import UnavailableError
from tests.adapters.scripted import answering, http

BOB = "@bob:town.example"


def record_of(body: Any, status: str = "200 OK") -> Any:
    """Every question gets the same answer."""
    with answering(http(status, json.dumps(body).encode(), "Connection: close")) as url:
        connection = Connection(url, "token", 5)
        try:
            return SynapseAccountRecords(connection, "town.example").record(BOB)
        finally:
            connection.close()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"threepids": 5, "devices": "no", "creation_ts": "yesterday", "displayname": 7, "deactivated": "yes"},
        {"threepids": [None, {}, {"medium": "email"}, {"medium": "email", "address": 3}], "devices": [None]},
        {"devices": {"D": None, "E": {"sessions": [None, {"connections": 4}]}, "F": {"sessions": {}}}},
        {"creation_ts": -1},
        {"creation_ts": True, "devices": {"D": {"sessions": [{"connections": [{"ip": 5, "last_seen": None}]}]}}},
    ],
)
def test_nonsense_in_a_record_is_left_out(body: Any) -> None:
    record = record_of(body)
    assert (record.emails, record.phones, record.seen, record.deactivated) == ((), (), (), False)
    assert record.created_at in (None, 1000)


def test_addresses_are_kept_once_each_the_newest_first_and_bounded() -> None:
    connections = [{"ip": f"192.0.2.{n % 200}", "last_seen": n} for n in range(1, 1000)]
    sessions = [{"connections": connections[start : start + 100]} for start in range(0, 1000, 100)]
    record = record_of({"devices": {"D": {"sessions": sessions}}})
    assert len(record.seen) == 100
    assert record.seen[0].at == 999
    assert [one.at for one in record.seen] == sorted((one.at for one in record.seen), reverse=True)
    assert len({one.ip for one in record.seen}) == 100


@pytest.mark.parametrize(("created", "expected"), [(1_700_000_000, 1_700_000_000_000), (1_700_000_000_123,) * 2])
def test_seconds_and_milliseconds_are_told_apart(created: int, expected: int) -> None:
    assert record_of({"creation_ts": created}).created_at == expected


@pytest.mark.parametrize("status", ["403 Forbidden", "400 Bad", "500 Oops", "302 Found"])
def test_a_homeserver_that_serves_no_records_is_unavailable(status: str) -> None:
    with pytest.raises(UnavailableError):
        record_of({}, status)


def test_nobody_asks_about_accounts_of_other_servers() -> None:
    connection = Connection("http://127.0.0.1:9", "token", 1)
    records = SynapseAccountRecords(connection, "town.example")
    for account in ("@bob:elsewhere.example", "bob", "", "@bob:town.example:8448", "@bob"):
        assert records.record(account) is None
