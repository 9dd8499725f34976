"""The console's page for asks: who sees what, and who answers first."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from nightlight.model.ask import AskState
from tests.web.conftest import PASSWORD
from tests.web.safe_world import SafeWorld, safe

__all__ = ["safe"]


class Reviewer:
    def __init__(self, safe: SafeWorld, name: str) -> None:
        safe.house.door.add_reviewer(name, PASSWORD, "test")
        self.client = TestClient(safe.app, base_url="http://nightlight.test")
        answer = self.client.post("/login", data={"username": name, "password": PASSWORD})
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', answer.text)
        assert found
        self.csrf = found[1]

    def answer(self, ask_id: str, answer: str, reason: str, csrf: str | None = None) -> int:
        data = {"answer": answer, "reason": reason, "csrf": self.csrf if csrf is None else csrf}
        return self.client.post(f"/asks/{ask_id}", data=data).status_code


def older(safe: SafeWorld) -> str:
    safe.house.birth_months.declare(safe.kim, "2006-03", "[a note]\u202e")
    (file,) = safe.house.ask_desk.waiting()
    return file.ask.ask_id


def test_without_a_session_nobody_sees_an_ask(safe: SafeWorld) -> None:
    ask_id = older(safe)
    kim = safe.browser(safe.kim)  # a session of the own page is none of the console
    for path in ("/asks", f"/asks/{ask_id}"):
        assert kim.client.get(path, follow_redirects=False).headers["location"].startswith("/login")
    kim.open("/safe")
    kim.send(f"/asks/{ask_id}", answer="approve", reason="me")
    assert len(safe.house.ask_desk.waiting()) == 1


def test_the_list_names_nobody_and_a_look_is_logged_before_it_is_shown(safe: SafeWorld) -> None:
    ask_id, robin = older(safe), Reviewer(safe, "robin")
    listed = robin.client.get("/asks").text
    assert "To correct a birth month" in listed
    for secret in (safe.kim, "13 to 15", "adult", "2006", "[a note]"):
        assert secret not in listed
    shown = robin.client.get(f"/asks/{ask_id}").text
    assert safe.kim in shown
    assert "13 to 15" in shown
    assert "[a note]⟦U+202E⟧" in shown
    assert "2006" not in shown
    with safe.house.store.read() as tx:
        assert [entry.actor for entry in tx.log_entries() if entry.kind == "age.viewed"] == ["robin"]


def test_an_answer_needs_a_reason_and_its_sessions_token(safe: SafeWorld) -> None:
    ask_id, robin = older(safe), Reviewer(safe, "robin")
    assert robin.answer(ask_id, "approve", "because", csrf="x") == 403
    assert robin.answer(ask_id, "approve", "  ") == 422
    assert robin.answer(ask_id, "approve", "x" * 501) == 422
    assert robin.answer(ask_id, "maybe", "because") == 422
    assert robin.answer("ask_none", "approve", "because") == 404
    assert len(safe.house.ask_desk.waiting()) == 1
    assert robin.answer(ask_id, "decline", "We could not make sure.") == 200
    assert safe.house.ask_desk.waiting() == []
    assert "We could not make sure." in safe.browser(safe.kim).open("/safe/birth-month")


def test_of_two_reviewers_the_first_answer_counts(safe: SafeWorld) -> None:
    ask_id, robin, jo = older(safe), Reviewer(safe, "robin"), Reviewer(safe, "jo")
    assert robin.answer(ask_id, "decline", "No.") == 200
    assert jo.answer(ask_id, "approve", "Yes.") == 409
    with safe.house.store.read() as tx:
        ask = safe.house.ask_book.find(tx, ask_id)
    assert ask is not None
    assert (ask.state, ask.decided_by, ask.reason) == (AskState.DECLINED, "robin", "No.")


@pytest.mark.parametrize("place", [0, 20, -1])
def test_an_ask_that_was_edited_in_the_database_is_refused(safe: SafeWorld, place: int) -> None:
    ask_id, robin = older(safe), Reviewer(safe, "robin")
    with safe.house.store.write() as tx:
        stored = tx.ask(ask_id)
        assert stored is not None
        damaged = bytearray(stored.sealed)
        damaged[place] ^= 1
        tx.save_ask(replace(stored, sealed=bytes(damaged)))
    assert robin.client.get(f"/asks/{ask_id}").status_code == 422
