"""What the presets do, held against what regulators ask and the field has published.

Each line cites the text it comes from. ``F1``, ``F2``, ``J1``: Ofcom, Illegal content Codes of Practice for
user-to-user services, the measures of those names. The others name a platform's published behaviour.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from nightlight.model.account import MINORS, AgeBand, Assurance
from nightlight.model.contact import ContactFacts, ContactOutcome, Direction, Relation, SignalFamily
from nightlight.prevent.policy import Appearance
from tests.prevent.presets import NAMES, POLICIES, checked

UNDER_13, AGE_13, AGE_16 = MINORS
ADULT, UNKNOWN = AgeBand.ADULT, AgeBand.UNKNOWN
DIRECT, GROUP, JOIN, FIND = Direction
CONNECTED, BOOK, ROOM, MUTUAL, STRANGER = Relation
ALLOW, NOTICE, REQUEST, HOLD, DENY = ContactOutcome

#: Policy, who, towards whom, as what, how, expected, and why.
EXPECTED = [
    # Ofcom F1: children are not shown to others who look for people.
    ("ofcom-f1", ADULT, UNDER_13, STRANGER, FIND, DENY, "F1: not in network-expansion prompts"),
    ("ofcom-f1", AGE_16, AGE_13, MUTUAL, FIND, DENY, "F1: not in network-expansion prompts, for any user"),
    ("ofcom-f1", ADULT, AGE_16, ROOM, FIND, DENY, "F1: hidden from connection lists"),
    ("ofcom-f1", ADULT, AGE_16, CONNECTED, FIND, ALLOW, "F1 is about people one is not connected with"),
    # Ofcom F1: no direct messages from people who are no connections.
    ("ofcom-f1", ADULT, UNDER_13, STRANGER, DIRECT, REQUEST, "F1: the child confirms before viewing"),
    ("ofcom-f1", ADULT, AGE_16, MUTUAL, DIRECT, REQUEST, "F1: a mutual friend is no connection"),
    ("ofcom-f1", AGE_16, AGE_13, STRANGER, DIRECT, REQUEST, "F1: from any user, children included"),
    ("ofcom-f1", UNKNOWN, AGE_13, BOOK, DIRECT, REQUEST, "F1: the address book is no connection"),
    ("ofcom-f1", ADULT, AGE_13, ROOM, GROUP, REQUEST, "F1: a room is a way to send messages"),
    ("ofcom-f1", ADULT, UNDER_13, CONNECTED, DIRECT, ALLOW, "F1: connections may write"),
    # F1 needs an existing means of knowing that somebody is a child.
    ("ofcom-f1", ADULT, UNKNOWN, STRANGER, DIRECT, ALLOW, "F1: trigger is an existing means of knowing children"),
    ("ofcom-f1", AGE_13, ADULT, STRANGER, DIRECT, ALLOW, "F1 protects the child's side; the adult is asked as ever"),
    ("ofcom-f1", ADULT, ADULT, STRANGER, FIND, ALLOW, "F1 is about children"),
    # Meta: under-16s get messages only from people they are connected with.
    ("teen-default", ADULT, UNDER_13, STRANGER, DIRECT, DENY, "Messenger, Instagram: contacts only under 16"),
    ("teen-default", ADULT, AGE_13, STRANGER, DIRECT, DENY, "Messenger, Instagram: contacts only under 16"),
    ("teen-default", UNKNOWN, AGE_13, MUTUAL, DIRECT, DENY, "as an adult, while the age is not known"),
    ("teen-default", ADULT, AGE_13, BOOK, DIRECT, REQUEST, "Messenger: friends and phone contacts may ask"),
    ("teen-default", ADULT, AGE_13, CONNECTED, DIRECT, ALLOW, "Messenger, Instagram: connections may write"),
    ("teen-default", ADULT, AGE_16, MUTUAL, DIRECT, REQUEST, "Discord: a separate place for requests"),
    ("teen-default", ADULT, AGE_16, STRANGER, DIRECT, HOLD, "protection: only people I know, on by default"),
    ("teen-default", ADULT, AGE_13, STRANGER, FIND, DENY, "F1; Instagram: hidden from adults' recommendations"),
    # A teacher's room, a family: through a room that both are in.
    ("teen-default", ADULT, AGE_13, ROOM, GROUP, REQUEST, "teachers and coaches pass with the child's yes"),
    ("teen-default", ADULT, UNDER_13, CONNECTED, GROUP, ALLOW, "families pass through connections"),
    # Roblox: within the own or a neighbouring band.
    ("teen-default", AGE_16, UNDER_13, STRANGER, DIRECT, DENY, "Roblox: own or neighbouring band"),
    ("teen-default", AGE_13, UNDER_13, MUTUAL, DIRECT, REQUEST, "Roblox: neighbouring band; F1: asked first"),
    ("teen-default", AGE_13, AGE_16, MUTUAL, DIRECT, REQUEST, "Roblox: neighbouring band; F1: asked first"),
    ("teen-default", ADULT, AGE_13, STRANGER, JOIN, DENY, "adults do not walk into rooms that children made"),
    ("teen-default", AGE_13, AGE_13, STRANGER, JOIN, NOTICE, "F2: information at first contact"),
    ("teen-default", ADULT, UNKNOWN, STRANGER, DIRECT, ALLOW, "nothing says that this is a child"),
    # A closed garden.
    ("strict", ADULT, AGE_16, MUTUAL, DIRECT, DENY, "connections only"),
    ("strict", ADULT, AGE_13, ROOM, GROUP, REQUEST, "a teacher of the class may ask into another room"),
    ("strict", ADULT, AGE_13, ROOM, DIRECT, DENY, "but not into a chat alone"),
    ("strict", AGE_13, AGE_13, ROOM, DIRECT, REQUEST, "classmates may ask each other"),
    ("strict", AGE_13, AGE_13, STRANGER, DIRECT, DENY, "connections only"),
    ("strict", ADULT, UNKNOWN, STRANGER, DIRECT, REQUEST, "protection does not wait until an age is known"),
    ("strict", UNKNOWN, UNKNOWN, STRANGER, FIND, DENY, "WhatsApp: no search for strangers"),
    ("strict", ADULT, ADULT, STRANGER, DIRECT, ALLOW, "adults among themselves"),
    # As little as can be justified.
    ("open", ADULT, UNDER_13, STRANGER, DIRECT, NOTICE, "F2: information at the first message"),
    ("open", ADULT, AGE_13, STRANGER, FIND, ALLOW, "no restriction"),
    ("open", ADULT, ADULT, STRANGER, DIRECT, ALLOW, "no restriction"),
]


@pytest.mark.parametrize(("name", "who", "whom", "relation", "direction", "expected", "why"), EXPECTED)
def test_the_published_measure_holds(
    name: str,
    who: AgeBand,
    whom: AgeBand,
    relation: Relation,
    direction: Direction,
    expected: ContactOutcome,
    why: str,
) -> None:
    facts = ContactFacts(direction, who, whom, relation, account_age=10_000)
    assert POLICIES[name].decide(facts).outcome is expected, why


QUIET = ContactFacts(DIRECT, ADULT, AGE_16, MUTUAL, account_age=10_000, mutual_connections=2)

#: Policy, what is different from a quiet approach, expected outcome and a reason that must be among the reasons.
RISKS = [
    ("teen-default", {"minor_blocks": 2}, DENY, "blocked-or-refused-by-many"),
    ("teen-default", {"minor_refusals": 5}, DENY, "refused-by-many"),
    ("teen-default", {"minor_refusals": 1}, REQUEST, "refused-by-others"),
    ("teen-default", {"refused_before": 1}, HOLD, "refused-here-before"),
    ("teen-default", {"verified_reports": 1}, DENY, "reported-with-proof"),
    ("teen-default", {"signals": frozenset({SignalFamily.FAN_OUT, SignalFamily.REJECTION})}, HOLD, "watched"),
    ("teen-default", {"limits": (("asks-many-children", 5),)}, DENY, "asks-many-children"),
    ("teen-default", {"limits": (("asks-many-children", 4),)}, REQUEST, "adults-to-16-and-17"),
    (
        "teen-default",
        {
            "relation": STRANGER,
            "account_age": 24,
            "mutual_connections": 0,
            "loosened": frozenset({"only-people-i-know"}),
        },
        HOLD,
        "fresh-account-without-friends",
    ),
    (
        "teen-default",
        {"relation": STRANGER, "loosened": frozenset({"only-people-i-know"})},
        REQUEST,
        "adults-to-16-and-17",
    ),
    ("teen-default", {"relation": CONNECTED, "verified_reports": 1}, DENY, "reported-with-proof"),
    ("strict", {"from_band": AGE_13, "minor_refusals": 1, "relation": ROOM}, DENY, "refused-by-others"),
    ("open", {"verified_reports": 1}, REQUEST, "reported-with-proof"),
    ("ofcom-f1", {"minor_refusals": 1}, REQUEST, "refused-by-others"),
]


@pytest.mark.parametrize(("name", "different", "expected", "reason"), RISKS)
def test_a_risk_tightens_the_outcome(
    name: str, different: dict[str, object], expected: ContactOutcome, reason: str
) -> None:
    decision = POLICIES[name].decide(replace(QUIET, **different))  # type: ignore[arg-type]
    assert decision.outcome is expected
    assert reason in decision.reasons


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_has_no_warnings_and_cites_a_source_on_every_line(name: str) -> None:
    found = checked(name)
    assert found.warnings == ()
    policy = found.policy
    assert policy.name == name
    cited: list[str] = []
    for rules in (policy.rows, policy.conditions, policy.limits, policy.protections):
        cited += [source for rule in rules for source in rule.source.split(", ")]
    assert set(cited) == set(dict(policy.sources)), "a source that no line cites"


def test_somebody_young_can_always_say_whom_they_know() -> None:
    """No preset lets the band alone decide about people who accepted each other."""
    for policy in POLICIES.values():
        for young in MINORS:
            facts = ContactFacts(DIRECT, ADULT, young, CONNECTED, from_assurance=Assurance.DECLARED)
            assert policy.decide(facts).outcome is ALLOW


def test_only_the_strictest_preset_shows_that_invitations_are_refused() -> None:
    looks = {name: policy.denied_looks for name, policy in POLICIES.items()}
    assert {name for name, look in looks.items() if look is Appearance.INVITES_BLOCKED} == {"strict"}
