"""What somebody may try who is hidden, and what becomes of an invitation that was not delivered."""

from __future__ import annotations

from urllib.parse import quote

from tests.integration.prevention import Account, Protected, until

FILTER = "org.matrix.msc4155.invite_permission_config"
IGNORED = "m.ignored_user_list"


def child_and_stranger(town: Protected) -> tuple[Account, Account]:
    return town.account("kim", "13_15"), town.account("sam", "adult")


def child_and_mate(town: Protected) -> tuple[Account, Account]:
    """Two who may ask each other: somebody knows both."""
    child, mate, teacher = town.account("kim", "13_15"), town.account("lee", "13_15"), town.account("t", "adult")
    town.connect(child, teacher)
    town.connect(mate, teacher)
    return child, mate


def sees_nothing_of(child: Account, *rooms: str) -> bool:
    return not set(rooms) & {*child.invitations(), *child.sliding_invitations()}


def hidden_names(child: Account) -> list[str]:
    """Whom the child's own lists hide, whatever for."""
    return sorted({*child.ignored(), *child.account_data(FILTER).get("ignored_users", [])})


# Ways around Synapse's questions


def test_an_invitation_smuggled_into_a_new_rooms_state_is_hidden_too(town: Protected) -> None:
    child, stranger = child_and_stranger(town)
    member = {"type": "m.room.member", "state_key": child.user_id, "content": {"membership": "invite"}}
    room = stranger.room(initial_state=[member])
    assert stranger.membership(room, child.user_id) == "invite"
    assert sees_nothing_of(child, room)


def test_an_invitation_put_as_a_state_event_is_hidden_too(town: Protected) -> None:
    child, stranger = child_and_stranger(town)
    room = stranger.room()
    path = f"/rooms/{quote(room)}/state/m.room.member/{quote(child.user_id)}"
    stranger.ask("PUT", path, {"membership": "invite", "reason": "[a reason]"})
    assert sees_nothing_of(child, room)


def test_a_hidden_invitation_opens_no_door_for_who_got_the_address_elsewhere(town: Protected) -> None:
    child, stranger = child_and_stranger(town)
    room = stranger.room(child.user_id, is_direct=True)
    assert child.join(room).status_code == 403
    assert stranger.membership(room, child.user_id) == "invite"


def test_a_hidden_invitation_keeps_nobody_out_of_a_public_room(town: Protected) -> None:
    child, stranger = child_and_stranger(town)
    room = stranger.room(preset="public_chat", initial_state=[])
    stranger.invite(room, child.user_id)
    assert sees_nothing_of(child, room)
    assert child.join(room).status_code == 200


def test_somebody_whom_the_child_knows_may_invite_into_the_same_room(town: Protected) -> None:
    child, stranger = child_and_stranger(town)
    mother = town.account("mum", "adult")
    town.connect(child, mother)
    room = stranger.room(mother.user_id, child.user_id, power_level_content_override={"invite": 0})
    mother.join(room)
    assert sees_nothing_of(child, room)
    mother.invite(room, child.user_id)
    assert child.invitations() == [room]
    assert child.join(room).status_code == 200


def test_a_public_room_with_the_child_makes_nobody_an_acquaintance(town: Protected) -> None:
    child, stranger = child_and_stranger(town)
    square = town.account("ed", "adult").room(preset="public_chat", initial_state=[])
    child.join(square)
    stranger.join(square)
    room = stranger.room(child.user_id, is_direct=True)
    assert sees_nothing_of(child, room)
    assert child.ignored() == [stranger.user_id]


# What the child's own client does to the lists


def test_a_client_that_rewrites_its_lists_uncovers_nothing_for_long(town: Protected) -> None:
    child, stranger = child_and_stranger(town)
    room = stranger.room(child.user_id, is_direct=True)
    child.put_account_data(IGNORED, {"ignored_users": {}})
    until("hiding again", lambda: child.ignored() == [stranger.user_id])
    child.put_account_data(FILTER, {})
    until("filtering again", lambda: child.account_data(FILTER).get("ignored_users") == [stranger.user_id])
    assert sees_nothing_of(child, room)


def test_lists_of_any_shape_do_not_stop_the_hiding(town: Protected) -> None:
    shapes: list[object] = [[1, None, {}], "x", 7, {"a": {"b": 1}}, None]
    for odd in shapes:
        child, stranger = child_and_stranger(town)
        for kind in (IGNORED, FILTER):
            child.send("PUT", f"/user/{quote(child.user_id)}/account_data/{kind}", {"ignored_users": odd})
        room = stranger.room(child.user_id, is_direct=True)
        assert sees_nothing_of(child, room), odd


