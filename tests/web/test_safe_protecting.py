"""A person's own page: birth month, protections, and one tap that blocks, reports and leads to help."""

from __future__ import annotations

import re

import pytest

from nightlight.errors import RefusedError
from nightlight.model.account import AgeBand
from nightlight.model.ask import AskKind, AskState
from nightlight.model.case import CaseState
from nightlight.model.contact import Approach, ContactOutcome, Direction
from nightlight.model.report import ReportSource
from tests.web.safe_world import DAY, SafeBrowser, SafeWorld, safe

__all__ = ["safe"]

PROTECTION = "only-people-i-know"
PATH = f"/safe/protections/{PROTECTION}"


def stranger_is_held(safe: SafeWorld, target: str = "") -> bool:
    """Whether the protection that keeps strangers waiting holds for Kim now."""
    approach = Approach("@new:sim.example", target or safe.kim, Direction.DIRECT)
    _, decision, _ = safe.house.contact_desk.preview(approach)
    return PROTECTION in decision.reasons


def month(years_ago: int) -> dict[str, str]:
    return {"month": "3", "year": str(2026 - years_ago)}  # the clock of the test stands in September 2026


def band(safe: SafeWorld, account: str) -> AgeBand:
    return safe.house.own_page.band(account)


def at_protection(safe: SafeWorld, band: str) -> SafeBrowser:
    safe.age(safe.kim, band)
    safe.age("@new:sim.example", "16_17")
    kim = safe.browser(safe.kim)
    kim.open(PATH)
    return kim


def test_what_nobody_may_loosen_stays_on(safe: SafeWorld) -> None:
    kim = at_protection(safe, "under_13")
    assert "It stays on." in kim.page
    assert "switch it off" not in re.sub(r"<title>.*</title>", "", kim.page).replace("into switching it off", "")
    kim.open("/safe")
    kim.send(PATH, do="loosen")
    assert kim.status == 409
    kim.open("/safe")
    kim.send(PATH, do="confirm")
    assert kim.status == 409
    assert safe.house.ask_desk.waiting() == []


def test_what_one_loosens_oneself_takes_a_day_and_a_second_yes(safe: SafeWorld) -> None:
    kim = at_protection(safe, "16_17")
    assert stranger_is_held(safe)
    assert "A day later you can confirm it here" in kim.page
    kim.send(PATH, do="loosen")
    assert "It is still on. You can confirm it from 22 September on." in kim.page
    kim.send(PATH, do="confirm")
    assert kim.status == 409
    safe.clock.at += DAY - 1
    kim.sign_in(safe.kim)
    kim.open(PATH)
    kim.send(PATH, do="confirm")
    assert kim.status == 409
    assert stranger_is_held(safe)
    safe.clock.at += 1
    assert "Do you still want that?" in kim.open(PATH)
    kim.send(PATH, do="confirm")
    assert "This is off." in kim.page
    assert not stranger_is_held(safe)
    kim.send(PATH, do="restore")
    assert "This is on." in kim.page
    assert stranger_is_held(safe)


def test_what_was_asked_for_can_be_taken_back_and_runs_out(safe: SafeWorld) -> None:
    kim = at_protection(safe, "16_17")
    kim.send(PATH, do="loosen")
    kim.send(PATH, do="restore")
    safe.clock.at += 2 * DAY
    kim.sign_in(safe.kim)
    kim.open(PATH)
    kim.send(PATH, do="confirm")
    assert kim.status == 409
    kim.open(PATH)
    kim.send(PATH, do="loosen")
    # Nobody keeps a yes in store for the day on which somebody presses for it.
    safe.clock.at += 8 * DAY
    kim.sign_in(safe.kim)
    kim.open(PATH)
    kim.send(PATH, do="confirm")
    assert kim.status == 409
    safe.house.ask_desk.sweep()
    with safe.house.store.read() as tx:
        assert {ask.state for ask in safe.house.ask_book.of(tx, safe.kim)} == {AskState.WITHDRAWN}


def test_whoever_turns_out_to_be_younger_meanwhile_cannot_confirm(safe: SafeWorld) -> None:
    kim = at_protection(safe, "16_17")
    kim.send(PATH, do="loosen")
    safe.age(safe.kim, "13_15")
    safe.clock.at += DAY
    kim.sign_in(safe.kim)
    kim.open(PATH)
    kim.send(PATH, do="confirm")
    assert kim.status == 409
    assert stranger_is_held(safe)


