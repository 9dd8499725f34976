"""Whose duty a report is and which agency it goes to: rules as data, each with its reason and its source."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

import yaml

from nightlight.errors import RefusedError
from nightlight.hazmat.strict_yaml import MalformedError, Reader, read_nodes
from nightlight.model.case import Policy
from nightlight.model.draft import AgencyKind
from nightlight.respond.country import country

FORMAT = "nightlight-duties/1"
CODE = "duties_malformed"
DUTIES_MAX = 200
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z")
_BEGINNINGS = tuple(
    sorted({policy.value for policy in Policy} | {policy.value.partition(".")[0] for policy in Policy} - {"none"})
)


class Force(StrEnum):
    """How strongly a rule speaks; a ``must_not`` beats the others."""

    MUST = "must"
    MAY = "may"
    MUST_NOT = "must_not"


class Having(StrEnum):
    FILES = "files"
    WEB_ADDRESS = "web_address"
    PROOF = "proof"


@dataclass(frozen=True, slots=True)
class Duty:
    """One rule. Empty conditions hold always."""

    duty_id: str
    agency: AgencyKind
    force: Force
    why: str
    source: str
    established: frozenset[str] = frozenset()
    not_established: frozenset[str] = frozenset()
    any_in: frozenset[str] = frozenset()
    rules: tuple[str, ...] = ()
    has: frozenset[Having] = frozenset()
    reported_to: frozenset[AgencyKind] = frozenset()


@dataclass(frozen=True, slots=True)
class Situation:
    """What the rules look at. Countries as ISO 3166-1 alpha-2; ``places``: where anybody concerned seems to be."""

    established: frozenset[str]
    places: frozenset[str]
    policy: Policy
    has: frozenset[Having] = frozenset()
    reported_to: frozenset[AgencyKind] = frozenset()


@dataclass(frozen=True, slots=True)
class Advice:
    """What holds for one kind of agency: the strongest rule first, with every other one that spoke."""

    agency: AgencyKind
    force: Force
    duties: tuple[Duty, ...]

    @property
    def why(self) -> str:
        return self.duties[0].why

    @property
    def source(self) -> str:
        return self.duties[0].source


_STRENGTH = {Force.MUST_NOT: 0, Force.MUST: 1, Force.MAY: 2}


def advise(duties: tuple[Duty, ...], situation: Situation) -> tuple[Advice, ...]:
    """For each kind of agency that any rule speaks of, what holds; what must be done comes first."""
    speaking: dict[AgencyKind, list[Duty]] = {}
    for duty in duties:
        if _holds(duty, situation):
            speaking.setdefault(duty.agency, []).append(duty)
    advice = []
    for agency, found in speaking.items():
        found.sort(key=lambda duty: _STRENGTH[duty.force])
        advice.append(Advice(agency, found[0].force, tuple(found)))
    order = {Force.MUST: 0, Force.MAY: 1, Force.MUST_NOT: 2}
    return tuple(sorted(advice, key=lambda one: (order[one.force], one.agency)))


def _holds(duty: Duty, situation: Situation) -> bool:
    broken = situation.policy.value
    return (
        (not duty.established or bool(duty.established & situation.established))
        and not duty.not_established & situation.established
        and (not duty.any_in or bool(duty.any_in & situation.places))
        and (not duty.rules or any(broken == rule or broken.startswith(f"{rule}.") for rule in duty.rules))
        and duty.has <= situation.has
        and (not duty.reported_to or bool(duty.reported_to & situation.reported_to))
    )


def read_duties(data: bytes) -> tuple[Duty, ...]:
    """``MalformedError('duties_malformed')`` carries every mistake with its line and column."""
    root = read_nodes(data, CODE)
    reader = _DutyReader()
    duties = reader.duties(root)
    if any(not problem.warning for problem in reader.problems):
        raise MalformedError(CODE, reader.problems)
    return duties


class _DutyReader(Reader):
    def duties(self, root: yaml.Node) -> tuple[Duty, ...]:
        found = self.mapping(root, ("format", "duties"))
        if "format" in found and self.text(found["format"], "format") != FORMAT:
            self.complain(found["format"], f'The format is "{FORMAT}".')
        nodes = self.items(found["duties"]) if "duties" in found else []
        if len(nodes) > DUTIES_MAX:
            self.complain(root, f"There are more than {DUTIES_MAX} duties.")
            return ()
        duties = [duty for node in nodes if (duty := self._duty(node)) is not None]
        ids = [duty.duty_id for duty in duties]
        for node, duty_id in zip(nodes, ids, strict=False):
            if ids.count(duty_id) > 1:
                self.complain(node, f'The id "{duty_id}" is given twice.')
        return tuple(duties)

    def _duty(self, node: yaml.Node) -> Duty | None:
        found = self.mapping(
            node,
            ("id", "agency", "duty", "why", "source"),
            ("established", "not_established", "any_in", "rules", "has", "reported_to"),
        )
        if not {"id", "agency", "duty", "why", "source"} <= found.keys():
            return None
        duty_id = self.text(found["id"], "id")
        if not _ID.match(duty_id):
            self.complain(found["id"], "An id has small letters, digits and hyphens.")
        agency = self.choice(found["agency"], "agency", [kind.value for kind in AgencyKind])
        force = self.choice(found["duty"], "duty", [force.value for force in Force])
        rules = self.choices(found["rules"], "rules", _BEGINNINGS) if "rules" in found else []
        has = self.choices(found["has"], "has", [one.value for one in Having]) if "has" in found else []
        reported = (
            self.choices(found["reported_to"], "reported_to", [kind.value for kind in AgencyKind])
            if "reported_to" in found
            else []
        )
        why, source = self.text(found["why"], "why"), self.text(found["source"], "source")
        places = {name: self._countries(found, name) for name in ("established", "not_established", "any_in")}
        if places["established"] & places["not_established"]:
            self.complain(node, "A country cannot be required and excluded: this never holds.")
        if not agency or not force:
            return None
        return Duty(
            duty_id, AgencyKind(agency), Force(force), why, source, places["established"],
            places["not_established"], places["any_in"], tuple(rules), frozenset(map(Having, has)),
            frozenset(map(AgencyKind, reported)),
        )  # fmt: skip

    def _countries(self, found: dict[str, yaml.Node], name: str) -> frozenset[str]:
        if name not in found:
            return frozenset()
        codes = []
        for item in self.items(found[name]):
            code = self.text(item, name)
            try:
                codes.append(country(code))
            except RefusedError as e:
                self.complain(item, f"{name}: {e.message}", e.hint)
        if not codes:
            self.complain(found[name], f"{name}: the list is empty, so nothing is meant.")
        return frozenset(codes)
