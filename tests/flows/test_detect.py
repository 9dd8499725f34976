"""Detection while Nightlight runs: what it says, that it says it once, and whom it touches."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import pytest

from nightlight.errors import RefusedError
from nightlight.model.case import CaseSource, CaseState, Outcome, Policy
from nightlight.model.contact import ContactOutcome, SignalFamily
from nightlight.model.event import EventKind
from nightlight.model.relation import Tie
from nightlight.model.signal import AlertState, RuleMode, Signal
from tests.detect.packs import text_of
from tests.prevention_world import DAY_MS, KIM, SAM, SERVER, PreventionWorld

HOUR_MS = 3_600_000


def account(name: object) -> str:
    return f"@{name}:{SERVER}"


class DetectionWorld(PreventionWorld):
    """The same people, with detection at work, and as many children as anybody wants to ask."""

    def __init__(self, folder: Path, database_url: str, clock: Any = None, **settings: Any) -> None:
        reach = {"homeserver_url": "http://127.0.0.1:9", "homeserver_token": "unused"}
        super().__init__(folder, database_url, clock, **{"detection": "live", **reach, **settings})

    def migrate(self) -> Self:
        super().migrate()
        self.detection.keep_up()
        return self

    @property
    def detection(self) -> Any:
        found = self.house.detection
        assert found is not None
        return found

    def children(self, count: int) -> list[str]:
        names = [account(f"child{number}") for number in range(count)]
        for name in names:
            self.age(name, "13_15")
        return names

    def ask(self, who: str, *whom: str) -> None:
        for one in whom:
            self.happen(EventKind.CONTACT_REQUESTED, who, one)

    def signals(self, about: str) -> list[Signal]:
        with self.store.read() as tx:
            return tx.signals_about(self.house.people.number(about), 100)

    def signals_of(self, about: str, rule: str) -> list[Signal]:
        return [one for one in self.signals(about) if one.rule == rule]

    def rules(self, about: str) -> set[str]:
        return {one.rule for one in self.signals(about)}

    def close(self) -> None:
        self.house.close()


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Any:
    made = DetectionWorld(tmp_path, database_url).migrate()
    yield made
    made.close()


def test_a_signal_is_raised_once_by_the_event_that_makes_the_condition_true(world: DetectionWorld) -> None:
    children = world.children(8)
    world.ask(SAM, *children[:5])
    assert "many_minors_in_an_hour" not in world.rules(SAM)
    world.ask(SAM, *children[5:])
    [signal] = world.signals_of(SAM, "many_minors_in_an_hour")
    assert signal.reason == "It asked 6 children whom it does not know within an hour."
    assert signal.values["minors_asked_1h"] == 6
    assert (signal.family, signal.mode) == (SignalFamily.FAN_OUT, RuleMode.LIVE)
    with world.store.read() as tx:
        assert tx.detected() == tx.last_event()[0]


def test_the_next_signal_comes_when_the_first_has_lost_half_its_time(world: DetectionWorld) -> None:
    children = world.children(20)
    world.ask(SAM, *children[:6])
    world.clock.at += 2 * DAY_MS
    world.ask(SAM, *children[6:12])
    assert len(world.signals_of(SAM, "many_minors_in_an_hour")) == 1
    world.clock.at += 2 * DAY_MS
    world.ask(SAM, *children[12:18])
    assert len(world.signals_of(SAM, "many_minors_in_an_hour")) == 2


def test_a_decision_sees_the_signals_that_its_own_request_raises(world: DetectionWorld) -> None:
    """Children turned it away, and the request that is decided raises the second family."""
    children = world.children(12)
    for child in children[:3]:
        world.happen(EventKind.CONTACT_BLOCKED, child, SAM)
    assert {one.family for one in world.signals(SAM)} == {SignalFamily.REJECTION}
    for child in children[3:8]:
        world.decide(SAM, child)
    assert not any(
        one.family is SignalFamily.FAN_OUT and one.rule == "many_minors_in_an_hour" for one in world.signals(SAM)
    )
    answer = world.decide(SAM, children[8])
    assert answer.facts.watched
    assert "watched" in answer.decided.reasons
    [signal] = [one for one in world.signals(SAM) if one.rule == "many_minors_in_an_hour"]
    log = {one.event.event_id: one.number for one in world.log()}
    assert signal.number == log[f"nightlight/{answer.decided.decision_id}"]


def test_one_family_alone_changes_nothing_for_anybody(world: DetectionWorld, tmp_path: Path) -> None:
    """The same story with and without detection ends in the same decisions, as long as one family speaks alone."""
    children = world.children(9)
    off = PreventionWorld(tmp_path / "off", f"sqlite:///{tmp_path}/off.sqlite3", world.clock, detection="off").migrate()
    for child in children:
        off.age(child, "13_15")
    for child in children:
        with_it, without = world.decide(SAM, child).decided, off.decide(SAM, child).decided
        assert (with_it.outcome, with_it.reasons, with_it.notices) == (
            without.outcome,
            without.reasons,
            without.notices,
        )
    assert {one.family for one in world.signals(SAM)} == {SignalFamily.FAN_OUT}
    with world.store.read() as tx:
        assert tx.alerts(None, 10) == []
        assert tx.count_cases(CaseState.OPEN) == 0
    off.house.close()


def two_families(world: DetectionWorld, children: list[str]) -> None:
    world.ask(SAM, *children[:6])
    for child in children[6:8]:
        world.happen(EventKind.CONTACT_BLOCKED, child, SAM)


def test_two_families_make_an_alert_and_a_case_in_which_nothing_is_proven(world: DetectionWorld) -> None:
    two_families(world, world.children(8))
    with world.store.read() as tx:
        [alert] = tx.alerts(AlertState.OPEN, 10)
        [case] = tx.cases(CaseState.OPEN, 10)
        assert tx.due_action(2**62) is None or tx.actions_of(case.case_id) == []
    assert alert.accounts == (SAM,)
    assert alert.case_id == case.case_id
    assert (case.source, case.subject, case.proven, case.messages, case.reports) == (CaseSource.DETECTION, SAM, 0, 0, 0)
    assert any("It asked 6 children" in reason for reason in alert.reasons)
    file = world.house.desk.case(case.case_id, "rita")
    assert [one.alert_id for one in file.alerts] == [alert.alert_id]
    assert {one.rule for one in file.signals} >= {"many_minors_in_an_hour", "blocked_by_minors"}


def test_more_signals_about_the_same_account_make_no_second_case(world: DetectionWorld) -> None:
    children = world.children(20)
    two_families(world, children)
    for child in children[8:12]:
        world.happen(EventKind.CONTACT_DECLINED, child, SAM)
        world.happen(EventKind.CONTACT_BLOCKED, child, SAM)
    world.ask(SAM, *children[12:])
    with world.store.read() as tx:
        assert len(tx.alerts(None, 10)) == 1
        assert tx.count_cases(CaseState.OPEN) == 1
        assert len(tx.alerts(None, 10)[0].reasons) > 2


def decide(world: DetectionWorld, outcome: Outcome) -> None:
    with world.store.read() as tx:
        [case] = tx.cases(CaseState.OPEN, 10)
    policy = Policy.CHILD_CONTACT if outcome is Outcome.VIOLATION else Policy.NONE
    world.house.desk.decide(case.case_id, "rita", outcome, policy, "Looked at the pattern.", [])


def test_what_reviewers_find_flows_back_to_the_rules(world: DetectionWorld) -> None:
    two_families(world, world.children(8))
    decide(world, Outcome.VIOLATION)
    assert {one.outcome for one in world.signals(SAM)} >= {"violation"}
    with world.store.read() as tx:
        counted = tx.signal_outcomes(0)
        assert tx.alerts(AlertState.OPEN, 10) == []
    assert counted[("many_minors_in_an_hour", "violation")] == 1


def test_where_no_rule_was_broken_the_friction_ends(world: DetectionWorld) -> None:
    children = world.children(10)
    two_families(world, children)
    assert world.facts(SAM, children[9]).watched
    decide(world, Outcome.NO_VIOLATION)
    world.clock.at += 1
    assert not world.facts(SAM, children[9]).watched
    # What was looked at makes no alert again; two new families do.
    world.ask(SAM, children[8])
    with world.store.read() as tx:
        assert tx.alerts(AlertState.OPEN, 10) == []


def overturn(world: DetectionWorld, outcome: Outcome) -> None:
    with world.store.read() as tx:
        [case] = tx.cases(CaseState.DECIDED, 10)
    world.house.second_look.overturn(case.case_id, "kim", outcome, "They are siblings.")


def test_overturned_decision_takes_back_what_it_said_about_the_rules(world: DetectionWorld) -> None:
    children = world.children(10)
    two_families(world, children)
    decide(world, Outcome.VIOLATION)
    assert world.facts(SAM, children[9]).watched
    world.clock.at += DAY_MS
    overturn(world, Outcome.NO_VIOLATION)
    assert {one.outcome for one in world.signals(SAM)} == {"no_violation"}
    with world.store.read() as tx:
        assert tx.signal_outcomes(0)[("many_minors_in_an_hour", "no_violation")] == 1
        assert ("many_minors_in_an_hour", "violation") not in tx.signal_outcomes(0)
    world.clock.at += 1
    assert not world.facts(SAM, children[9]).watched


def test_signal_that_came_after_the_decision_is_not_cleared_with_it(world: DetectionWorld) -> None:
    children = world.children(12)
    two_families(world, children[:8])
    decide(world, Outcome.VIOLATION)
    before = {(one.number, one.rule) for one in world.signals(SAM)}
    world.clock.at += 2 * HOUR_MS
    world.ask(SAM, *children[8:12])
    newer = [one for one in world.signals(SAM) if (one.number, one.rule) not in before]
    assert newer
    overturn(world, Outcome.NO_VIOLATION)
    assert {one.outcome for one in world.signals(SAM) if (one.number, one.rule) not in before} == {""}
    cleared = {one.event.fields["family"] for one in world.log() if one.event.kind is EventKind.SIGNAL_CLEARED}
    assert cleared == {"rejection"}
    assert "rejection" not in {str(one.family) for one in newer}


def test_overturned_for_want_of_evidence_clears_nobody(world: DetectionWorld) -> None:
    children = world.children(10)
    two_families(world, children)
    decide(world, Outcome.VIOLATION)
    overturn(world, Outcome.INSUFFICIENT)
    assert {one.outcome for one in world.signals(SAM)} == {"inconclusive"}
    assert world.facts(SAM, children[9]).watched


def test_shadow_writes_down_and_changes_nothing(database_url: str, tmp_path: Path) -> None:
    world = DetectionWorld(tmp_path, database_url, detection="shadow").migrate()
    children = world.children(9)
    two_families(world, children)
    assert {one.mode for one in world.signals(SAM)} == {RuleMode.SHADOW}
    assert not world.facts(SAM, children[8]).watched
    with world.store.read() as tx:
        assert tx.alerts(None, 10) == []
    assert not [one for one in world.log() if one.event.kind is EventKind.SIGNAL_RAISED]
    world.close()


def test_a_restart_loses_and_doubles_nothing(world: DetectionWorld, database_url: str, tmp_path: Path) -> None:
    """Half before, half after: with the snapshot, without it, and with a damaged one."""
    children = world.children(60)
    for turn, damage in enumerate(("none", "gone", "damaged")):
        who = account(f"asker{turn}")
        world.age(who, "adult", "verified")
        world.ask(who, *children[:3])
        if damage != "none":
            world.detection.forget(0)
        else:
            world.detection._kept_at = (-1, -1e9)
            world.detection.keep_up()
        if damage == "damaged":
            (tmp_path / "detection.snapshot").write_bytes(b"nightlight-plain/1\n" + b"x" * 100)
        again = DetectionWorld(tmp_path, database_url, world.clock)
        again.detection.keep_up()
        again.ask(who, *children[3:6])
        assert sum(one.rule == "many_minors_in_an_hour" for one in again.signals(who)) == 1
        again.close()
        world.detection._drop()
        world.detection.keep_up()


def test_what_came_while_nothing_could_judge_is_judged_later(world: DetectionWorld) -> None:
    children = world.children(6)
    world.detection._drop()
    world.ask(SAM, *children)
    assert world.signals(SAM) == []
    with world.store.read() as tx:
        assert tx.detected() < tx.last_event()[0]
    world.detection.keep_up()
    assert "many_minors_in_an_hour" in world.rules(SAM)
    world.detection.keep_up()
    assert sum(one.rule == "many_minors_in_an_hour" for one in world.signals(SAM)) == 1
    with world.store.read() as tx:
        assert tx.detected() == tx.last_event()[0]


def test_two_processes_judge_together(world: DetectionWorld, database_url: str, tmp_path: Path) -> None:
    """Each request comes in by the other door; the sixth raises the signal, once."""
    children = world.children(8)
    other = DetectionWorld(tmp_path, database_url, world.clock)
    other.detection.keep_up()
    for turn, child in enumerate(children):
        (world if turn % 2 else other).ask(SAM, child)
    assert sum(one.rule == "many_minors_in_an_hour" for one in world.signals(SAM)) == 1
    other.close()


def test_a_transaction_that_never_happened_leaves_nothing_behind(world: DetectionWorld) -> None:
    children = world.children(6)
    world.ask(SAM, *children[:5])
    with pytest.raises(ZeroDivisionError), world.store.write() as tx:
        world.house.events.append(tx, [world.event(EventKind.CONTACT_REQUESTED, SAM, children[5])], world.clock.at)
        raise ZeroDivisionError
    assert "many_minors_in_an_hour" not in world.rules(SAM)
    assert not world.detection.ready
    world.detection.keep_up()
    world.ask(SAM, children[0])
    assert "many_minors_in_an_hour" not in world.rules(SAM)
    world.ask(SAM, children[5])
    assert "many_minors_in_an_hour" in world.rules(SAM)


def test_an_account_that_is_forgotten_is_gone_from_everything(world: DetectionWorld, tmp_path: Path) -> None:
    children = world.children(6)
    two_families(world, [*children, *world.children(8)[6:]])
    world.detection._kept_at = (-1, -1e9)
    world.detection.keep_up()
    number = world.house.people.number(SAM)
    assert str(number).encode() in (tmp_path / "detection.snapshot").read_bytes()
    world.house.account_book.forget([SAM])
    assert not (tmp_path / "detection.snapshot").exists()
    world.detection._kept_at = (-1, -1e9)
    world.happen(EventKind.ROOM_JOINED, KIM, room="!r:home.test")
    world.detection.keep_up()
    assert str(number).encode() not in (tmp_path / "detection.snapshot").read_bytes()
    assert world.signals(SAM) == []


def test_a_device_of_a_banned_account_is_known_again(world: DetectionWorld) -> None:
    device = "ab" * 16
    world.happen(EventKind.ACCOUNT_DEVICE, SAM, device=device)
    world.happen(EventKind.ACCOUNT_BANNED, SAM)
    world.happen(EventKind.ACCOUNT_DEVICE, account("new"), device=device)
    [signal] = world.signals(account("new"))
    assert signal.rule == "item_of_a_banned_account"
    world.happen(EventKind.ACCOUNT_UNBANNED, SAM, at=world.clock.at + 1)
    world.happen(EventKind.ACCOUNT_DEVICE, account("third"), device=device)
    assert world.signals(account("third")) == []


def test_a_room_of_banned_accounts_is_known(world: DetectionWorld) -> None:
    banned = [account(f"bad{number}") for number in range(3)]
    world.share_a_class(*banned, room="!bad:home.test")
    for one in banned:
        world.happen(EventKind.ACCOUNT_BANNED, one)
        world.happen(EventKind.ROOM_LEFT, one, room="!bad:home.test", at=world.clock.at + 1)
    world.happen(EventKind.ROOM_JOINED, account("new"), room="!bad:home.test")
    assert "room_with_banned_accounts" in world.rules(account("new"))
    number = world.house.people.number
    with world.store.read() as tx:
        assert tx.relation(number("!bad:home.test"), Tie.BANNED_WITH, number(banned[0])) is not None


def test_what_was_known_is_sealed_and_damage_is_refused(world: DetectionWorld) -> None:
    world.ask(SAM, *world.children(1))
    with world.store.read() as tx:
        last = tx.last_event()[0]
        [(first, _, sealed)] = tx.arrivals(last, last)
        people = world.house.people
        with pytest.raises(RefusedError):
            people.seal.open(f"arrivals/{first + 1}", sealed)
        [judged] = world.detection.judged(tx, tx.events_after(last - 1, 1))
    assert judged.seen.target_band == 1


def test_connected_families_are_never_slowed(world: DetectionWorld) -> None:
    children = world.children(30)
    coach = account("coach")
    world.age(coach, "adult", "verified")
    for child in children:
        world.happen(EventKind.CONTACT_REQUESTED, child, coach)
        world.happen(EventKind.CONTACT_ACCEPTED, coach, child)
    world.ask(coach, *children)
    assert world.signals(coach) == []
    assert world.decide(coach, children[0]).decided.outcome is ContactOutcome.ALLOW


def test_a_compiled_engine_takes_over_when_the_log_has_become_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nightlight.detect.compiled import Engine

    asked = 'kind == "contact.requested" and target_band in minors'
    small = text_of(
        f"""
        - {{id: asked, title: Asked, count_distinct: target, per: actor, over: 1h, lifetime: 1d, purpose: contact,
            source: S, when: '{asked}'}}
        """,
        f"""
        - {{id: many, title: Many, family: fan_out, severity: low, expires: 1d, source: S, reason: "{{asked}} asked.",
            when: '{asked} and asked >= 6'}}
        """,
    )
    (tmp_path / "small.yaml").write_bytes(small)
    url = f"sqlite:///{tmp_path}/long.sqlite3"
    world = DetectionWorld(tmp_path, url, rules=str(tmp_path / "small.yaml")).migrate()
    children = world.children(8)
    world.ask(SAM, *children[:5])
    before = world.rules(SAM)
    monkeypatch.setattr("nightlight.flows.detect.LARGE", 3)
    world.house.engines._code = None  # keeping machine code makes the first start a little longer
    world.detection.keep_up()
    assert isinstance(world.detection._engine, Engine)
    assert world.rules(SAM) == before  # nothing is said twice
    world.ask(SAM, children[5])
    [signal] = world.signals_of(SAM, "many")
    assert signal.values["asked"] == 6  # what the other engine saw counts
    world.detection.keep_up()
    world.close()