def test_whom_the_child_ignored_before_is_blocked_and_stays_ignored(town: Protected) -> None:
    child, mate = child_and_mate(town)
    child.put_account_data(IGNORED, {"ignored_users": {mate.user_id: {}}})
    room = mate.room(child.user_id, is_direct=True)
    assert town.decide(mate, child)["reasons"] == ["blocked"]
    assert town.requests(child) == []
    mate.send("POST", f"/rooms/{quote(room)}/kick", {"user_id": child.user_id})
    until("the end of hiding", lambda: child.account_data(FILTER).get("ignored_users") == [])
    assert child.ignored() == [mate.user_id]


def test_a_child_that_takes_no_invitations_at_all_hears_of_no_requests(town: Protected) -> None:
    child, mate = child_and_mate(town)
    child.put_account_data("m.invite_permission_config", {"default_action": "block"})
    answer = mate.invite(mate.room(), child.user_id)
    assert (answer.status_code, answer.json()["errcode"]) == (403, "M_INVITE_BLOCKED")
    before = mate.joined()
    assert mate.create_room(child.user_id, is_direct=True).content == answer.content
    assert mate.joined() == before
    assert town.requests(child) == []


def test_a_child_whose_settings_void_the_filter_is_protected_by_ignoring(town: Protected) -> None:
    child, mate, teacher = town.account("kim", "13_15"), town.account("lee", "13_15"), town.account("ms", "adult")
    class_room = teacher.room()
    for pupil in (child, mate):
        town.connect(pupil, teacher)
        teacher.invite(class_room, pupil.user_id)
        pupil.join(class_room)
    child.put_account_data("m.invite_permission_config", {"default_action": "allow"})
    room = mate.room(child.user_id, is_direct=True)
    assert sees_nothing_of(child, room)
    assert child.ignored() == [mate.user_id]


# How it ends


def test_two_hidden_invitations_of_one_account_and_one_is_accepted(town: Protected) -> None:
    child, mate = child_and_mate(town)
    first, second = mate.room(child.user_id, is_direct=True), mate.room(child.user_id, is_direct=True)
    asked = {one["room"]: one["request_id"] for one in town.requests(child)}
    assert set(asked) == {first, second}
    town.answer(child, asked[first], "accept")
    until("joining", lambda: first in child.joined())
    assert hidden_names(child) == []  # whoever was accepted is heard
    town.answer(child, asked[second], "accept")
    until("joining", lambda: second in child.joined())
    both = sorted([first, second])
    until("the mark", lambda: sorted(child.account_data("m.direct").get(mate.user_id, [])) == both)


def test_two_hidden_invitations_of_one_account_and_one_is_declined(town: Protected) -> None:
    child, mate = child_and_mate(town)
    first, second = mate.room(child.user_id, is_direct=True), mate.room(child.user_id, is_direct=True)
    asked = {one["room"]: one["request_id"] for one in town.requests(child)}
    town.answer(child, asked[first], "decline")
    until("leaving", lambda: mate.membership(first, child.user_id) == "leave")
    assert sees_nothing_of(child, second)
    assert child.ignored() == [mate.user_id]
    town.answer(child, asked[second], "decline")
    until("the end of hiding", lambda: hidden_names(child) == [])


def test_an_invitation_that_is_taken_back_leaves_nothing_behind(town: Protected) -> None:
    child, mate = child_and_mate(town)
    room = mate.room(child.user_id, is_direct=True)
    assert len(town.requests(child)) == 1
    mate.ask("POST", f"/rooms/{quote(room)}/kick", {"user_id": child.user_id})
    until("the end of the request", lambda: town.requests(child) == [])
    until("the end of hiding", lambda: hidden_names(child) == [])
    assert child.account_data(IGNORED).get("ignored_users") == {}


def test_the_end_of_a_hidden_invitation_is_no_invitation_and_no_notification(town: Protected) -> None:
    """Synapse hands a client the rooms that were left, even those it never showed; see docs/limitations.md."""
    child, stranger = child_and_stranger(town)
    since = child.sync_token()
    room = stranger.room()
    stranger.invite(room, child.user_id)
    assert child.sync(since).get("rooms", {}) == {}
    stranger.ask("POST", f"/rooms/{quote(room)}/kick", {"user_id": child.user_id})
    assert set(child.sync(since)["rooms"]) == {"leave"}
    until("the end of hiding", lambda: hidden_names(child) == [])
    assert set(child.sync(since)["rooms"]) == {"leave"}
    assert child.ask("GET", "/notifications")["notifications"] == []


def test_a_request_that_the_childs_own_client_declines_has_ended(town: Protected) -> None:
    child, mate = child_and_mate(town)
    room = mate.room(child.user_id, is_direct=True)
    assert child.leave(room).status_code == 200
    until("the end of the request", lambda: town.requests(child) == [])
    until("the end of hiding", lambda: hidden_names(child) == [])