@pytest.mark.parametrize("approve", [True, False])
def test_what_the_safety_team_decides_is_told_on_the_page(safe: SafeWorld, approve: bool) -> None:
    kim = at_protection(safe, "13_15")
    kim.send(PATH, do="loosen", note="my choir is new")
    assert "You asked the safety team" in kim.page
    (file,) = safe.house.ask_desk.waiting()
    assert file.ask.note == "my choir is new"
    assert stranger_is_held(safe)
    safe.house.ask_desk.decide(file.ask.ask_id, "robin", approve=approve, reason="We talked about it.")
    assert stranger_is_held(safe) is not approve
    assert "We talked about it." in kim.open(PATH)
    with pytest.raises(RefusedError, match="answered or taken back"):
        safe.house.ask_desk.decide(file.ask.ask_id, "jo", approve=not approve, reason="again")
    assert stranger_is_held(safe) is not approve


def test_one_person_cannot_change_anothers_protection(safe: SafeWorld) -> None:
    safe.age(safe.kim, "16_17")
    safe.age(safe.lee, "16_17")
    lee = safe.browser(safe.lee)
    lee.open(PATH)
    lee.send(PATH, do="loosen")
    assert safe.house.protection_desk.state(safe.kim, PROTECTION).ask is None


def test_a_notice_goes_out_when_a_loosening_begins(safe: SafeWorld) -> None:
    kim = at_protection(safe, "16_17")
    kim.send(PATH, do="loosen")
    assert any("About switching a protection off" in text for text in safe.notices(safe.kim))


def test_saying_to_be_younger_protects_at_once(safe: SafeWorld) -> None:
    safe.age(safe.kim, "16_17", born="2010-01")
    kim = safe.browser(safe.kim)
    kim.open("/safe/birth-month")
    assert "Saved. It holds from now on." in kim.send("/safe/birth-month", **month(11))
    assert band(safe, safe.kim) is AgeBand.UNDER_13


def test_loosened_protections_are_on_again_for_somebody_younger(safe: SafeWorld) -> None:
    kim = at_protection(safe, "16_17")
    kim.send(PATH, do="loosen")
    safe.clock.at += DAY
    kim.sign_in(safe.kim)
    kim.open(PATH)
    kim.send(PATH, do="confirm")
    assert not stranger_is_held(safe)
    kim.open("/safe/birth-month")
    kim.send("/safe/birth-month", **month(14))
    assert stranger_is_held(safe)


def test_saying_to_be_older_waits_for_a_person(safe: SafeWorld) -> None:
    kim = safe.browser(safe.kim)
    kim.open("/safe/birth-month")
    assert "A person of the safety team will look at it." in kim.send("/safe/birth-month", **month(20))
    assert band(safe, safe.kim) is AgeBand.AGE_13_15
    (file,) = safe.house.ask_desk.waiting()
    assert (file.ask.kind, file.band, file.asked_band) == (AskKind.AGE, AgeBand.AGE_13_15, AgeBand.ADULT)
    safe.clock.at += 60_000
    kim.open("/safe/birth-month")
    kim.send("/safe/birth-month", **month(17))  # thought again: the newer one counts
    (file,) = safe.house.ask_desk.waiting()
    assert file.asked_band is AgeBand.AGE_16_17
    safe.house.ask_desk.decide(file.ask.ask_id, "robin", approve=True, reason="Shown at school.")
    assert band(safe, safe.kim) is AgeBand.AGE_16_17
    assert "Shown at school." in kim.open("/safe/birth-month")


def test_an_older_month_of_the_same_band_waits_too(safe: SafeWorld) -> None:
    safe.age(safe.kim, born="2012-12")
    kim = safe.browser(safe.kim)
    kim.open("/safe/birth-month")
    kim.send("/safe/birth-month", month="1", year="2011")
    assert str(safe.house.birth_months.age(safe.kim).birth_month) == "2012-12"
    kim.open("/safe/birth-month")
    kim.send("/safe/birth-month", month="6", year="2013")
    assert str(safe.house.birth_months.age(safe.kim).birth_month) == "2013-06"


@pytest.mark.parametrize("assurance", ["estimated", "verified"])
def test_a_click_does_not_overrule_what_is_known_better(safe: SafeWorld, assurance: str) -> None:
    safe.age(safe.kim, "13_15", assurance)
    kim = safe.browser(safe.kim)
    kim.open("/safe/birth-month")
    kim.send("/safe/birth-month", **month(11))
    assert safe.house.birth_months.age(safe.kim).assurance == assurance
    assert len(safe.house.ask_desk.waiting()) == 1


def outcome(safe: SafeWorld, actor: str, target: str) -> ContactOutcome:
    (answer,) = safe.house.contact_desk.decide([Approach(actor, target, Direction.DIRECT)])
    return answer.decided.outcome


