"""Whatever happens: one family of signals touches nobody, two add friction, and nothing automatic does more."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from nightlight.evidence.log import LogKind
from nightlight.model.action import ActionKind
from nightlight.model.contact import WATCH_FAMILIES, ContactOutcome
from nightlight.model.event import EventKind
from nightlight.model.signal import AlertKind, RuleMode
from nightlight.store.schema import actions
from tests.flows.test_detect import HOUR_MS, DetectionWorld, account
from tests.prevention_world import PreventionWorld

ADULTS = [account(f"adult{number}") for number in range(3)]
CHILDREN = [account(f"child{number}") for number in range(8)]
#: What the world's own people did while it was made.
_BY_PEOPLE = {"age.changed"}
#: Reaches two families: a device of a banned account, and many children.
WATCHED = [("device", ADULTS[0], ""), *(("decide", ADULTS[0], child) for child in CHILDREN)]

adults = st.sampled_from(ADULTS)
children = st.sampled_from(CHILDREN)
step = st.one_of(
    st.tuples(st.just("decide"), adults, children),
    st.tuples(st.just("decide"), adults, children),
    st.tuples(st.just("decline"), children, adults),
    st.tuples(st.just("block"), children, adults),
    st.tuples(st.just("report"), children, adults),
    st.tuples(st.just("device"), adults, st.just("")),
    st.tuples(st.just("wait"), adults, st.just("")),
)


@example(WATCHED)
@given(st.lists(step, min_size=10, max_size=45))
@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])
def test_one_family_touches_nobody_and_two_only_add_friction(story: list[tuple[str, str, str]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # A policy that lets nearly everything through, so that friction can be seen where there is any.
        world = DetectionWorld(folder / "on", f"sqlite:///{folder}/on.sqlite3", contact_policy="open").migrate()
        off = {"detection": "off", "contact_policy": "open"}
        without = PreventionWorld(folder / "off", f"sqlite:///{folder}/off.sqlite3", world.clock, **off)
        try:
            slowed = tell(world, without.migrate(), story)
            check_deeds(world)
            assert slowed or story != WATCHED  # it can be seen
        finally:
            world.close()
            without.close()


def tell(world: DetectionWorld, without: PreventionWorld, story: list[tuple[str, str, str]]) -> int:
    """How often contact was made harder than without detection."""
    slowed = 0
    for one in (world, without):
        for child in CHILDREN:
            one.age(child, "13_15")
        for adult in ADULTS:
            one.age(adult, "adult")
        one.happen(EventKind.ACCOUNT_DEVICE, account("gone"), device="ab" * 16)
        one.happen(EventKind.ACCOUNT_BANNED, account("gone"))
    for what, who, whom in story:
        if what == "wait":
            world.clock.at += HOUR_MS
        elif what == "decide":
            here, there = world.decide(who, whom).decided, without.decide(who, whom).decided
            families = counting(world, who)
            if len(families) < WATCH_FAMILIES:
                assert (here.outcome, here.reasons, here.notices) == (there.outcome, there.reasons, there.notices)
            assert here.outcome >= there.outcome  # friction, never ease
            slowed += here.outcome > there.outcome
            if here.outcome is ContactOutcome.DENY:
                assert there.outcome is ContactOutcome.DENY  # and never a ban by the back door
        else:
            for one in (world, without):
                happen(one, what, who, whom)
    return slowed


def happen(world: PreventionWorld, what: str, who: str, whom: str) -> None:
    match what:
        case "decline":
            world.happen(EventKind.CONTACT_DECLINED, who, whom)
        case "block":
            world.happen(EventKind.CONTACT_BLOCKED, who, whom)
        case "report":
            world.happen(EventKind.REPORT_MADE, who, whom, category="other")
        case "device":
            world.happen(EventKind.ACCOUNT_DEVICE, who, device="ab" * 16)


def counting(world: DetectionWorld, who: str) -> set[str]:
    now = world.clock.at
    return {one.family for one in world.signals(who) if one.mode is RuleMode.LIVE and one.until > now}


def check_deeds(world: DetectionWorld) -> None:
    """Nobody was banned, nothing enforced, nothing told to an agency, nothing opened; every alert has two families."""
    with world.store.read() as tx:
        logged = {entry.kind for entry in tx.log_entries()}
        alerts = tx.alerts(None, 100)
        assert [one for alert in alerts if alert.case_id for one in tx.actions_of(alert.case_id)] == []
        assert [one for alert in alerts if alert.case_id for one in tx.referrals_of(alert.case_id)] == []
        for alert in alerts:
            assert alert.kind is AlertKind.WATCH
            live = tx.signals_about(world.house.people.number(alert.accounts[0]), 1_000)
            assert len({one.family for one in live if one.mode is RuleMode.LIVE}) >= WATCH_FAMILIES
    assert {kind for kind in logged if kind not in _BY_PEOPLE} <= {LogKind.ALERT_RAISED}, logged
    with world.store.engine.connect() as connection:
        assert set(connection.scalars(select(actions.c.kind))) <= {ActionKind.SAFETY_NOTICE}
    banned = [one.event.actor for one in world.log() if one.event.kind is EventKind.ACCOUNT_BANNED]
    assert banned == [account("gone")]
