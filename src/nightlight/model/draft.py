"""A draft of a referral: facts one by one, each with where it comes from and whether it goes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class AgencyKind(StrEnum):
    """Who a referral is for, as far as it decides on the form and on the way.

    ``ncmec``: the CyberTipline of the US clearing house. ``nca``: the UK National Crime Agency (Online Safety Act 2023,
    section 66). ``iwf``: the Internet Watch Foundation. ``police``: any other agency, by a package of its own.
    """

    NCMEC = "ncmec"
    NCA = "nca"
    IWF = "iwf"
    POLICE = "police"


class Basis(StrEnum):
    """What a fact rests on. Only ``proven`` is cryptographic; every other one is said to be what it is."""

    PROVEN = "proven"
    CASE = "case"
    REPORTER = "reporter"
    HOMESERVER = "homeserver"
    AGE = "age"
    REVIEWER = "reviewer"


BASES: dict[Basis, str] = {
    Basis.PROVEN: "proven by the reported messages",
    Basis.CASE: "from the case and its decision",
    Basis.REPORTER: "said by whoever reported",
    Basis.HOMESERVER: "from the homeserver's own records",
    Basis.AGE: "from what is known of ages",
    Basis.REVIEWER: "written by a reviewer",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing a referral may say. ``name``: one of ``respond.referral_fields``; ``value``: in that field's form.

    ``origin``: the event, the record or the reviewer it comes from. ``person``: which one, counted from 1, where a
    referral names several victims or suspects. ``included``: whether it goes out.
    """

    name: str
    value: str = field(repr=False)
    basis: Basis
    origin: str = field(repr=False)
    person: int = 1
    included: bool = True


class FileRelevance(StrEnum):
    """Whether a file is what the report is about, or only belongs to it (schema element ``fileRelevance``)."""

    REPORTED = "reported"
    SUPPLEMENTAL = "supplemental"


@dataclass(frozen=True, slots=True)
class DraftFile:
    """A kept file that may go out. ``classification``: ``A1`` to ``B2``, empty where nobody classified it."""

    attachment_id: str
    event_id: str
    included: bool = True
    relevance: FileRelevance = FileRelevance.REPORTED
    classification: str = ""
    annotations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """What a referral is going to say. ``messages``: event ids of the messages that go out, in no order.

    ``urgent``: goes out at once and is reviewed after, because a child may be in danger now.
    """

    facts: tuple[Fact, ...] = ()
    messages: tuple[str, ...] = ()
    files: tuple[DraftFile, ...] = ()
    urgent: bool = False

    def of(self, name: str, person: int = 1) -> tuple[Fact, ...]:
        """The facts of one field that go out."""
        return tuple(f for f in self.facts if f.name == name and f.person == person and f.included)

    def value(self, name: str, person: int = 1) -> str:
        """The first of them, empty if none goes out."""
        return next((fact.value for fact in self.of(name, person)), "")

    def values(self, name: str, person: int = 1) -> tuple[str, ...]:
        return tuple(fact.value for fact in self.of(name, person))

    def people(self, role: str) -> tuple[int, ...]:
        """Numbers of the people in a role (``suspect``, ``victim``, ``recipient``) of whom anything goes out."""
        return tuple(sorted({f.person for f in self.facts if f.included and f.name.startswith(f"{role}.")}))
