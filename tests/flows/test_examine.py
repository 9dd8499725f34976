"""Every way in which an installation can be broken is found, and said with what mends it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from nightlight.errors import UnavailableError
from nightlight.flows.examine import INTERFACE, Examination, Installation
from nightlight.model.health import Finding, Level
from nightlight.prevent.notices import Country, Helpline

NOW = 1_800_000_000_000
ABOUT: dict[str, Any] = {
    "version": INTERFACE,
    "contact": True,
    "url": "http://127.0.0.1:8420",
    "not_reached": "",
    "keep_encrypted": True,
    "without_answer": "hide",
    "answer_after_ms": 40,
    "decision_ms_p95": 4.5,
    "time": NOW,
    "waiting": {"undecided": 0},
}
SYNAPSE: dict[str, Any] = {
    "worker": "",
    "msc4155_enabled": True,
    "include_profile_data_on_invite": False,
    "require_auth_for_profile_requests": True,
    "limit_profile_requests_to_users_who_share_rooms": True,
    "allow_profile_lookup_over_federation": False,
    "server_notices": True,
    "server_notices_auto_join": True,
}
HERE = Installation(
    homeserver_url="http://127.0.0.1:8008",
    public_url="https://safe.example",
    as_token="a" * 40,
    has_service_token=True,
    cookie_secure=True,
    country="GB",
    helplines=Country("999", (Helpline("[a helpline]", "0800", "https://a.example", "2026-11-01"),)),
    policy="teen-default@1",
    policy_problems=(),
)


class Clock:
    def now(self) -> int:
        return NOW


class Homeserver:
    """Answers as told; ``broken``: the method that fails."""

    def __init__(self, broken: str = "", about: Mapping[str, Any] = ABOUT, version: str = "Synapse 1.163.0") -> None:
        self._broken, self._about, self._version = broken, about, version

    def _answer(self, method: str) -> None:
        if method == self._broken:
            raise UnavailableError("broken", f"{method} is broken.")

    def version(self) -> str:
        self._answer("version")
        return self._version

    def require_admin(self) -> None:
        self._answer("require_admin")

    def require_openid(self) -> None:
        self._answer("require_openid")

    def module(self) -> Mapping[str, Any]:
        self._answer("module")
        return {"synapse": SYNAPSE, **self._about}

    def ping_history(self, as_token: str) -> int:
        assert as_token == HERE.as_token
        self._answer("ping_history")
        return 3


def examined(homeserver: Homeserver | None = None, here: Installation = HERE) -> list[Finding]:
    return list(Examination(homeserver or Homeserver(), Clock(), here).run())


def bad(findings: list[Finding]) -> list[tuple[Level, str]]:
    return [(finding.level, finding.part) for finding in findings if finding.level is not Level.OK]


def test_nothing_is_wrong_where_nothing_is_wrong() -> None:
    found = examined()
    assert bad(found) == []
    assert {finding.part for finding in found} >= {"homeserver", "module", "history", "synapse", "timing", "helplines"}


@pytest.mark.parametrize(
    ("broken", "part"),
    [
        ("version", "homeserver"),
        ("require_admin", "admin token"),
        ("require_openid", "OpenID"),
        ("module", "module"),
        ("ping_history", "history"),
    ],
)
def test_a_homeserver_that_does_not_do_its_part_is_a_problem(broken: str, part: str) -> None:
    found = examined(Homeserver(broken))
    assert bad(found) == [(Level.PROBLEM, part)]
    (finding,) = [finding for finding in found if finding.level is Level.PROBLEM]
    assert finding.what.endswith("is broken.")
    assert finding.mend


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"version": INTERFACE - 1}, (Level.PROBLEM, "module")),
        ({"contact": False}, (Level.PROBLEM, "module")),
        ({"not_reached": "status 401"}, (Level.PROBLEM, "module")),
        ({"without_answer": "allow"}, (Level.PROBLEM, "module")),
        ({"keep_encrypted": False}, (Level.WARNING, "module")),
        ({"decision_ms_p95": 55.0}, (Level.WARNING, "timing")),
        ({"waiting": {"undecided": 2}}, (Level.WARNING, "waiting")),
        ({"time": NOW - 60_000}, (Level.WARNING, "clocks")),
    ],
)
def test_what_the_module_says_is_weighed(said: dict[str, Any], expected: tuple[Level, str]) -> None:
    found = examined(Homeserver(about={**ABOUT, **said}))
    assert bad(found) == [expected]
    assert all(finding.mend for finding in found if finding.level is not Level.OK)


@pytest.mark.parametrize(
    ("name", "value", "level"),
    [
        ("msc4155_enabled", False, Level.PROBLEM),
        ("require_auth_for_profile_requests", False, Level.WARNING),
        ("limit_profile_requests_to_users_who_share_rooms", False, Level.WARNING),
        ("include_profile_data_on_invite", True, Level.WARNING),
        ("allow_profile_lookup_over_federation", True, Level.WARNING),
        ("server_notices", False, Level.PROBLEM),
        ("server_notices_auto_join", False, Level.WARNING),
        ("worker", "synapse.app.generic_worker", Level.WARNING),
    ],
)
def test_each_setting_of_synapse_that_tells_too_much_is_named(name: str, value: object, level: Level) -> None:
    found = examined(Homeserver(about={**ABOUT, "synapse": {**SYNAPSE, name: value}}))
    assert [one for one, _ in bad(found)] == [level]
    if name in ("worker", "server_notices", "server_notices_auto_join"):
        return
    assert any(f"{name}: {str(not value).lower()}" in finding.mend for finding in found)


def test_what_is_missing_in_the_answer_is_no_good_sign() -> None:
    found = examined(Homeserver(about={**ABOUT, "synapse": None}))
    assert (Level.PROBLEM, "synapse") in bad(found)
    assert (Level.PROBLEM, "notices") in bad(found)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"as_token": ""}, (Level.PROBLEM, "history")),
        ({"public_url": "http://127.0.0.1:8420"}, (Level.WARNING, "address")),
        ({"cookie_secure": False}, (Level.WARNING, "cookies")),
        ({"policy_problems": ("[a row was edited]",)}, (Level.PROBLEM, "policy")),
        ({"helplines": Country("999", (Helpline("[a helpline]", "0800", "", ""),))}, (Level.WARNING, "helplines")),
    ],
)
def test_our_own_settings_are_looked_at(changed: dict[str, Any], expected: tuple[Level, str]) -> None:
    assert bad(examined(here=dataclasses.replace(HERE, **changed))) == [expected]


def test_an_untried_version_is_named() -> None:
    assert bad(examined(Homeserver(version="Synapse 1.99.0"))) == [(Level.WARNING, "homeserver")]


def test_a_messenger_without_a_homeserver_needs_a_service_token() -> None:
    assert bad(list(Examination(None, Clock(), HERE).run())) == []
    here = dataclasses.replace(HERE, has_service_token=False)
    assert bad(list(Examination(None, Clock(), here).run())) == [(Level.PROBLEM, "doors")]
