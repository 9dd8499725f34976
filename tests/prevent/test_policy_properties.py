"""What no policy can do, whatever is written in it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from nightlight.model.account import AgeBand, Assurance
from nightlight.model.contact import ContactFacts, ContactOutcome, Direction, Relation, SignalFamily
from nightlight.prevent.decide import CompiledPolicy
from nightlight.prevent.policy import FACTS, Risk
from nightlight.prevent.policy_file import FORMAT, read_policy
from tests.prevent.presets import NAMES, POLICIES

OUTCOMES = [outcome.word for outcome in ContactOutcome]
COUNT = st.integers(0, 12)


@st.composite
def facts(draw: st.DrawFn) -> ContactFacts:
    return ContactFacts(
        direction=draw(st.sampled_from(Direction)),
        from_band=draw(st.sampled_from(AgeBand)),
        to_band=draw(st.sampled_from(AgeBand)),
        relation=draw(st.sampled_from(Relation)),
        from_assurance=draw(st.sampled_from(Assurance)),
        account_age=draw(st.integers(0, 2_000)),
        minor_refusals=draw(COUNT),
        minor_blocks=draw(COUNT),
        minors_asked=draw(COUNT),
        refused_before=draw(st.integers(0, 1)),
        verified_reports=draw(COUNT),
        mutual_connections=draw(COUNT),
        shared_rooms=draw(COUNT),
        remote=draw(st.booleans()),
        signals=draw(st.frozensets(st.sampled_from(SignalFamily))),
        loosened=draw(st.frozensets(st.sampled_from(["only-people-i-know", "p0", "p1"]))),
        limits=tuple((name, draw(st.integers(0, 30))) for name in ("l0", "l1", "asks-many", "asks-many-children")),
    )


@st.composite
def riskier(draw: st.DrawFn, before: ContactFacts) -> ContactFacts:
    """The same approach with more risk in it, in any number of facts."""
    more: dict[str, Any] = {}
    for name in ("minor_refusals", "minor_blocks", "minors_asked", "refused_before", "verified_reports"):
        more[name] = getattr(before, name) + draw(COUNT)
    for name in ("account_age", "mutual_connections", "shared_rooms"):
        more[name] = max(0, getattr(before, name) - draw(COUNT))
    ranks = list(Assurance)
    more["from_assurance"] = ranks[draw(st.integers(0, ranks.index(before.from_assurance)))]
    more["remote"] = before.remote or draw(st.booleans())
    more["signals"] = before.signals | draw(st.frozensets(st.sampled_from(SignalFamily)))
    more["limits"] = tuple((name, count + draw(COUNT)) for name, count in before.limits)
    return replace(before, **more)


@st.composite
def written(draw: st.DrawFn) -> CompiledPolicy:
    """Any policy that the checker accepts."""

    def selector() -> dict[str, Any]:
        def some(words: list[str]) -> list[str]:
            return draw(st.lists(st.sampled_from(words), min_size=1, max_size=3, unique=True))

        return {
            "from": some([band.value for band in AgeBand]),
            "to": some([band.value for band in AgeBand]),
            "relation": some([item.value for item in Relation]),
            "direction": some([item.value for item in Direction]),
        }

    def outcome(key: str, least: int = 0) -> dict[str, Any]:
        word = draw(st.sampled_from(OUTCOMES[least:]))
        return {key: word, **({"for": f"{draw(st.integers(1, 48))}h"} if word == "hold" else {})}

    def bound(name: str) -> Any:
        fact = FACTS[name]
        if fact.unit == "yes_no":
            return True
        number: Any = draw(st.integers(1, 10))
        if fact.unit == "time":
            number = f"{number}d"
        if fact.unit == "assurance":
            number = draw(st.sampled_from(["declared", "estimated", "verified"]))
        return {"at_least" if fact.risk is Risk.UP else "below": number}

    rows = [{"id": f"r{i}", **selector(), **outcome("outcome"), "source": "S"} for i in range(draw(st.integers(0, 3)))]
    conditions = [
        {
            "id": f"c{i}",
            **selector(),
            **outcome("at_least"),
            "when": {name: bound(name) for name in draw(st.sets(st.sampled_from(list(FACTS)), min_size=1, max_size=3))},
            "source": "S",
        }
        for i in range(draw(st.integers(0, 4)))
    ]
    limits = []
    for i in range(draw(st.integers(0, 2))):
        counts = draw(st.integers(0, 3))
        limit = {"id": f"l{i}", **selector(), "counts": OUTCOMES[counts], "most": draw(st.integers(1, 10))}
        limits.append({**limit, "per": "24h", **outcome("then", counts + 1), "source": "S"})
    protections = []
    for i in range(draw(st.integers(0, 2))):
        of = {key: value for key, value in selector().items() if key != "to"}
        by = {band.value: "self" for band in draw(st.sets(st.sampled_from(AgeBand), min_size=1))}
        protection = {"id": f"p{i}", "title": "T", **of, **outcome("at_least"), "loosened_by": by, "source": "S"}
        protections.append(protection)
    rest = {"id": "rest", "from": "anyone", "to": "anyone", "relation": "any", "direction": "any"}
    text = {
        "format": FORMAT,
        "name": "drawn",
        "version": "1",
        "description": "d",
        "sources": {"S": "s"},
        "matrix": [*rows, {**rest, **outcome("outcome"), "source": "S"}],
        "conditions": conditions,
        "limits": limits,
        "protections": protections,
    }
    # JSON-like flow style; a policy that the checker refuses (a row that contradicts another) is drawn anew.
    try:
        return CompiledPolicy(read_policy(yaml.safe_dump(text).encode()).policy)
    except Exception as e:
        if "contradicts" in str(e):
            return POLICIES["strict"]
        raise


POLICY = st.sampled_from(list(POLICIES.values())) | written()


@settings(max_examples=300)
@given(POLICY, st.data())
def test_more_risk_never_loosens_an_outcome(policy: CompiledPolicy, data: st.DataObject) -> None:
    before = data.draw(facts())
    after = data.draw(riskier(before))
    assert policy.decide(after).outcome >= policy.decide(before).outcome
    if policy.decide(after).outcome == policy.decide(before).outcome:
        assert policy.decide(after).hold_ms >= policy.decide(before).hold_ms


@given(POLICY, facts())
def test_a_block_is_never_overruled(policy: CompiledPolicy, approach: ContactFacts) -> None:
    decision = policy.decide(replace(approach, blocked=True))
    assert decision.outcome is ContactOutcome.DENY
    assert decision.reasons == ("blocked",)


@given(POLICY, facts(), st.data())
def test_taking_protections_back_never_loosens(
    policy: CompiledPolicy, approach: ContactFacts, data: st.DataObject
) -> None:
    fewer = data.draw(st.sets(st.sampled_from([*sorted(approach.loosened), ""])))
    protected = replace(approach, loosened=approach.loosened & fewer)
    assert policy.decide(protected).outcome >= policy.decide(approach).outcome


@given(POLICY, facts())
def test_the_same_facts_give_the_same_decision_and_the_path_ends_there(
    policy: CompiledPolicy, approach: ContactFacts
) -> None:
    decision = policy.decide(approach)
    assert policy.decide(approach) == decision
    steps = policy.explain(approach)
    assert steps[-1].outcome is decision.outcome
    assert tuple(step.id for step in steps if step.held) == decision.reasons
    assert policy.reference == decision.policy


@given(st.sampled_from(NAMES), facts())
def test_no_preset_touches_adults_among_themselves(name: str, approach: ContactFacts) -> None:
    adults = replace(approach, from_band=AgeBand.ADULT, to_band=AgeBand.ADULT, signals=frozenset(), verified_reports=0)
    assert POLICIES[name].decide(adults).outcome is ContactOutcome.ALLOW


@given(st.sampled_from(NAMES), facts())
def test_no_preset_keeps_connected_people_apart_without_a_reason(name: str, approach: ContactFacts) -> None:
    quiet = replace(
        approach,
        relation=Relation.CONNECTED,
        signals=frozenset(),
        minor_refusals=0,
        minor_blocks=0,
        verified_reports=0,
        refused_before=0,
        limits=(),
    )
    assert POLICIES[name].decide(quiet).outcome is ContactOutcome.ALLOW


@given(st.sampled_from(NAMES), facts(), st.sampled_from(SignalFamily))
def test_one_family_of_signals_alone_is_felt_by_nobody(name: str, approach: ContactFacts, family: SignalFamily) -> None:
    quiet = replace(approach, signals=frozenset())
    assert POLICIES[name].decide(replace(quiet, signals=frozenset({family}))) == POLICIES[name].decide(quiet)


@pytest.mark.parametrize("name", FACTS)
def test_every_fact_reads_something(name: str) -> None:
    """A fact that nothing can move would make conditions that never hold."""
    least = ContactFacts(Direction.DIRECT, AgeBand.ADULT, AgeBand.ADULT, Relation.STRANGER)
    counts: dict[str, Any] = {field.name: 9 for field in fields(ContactFacts) if field.type == "int"}
    most = replace(
        least,
        **counts,
        remote=True,
        signals=frozenset(SignalFamily),
        from_assurance=Assurance.VERIFIED,
    )
    assert FACTS[name].read(most) > FACTS[name].read(least)
