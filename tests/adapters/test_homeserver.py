"""What the Matrix adapter makes of a homeserver's answers, each request on its own."""

from __future__ import annotations

import pytest

from nightlight.adapters.matrix.homeserver import MatrixHomeserver
from nightlight.errors import RefusedError, UnavailableError
from tests.simulators.homeserver import ADMIN_TOKEN, MODULE_SECRET, SERVER_NAME, SimulatedHomeserver

HALF_A_PAIR = "\ud800"


# Who reports


def test_token_names_its_account(simulator: SimulatedHomeserver, matrix: MatrixHomeserver) -> None:
    bob = simulator.account("bob")
    assert matrix.whois(simulator.token_for(bob)) == bob


@pytest.mark.parametrize("token", ["unknown", "a&access_token=b", "../..", "%2e", "%00", "#", "+"])
def test_token_that_nobody_issued_is_refused(matrix: MatrixHomeserver, token: str) -> None:
    with pytest.raises(RefusedError) as caught:
        matrix.whois(token)
    assert caught.value.code == "invalid_token"


@pytest.mark.parametrize("token", ["", "t" * 1025, "two words", "ü", "\x00", "a\r\nb", "a\n", HALF_A_PAIR])
def test_impossible_token_never_reaches_the_homeserver(
    simulator: SimulatedHomeserver, matrix: MatrixHomeserver, token: str
) -> None:
    with pytest.raises(RefusedError):
        matrix.whois(token)
    assert simulator.requests == []


@pytest.mark.parametrize(
    "subject",
    [
        "@bob:elsewhere.example",
        f"@bob:x:{SERVER_NAME}",
        f"bob:{SERVER_NAME}",
        f"@:{SERVER_NAME}",
        f"@bo b:{SERVER_NAME}",
        f"@bob\n:{SERVER_NAME}",
        f"@bob:{SERVER_NAME}.evil.example",
        f"@{'b' * 250}:{SERVER_NAME}",
        "@bob",
        "",
    ],
)
def test_account_of_another_server_is_refused(
    simulator: SimulatedHomeserver, matrix: MatrixHomeserver, subject: str
) -> None:
    simulator.tokens["token"] = subject
    with pytest.raises(RefusedError) as caught:
        matrix.whois("token")
    assert caught.value.code == "invalid_token"


# What was said, and who was there


def test_event_comes_as_it_was_stored(simulator: SimulatedHomeserver, matrix: MatrixHomeserver) -> None:
    mallory = simulator.account("mallory")
    event_id = simulator.say(simulator.room(mallory), mallory, "[abusive message 1]")
    event = matrix.fetch_event(event_id)
    assert event is not None
    assert event["content"] == simulator.events[event_id]["content"]
    assert "[abusive message 1]" not in str(event)


@pytest.mark.parametrize("event_id", ["$unknown", "$" + "x" * 4000, "$/../..", "$" + HALF_A_PAIR, "", ".", "..", "no"])
def test_event_that_does_not_exist_is_none(matrix: MatrixHomeserver, event_id: str) -> None:
    assert matrix.fetch_event(event_id) is None
    assert matrix.membership_at("!room", event_id, "@a:b") is None


@pytest.mark.parametrize("identifier", ["", ".", "..", "../../v2/users"])
def test_no_identifier_leads_to_another_path(
    simulator: SimulatedHomeserver, matrix: MatrixHomeserver, identifier: str
) -> None:
    assert matrix.fetch_event(identifier) is None
    assert matrix.membership_at(identifier, "$event", "@a:b") is None
    assert matrix.membership_now(identifier, "@a:b") is None
    for act in (matrix.suspend, matrix.lock, matrix.deactivate, matrix.quarantine):
        with pytest.raises(RefusedError):
            act(identifier)
    assert simulator.requests == []