@pytest.mark.parametrize("approve", [True, False])
def test_a_grown_up_who_says_to_be_fourteen_gets_no_closer_to_children(safe: SafeWorld, approve: bool) -> None:
    safe.share_a_room(safe.sam, safe.lee)
    before = outcome(safe, safe.sam, "@child:sim.example")
    safe.age("@child:sim.example", "13_15")
    before = outcome(safe, safe.sam, "@child:sim.example")
    assert before is ContactOutcome.DENY
    sam = safe.browser(safe.sam)
    sam.open("/safe/birth-month")
    assert "Saved" in sam.send("/safe/birth-month", **month(14))
    # Protected as a child …
    assert band(safe, safe.sam) is AgeBand.AGE_13_15
    # … and no nearer to one, until a person has looked.
    safe.clock.at += 120_000
    assert outcome(safe, safe.sam, "@child:sim.example") is ContactOutcome.DENY
    (file,) = safe.house.ask_desk.waiting()
    assert (file.ask.kind, file.band, file.asked_band) == (AskKind.YOUNGER, AgeBand.ADULT, AgeBand.AGE_13_15)
    safe.house.ask_desk.decide(file.ask.ask_id, "robin", approve=approve, reason="Looked at it.")
    safe.clock.at += 120_000
    after = outcome(safe, safe.sam, "@child:sim.example")
    assert after is (ContactOutcome.HOLD if approve else ContactOutcome.DENY)
    assert band(safe, safe.sam) is (AgeBand.AGE_13_15 if approve else AgeBand.ADULT)


@pytest.mark.parametrize(
    "sent", [{"month": "13", "year": "2012"}, {"month": "", "year": ""}, {"month": "1", "year": "2090"}]
)
def test_a_month_that_is_none_is_refused_in_words(safe: SafeWorld, sent: dict[str, str]) -> None:
    kim = safe.browser(safe.kim)
    kim.open("/safe/birth-month")
    assert "Choose a month and a year." in kim.send("/safe/birth-month", **sent)
    assert kim.status == 422


def test_a_birth_month_shows_only_on_a_tap(safe: SafeWorld) -> None:
    safe.age(safe.kim, born="2012-03")
    kim = safe.browser(safe.kim)
    assert "March 2012" not in kim.open("/safe/birth-month")
    assert "March 2012" in kim.open("/safe/birth-month?show=1")


def test_no_age_and_no_account_of_an_ask_stands_in_the_log_or_in_the_clear(safe: SafeWorld) -> None:
    kim = safe.browser(safe.kim)
    kim.open("/safe/birth-month")
    kim.send("/safe/birth-month", **month(20), note="[a note]")
    (file,) = safe.house.ask_desk.waiting()
    safe.house.ask_desk.look(file.ask.ask_id, "robin")
    safe.house.ask_desk.decide(file.ask.ask_id, "robin", approve=False, reason="[a reason]")
    with safe.house.store.read() as tx:
        entries = [entry for entry in tx.log_entries() if entry.kind.startswith(("ask.", "age."))]
        stored = tx.ask(file.ask.ask_id)
    assert [entry.kind for entry in entries] == ["ask.made", "age.viewed", "ask.ended"]
    text = " ".join(f"{entry.actor} {entry.subject} {entry.detail}" for entry in entries)
    for secret in (safe.kim, "kim", "2006", "adult", "13_15", "[a note]", "[a reason]"):
        assert secret not in text
    assert stored is not None
    assert b"kim" not in stored.sealed


def test_one_tap_blocks_opens_a_case_and_shows_who_helps(safe: SafeWorld) -> None:
    request_id = safe.classmate_asks()
    kim = safe.browser(safe.kim)
    kim.open(f"/safe/report?request={request_id}")
    assert safe.lee not in kim.page
    kim.send("/safe/report", request=request_id, category="grooming")
    assert "Thank you for telling us" in kim.page
    assert "0800 1111" in kim.page
    assert 'href="/report"' in kim.page
    (case,) = safe.house.desk.queue(CaseState.OPEN).cases
    assert (case.subject, case.category, case.proven) == (safe.lee, "grooming", 0)
    file = safe.house.desk.case(case.case_id, "robin")
    assert [(report.reporter, report.source) for report in file.reports] == [(safe.kim, ReportSource.OWN_PAGE)]
    assert outcome(safe, safe.lee, safe.kim) is ContactOutcome.DENY
    assert "Nobody is waiting" in kim.open("/safe")
    assert not any("Thank you" in text for text in safe.notices(safe.kim))  # it was just read


def test_two_taps_are_one_report_and_one_block(safe: SafeWorld) -> None:
    request_id = safe.classmate_asks()
    kim = safe.browser(safe.kim)
    kim.open("/safe")
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', kim.page)
    assert csrf
    for _ in range(3):
        kim.send("/safe/report", request=request_id, category="threat", csrf=csrf[1])
        assert kim.status == 200
    assert safe.house.desk.queue(CaseState.OPEN).open == 1
    assert safe.browser(safe.kim).open("/safe/blocked").count("Unblock<") == 1


