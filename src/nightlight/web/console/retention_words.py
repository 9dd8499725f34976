"""Retention and holds in the console's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightlight.flows.review import CaseFile
from nightlight.model.hold import Hold, HoldKind, HoldScope
from nightlight.model.retention import Erasure, Record
from nightlight.respond.calendar import date_words
from nightlight.respond.person import same_person
from nightlight.respond.retention import Fate, Line
from nightlight.respond.retention import why as line_why

RECORDS = {
    Record.CASE_EVIDENCE: "What was said",
    Record.REPORT: "Who and where",
    Record.DECISION: "Who decided, and the reason",
    Record.REFERRAL_RECORD: "How it was referred",
    Record.AGENCY_REFERENCE: "To which agency",
}
FATES = {
    Fate.GOES: "will go",
    Fate.KEPT: "kept",
    Fate.HELD: "held",
    Fate.OPEN: "kept",
    Fate.UNDER_WAY: "kept",
}
TONES = {Fate.GOES: "failed", Fate.KEPT: "", Fate.HELD: "pending", Fate.OPEN: "", Fate.UNDER_WAY: ""}

#: What a form for a hold holds before anybody has typed.
NOTHING_TYPED = dict.fromkeys(("scope", "kind", "why", "legal_basis", "agency", "reference", "until"), "")

same = same_person


def why(line: Line) -> str:
    return line_why(line)


def day(at: int) -> str:
    return date_words(at)


def hold_title(hold: Hold) -> str:
    what = "Preserved for an agency" if hold.kind is HoldKind.PRESERVATION else "Legal hold"
    return what if hold.scope is HoldScope.CASE else f"{what}: {hold.target}"


def hold_state(hold: Hold, now: int) -> str:
    if hold.released_at is not None:
        return "released"
    return "in force" if hold.holds(now) else "lapsed"


def retention_values(file: CaseFile) -> Mapping[str, Any]:
    """What the section about keeping and holds needs, where nobody typed anything."""
    announced: dict[Record, Erasure] = {one.record: one for one in file.erasures if one.erased_at is None}
    return {"announced": announced, "hold_error": None, "hold_typed": NOTHING_TYPED}
