"""Who may reach whom, on a real Synapse with our module and application service."""

from __future__ import annotations

import sqlite3
import time
from urllib.parse import quote

from tests.integration.prevention import Account, Protected, until


def test_a_strangers_invitation_never_reaches_the_child_and_looks_unanswered(town: Protected) -> None:
    child, stranger, grown_up = town.account("kim", "13_15"), town.account("sam", "adult"), town.account("jo", "adult")
    room = stranger.room()
    hidden = stranger.invite(room, child.user_id)
    shown = stranger.invite(room, grown_up.user_id)
    assert (hidden.status_code, hidden.content) == (shown.status_code, shown.content) == (200, b"{}")
    assert stranger.membership(room, child.user_id) == stranger.membership(room, grown_up.user_id) == "invite"
    assert grown_up.invitations() == [room]
    assert child.invitations() == []
    assert child.sliding_invitations() == []
    assert town.requests(child) == []


def test_a_classmate_asks_and_the_child_accepts(town: Protected) -> None:
    child, mate, teacher = town.account("kim", "13_15"), town.account("lee", "13_15"), town.account("t", "adult")
    town.connect(child, teacher)
    town.connect(mate, teacher)
    made = mate.create_room(child.user_id, is_direct=True)
    room = made.json()["room_id"]
    assert child.invitations() == []
    (request,) = town.requests(child)
    assert request["room"] == room
    until("the notice", lambda: any("would like to talk to you" in text for text in child.notices()))
    town.answer(child, request["request_id"], "accept")
    until("joining", lambda: room in child.joined())
    assert mate.membership(room, child.user_id) == "join"
    assert child.ignored() == []


def test_a_request_that_is_declined_leaves_the_room(town: Protected) -> None:
    child, mate, teacher = town.account("kim", "13_15"), town.account("lee", "13_15"), town.account("t", "adult")
    town.connect(child, teacher)
    town.connect(mate, teacher)
    room = mate.room(child.user_id, is_direct=True)
    (request,) = town.requests(child)
    town.answer(child, request["request_id"], "decline")
    until("leaving", lambda: mate.membership(room, child.user_id) == "leave")
    until("the end of hiding", lambda: child.ignored() == [])


def test_family_reaches_the_child_as_ever(town: Protected) -> None:
    child, mother = town.account("kim", "under_13"), town.account("mum", "adult")
    town.connect(child, mother)
    room = mother.room(child.user_id, is_direct=True)
    assert child.invitations() == [room]
    assert child.join(room).status_code == 200


def events_of(town: Protected, account: Account) -> list[tuple[str, str, str]]:
    """Kind, actor and target of every event that names the account, as the service has stored them."""
    with sqlite3.connect(town.folder / "nightlight" / "nightlight.sqlite3") as database:
        query = "SELECT kind, actor, target FROM events WHERE actor = ?1 OR target = ?1 ORDER BY number"
        return list(database.execute(query, (account.user_id,)))


def test_room_history_becomes_events_without_content(town: Protected) -> None:
    child, mother = town.account("kim", "under_13"), town.account("mum", "adult")
    town.connect(child, mother)
    room = mother.room(child.user_id, is_direct=True, name="[a room name]")
    child.join(room)
    for number in range(3):
        body = {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "A" * 100, "session_id": "s", "sender_key": "k"}
        mother.ask("PUT", f"/rooms/{quote(room)}/send/m.room.encrypted/{number}", body)
    child.leave(room)
    until("the end of the history", lambda: ("room.left", child.user_id, "") in events_of(town, child))
    kinds = [kind for kind, _, _ in events_of(town, child)]
    assert [kind for kind in kinds if kind != "contact.decided"][1:] == [
        "contact.requested",
        "room.joined",
        "contact.accepted",
        "room.left",
    ]
    spoken = [kind for kind, actor, _ in events_of(town, mother) if actor == mother.user_id]
    assert spoken.count("conversation.first_message") == 1
    assert spoken.count("conversation.volume") >= 1
    written = b"".join(path.read_bytes() for path in (town.folder / "nightlight").glob("nightlight.sqlite3*"))
    assert b"[a room name]" not in written
    assert b"AAAAAAAA" not in written


def test_a_block_in_the_clients_own_list_counts_and_taking_it_out_changes_nothing(town: Protected) -> None:
    child, mate = town.account("kim", "16_17"), town.account("lee", "16_17")
    town.connect(child, mate)
    path = f"/user/{quote(child.user_id)}/account_data/m.ignored_user_list"
    child.ask("PUT", path, {"ignored_users": {mate.user_id: {}}})
    until("the block", lambda: ("contact.blocked", child.user_id, mate.user_id) in events_of(town, child))
    child.ask("PUT", path, {"ignored_users": {}})
    mate.room(child.user_id, is_direct=True)
    assert child.invitations() == []
    assert town.decide(mate, child)["reasons"] == ["blocked"]


def test_what_we_hide_is_never_taken_for_a_block_by_the_child(town: Protected) -> None:
    child, stranger = town.account("kim", "13_15"), town.account("sam", "adult")
    stranger.room(child.user_id, is_direct=True)
    assert child.ignored() == [stranger.user_id]
    # The child's own client adds somebody else, and writes the list back with ours in it.
    other = town.account("eve", "adult")
    path = f"/user/{quote(child.user_id)}/account_data/m.ignored_user_list"
    child.ask("PUT", path, {"ignored_users": {stranger.user_id: {}, other.user_id: {}}})
    until("the block", lambda: ("contact.blocked", child.user_id, other.user_id) in events_of(town, child))
    assert ("contact.blocked", child.user_id, stranger.user_id) not in events_of(town, child)


