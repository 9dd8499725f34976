"""The console's pages for detection: who may change what, what is said of precision, and that nobody looks unseen."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from nightlight.errors import RefusedError
from nightlight.evidence.log import LogKind
from nightlight.flows.audit import audit
from nightlight.model.case import Outcome, Policy
from nightlight.model.event import EventKind
from nightlight.model.signal import AlertState, RuleMode
from tests.flows.test_detect import account
from tests.prevention_world import DAY_MS, KIM, SAM
from tests.web.detection_pages import RULE, DetectionPages, Person
from tests.web.test_console import CSP


@pytest.fixture
def world(tmp_path: Path) -> Iterator[DetectionPages]:
    made = DetectionPages(tmp_path).happened()
    yield made
    made.close()


@pytest.fixture
def people(world: DetectionPages) -> tuple[Person, Person]:
    return Person(world, "robin"), Person(world, "kim")


def looks(world: DetectionPages) -> list[tuple[str, str]]:
    with world.store.read() as tx:
        return [(one.actor, one.subject) for one in tx.log_entries() if one.kind == LogKind.SIGNALS_VIEWED]


def test_everything_needs_a_session_and_every_change_its_form_token(world: DetectionPages) -> None:
    stranger = TestClient(world.app, base_url="http://nightlight.test", follow_redirects=False)
    for path in ("/rules", f"/rules/{RULE}", f"/signals?account={SAM}", "/alerts", "/alerts/x"):
        assert stranger.get(path).headers["location"].startswith("/login")
    robin = Person(world, "robin")
    for path in ("roll-back", *(f"{RULE}/{does}" for does in ("propose", "approve", "shadow", "pause"))):
        for csrf in ("", "0" * 64):
            refused = robin.client.post(f"/rules/{path}", data={"csrf": csrf, "note": "n", "change": "0"})
            assert refused.status_code == 403
        assert stranger.post(f"/rules/{path}", data={"note": "n"}).headers["location"].startswith("/login")
    assert world.house.rule_desk.history() == []
    assert looks(world) == []


def test_the_rules_page_shows_what_was_not_taken(world: DetectionPages, people: tuple[Person, Person]) -> None:
    robin, _ = people
    assert "every event was taken as it came" in robin.get("/rules")
    world.house.events.take([RefusedError("event_malformed", "No such kind.")] * 3)
    assert "every event was taken as it came" not in robin.get("/rules")
    assert "an event of no known kind" in robin.get("/rules")


def test_a_rule_goes_live_by_two_people_after_a_backtest(world: DetectionPages, people: tuple[Person, Person]) -> None:
    robin, kim = people
    desk = f"/rules/{RULE}"
    assert robin.post(f"{desk}/shadow", note="too loud").status_code == 303
    assert "/propose" not in robin.get(desk)
    assert "needs a backtest of the last seven days" in robin.get(desk)
    early = robin.post(f"{desk}/propose", note="it is good")
    assert early.status_code == 422
    assert "There is no backtest" in early.text
    assert 'value="it is good"' in early.text
    world.backtested()
    assert "1,234" in robin.get(desk)
    assert robin.post(f"{desk}/propose", note="it is good").status_code == 303
    assert "Another person has to approve it." in robin.get(desk)
    own = robin.post(f"{desk}/approve")
    assert own.status_code == 422
    assert "The one who proposed it cannot agree to it." in own.text
    assert "proposed live by robin" in kim.get("/rules")
    assert world.house.rule_book.in_force().modes[RULE] is RuleMode.SHADOW
    assert kim.post(f"{desk}/approve").status_code == 303
    assert world.house.rule_book.in_force().modes[RULE] is RuleMode.LIVE
    assert kim.post(f"{desk}/approve").status_code == 409
    history = kim.get("/rules")
    for said in ("to shadow", "proposed to go live", "too loud", "Proposed by robin."):
        assert said in history
    with world.store.read() as tx:
        kinds = [(one.kind, one.actor) for one in tx.log_entries() if one.subject == "rules"]
    assert kinds == [(LogKind.RULE_SHADOW, "robin"), (LogKind.RULE_PROPOSED, "robin"), (LogKind.RULE_LIVE, "kim")]
    audit(world.store, [])


def test_pausing_takes_a_reason_and_rolling_back_is_one_step(
    world: DetectionPages, people: tuple[Person, Person]
) -> None:
    robin, kim = people
    for note in ("", "  ", "x" * 501):
        assert robin.post(f"/rules/{RULE}/pause", note=note).status_code == 422
    assert robin.post(f"/rules/{RULE}/shadow", note="first").status_code == 303
    assert robin.post(f"/rules/{RULE}/shadow", note="twice").status_code == 409
    stale = kim.post("/rules/roll-back", note="oops", change="0")
    assert stale.status_code == 409
    assert "changed meanwhile" in stale.text
    assert 'value="oops"' in stale.text
    assert world.house.rule_book.in_force().modes[RULE] is RuleMode.SHADOW
    assert kim.post("/rules/roll-back", note="oops", change="1").status_code == 303
    assert world.house.rule_book.in_force().modes[RULE] is RuleMode.LIVE
    assert "rolled back to what the settings say" in kim.get("/rules")
    assert robin.post(f"/rules/{RULE}/pause", note="loud").status_code == 303
    world.ask(SAM, *[account(f"more{number}") for number in range(3)])
    assert world.house.rule_book.in_force().modes[RULE] is RuleMode.PAUSED
    assert robin.get("/rules/none", 404)
    assert robin.post("/rules/none/pause", note="n").status_code == 404


def test_precision_is_by_accounts_with_its_interval_and_says_when_it_is_not_known(
    world: DetectionPages, people: tuple[Person, Person]
) -> None:
    robin, _ = people
    before = robin.get("/rules")
    assert before.count("not measured yet") == len(world.house.rule_book.in_force().pack.rules)
    assert "biased sample" in before
    world.house.desk.decide(world.case_id(), "rita", Outcome.VIOLATION, Policy.CHILD_CONTACT, "Looked.", [])
    line = next(one for one in world.house.rule_report.overview().lines if one.rule.id == RULE)
    assert (line.precision.part, line.precision.whole, line.volume) == (1, 1, (1, 1, 1))
    # Wilson's interval of 1 of 1 at 95 %: 0.2065 to 1
    assert "1 of 1; 21 to 100 %" in robin.get("/rules")
    world.clock.at += 2 * DAY_MS
    line = next(one for one in world.house.rule_report.overview().lines if one.rule.id == RULE)
    assert line.volume == (0, 1, 1)
    world.clock.at += 100 * DAY_MS
    line = next(one for one in world.house.rule_report.overview().lines if one.rule.id == RULE)
    assert (line.precision.whole, line.volume) == (0, (0, 0, 0))


def test_a_rules_page_says_what_it_means_and_shows_its_lines(
    world: DetectionPages, people: tuple[Person, Person]
) -> None:
    robin, _ = people
    file = world.house.rule_report.rule(RULE)
    assert file.text[0] == f"- id: {RULE}"
    assert file.text[-1] == "  source: facts"
    assert len(file.by_day) == 30
    assert sum(count for _, count in file.by_day) == file.by_day[-1][1] == 1
    page = robin.get(f"/rules/{RULE}")
    for said in ("It speaks about the one who acts when", file.line.meaning, "30 days", "Kept for", "contact"):
        assert said in page
    assert page.count("<rect ") == 30
    for rule in file.in_force.pack.rules:
        shown = robin.get(f"/rules/{rule.id}")
        lines = world.house.rule_report.rule(rule.id).text
        assert lines[0] == f"- id: {rule.id}"
        assert sum(line.startswith("- id:") for line in lines) == 1
        assert 'style="' not in shown


def test_an_account_is_shown_after_the_look_is_in_the_log(world: DetectionPages, people: tuple[Person, Person]) -> None:
    robin, kim = people
    assert "The account's whole id" in robin.get("/signals")
    assert looks(world) == []
    page = robin.get(f"/signals?account={SAM}")
    pseudonym = world.house.people.pseudonym(SAM)
    assert looks(world) == [("robin", pseudonym)]
    for said in (
        "Watched now",
        "It asked 6 children whom it does not know within an hour.",
        "Many asked",
        "Case of detection",
    ):
        assert said in page
    assert "No rule has said anything" in kim.get(f"/signals?account={KIM}")
    assert looks(world)[1:] == [("kim", world.house.people.pseudonym(KIM))]
    assert SAM not in "".join(subject for _, subject in looks(world))
    audit(world.store, [])


@pytest.mark.parametrize("typed", ["sam", "@sam", "sam:home.test", "@s a:b", "@" + "x" * 300 + ":b", "@%00:b", "%25"])
def test_only_a_whole_id_is_looked_for_and_only_exactly(
    world: DetectionPages, people: tuple[Person, Person], typed: str
) -> None:
    assert "That is no account." in people[0].get(f"/signals?account={typed}", 422)
    assert looks(world) == []


def test_a_look_that_the_log_cannot_take_shows_nothing(world: DetectionPages, people: tuple[Person, Person]) -> None:
    with world.store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM log_head")
    alert = world.house.signal_report.alerts(AlertState.OPEN)[0].alert_id
    for path in (f"/signals?account={SAM}", f"/alerts/{alert}"):
        answer = people[0].client.get(path)
        assert answer.status_code == 503
        assert "It asked 6" not in answer.text


def test_where_no_rule_was_broken_the_account_is_no_longer_watched(
    world: DetectionPages, people: tuple[Person, Person]
) -> None:
    world.house.desk.decide(world.case_id(), "rita", Outcome.NO_VIOLATION, Policy.NONE, "A coach.", [])
    world.clock.at += 1
    page = people[0].get(f"/signals?account={SAM}")
    assert "Not watched" in page
    assert "no violation found" in page
    assert "An account to watch</a>, closed" in page


def test_alerts_are_listed_and_a_ring_has_its_picture_and_its_table(
    world: DetectionPages, people: tuple[Person, Person]
) -> None:
    robin, _ = people
    ring = world.ring()
    listed = robin.get("/alerts")
    assert "A ring of accounts" in listed
    assert f"{account('ring0')} and 2 more" in listed
    assert SAM in listed
    assert looks(world) == []
    page = robin.get(f"/alerts/{ring.alert_id}")
    assert looks(world) == [("robin", ring.alert_id)]
    assert page.count('<svg xmlns="http://www.w3.org/2000/svg" class="ring-picture"') == 1
    for one in ring.accounts:
        assert page.count(one) >= 3  # picture, table, list
    assert "was blocked by" in page
    assert f"/cases/{ring.case_id}" in page
    assert "Child 1" in page
    world.house.desk.decide(ring.case_id or "", "rita", Outcome.INSUFFICIENT, Policy.NONE, "Nothing to see.", [])
    assert "A ring of accounts" not in robin.get("/alerts")
    assert "A ring of accounts" in robin.get("/alerts?state=closed")
    assert robin.get("/alerts/none", 404)


def test_a_ring_that_was_damaged_in_the_database_is_said_and_its_accounts_stay(
    world: DetectionPages, people: tuple[Person, Person]
) -> None:
    ring = world.ring()
    with world.store.write() as tx:
        tx.save_alert(replace(ring, detail={"ring": {"identity": "<script>"}}))
    for path in (f"/alerts/{ring.alert_id}", f"/cases/{ring.case_id}"):
        page = people[0].get(path)
        assert "What was kept of this ring cannot be read." in page
        assert account("ring0") in page


def test_names_and_reasons_are_text_wherever_they_are_shown(
    world: DetectionPages, people: tuple[Person, Person]
) -> None:
    hostile = "@<script>alert(1)</script>\u202e:home.test"
    with world.store.write() as tx:
        (signal,) = tx.signals_of(RULE, 10)
        about = world.house.people.number(hostile)
        tx.add_signals([replace(signal, about=about, account=hostile, number=10**9, reason=hostile)])
        (alert,) = tx.alerts(AlertState.OPEN, 10)
        tx.save_alert(replace(alert, accounts=(hostile,), reasons=(hostile,), detail={"rules": [hostile]}))
    world.house.rule_desk.pause(RULE, "robin", hostile)
    paths = ["/rules", f"/rules/{RULE}", "/alerts", f"/alerts/{alert.alert_id}", f"/cases/{alert.case_id}"]
    for path in [*paths, "/signals?account=%40%3Cscript%3Ealert(1)%3C/script%3E%E2%80%AE:home.test"]:
        answer = people[0].client.get(path)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "⟦U+202E⟧" in answer.text
        assert "&lt;script&gt;alert" in answer.text
        assert answer.headers["content-security-policy"] == CSP


def test_a_case_that_nobody_reported_says_so_and_is_decided_like_any_unproven_one(
    world: DetectionPages, people: tuple[Person, Person]
) -> None:
    robin, _ = people
    assert "not reported" in robin.get("/")
    case = f"/cases/{world.case_id()}"
    page = robin.get(case)
    for said in (
        "nobody reported anything.",
        "Nothing is proven, and there is no message to look at.",
        "It asked 6 children whom it does not know within an hour.",
        f"/rules/{RULE}",
        "raised alert",
        "closed: unproven",
    ):
        assert said in html.unescape(page)
    assert "Reveal" not in page.replace("reveal the next hidden message", "")
    form = {"outcome": "violation", "policy": "child_safety.unwanted_contact", "reason": "The pattern.", "then": "stay"}
    barred = robin.post(f"{case}/decide", **form, actions="deactivate")
    assert barred.status_code == 422
    assert robin.post(f"{case}/decide", **form, actions="suspend").status_code == 303
    assert "violation found" in robin.get(f"/signals?account={SAM}")


def test_a_report_that_joins_it_is_no_longer_called_unreported(
    world: DetectionPages, people: tuple[Person, Person]
) -> None:
    with world.store.write() as tx:
        case = tx.open_case_about(SAM)
        assert case is not None
        tx.save_case(replace(case, reports=1))
    assert "not reported" not in people[0].get("/")


def test_detection_that_is_off_missing_or_behind_says_what_to_do(tmp_path: Path) -> None:
    world = DetectionPages(tmp_path, detection="off")
    robin = Person(world, "robin")
    assert "Detection is switched off." in robin.get("/rules")
    assert "NIGHTLIGHT_DETECTION" in robin.get(f"/rules/{RULE}")
    world.house.__dict__["rule_report"] = replace(world.house.rule_report, installed=False)
    assert "nightlight[detect]" in Person(world, "robin").get("/rules")
    world.close()
    behind = DetectionPages(tmp_path, detection="live")
    behind.age(SAM, "adult", "verified")
    behind.happen(EventKind.ROOM_JOINED, SAM, room="!r:home.test")
    assert "Detection reads the log." in Person(behind, "robin").get("/rules")
    behind.detection.keep_up()
    assert "judges every event" in Person(behind, "robin").get("/rules")
    behind.close()