def test_membership_is_that_of_the_moment(simulator: SimulatedHomeserver, matrix: MatrixHomeserver) -> None:
    bob, mallory = simulator.account("bob"), simulator.account("mallory")
    room = simulator.room(bob, mallory)
    events = {}
    for membership in ("join", "leave", "invite"):
        simulator.rooms[room].members[bob] = membership
        events[membership] = simulator.say(room, mallory, "[text]")
    for membership, event_id in events.items():
        assert matrix.membership_at(room, event_id, bob) == membership
    assert matrix.membership_at(room, events["join"], "@never:sim.example") is None
    assert matrix.membership_now(room, bob) == "invite"
    assert matrix.membership_now(room, "@never:sim.example") is None
    assert matrix.membership_now("!unknown", bob) is None


def test_membership_in_one_room_counts_for_no_other(simulator: SimulatedHomeserver, matrix: MatrixHomeserver) -> None:
    bob, mallory = simulator.account("bob"), simulator.account("mallory")
    theirs, other = simulator.room(mallory), simulator.room(bob)
    event_id = simulator.say(theirs, mallory, "[text]")
    assert matrix.membership_at(other, event_id, bob) is None
    assert matrix.membership_at("!unknown", event_id, bob) is None


# What is enforced


def test_locking_creates_nobody(simulator: SimulatedHomeserver, matrix: MatrixHomeserver) -> None:
    with pytest.raises(RefusedError) as caught:
        matrix.lock("@ghost:sim.example")
    assert caught.value.code == "no_such_account"
    assert simulator.accounts == {}


def test_accounts_are_acted_on(simulator: SimulatedHomeserver, matrix: MatrixHomeserver) -> None:
    mallory = simulator.account("mallory")
    for act in (matrix.suspend, matrix.lock, matrix.deactivate) * 2:
        act(mallory)
    assert simulator.accounts[mallory] == {"suspended": True, "locked": True, "deactivated": True, "erased": False}


def test_what_was_done_to_an_account_is_lifted_and_lifted_again(
    simulator: SimulatedHomeserver, matrix: MatrixHomeserver
) -> None:
    mallory = simulator.account("mallory")
    matrix.suspend(mallory)
    matrix.lock(mallory)
    for _ in range(2):
        matrix.unsuspend(mallory)
        assert (simulator.accounts[mallory]["suspended"], simulator.accounts[mallory]["locked"]) == (False, True)
    for _ in range(2):
        matrix.unlock(mallory)
        assert not simulator.accounts[mallory]["locked"]


def test_unlocking_creates_nobody(simulator: SimulatedHomeserver, matrix: MatrixHomeserver) -> None:
    with pytest.raises(RefusedError):
        matrix.unlock("@ghost:sim.example")
    assert simulator.accounts == {}


@pytest.mark.parametrize("account", ["@ghost:sim.example", "@ghost:elsewhere.example"])
def test_acting_on_nobody_is_refused(matrix: MatrixHomeserver, account: str) -> None:
    for act in (matrix.suspend, matrix.lock, matrix.deactivate, matrix.unsuspend, matrix.unlock):
        with pytest.raises(RefusedError) as caught:
            act(account)
        assert caught.value.code == "no_such_account"
    with pytest.raises(RefusedError) as caught:
        matrix.send_notice(account, "text", "key")
    assert caught.value.code == "no_notice"


def test_notice_is_sent_once_for_one_key(simulator: SimulatedHomeserver, matrix: MatrixHomeserver) -> None:
    bob = simulator.account("bob")
    for _ in range(2):
        matrix.send_notice(bob, f"[the rule] ü {HALF_A_PAIR}", "action/1")
    (notice,) = simulator.notices.values()
    assert notice["content"] == {"msgtype": "m.text", "body": f"[the rule] ü {HALF_A_PAIR}"}
    assert list(simulator.notices) == ["action/1"]


