"""A contact policy: a matrix, conditions that tighten it, limits, and the protections that people may loosen.

Only the matrix may say how mild an outcome is. Everything else makes it stricter, never milder, so more risk never
opens a door (``tests/prevent/test_policy_properties.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from nightlight.model.account import AgeBand, Assurance
from nightlight.model.contact import ContactFacts, ContactOutcome, Direction, Relation, SignalFamily

ASSURANCE_RANK = {assurance: rank for rank, assurance in enumerate(Assurance)}


class Risk(StrEnum):
    """Which way a fact has to move for the risk to rise."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Fact:
    """One entry of the closed list of facts that a condition may ask for.

    ``unit``: what numbers count: ``accounts``, ``rooms``, ``time`` (written as a duration, compared in hours),
    ``assurance`` (compared by rank), or ``yes_no``.
    """

    name: str
    risk: Risk
    unit: str
    help: str
    read: Callable[[ContactFacts], int] = field(repr=False)


def _signal(family: SignalFamily) -> Fact:
    return Fact(
        f"signal_{family.value}",
        Risk.UP,
        "yes_no",
        f"the account is watched, and a signal of the family {family.value} is active about it",
        # One family alone is seen by engineers only (DESIGN.md): nobody else may feel it.
        lambda facts: facts.watched and family in facts.signals,
    )


#: The closed list. The docs and ``nightlight policy facts`` print it.
FACTS: dict[str, Fact] = {
    fact.name: fact
    for fact in (
        Fact("account_age", Risk.DOWN, "time", "time since the account was first known", lambda f: f.account_age),
        Fact(
            "from_assurance",
            Risk.DOWN,
            "assurance",
            "how the age of the account that comes is known: none, declared, estimated, verified",
            lambda f: ASSURANCE_RANK[f.from_assurance],
        ),
        Fact(
            "minor_refusals",
            Risk.UP,
            "accounts",
            "distinct minors who declined this account in 30 days",
            lambda f: f.minor_refusals,
        ),
        Fact(
            "minor_blocks",
            Risk.UP,
            "accounts",
            "distinct minors who blocked this account in 30 days",
            lambda f: f.minor_blocks,
        ),
        Fact(
            "minors_asked",
            Risk.UP,
            "accounts",
            "distinct unconnected minors whom this account asked in 24 hours",
            lambda f: f.minors_asked,
        ),
        Fact(
            "refused_before",
            Risk.UP,
            "times",
            "whether this person declined this account in the past year (0 or 1)",
            lambda f: f.refused_before,
        ),
        Fact(
            "verified_reports",
            Risk.UP,
            "accounts",
            "distinct accounts whose report about this account was verified, in 90 days",
            lambda f: f.verified_reports,
        ),
        Fact(
            "mutual_connections",
            Risk.DOWN,
            "accounts",
            "accounts connected with both, counted up to 10",
            lambda f: f.mutual_connections,
        ),
        Fact(
            "shared_rooms",
            Risk.DOWN,
            "rooms",
            "small private rooms that both are in, counted up to 10",
            lambda f: f.shared_rooms,
        ),
        Fact("remote", Risk.UP, "yes_no", "the account lives on another server", lambda f: f.remote),
        Fact("watched", Risk.UP, "yes_no", "two independent families of signals agree", lambda f: f.watched),
        *map(_signal, SignalFamily),
    )
}


@dataclass(frozen=True, slots=True)
class Selector:
    """Which approaches something is about. Never empty."""

    from_bands: frozenset[AgeBand]
    to_bands: frozenset[AgeBand]
    relations: frozenset[Relation]
    directions: frozenset[Direction]

    def covers(self, cell: Cell) -> bool:
        return (
            cell.from_band in self.from_bands
            and cell.to_band in self.to_bands
            and cell.relation in self.relations
            and cell.direction in self.directions
        )


@dataclass(frozen=True, slots=True)
class Cell:
    """One field of the matrix."""

    from_band: AgeBand
    to_band: AgeBand
    relation: Relation
    direction: Direction

    def __str__(self) -> str:
        return f"{self.from_band} → {self.to_band}, {self.relation}, {self.direction}"


CELLS = tuple(Cell(a, b, r, d) for a in AgeBand for b in AgeBand for r in Relation for d in Direction)


@dataclass(frozen=True, slots=True)
class Row:
    """Says the outcome of the cells it covers. Of several rows the first that covers a cell holds."""

    id: str
    selector: Selector
    outcome: ContactOutcome
    hold_ms: int
    notices: tuple[str, ...]
    source: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Test:
    """``at_least`` for facts whose risk rises with the number, ``below`` for the others: nothing else can be said."""

    fact: Fact
    bound: int

    def holds(self, facts: ContactFacts) -> bool:
        value = self.fact.read(facts)
        return value >= self.bound if self.fact.risk is Risk.UP else value < self.bound


@dataclass(frozen=True, slots=True)
class Condition:
    """Where all tests hold, the outcome is at least this one."""

    id: str
    selector: Selector
    tests: tuple[Test, ...]
    outcome: ContactOutcome
    hold_ms: int
    notices: tuple[str, ...]
    source: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Limit:
    """How many distinct accounts somebody may approach in ``per_ms`` with the outcome ``counts``; then stricter.

    Stricter outcomes count, too, and meet the limit, too: otherwise a second risk could lift somebody over it.
    """

    id: str
    selector: Selector
    counts: ContactOutcome
    most: int
    per_ms: int
    outcome: ContactOutcome
    hold_ms: int
    source: str
    line: int = 0


class Loosener(StrEnum):
    """Who may take a protection off somebody."""

    NOBODY = "nobody"
    #: The young person, after reading what changes and confirming a day later.
    SELF_CONFIRMED = "self_confirmed"
    #: The young person, with one click.
    SELF = "self"
    #: A member of the safety team, on request.
    SAFETY_TEAM = "safety_team"


@dataclass(frozen=True, slots=True)
class Protection:
    """A floor that holds for a band until it is loosened. ``loosened_by``: one for each band that has it."""

    id: str
    title: str
    selector: Selector
    outcome: ContactOutcome
    hold_ms: int
    loosened_by: tuple[tuple[AgeBand, Loosener], ...]
    source: str
    line: int = 0

    def loosener(self, band: AgeBand) -> Loosener:
        return dict(self.loosened_by).get(band, Loosener.NOBODY)


class Appearance(StrEnum):
    """What somebody sees whose approach is denied."""

    #: As if the invitation had not been answered yet.
    UNANSWERED = "unanswered"
    #: As if the person had switched all invitations off.
    INVITES_BLOCKED = "invites_blocked"


@dataclass(frozen=True, slots=True)
class Policy:
    """A checked policy. ``digest``: SHA-256 of the file's bytes, in hexadecimal; it names this version."""

    name: str
    version: str
    description: str
    digest: str
    sources: tuple[tuple[str, str], ...]
    denied_looks: Appearance
    rows: tuple[Row, ...]
    conditions: tuple[Condition, ...]
    limits: tuple[Limit, ...]
    protections: tuple[Protection, ...]

    @property
    def reference(self) -> str:
        """Name, version and the beginning of the digest: how decisions and the log name this policy."""
        return f"{self.name}@{self.version}#{self.digest[:16]}"
