"""A report with proof protects the next child, and it is metadata alone that does it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightlight.model.action import ActionKind
from nightlight.model.case import CaseState, Outcome, Policy
from nightlight.model.contact import ContactOutcome
from nightlight.model.event import EventKind
from nightlight.model.report import Category, Disclosure, ReportRequest
from tests.prevention_world import PreventionWorld
from tests.simulators.homeserver import ADMIN_TOKEN, MODULE_SECRET, SERVER_NAME, SimulatedHomeserver

SECRET_WORDS = "[abusive message 1]"


class ReportWorld(PreventionWorld):
    """Bob, 13 to 15, knows Mallory, an adult. Eve, 13 to 15, is in a class with Mallory."""

    def __init__(self, folder: Path, database_url: str, url: str, simulator: SimulatedHomeserver) -> None:
        (folder / "module-secret").write_text(MODULE_SECRET)
        super().__init__(
            folder,
            database_url,
            server_name=SERVER_NAME,
            homeserver_url=url,
            homeserver_token=ADMIN_TOKEN,
            module_secret_file=folder / "module-secret",
        )
        self.store.migrate()
        self.simulator = simulator
        self.bob, self.mallory, self.eve = (simulator.account(name) for name in ("bob", "mallory", "eve"))
        for child in (self.bob, self.eve):
            self.age(child, "13_15")
        self.age(self.mallory, "adult")
        self.room = simulator.room(self.bob, self.mallory)

    def meet_in_class(self) -> None:
        self.happen(EventKind.CONTACT_ACCEPTED, self.eve, self.mallory)

    def report(self, *, proven: bool = True) -> str:
        event_id = self.simulator.say(self.room, self.mallory, SECRET_WORDS)
        key = self.simulator.message_keys[event_id] if proven else None
        request = ReportRequest(
            self.room, Category.GROOMING, "a note that stays here", "en", (Disclosure(event_id, key),)
        )
        return self.house.intake.take(request, self.simulator.token_for(self.bob), None).report.report_id

    def review(self, outcome: Outcome, policy: Policy, *kinds: ActionKind) -> None:
        (case,) = self.house.desk.queue(CaseState.OPEN).cases
        self.house.desk.decide(case.case_id, "robin", outcome, policy, "looked at it with care", kinds)


@pytest.fixture
def town(tmp_path: Path, database_url: str, shared_simulator: tuple[SimulatedHomeserver, str]) -> Iterator[ReportWorld]:
    simulator, url = shared_simulator
    simulator.__dict__.update(SimulatedHomeserver().__dict__)
    town = ReportWorld(tmp_path, database_url, url, simulator)
    yield town
    town.close()


def test_after_a_proven_report_by_one_child_the_next_child_is_out_of_reach(town: ReportWorld) -> None:
    town.meet_in_class()
    assert town.decide(town.mallory, town.eve).decided.outcome is ContactOutcome.ALLOW
    town.report()
    made = town.decide(town.mallory, town.eve).decided
    assert made.outcome is ContactOutcome.DENY
    assert "reported-with-proof" in made.reasons
    # Between adults nothing changes, and the child may still speak first.
    assert town.decide(town.eve, town.mallory).decided.outcome is ContactOutcome.ALLOW


def test_a_report_without_proof_closes_no_door(town: ReportWorld) -> None:
    town.meet_in_class()
    town.report(proven=False)
    assert town.facts(town.mallory, town.eve).verified_reports == 0
    assert town.decide(town.mallory, town.eve).decided.outcome is ContactOutcome.ALLOW
    assert town.kinds().count("report.made") == 1
    assert "report.verified" not in town.kinds()


def test_a_report_that_a_person_dismissed_no_longer_counts(town: ReportWorld) -> None:
    town.meet_in_class()
    town.report()
    assert town.facts(town.mallory, town.eve).verified_reports == 1
    town.clock.at += 60_000
    town.review(Outcome.NO_VIOLATION, Policy.NONE)
    assert town.facts(town.mallory, town.eve).verified_reports == 0
    assert town.decide(town.mallory, town.eve).decided.outcome is ContactOutcome.ALLOW
    town.clock.at += 60_000
    town.report()
    assert town.facts(town.mallory, town.eve).verified_reports == 1


def test_a_decision_and_a_ban_are_events_and_no_reviewer_is_named_in_them(town: ReportWorld) -> None:
    town.report()
    town.review(Outcome.VIOLATION, Policy.CHILD_GROOMING, ActionKind.SUSPEND)
    assert "account.banned" not in town.kinds()  # ordered is not done
    town.house.enforcer.run_due()
    assert [kind for kind in town.kinds() if kind in ("decision.made", "account.banned")] == [
        "decision.made",
        "account.banned",
    ]
    for logged in town.log():
        said = json.dumps([logged.event.actor, logged.event.target, logged.event.room, dict(logged.event.fields)])
        for word in ("robin", "abusive", "a note", "with care"):
            assert word not in said


def test_the_accused_cannot_report_themselves_clean_or_report_the_child_into_a_corner(town: ReportWorld) -> None:
    town.report()
    own = town.simulator.say(town.room, town.mallory, "[another message]")
    key = town.simulator.message_keys[own]
    request = ReportRequest(town.room, Category.OTHER, "", "en", (Disclosure(own, key),))
    town.house.intake.take(request, town.simulator.token_for(town.mallory), None)
    assert town.facts(town.mallory, town.eve).verified_reports == 1
    about_mallory = [one.event for one in town.log() if one.event.target == town.mallory]
    assert {event.actor for event in about_mallory if event.kind is EventKind.REPORT_VERIFIED} == {town.bob}
    assert not [one for one in town.log() if one.event.actor == one.event.target]


def test_the_same_report_sent_again_is_one_event(town: ReportWorld) -> None:
    event_id = town.simulator.say(town.room, town.mallory, SECRET_WORDS)
    disclosure = Disclosure(event_id, town.simulator.message_keys[event_id])
    request = ReportRequest(town.room, Category.GROOMING, "", "en", (disclosure,))
    for _ in range(3):
        town.house.intake.take(request, town.simulator.token_for(town.bob), None)
    assert town.kinds().count("report.verified") == 1


def overturn(town: ReportWorld, case_id: str, outcome: Outcome = Outcome.NO_VIOLATION) -> None:
    town.house.second_look.overturn(case_id, "kim", outcome, "somebody else's account")


def decided(town: ReportWorld, *kinds: ActionKind) -> str:
    town.report()
    (case,) = town.house.desk.queue(CaseState.OPEN).cases
    town.review(Outcome.VIOLATION, Policy.CHILD_GROOMING, *kinds)
    return case.case_id


def outcomes(town: ReportWorld) -> list[object]:
    """What was last said of decisions about Mallory, and of bans of hers."""
    told = ("decision.made", "account.banned", "account.unbanned", "report.dismissed")
    return [one.event.fields.get("outcome", str(one.event.kind)) for one in town.log() if one.event.kind in told]


def test_overturned_decision_opens_the_door_again(town: ReportWorld) -> None:
    town.meet_in_class()
    case_id = decided(town, ActionKind.SUSPEND, ActionKind.LOCK)
    town.house.enforcer.run_due()
    assert town.decide(town.mallory, town.eve).decided.outcome is ContactOutcome.DENY
    town.clock.at += 60_000
    overturn(town, case_id)
    assert town.facts(town.mallory, town.eve).verified_reports == 0
    town.house.enforcer.run_due()
    assert town.decide(town.mallory, town.eve).decided.outcome is ContactOutcome.ALLOW
    # Unbanned once, when the last of two bans is lifted.
    banned = ["account.banned"] * 2
    assert outcomes(town) == ["violation", *banned, "no_violation", "report.dismissed", "account.unbanned"]
    said = json.dumps([[one.event.actor, one.event.target, dict(one.event.fields)] for one in town.log()])
    assert "kim" not in said
    assert "robin" not in said


def test_overturned_for_want_of_evidence_the_proven_report_still_counts(town: ReportWorld) -> None:
    town.meet_in_class()
    case_id = decided(town)
    town.clock.at += 60_000
    overturn(town, case_id, Outcome.INSUFFICIENT)
    assert outcomes(town) == ["violation", "inconclusive"]
    assert town.decide(town.mallory, town.eve).decided.outcome is ContactOutcome.DENY


def test_while_another_violation_stands_nothing_says_that_there_is_none(town: ReportWorld) -> None:
    first = decided(town, ActionKind.SUSPEND)
    second = decided(town, ActionKind.LOCK)
    town.house.enforcer.run_due()
    town.clock.at += 60_000
    overturn(town, first, Outcome.INSUFFICIENT)
    town.house.enforcer.run_due()
    assert outcomes(town).count("violation") == 2
    assert "inconclusive" not in outcomes(town)
    assert "account.unbanned" not in outcomes(town)  # it is still locked
    town.clock.at += 60_000
    overturn(town, second)
    town.house.enforcer.run_due()
    assert outcomes(town)[-3:] == ["no_violation", "report.dismissed", "account.unbanned"]