def test_redaction_done_twice_is_done(simulator: SimulatedHomeserver, matrix: MatrixHomeserver) -> None:
    mallory = simulator.account("mallory")
    room = simulator.room(mallory)
    first, second = (simulator.say(room, mallory, text) for text in ("[1]", "[2]"))
    for _ in range(2):
        matrix.redact(room, first, "reason")
    assert simulator.redacted == {first}
    for wrong in ((room, "$unknown"), ("!other", second)):
        with pytest.raises(RefusedError) as caught:
            matrix.redact(*wrong, "reason")
        assert caught.value.code == "not_redacted"
    assert simulator.redacted == {first}


@pytest.mark.parametrize(
    "mxc",
    [
        "https://sim.example/a",
        "mxc://sim.example",
        "mxc://sim.example/",
        "mxc://sim.example/a/b",
        "mxc://sim.example/../a",
        "mxc://sim.example/..",
        "mxc://../a",
        "mxc://./a",
        "mxc:///a",
        "mxc://sim.example/a?b",
        "mxc://sim.example/a#b",
        "mxc://sim.example/a\n",
        "mxc://sim.example/%2e%2e",
        f"mxc://sim.example/{HALF_A_PAIR}",
        "mxc://" + "s" * 300 + "/a",
        "MXC://sim.example/a",
        "",
    ],
)
def test_address_that_is_no_media_address_is_refused(
    simulator: SimulatedHomeserver, matrix: MatrixHomeserver, mxc: str
) -> None:
    for act in (matrix.quarantine, matrix.unquarantine):
        with pytest.raises(RefusedError) as caught:
            act(mxc)
        assert caught.value.code == "no_such_media"
    assert simulator.requests == []


def test_quarantine_says_so_when_nothing_was_quarantined(
    simulator: SimulatedHomeserver, matrix: MatrixHomeserver
) -> None:
    matrix.quarantine("mxc://sim.example/picture")
    assert simulator.quarantined == {"mxc://sim.example/picture"}
    simulator.lost_media.add("mxc://sim.example/lost")
    simulator.protected.add("mxc://sim.example/protected")
    for name, code in (("lost", "no_such_media"), ("protected", "media_protected")):
        with pytest.raises(RefusedError) as caught:
            matrix.quarantine(f"mxc://sim.example/{name}")
        assert caught.value.code == code


def test_quarantine_is_lifted_and_what_is_gone_is_said(
    simulator: SimulatedHomeserver, matrix: MatrixHomeserver
) -> None:
    matrix.quarantine("mxc://sim.example/picture")
    for _ in range(2):
        matrix.unquarantine("mxc://sim.example/picture")
        assert simulator.quarantined == set()
    simulator.lost_media.add("mxc://sim.example/lost")
    with pytest.raises(RefusedError) as caught:
        matrix.unquarantine("mxc://sim.example/lost")
    assert caught.value.code == "no_such_media"


# Whether we are let in


def test_operator_hears_that_the_token_is_not_accepted(simulator: SimulatedHomeserver, url: str) -> None:
    stranger = MatrixHomeserver(url, SERVER_NAME, "another token", "another secret", 5)
    with pytest.raises(UnavailableError) as caught:
        stranger.fetch_event("$a")
    assert (caught.value.code, caught.value.retry) == ("homeserver_refuses_us", True)
    with pytest.raises(UnavailableError) as caught:
        stranger.redact("!room", "$event", "reason")
    assert caught.value.code == "module_refuses_us"
    stranger.close()


def test_without_the_module_secret_nothing_is_redacted(simulator: SimulatedHomeserver, url: str) -> None:
    without = MatrixHomeserver(url, SERVER_NAME, ADMIN_TOKEN, "", 5)
    with pytest.raises(RefusedError) as caught:
        without.redact("!room", "$event", "reason")
    assert caught.value.code == "no_module"
    assert simulator.requests == []
    without.close()


@pytest.mark.parametrize("url", ["", "ftp://a", "http://", "localhost:8008", "http://[", "http://a:b"])
def test_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(RefusedError) as caught:
        MatrixHomeserver(url, SERVER_NAME, ADMIN_TOKEN, MODULE_SECRET, 5)
    assert caught.value.code == "homeserver_url"
