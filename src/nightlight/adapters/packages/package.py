"""What a package is made of, and how the agencies that take one are spoken to."""

from __future__ import annotations

from dataclasses import dataclass, field

from nightlight.errors import RefusedError
from nightlight.flows.prepare_report import Prepared
from nightlight.model.case import Decision
from nightlight.model.draft import AgencyKind
from nightlight.model.referral import Referral
from nightlight.model.reporter import ReportingOperator

#: Who takes a package; NCMEC has an interface of its own.
KINDS = frozenset({AgencyKind.NCA, AgencyKind.IWF, AgencyKind.POLICE})
#: Priorities of the NCA's regulations (SI 2026/268), in words.
PRIORITY_WORDS = {"P1": "A child in immediate danger", "P2": "High", "P3": "All others"}
DOCUMENT, PAGES, CONVERSATION = "referral.json", "referral.pdf", "conversation.txt"
ADDRESSES, BUNDLE, MANIFEST = "iwf.csv", "evidence.bundle", "MANIFEST.sha256"


@dataclass(frozen=True, slots=True)
class Package:
    """``decision``: what the referral rests on, None where it is not to be told.

    ``bundle``: an evidence bundle that goes along, empty where none does.
    """

    referral: Referral
    prepared: Prepared = field(repr=False)
    operator: ReportingOperator
    decision: Decision | None = field(default=None, repr=False)
    bundle: bytes = field(default=b"", repr=False)

    @property
    def kind(self) -> AgencyKind:
        return self.referral.agency.kind


def require_package(kind: AgencyKind) -> None:
    """``RefusedError('no_package')`` for an agency that takes none."""
    if kind not in KINDS:
        raise RefusedError("no_package", "This agency takes no package.", "It is told through its own interface.")