def test_a_teachers_room_brings_a_class_together_and_classmates_still_ask(town: Protected) -> None:
    child, mate, teacher = town.account("kim", "13_15"), town.account("lee", "13_15"), town.account("ms", "adult")
    class_room = teacher.room(name="[class 7b]")
    for pupil in (child, mate):
        town.connect(pupil, teacher)  # as the school's platform says
        teacher.invite(class_room, pupil.user_id)
        assert pupil.invitations() == [class_room]
        pupil.join(class_room)
    # Now the classmates share a small private room, so one may ask the other.
    until("the shared room", lambda: "somebody-the-child-knows" in town.decide(mate, child)["reasons"])
    mate.room(child.user_id, is_direct=True)
    assert child.invitations() == []
    assert child.sliding_invitations() == []
    assert len(town.requests(child)) == 1
    assert child.ignored() == []  # what the classmate says in the class's room is still to be read


def test_people_are_found_by_those_who_may_find_them(town: Protected) -> None:
    child, stranger, mother = (
        town.account("findme", "13_15"),
        town.account("sam", "adult"),
        town.account("mum", "adult"),
    )
    town.connect(child, mother)

    def found_by(account: Account) -> list[str]:
        answer = account.ask("POST", "/user_directory/search", {"search_term": "findme"})
        return [one["user_id"] for one in answer["results"]]

    until("the directory", lambda: found_by(mother) == [child.user_id])
    assert found_by(stranger) == []


def test_an_adult_does_not_walk_into_a_room_that_a_child_made(town: Protected) -> None:
    child, stranger, friend = town.account("kim", "13_15"), town.account("sam", "adult"), town.account("lee", "13_15")
    public = child.room(preset="public_chat")
    assert stranger.join(public).status_code == 403
    assert friend.join(public).status_code == 200
    knocking = child.room(initial_state=[{"type": "m.room.join_rules", "content": {"join_rule": "knock"}}])
    assert stranger.send("POST", f"/knock/{quote(knocking)}", {}).status_code == 403
    assert friend.send("POST", f"/knock/{quote(knocking)}", {}).status_code == 200


def test_an_encrypted_room_stays_encrypted_and_takes_no_plain_messages(town: Protected) -> None:
    one = town.account("jo", "adult")
    room = one.room()
    plain = one.send("PUT", f"/rooms/{quote(room)}/send/m.room.message/1", {"msgtype": "m.text", "body": "plain"})
    assert plain.status_code == 403
    state = f"/rooms/{quote(room)}/state/m.room.encryption/"
    assert one.send("PUT", state, {}).status_code == 403
    assert one.send("PUT", state, {"algorithm": "m.megolm.v1.aes-sha2", "rotation_period_msgs": 50}).status_code == 200
    state_now = one.send("GET", f"/rooms/{quote(room)}/state").json()
    (created,) = [event for event in state_now if event["type"] == "m.room.create"]
    reaction = {"m.relates_to": {"rel_type": "m.annotation", "event_id": created["event_id"], "key": "y"}}
    assert one.send("PUT", f"/rooms/{quote(room)}/send/m.reaction/2", reaction).status_code == 200
    open_room = one.room(initial_state=[])
    said = {"msgtype": "m.text", "body": "plain"}
    assert one.send("PUT", f"/rooms/{quote(open_room)}/send/m.room.message/3", said).status_code == 200


def test_without_nightlight_children_stay_protected_and_adults_talk_on(town: Protected) -> None:
    child, stranger, jo = town.account("kim", "13_15"), town.account("sam", "adult"), town.account("jo", "adult")
    mate, teacher = town.account("lee", "13_15"), town.account("t", "adult")
    town.connect(child, teacher)
    town.connect(mate, teacher)
    first = stranger.room(jo.user_id)  # so that the module has heard that both are adults
    assert jo.invitations() == [first]
    town.service.kill()
    try:
        started = time.monotonic()
        rooms = [stranger.room(jo.user_id) for _ in range(4)]
        room = stranger.room(child.user_id, is_direct=True)
        asked = mate.room(child.user_id, is_direct=True)
        assert time.monotonic() - started < 10
        assert sorted(jo.invitations()) == sorted([first, *rooms])
        assert child.invitations() == []
        assert stranger.membership(room, child.user_id) == "invite"
    finally:
        town.service.start()
    # What was hidden without a decision is decided now.
    until("the request", lambda: [one["room"] for one in town.requests(child)] == [asked])
    town.answer(child, town.requests(child)[0]["request_id"], "accept")
    until("joining", lambda: asked in child.joined())
    assert child.ignored() == [stranger.user_id]
    assert child.invitations() == []


def test_history_survives_kill_minus_nine_of_either_side_once(town: Protected) -> None:
    mother = town.account("mum", "adult")
    friends = [town.account("jo", "adult") for _ in range(3)]
    rooms = [mother.room()]
    town.service.kill()
    rooms += [mother.room() for _ in range(3)]
    town.synapse.kill()
    town.synapse.start()
    town.service.start()
    for friend in friends:
        mother.invite(rooms[0], friend.user_id)
    town.service.kill()
    rooms.append(mother.room())
    town.service.start()

    def made() -> list[str]:
        return [kind for kind, actor, _ in events_of(town, mother) if kind == "room.created" and actor]

    until("all rooms", lambda: len(made()) >= len(rooms), 60)
    time.sleep(1)
    assert len(made()) == len(rooms)
    until("all requests", lambda: [one[0] for one in events_of(town, mother)].count("contact.requested") == 3)
