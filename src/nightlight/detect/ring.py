"""A ring: a cluster of accounts that somebody should look at. It takes much, because a cluster proves nothing.

Families share devices and numbers every day, classes turn each other away, flatmates are in the same rooms. So it takes
a *shape* that everyday life seldom has, and a *reason to look* in one of the members themselves.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from nightlight.detect.joints import HOUSEHOLD, Component, Edge, Ground, Joint, JointKind
from nightlight.model.account import MINORS, AgeBand
from nightlight.model.contact import SignalFamily

if TYPE_CHECKING:  # it comes with numba, which whoever only shows a ring has no use for
    from nightlight.detect.rings import Rings


@dataclass(frozen=True, slots=True)
class RingRule:
    """What makes a component a ring. Every number is a proposal and unvalidated."""

    accounts_min: int = 3
    #: Larger ones are said, not shown as rings: nobody is to be looked at for being one of a thousand.
    accounts_max: int = 200
    #: Distinct children who turned away, blocked or reported one grown member: a reason to look.
    minors_against_min: int = 5
    #: Fewer shared children than this are chance: a popular teenager turns many away.
    shared_victims_min: int = 2
    #: With a child among them and no more accounts than this, shared devices and numbers are a household.
    household_max: int = 8


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an account elsewhere. ``violation``: reviewers found one. ``proven``: a report was verified."""

    band: AgeBand = AgeBand.UNKNOWN
    banned: bool = False
    violation: bool = False
    proven: bool = False
    families: frozenset[SignalFamily] = frozenset()


@dataclass(frozen=True, slots=True)
class Member:
    """``minors_against``: distinct children outside the ring who turned it away, blocked or reported it."""

    account: int
    facts: Facts
    minors_against: int
    since: int

    @property
    def minor(self) -> bool:
        return self.facts.band in MINORS

    @property
    def sanctioned(self) -> bool:
        return self.facts.banned or self.facts.violation

    def reason(self, rule: RingRule) -> bool:
        """Whether there is a reason to look at this member itself."""
        against = not self.minor and self.minors_against >= rule.minors_against_min
        return self.sanctioned or self.facts.proven or against


@dataclass(frozen=True, slots=True)
class Change:
    """What is different from an earlier look at the same ring. Nothing at all: it is false."""

    joined: tuple[int, ...] = ()
    left: tuple[int, ...] = ()
    joints: tuple[Joint, ...] = ()
    why: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.joined or self.left or self.joints or self.why)


@dataclass(frozen=True, slots=True)
class Ring:
    """``edges``: those of joints that join at least two members. ``first``, ``last``: of them. ``why``: in words.

    ``identity``: the oldest member when the ring was first seen, as a hexadecimal number; see ``carried``.
    """

    identity: str
    members: tuple[Member, ...]
    joints: tuple[Joint, ...]
    edges: tuple[Edge, ...]
    first: int
    last: int
    why: tuple[str, ...]
    accounts: frozenset[int] = field(repr=False)

    def changed_since(self, other: Ring) -> Change:
        """What came and went since ``other``, an earlier look; new reasons are those in other words."""
        return Change(
            tuple(sorted(self.accounts - other.accounts)),
            tuple(sorted(other.accounts - self.accounts)),
            tuple(sorted(set(self.joints) - set(other.joints))),
            tuple(reason for reason in self.why if reason not in other.why),
        )


def ring_of(component: Component, facts: Mapping[int, Facts], rule: RingRule | None = None) -> Ring | None:
    """The ring that a component is; None: nothing that anybody should look at.

    It takes all of these:

    1. ``accounts_min`` to ``accounts_max`` accounts.
    2. A shape: two kinds of joints, or a member that is banned or was found in violation, with two others. Shared
       children count as a kind from ``shared_victims_min`` of them.
    3. A reason to look: a member that is banned or in violation, about whom a report was verified, or, of those who are
       not known to be minors, whom ``minors_against_min`` distinct children turned away.
    4. At least two members who are not known to be minors, or two with a reason of their own.
    5. Not a household: where only devices and numbers join, there are few accounts, and a child is among them, two
       members have to have a reason of their own.
    """
    rule = rule or RingRule()
    if not rule.accounts_min <= len(component.accounts) <= rule.accounts_max:
        return None
    members = _members(component, facts)
    on_joint: dict[Joint, set[int]] = defaultdict(set)
    for edge in component.edges:
        on_joint[edge.joint].add(edge.account)
    joints = Counter(joint.kind for joint, accounts in on_joint.items() if len(accounts) >= 2)
    kinds = {kind for kind in joints if kind is not JointKind.VICTIM or joints[kind] >= rule.shared_victims_min}
    with_reason = sum(member.reason(rule) for member in members)
    sanctioned = sum(member.sanctioned for member in members)
    if not with_reason or not kinds or (len(kinds) < 2 and not (sanctioned and len(members) >= 3)):
        return None
    minors = sum(member.minor for member in members)
    household = set(joints) <= HOUSEHOLD and len(members) <= rule.household_max and minors > 0
    if with_reason < 2 and (household or len(members) - minors < 2):
        return None
    edges = tuple(edge for edge in component.edges if len(on_joint[edge.joint]) >= 2)
    return Ring(
        identity=_name(_by_age(members)[0]),
        members=members,
        joints=tuple(sorted({edge.joint for edge in edges})),
        edges=edges,
        first=min(edge.first for edge in edges),
        last=max(edge.last for edge in edges),
        why=_why(members, joints, rule),
        accounts=frozenset(component.accounts),
    )


