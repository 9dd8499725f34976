"""Packages made by hand, for tests of what is made from them. Benign placeholders only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pyrage

from nightlight.adapters.packages.package import Package
from nightlight.flows.prepare_report import TRANSCRIPT_NAME, Prepared, PreparedFile
from nightlight.model.attachment import Attachment, AttachmentCode, AttachmentState, Digests
from nightlight.model.case import Decision, Outcome, Policy
from nightlight.model.draft import AgencyKind, Basis, Draft, DraftFile, Fact
from nightlight.model.referral import Agency, Referral, ReferralState
from nightlight.model.reporter import ReportingOperator
from nightlight.respond.referral_fields import INCIDENT_TYPES
from nightlight.respond.transcript import TranscriptLine, transcript

AT = 1_790_000_000_000
NAMES = {
    AgencyKind.NCA: "National Crime Agency",
    AgencyKind.IWF: "Internet Watch Foundation",
    AgencyKind.POLICE: "Police of Example Town",
    AgencyKind.NCMEC: "NCMEC",
}
OPERATOR = ReportingOperator(
    "Example Chat",
    "Alex",
    "Example",
    "safety@example.org",
    "+44 20 7946 0000",
    legal_url="https://example.org/legal",
)
DECISION = Decision("d1", "case_1", AT, "robin", Outcome.VIOLATION, Policy.CHILD_GROOMING, "[reason of the decision]")
MALLORY, BOB = "@mallory:town.example", "@bob:town.example"
IDENTITY = pyrage.x25519.Identity.generate()
SHAPE = b"[a red circle]" * 1000

FACTS = (
    Fact("incident.type", INCIDENT_TYPES[6], Basis.CASE, "case_1"),
    Fact("incident.at", "2026-09-21T15:33:20Z", Basis.PROVEN, "$one"),
    Fact("incident.platform", "Example Chat", Basis.CASE, "case_1"),
    Fact("incident.priority", "P1", Basis.REVIEWER, "robin"),
    Fact("incident.urgent_reason", "[a meeting is planned for tomorrow]", Basis.REVIEWER, "robin"),
    Fact("incident.summary", "[what happened, in words]", Basis.REVIEWER, "robin"),
    Fact("chat.room", "!room:town.example", Basis.CASE, "case_1"),
    Fact("suspect.account_id", MALLORY, Basis.PROVEN, "$one"),
    Fact("suspect.display_name", "Mallory", Basis.HOMESERVER, MALLORY),
    Fact("suspect.ip", "192.0.2.7 2026-09-21T15:30:00Z Other", Basis.HOMESERVER, MALLORY),
    Fact("suspect.device", "Matrix device ABCDEF", Basis.HOMESERVER, MALLORY),
    Fact("victim.account_id", BOB, Basis.CASE, "report_1"),
    Fact("victim.age_band", "13 to 15", Basis.AGE, f"declared for {BOB}"),
    Fact("victim.email", "left-out@example.org", Basis.HOMESERVER, BOB, included=False),
)
IWF_FACTS = (
    Fact("incident.type", INCIDENT_TYPES[0], Basis.REVIEWER, "robin"),
    Fact("incident.at", "2026-09-21T15:33:20Z", Basis.REVIEWER, "robin"),
    Fact("incident.platform", "Example Chat", Basis.CASE, "case_1"),
    Fact("incident.summary", "[what can be reached there]", Basis.REVIEWER, "robin"),
    Fact("incident.url", "https://one.example/a", Basis.REVIEWER, "robin"),
    Fact("incident.url", "https://two.example/b", Basis.REVIEWER, "robin"),
)


def line(event_id: str, said: str, **changes: Any) -> TranscriptLine:
    sha256 = hashlib.sha256(event_id.encode()).digest()
    return replace(TranscriptLine(event_id, MALLORY, AT, said, sha256, 0, True), **changes)


LINES = (
    line("$one", "[abusive message 1]"),
    line("$two", "[a reply]", sender=BOB, sent_at=AT + 61_000, reported=False, omitted=3),
    line("$three", "[abusive message 2]", sent_at=AT + 65_500, omitted=None, files=1),
)


def file(number: int = 1, data: bytes = SHAPE, **changes: Any) -> PreparedFile:
    digests = Digests(
        len(data), hashlib.sha256(data).digest(), hashlib.sha1(data).digest(), hashlib.md5(data).digest()  # noqa: S324
    )  # fmt: skip
    attachment = Attachment(
        f"a{number}", "$three", "ref", 1, AttachmentState.CHECKED, AttachmentCode.MATCHES_EVENT, 1, AT, AT, digests
    )
    name = f"file-{number}-{digests.sha256.hex()[:12]}"
    made = PreparedFile(name, "shape.png", AT + 65_500, False, DraftFile(f"a{number}", "$three"), attachment)
    return replace(made, **changes)


def draft_of(kind: AgencyKind, facts: tuple[Fact, ...] | None = None) -> Draft:
    facts = facts if facts is not None else IWF_FACTS if kind is AgencyKind.IWF else FACTS
    return Draft(facts, ("$one", "$two", "$three"), (DraftFile("a1", "$three"),))


def package(
    kind: AgencyKind = AgencyKind.NCA,
    facts: tuple[Fact, ...] | None = None,
    lines: tuple[TranscriptLine, ...] = LINES,
    files: tuple[PreparedFile, ...] | None = None,
    bundle: bytes = b"",
    **referral: Any,
) -> Package:
    draft = replace(draft_of(kind, facts), messages=tuple(one.event_id for one in lines))
    text = transcript("!room:town.example", lines) if lines else ""
    told = PreparedFile(TRANSCRIPT_NAME, "", None, True, None, None, text.encode("utf-8", "replace"))
    prepared = Prepared(draft, text, ((told,) if text else ()) + (files if files is not None else (file(),)), lines)
    recipient = "" if kind is AgencyKind.IWF else str(IDENTITY.to_public())
    values: dict[str, Any] = {
        "referral_id": "referral_000007",
        "case_id": "case_1",
        "agency": Agency(NAMES[kind], recipient, kind),
        "legal_basis": "Online Safety Act 2023, section 66" if kind is AgencyKind.NCA else "",
        "proposed_by": "robin",
        "proposed_at": AT + 3_600_000,
        "needed": 1,
        "state": ReferralState.APPROVED,
        "messages": len(lines),
        "attestation": b"",
        "contents": b"",
        "approvals": (),
        "draft": draft,
        "reviewed_by": "kim",
        "reviewed_at": AT + 7_200_000,
    }
    made = Referral(**{**values, **referral})
    return Package(made, prepared, OPERATOR, DECISION, bundle)


def read(one: PreparedFile, data: bytes = SHAPE) -> Iterator[bytes]:
    if one.attachment is None:
        yield one.text
        return
    yield from (data[at : at + 4096] for at in range(0, len(data), 4096))