def test_a_block_leaves_and_goes_on_hiding(town: Protected) -> None:
    child, mate = child_and_mate(town)
    first, second = mate.room(child.user_id, is_direct=True), mate.room(child.user_id, is_direct=True)
    town.answer(child, town.requests(child)[0]["request_id"], "block")
    for room in (first, second):
        until("leaving", lambda room=room: mate.membership(room, child.user_id) == "leave")
    assert child.ignored() == [mate.user_id]
    third = mate.room(child.user_id, is_direct=True)
    assert sees_nothing_of(child, third)
    mate.ask("POST", f"/rooms/{quote(third)}/kick", {"user_id": child.user_id})
    until("the end of filtering", lambda: child.account_data(FILTER).get("ignored_users") == [])
    assert child.ignored() == [mate.user_id]


def test_asking_again_after_a_refusal_waits(town: Protected) -> None:
    child, mate = child_and_mate(town)
    room = mate.room(child.user_id, is_direct=True)
    town.answer(child, town.requests(child)[0]["request_id"], "decline")
    until("leaving", lambda: mate.membership(room, child.user_id) == "leave")
    until("the refusal", lambda: "refused-here-before" in town.decide(mate, child)["reasons"])
    assert mate.invite(room, child.user_id).status_code == 200
    assert sees_nothing_of(child, room)
    # Looking for the refusal may have asked once too early, about no room.
    assert room not in [request["room"] for request in town.requests(child)]


def test_who_was_accepted_may_invite_again_after_leaving(town: Protected) -> None:
    child, mate = child_and_mate(town)
    room = mate.room(child.user_id, is_direct=True)
    town.answer(child, town.requests(child)[0]["request_id"], "accept")
    until("joining", lambda: room in child.joined())
    mate.ask("POST", f"/rooms/{quote(room)}/kick", {"user_id": child.user_id})
    until("the connection", lambda: town.decide(mate, child)["reasons"] == ["connections"])
    mate.invite(room, child.user_id)
    assert child.invitations() == [room]


def test_who_becomes_a_friend_is_hidden_no_more(town: Protected) -> None:
    child, aunt = child_and_stranger(town)
    hidden = aunt.room(child.user_id, is_direct=True)
    assert sees_nothing_of(child, hidden)
    town.connect(child, aunt)
    shown = aunt.room(child.user_id, is_direct=True)
    assert shown in child.invitations()
    assert shown in child.sliding_invitations()
    assert hidden_names(child) == []


# What has to go on working


def test_notices_reach_a_child_that_everybody_else_is_hidden_from(town: Protected) -> None:
    child, mate = child_and_mate(town)
    mate.room(child.user_id, is_direct=True)
    until("the notice", lambda: any("would like to talk to you" in text for text in child.notices()))
    assert not any("notices" in name for name in hidden_names(child))


def test_an_upgraded_room_takes_its_people_along(town: Protected) -> None:
    child, guest, friend = town.account("kim", "13_15"), town.account("sam", "adult"), town.account("lee", "13_15")
    room = child.room(guest.user_id, preset="private_chat", initial_state=[])
    assert guest.join(room).status_code == 200
    new = child.ask("POST", f"/rooms/{quote(room)}/upgrade", {"new_version": "12"})["replacement_room"]
    child.ask("PUT", f"/rooms/{quote(new)}/state/m.room.join_rules/", {"join_rule": "public"})
    assert guest.join(new).status_code == 200
    assert friend.join(new).status_code == 200
    assert town.account("eve", "adult").join(new).status_code == 403


def test_a_new_display_name_is_nobodys_approach(town: Protected) -> None:
    child, friend = town.account("kim", "13_15"), town.account("lee", "13_15")
    public = child.room(preset="public_chat")
    assert friend.join(public).status_code == 200
    town.age(friend.user_id, "adult")  # now such a join would be refused
    friend.ask("PUT", f"/profile/{quote(friend.user_id)}/displayname", {"displayname": "Lee"})
    path = f"/rooms/{quote(public)}/state/m.room.member/{quote(friend.user_id)}"
    until("the new name", lambda: child.send("GET", path).json().get("displayname") == "Lee")


def test_a_server_admin_is_not_asked_about(town: Protected) -> None:
    child = town.account("kim", "13_15")
    admin = Account.of(town.synapse, town.synapse.admin_user, town.synapse.admin_token)
    room = admin.room(child.user_id, is_direct=True)
    assert child.invitations() == [room]


def test_an_account_that_does_not_exist_looks_like_one_that_does_not_answer(town: Protected) -> None:
    stranger = town.account("sam", "adult")
    room = stranger.room()
    answer = stranger.invite(room, f"@nobody-at-all:{town.synapse.server_name}")
    child = town.account("kim", "13_15")
    assert (answer.status_code, answer.content) == (200, stranger.invite(room, child.user_id).content)