def rings_of(
    rings: Rings,
    now: int,
    facts: Mapping[int, Facts],
    before: Sequence[Ring] = (),
    rule: RingRule | None = None,
) -> list[Ring]:
    """All rings at ``now``, with the identities that they had ``before``.

    ``facts``: at least of all who are banned, in violation or verifiably reported; ages of the others save families.
    Components in which nobody can have a reason to look are passed over without being read.
    """
    rule = rule or RingRule()
    known = [account for account, fact in facts.items() if fact.banned or fact.violation or fact.proven]
    components = rings.components(now, rule.accounts_min, rule.accounts_max, known, rule.minors_against_min)
    found = [ring for one in components if (ring := ring_of(one, facts, rule)) is not None]
    return carried(found, before)


def carried(found: Sequence[Ring], before: Sequence[Ring]) -> list[Ring]:
    """Rings keep the identity of the earlier ring with which they share most, at least half of the smaller one.

    Each identity goes to one ring. A ring that is new takes the oldest member whose number is free.
    """
    overlaps = sorted(
        (-len(ring.accounts & old.accounts), old.identity, place)
        for place, ring in enumerate(found)
        for old in before
        if 2 * len(ring.accounts & old.accounts) >= min(len(ring.accounts), len(old.accounts))
    )
    given: dict[int, str] = {}
    for _, identity, place in overlaps:
        if place not in given and identity not in given.values():
            given[place] = identity
    taken = {old.identity for old in before} | set(given.values())
    for place, ring in enumerate(found):
        if place not in given:
            names = [_name(member) for member in _by_age(ring.members)]
            given[place] = next((name for name in names if name not in taken), f"{names[0]}-{ring.last:x}")
            taken.add(given[place])
    return [replace(ring, identity=given[place]) for place, ring in enumerate(found)]


def _members(component: Component, facts: Mapping[int, Facts]) -> tuple[Member, ...]:
    inside = set(component.accounts)
    against: dict[int, set[int]] = defaultdict(set)
    since: dict[int, int] = {}
    proven = {edge.account for edge in component.edges if edge.ground is Ground.PROVEN}
    for edge in component.edges:
        since[edge.account] = min(edge.first, since.get(edge.account, edge.first))
        if edge.joint.kind is JointKind.VICTIM and edge.joint.item not in inside:
            against[edge.account].add(edge.joint.item)
    return tuple(
        Member(
            account,
            replace(known, proven=known.proven or account in proven),
            len(against[account]),
            since[account],
        )
        for account in component.accounts
        for known in (facts.get(account, Facts()),)
    )


def _by_age(members: Sequence[Member]) -> list[Member]:
    return sorted(members, key=lambda member: (member.since, member.account))


def _name(member: Member) -> str:
    return f"{member.account % 2**64:016x}"


_JOINED_BY = {
    JointKind.DEVICE: ("a shared device", "shared devices"),
    JointKind.NUMBER: ("a shared number", "shared numbers"),
    JointKind.VICTIM: ("a child who turned several of them away", "children who turned several of them away"),
    JointKind.ROOM: ("a private room with banned accounts", "private rooms with banned accounts"),
}


def _why(members: Sequence[Member], joints: Mapping[JointKind, int], rule: RingRule) -> tuple[str, ...]:
    by = [
        f"{count} {_JOINED_BY[kind][count > 1]}" if count > 1 else _JOINED_BY[kind][0]
        for kind, count in sorted(joints.items())
    ]
    said = [f"{len(members)} accounts are joined by {_listed(by)}."]
    for number, one, several in (
        (sum(member.facts.banned for member in members), "is banned", "are banned"),
        (
            sum(member.facts.violation and not member.facts.banned for member in members),
            "was found in violation by reviewers",
            "were found in violation by reviewers",
        ),
        (sum(member.facts.proven for member in members), "has a verified report", "have verified reports"),
    ):
        if number:
            said.append(f"{number} of them {one if number == 1 else several}.")
    most = max((member.minors_against for member in members if not member.minor), default=0)
    if most >= rule.minors_against_min:
        said.append(f"One of them was turned away, blocked or reported by {most} children.")
    return tuple(said)


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
