"""Auditing the log: the chain itself, and that the tables still say what the log says they said."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from nightlight.errors import RefusedError
from nightlight.evidence.log import LogEntry, LogHead, LogKind, verify_log
from nightlight.flows.audit_attachments import AttachmentClaims
from nightlight.flows.audit_decisions import ActionClaims, DecisionClaims
from nightlight.flows.audit_erasures import ErasureClaims, HoldClaims
from nightlight.flows.audit_policies import PolicyClaims
from nightlight.flows.audit_referrals import ReferralClaims
from nightlight.flows.audit_submissions import SubmissionClaims
from nightlight.flows.record_report import is_recorded
from nightlight.model.case import CaseState
from nightlight.ports import Store


@dataclass(slots=True)
class AuditResult:
    """What was checked. ``reports``, ``evidence`` and ``decisions`` count the rows that agree with the log.

    ``overturned``: how many of the decisions were.
    """

    head: LogHead
    reports: int = 0
    evidence: int = 0
    decisions: int = 0
    overturned: int = 0


@dataclass(slots=True)
class _Claims:
    """What the log says the tables hold."""

    reports: dict[str, str] = field(default_factory=dict)
    evidence: dict[str, str] = field(default_factory=dict)
    decisions: DecisionClaims = field(default_factory=DecisionClaims)
    cases: dict[str, str | None] = field(default_factory=dict)
    actions: ActionClaims = field(default_factory=ActionClaims)
    referrals: ReferralClaims = field(default_factory=ReferralClaims)
    submissions: SubmissionClaims = field(default_factory=SubmissionClaims)
    attachments: AttachmentClaims = field(default_factory=AttachmentClaims)
    policies: PolicyClaims = field(default_factory=PolicyClaims)
    erasures: ErasureClaims = field(default_factory=ErasureClaims)
    holds: HoldClaims = field(default_factory=HoldClaims)


#: What a row says of itself when it does not open, although the master key is the right one.
_DOES_NOT_OPEN = frozenset({"sealed_damaged", "case_key_damaged", "erased"})


def audit(store: Store, anchors: Iterable[LogHead]) -> AuditResult:
    """Walks the whole log. ``RefusedError``: ``log_broken``, or ``record_changed`` where a table was edited.

    What is encrypted is opened on the way; ``master_key_wrong`` and the like where it cannot be.
    """
    try:
        return _audit(store, anchors)
    except RefusedError as e:
        if e.code in _DOES_NOT_OPEN:
            raise RefusedError("record_changed", e.message, e.hint) from None
        raise


def _audit(store: Store, anchors: Iterable[LogHead]) -> AuditResult:
    claims = _Claims()
    # One instant for the log and the tables: the service goes on meanwhile.
    with store.snapshot() as tx:
        entries = _noting(tx.log_entries(), claims)
        head = verify_log(entries, tx.log_head(), anchors, carried=tx.log_carried(), stored=tx.log_nodes)
        result = AuditResult(head)
        for event_id, digest in claims.evidence.items():
            preserved = tx.preserved(event_id)
            if preserved is None or hashlib.sha256(preserved).hexdigest() != digest:
                raise _changed("The preserved event", event_id)
            result.evidence += 1
        for report_id, digest in claims.reports.items():
            report = tx.report(report_id)
            if report is None or not is_recorded(report, digest) or report.case_id != claims.cases.get(report_id):
                raise _changed("The report", report_id)
            result.reports += 1
        if (case_id := claims.decisions.broken(tx, claims.erasures)) is not None:
            raise _changed("The decision on", case_id)
        result.decisions, result.overturned = len(claims.decisions.decided), len(claims.decisions.overturned)
        if (action_id := claims.actions.broken(tx, claims.erasures)) is not None:
            raise _changed("The action", action_id)
        if (referral := claims.referrals.broken(tx, claims.erasures)) is not None:
            raise _changed("The referral", referral)
        if len(tx.referrals()) != claims.referrals.count:
            raise RefusedError("record_changed", "The tables hold a referral that the log never saw.")
        if (submission := claims.submissions.broken(tx, claims.erasures)) is not None:
            raise _changed("The submission", submission)
        broken = claims.attachments.broken(tx, claims.evidence)
        if broken is not None:
            raise _changed("An attachment of", broken)
        if (case := claims.erasures.swapped or claims.erasures.broken(tx)) is not None:
            raise _changed("What was erased, or should be, of", case)
        if (hold := claims.holds.broken(tx)) is not None:
            raise _changed("The hold", hold)
        if (change := claims.policies.broken(tx)) is not None:
            raise _changed("The policy change", str(change))
        if tx.count_cases(CaseState.DECIDED) != result.decisions:
            raise RefusedError("record_changed", "A case counts as decided without a decision, or the other way round.")
        unlogged = tx.counts() != (result.reports, result.evidence, result.decisions)
    if unlogged:
        raise RefusedError("record_changed", "The tables hold reports, evidence or decisions that the log never saw.")
    return result


def _noting(entries: Iterable[LogEntry], claims: _Claims) -> Iterator[LogEntry]:
    for entry in entries:
        yield entry  # the chain is checked up to here before its words are taken
        detail = json.loads(entry.detail)
        claims.attachments.note(entry, detail)
        claims.policies.note(entry, detail)
        claims.referrals.note(entry, detail)
        claims.submissions.note(entry, detail)
        claims.holds.note(entry, detail)
        claims.decisions.note(entry, detail)
        claims.actions.note(entry, detail)
        claims.erasures.note(entry, detail, claims.reports, claims.evidence)
        if entry.kind in (LogKind.REPORT_RECEIVED, LogKind.REPORT_CHECKED):
            claims.reports[entry.subject] = detail["record"]
            claims.cases[entry.subject] = detail.get("case")
            for message in detail.get("messages", ()):
                if message["evidence"]:
                    claims.evidence.setdefault(message["event"], message["evidence"])


def _changed(what: str, name: str) -> RefusedError:
    return RefusedError(
        "record_changed",
        f"{what} {name} is not what the log says it was: it was edited or deleted in the database.",
        "Stop the service, keep a copy of everything as it is, and find out who could write to the database.",
    )
