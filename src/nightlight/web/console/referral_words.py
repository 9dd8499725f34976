"""Referrals in words: sections of the draft, what a fact rests on, how complete it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nightlight.flows.draft_referral import DraftSheet
from nightlight.model.draft import BASES, AgencyKind, Basis, Fact
from nightlight.model.submission import ENDED, Submission, SubmissionState
from nightlight.respond.duties import Force
from nightlight.respond.referral_fields import FIELDS, ROLES, ReferralField, fields_for
from nightlight.respond.submission import UNSURE
from nightlight.respond.submission import in_doubt as in_doubt

AGENCIES = {
    AgencyKind.NCMEC: "NCMEC, the US clearing house (CyberTipline)",
    AgencyKind.NCA: "National Crime Agency, United Kingdom",
    AgencyKind.IWF: "Internet Watch Foundation",
    AgencyKind.POLICE: "Police, by a sealed package",
}
FORCES = {Force.MUST: "has to be told", Force.MAY: "may be told", Force.MUST_NOT: "is not told a second time"}
FORCE_TONES = {Force.MUST: "open", Force.MAY: "", Force.MUST_NOT: "refused"}
#: One word each; the whole sentence is in the badge's title and below the table.
BASIS_WORDS = {
    Basis.PROVEN: "proven",
    Basis.CASE: "case",
    Basis.REPORTER: "reporter",
    Basis.HOMESERVER: "homeserver",
    Basis.AGE: "ages",
    Basis.REVIEWER: "reviewer",
}
#: The colour only helps to find it; the words are beside it.
BASIS_TONES = {Basis.PROVEN: "proven", Basis.REPORTER: "pending", Basis.REVIEWER: "pending"}


@dataclass(frozen=True, slots=True)
class Row:
    """A fact in its place: ``place`` is its number in the draft, ``goes_to`` where the agency has it."""

    place: int
    fact: Fact
    field: ReferralField | None

    @property
    def title(self) -> str:
        return self.field.title if self.field else self.fact.name

    @property
    def basis(self) -> str:
        return BASIS_WORDS[self.fact.basis]

    @property
    def origin(self) -> str:
        """What it rests on, whole: for whoever wants to look it up."""
        return f"{BASES[self.fact.basis]}: {self.fact.origin}"


@dataclass(frozen=True, slots=True)
class Section:
    """``role`` and ``person``: what is added here."""

    title: str
    role: str
    person: int
    rows: tuple[Row, ...]


def sections(sheet: DraftSheet) -> list[Section]:
    """The draft as it is read: the incident, then the people, each with their facts in the order of the form."""
    order = {name: number for number, name in enumerate(FIELDS)}
    rows = [Row(place, fact, FIELDS.get(fact.name)) for place, fact in enumerate(sheet.draft.facts)]
    rows.sort(key=lambda row: (order.get(row.fact.name, 999), row.place))
    found = [Section("Incident", "incident", 1, tuple(r for r in rows if _role(r) not in ROLES))]
    for role, title in ROLES.items():
        people = sorted({row.fact.person for row in rows if _role(row) == role})
        for person in people:
            name = title if len(people) == 1 else f"{title} {person}"
            found.append(
                Section(name, role, person, tuple(r for r in rows if (_role(r), r.fact.person) == (role, person)))
            )
    return found


def addable(agency: AgencyKind) -> Iterator[tuple[str, str]]:
    """Field names and titles that a reviewer can add, by role."""
    for field in fields_for(agency):
        yield field.name, f"{ROLES.get(field.role, 'Incident')}: {field.title}"


def missing_words(sheet: DraftSheet) -> list[str]:
    """What the agency could be told and is not, the weightiest first."""
    missing = sorted(sheet.checked.completeness.missing, key=lambda one: -one.field.weight)
    return [
        f"{ROLES.get(one.field.role, 'Incident')}: {one.field.title} "
        f"({'known here, taken out' if one.left_out else 'not known here'})"
        for one in missing
    ]


@dataclass(frozen=True, slots=True)
class Step:
    """``tone``: done, pending (now), or empty for what comes later."""

    what: str
    tone: str


def steps(submission: Submission) -> list[Step]:
    """The way of a report to the agency, as far as it has got."""
    opened = submission.report_id is not None
    filed = submission.state is SubmissionState.FINISHED
    what = [("A report is opened", opened)]
    for file in submission.files:
        what.append((f"{file.name} is sent", file.uploaded))
        what.append((f"{file.name} is described", file.described))
    what.append(("The report is finished", filed))
    found, current = [], not filed
    for said, done in what:
        if done or filed:
            found.append(Step(said, "done"))
        else:
            found.append(Step(said, "pending" if current else ""))
            current = False
    return found


SUBMISSIONS = {
    SubmissionState.QUEUED: "on its way",
    SubmissionState.OPENING: "on its way",
    SubmissionState.OPEN: "on its way",
    SubmissionState.FINISHING: "almost there",
    SubmissionState.FINISHED: "the agency has it",
    SubmissionState.FAILED: "failed",
    SubmissionState.RETRACTING: "being taken back",
    SubmissionState.RETRACTED: "taken back",
}
BY_HAND = {
    **SUBMISSIONS,
    SubmissionState.QUEUED: "to be taken there",
}
#: What is in the package, by who it is for.
PACKAGES = {
    AgencyKind.NCA: "The report by the headings of Schedule 1 as PDF and JSON, the messages and files.",
    AgencyKind.IWF: "The fields of the form as PDF, JSON and CSV; never a message or a file.",
    AgencyKind.POLICE: "The report as PDF and JSON, the messages, and the files as they were sent.",
}
SUBMISSION_TONES = {
    SubmissionState.FINISHED: "done",
    SubmissionState.FAILED: "failed",
    SubmissionState.RETRACTED: "failed",
}


def asked_again(submission: Submission) -> bool:
    """Whether to try again is of use before a person has asked the agency."""
    return submission.state is SubmissionState.FAILED and submission.error not in UNSURE


def moving(submission: Submission) -> bool:
    return submission.state not in ENDED


def _role(row: Row) -> str:
    return row.fact.name.partition(".")[0]