def test_only_blocking_tells_nobody(safe: SafeWorld) -> None:
    kim = safe.browser(safe.kim)
    kim.open("/safe")
    assert "You blocked somebody" in kim.send("/safe/report", account=safe.sam, category="block")
    assert safe.house.desk.queue(CaseState.OPEN).open == 0
    assert outcome(safe, safe.sam, safe.kim) is ContactOutcome.DENY


@pytest.mark.parametrize("name", ["@kim:sim.example", "kim"])
def test_nobody_blocks_or_reports_themselves(safe: SafeWorld, name: str) -> None:
    kim = safe.browser(safe.kim)
    kim.open("/safe")
    kim.send("/safe/report", account=name, category="threat")
    assert kim.status == 422
    assert "This is your own account" in kim.page
    assert safe.house.desk.queue(CaseState.OPEN).open == 0


@pytest.mark.parametrize(
    "name", ["", "not a name", "@", "@x", "@a b:sim.example", "!room:sim.example", "@" + "x" * 300]
)
def test_what_is_no_account_is_refused_in_words(safe: SafeWorld, name: str) -> None:
    kim = safe.browser(safe.kim)
    kim.open("/safe")
    kim.send("/safe/report", account=name, category="threat")
    assert "This is not an account name" in kim.page


def test_a_flood_of_reports_still_blocks(safe: SafeWorld) -> None:
    kim = safe.browser(safe.kim)
    kim.open("/safe")
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', kim.page)
    assert csrf
    for number in range(21):
        kim.send("/safe/report", account=f"@x{number}:sim.example", category="spam", csrf=csrf[1])
    assert kim.status == 429
    assert safe.house.desk.queue(CaseState.OPEN).open == 20
    assert outcome(safe, "@x20:sim.example", safe.kim) is ContactOutcome.DENY


def test_unblocking_takes_two_steps_and_makes_no_connection(safe: SafeWorld) -> None:
    safe.house.request_desk.block(safe.kim, safe.lee)
    kim = safe.browser(safe.kim)
    assert safe.lee in kim.open("/safe/blocked")
    kim.open(f"/safe/unblock?account={safe.lee}")
    assert "Unblock this account?" in kim.page
    assert "Unblocked" in kim.send("/safe/unblock", account=safe.lee)
    assert safe.lee not in kim.open("/safe/blocked")
    assert outcome(safe, safe.lee, safe.kim) is ContactOutcome.HOLD
    safe.house.request_desk.block(safe.kim, safe.lee)
    assert outcome(safe, safe.lee, safe.kim) is ContactOutcome.DENY


def test_recent_people_are_those_who_were_let_through(safe: SafeWorld) -> None:
    request_id = safe.classmate_asks()
    kim = safe.browser(safe.kim)
    assert safe.lee not in kim.open("/safe/somebody")
    kim.open(f"/safe/requests/{request_id}/accept")
    kim.send(f"/safe/requests/{request_id}", answer="accept")
    assert safe.lee in kim.open("/safe/somebody")
    kim.send("/safe/report", account=safe.lee, category="harassment")
    assert safe.lee not in kim.open("/safe/somebody")


def test_a_made_up_address_announces_nothing(safe: SafeWorld) -> None:
    kim = safe.browser(safe.kim)
    for what in ("blocked", "reported", "accepted", "nonsense"):
        assert "Thank you" not in kim.open(f"/safe/done/{what}?mark=00")
        assert kim.path == "/safe"


def test_the_language_is_kept_and_notices_come_in_it(safe: SafeWorld) -> None:
    kim = safe.browser(safe.kim)
    kim.open("/safe")
    assert "Hallo" in kim.send("/safe/language", language="de", back="/safe")
    safe.classmate_asks()
    assert any("Jemand möchte mit dir reden" in text for text in safe.notices(safe.kim))
    kim.send("/safe/language", language="xx", back="//evil.example")
    assert kim.path == "/safe"
    assert "Hallo" in kim.page


def test_an_accounts_page_is_forgotten_with_the_account(safe: SafeWorld) -> None:
    kim = safe.browser(safe.kim)
    kim.open("/safe/birth-month")
    kim.send("/safe/birth-month", **month(20))
    kim.send("/safe/report", account=safe.sam, category="block")
    safe.house.account_book.forget([safe.kim])
    assert safe.house.ask_desk.waiting() == []
    assert safe.kim not in kim.open("/safe")
    assert safe.house.own_page.blocked(safe.kim) == []
