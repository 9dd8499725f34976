"""What goes of a case with each kind of record, column by column, and what stays.

Every column of every table that says something of a case stands here. A test compares this with the schema, so that
nobody can add a column that an erasure would leave behind without saying so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Table,
    Text,
    case,
    cast,
    delete,
    exists,
    literal,
    not_,
    or_,
    select,
    update,
)

from nightlight.model.case_key import CaseKey
from nightlight.model.draft import Draft
from nightlight.model.retention import Record
from nightlight.respond.draft_text import draft_text
from nightlight.store.detection_schema import alerts
from nightlight.store.retention_schema import erasures, holds
from nightlight.store.schema import (
    actions,
    approvals,
    attachments,
    cases,
    decisions,
    evidence,
    referrals,
    reported_messages,
    reports,
)
from nightlight.store.submission_schema import submission_files, submissions
from nightlight.store.vault_schema import case_keys, kept_files, sealed_events

_BATCH = 500
#: What is left of a draft: that there was one.
_NO_DRAFT = draft_text(Draft())


@dataclass(frozen=True, slots=True)
class Goes:
    """A column goes with ``record``; ``blank`` takes its place."""

    record: Record
    blank: Any = None


@dataclass(frozen=True, slots=True)
class Fates:
    """What becomes of a table's columns. ``rows``: the record with which whole rows go, or None.

    ``columns``: those that go, by name; all others are in ``stays``.
    """

    rows: Record | None
    columns: dict[str, Goes]
    stays: frozenset[str]


def _stays(*names: str) -> frozenset[str]:
    return frozenset(names)


_EVIDENCE, _REPORT, _DECISION = Record.CASE_EVIDENCE, Record.REPORT, Record.DECISION
_REFERRAL, _REFERENCE = Record.REFERRAL_RECORD, Record.AGENCY_REFERENCE

#: Rows of ``evidence`` and ``attachments`` belong to a message, not to a case: they go with the last case that needs
#: them.
FATES: dict[Table, Fates] = {
    cases: Fates(
        None,
        {"subject": Goes(_REPORT), "room_id": Goes(_REPORT)},
        _stays("case_id", "opened_at", "state", "category", "severity", "proven", "messages", "reports", "source")
        | _stays("reported_at", "decided_at", "outcome", "erased", "seen_at", "looked_after", "decided_after"),
    ),
    reports: Fates(
        None,
        {
            "note": Goes(_EVIDENCE, ""),
            "sealed_note": Goes(_EVIDENCE),
            # Made from the note and the keys, without a salt: whoever guesses the note could check the guess. What
            # takes its place is as unique, and keeps no later report of the same from being taken.
            "digest": Goes(_EVIDENCE, cast(reports.c.report_id, LargeBinary)),
            "idempotency_key": Goes(_EVIDENCE),
            "openid_token": Goes(_EVIDENCE),
            "claimant": Goes(_REPORT, literal("erased:", Text) + reports.c.report_id),
            "reporter": Goes(_REPORT),
            "room_id": Goes(_REPORT),
            "target_account": Goes(_REPORT),
            "language": Goes(_REPORT, "und"),
        },
        _stays("report_id", "received_at", "source", "source_ref", "category", "state", "case_id", "attempts")
        | _stays("next_attempt_at", "verdict"),
    ),
    reported_messages: Fates(
        _REPORT,
        {"message_key": Goes(_EVIDENCE), "sealed_key": Goes(_EVIDENCE)},
        _stays("report_id", "position", "event_id", "verdict", "code", "sender", "sent_at", "role", "depth", "omitted")
        | _stays("relation", "relates_to"),
    ),
    evidence: Fates(_EVIDENCE, {}, _stays(*evidence.c.keys())),
    attachments: Fates(_EVIDENCE, {}, _stays(*attachments.c.keys())),
    decisions: Fates(
        None,
        {
            "reviewer": Goes(_DECISION, ""),
            "reason": Goes(_DECISION, ""),
            "overturned_by": Goes(_DECISION),
            "overturn_reason": Goes(_DECISION),
        },
        _stays("decision_id", "case_id", "decided_at", "outcome", "policy", "overturned_at", "overturned_to"),
    ),
    actions: Fates(
        None,
        {"target": Goes(_REPORT, ""), "detail": Goes(_REPORT, "{}"), "error": Goes(_REPORT)},
        _stays("action_id", "case_id", "position", "kind", "state", "attempts", "next_attempt_at", "updated_at"),
    ),
    alerts: Fates(_REPORT, {}, _stays(*alerts.c.keys())),
    referrals: Fates(
        None,
        {
            "contents": Goes(_EVIDENCE, b""),
            "sealed_contents": Goes(_EVIDENCE),
            "draft": Goes(
                _EVIDENCE,
                case((or_(referrals.c.draft.is_not(None), referrals.c.sealed_draft.is_not(None)), _NO_DRAFT)),
            ),
            "sealed_draft": Goes(_EVIDENCE),
            "attestation": Goes(_REFERRAL, b""),
            "timestamp": Goes(_REFERRAL),
            "legal_basis": Goes(_REFERRAL, ""),
            "proposed_by": Goes(_REFERRAL, ""),
            "reviewed_by": Goes(_REFERRAL, ""),
            "agency": Goes(_REFERENCE, ""),
            "recipient": Goes(_REFERENCE, ""),
            "reference": Goes(_REFERENCE, ""),
        },
        _stays("referral_id", "case_id", "kind", "proposed_at", "needed", "state", "messages", "finished_at")
        | _stays("urgent", "reviewed_at"),
    ),
    submissions: Fates(
        None,
        {
            # They quote what was wrong with a document.
            "error_words": Goes(_EVIDENCE, ""),
            "retract_by": Goes(_REFERRAL, ""),
            "retract_reason": Goes(_REFERRAL, ""),
            "agency": Goes(_REFERENCE, ""),
            "report_id": Goes(_REFERENCE),
            "orphans": Goes(_REFERENCE, "[]"),
            "request_ids": Goes(_REFERENCE, "[]"),
        },
        _stays("submission_id", "referral_id", "case_id", "urgent", "by_hand", "state", "queued_at", "due_at")
        | _stays(
            "next_attempt_at",
            "attempts",
            "openings",
            "opened_at",
            "last_change_at",
            "in_flight",
            "finish_unknown",
            "lease_token",
        )
        | _stays("lease_until", "error", "finished_at"),
    ),
    submission_files: Fates(_REFERRAL, {}, _stays(*submission_files.c.keys())),
    approvals: Fates(_REFERRAL, {}, _stays(*approvals.c.keys())),
    holds: Fates(None, {}, _stays(*holds.c.keys())),
    erasures: Fates(None, {}, _stays(*erasures.c.keys())),
    case_keys: Fates(
        None,
        {"wrapped": Goes(_EVIDENCE)},
        _stays("case_id", "key_name", "made_at", "shredded_at"),
    ),
    sealed_events: Fates(_EVIDENCE, {}, _stays(*sealed_events.c.keys())),
    kept_files: Fates(_EVIDENCE, {}, _stays(*kept_files.c.keys())),
}

#: Tables of what has a life of its own: the log, which stays, prevention, which has its own period, and settings.
NOT_OF_CASES = frozenset(
    {"log_entries", "log_nodes", "log_head", "cursors", "reviewers", "sessions", "failed_sign_ins"}
    | {"agencies", "approvers", "events", "changes", "counted_messages", "day_counts", "relations", "ages"}
    | {"contact_decisions", "contact_requests", "policies", "policy_changes", "own_sessions", "used_tokens"}
    | {"sign_in_links", "preferences", "blocked_names", "pending_notices", "asks", "arrivals", "signals"}
    | {"rule_packs", "rule_changes", "backtests", "held_events"}
)


def evidence_erased(case_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether what was said in that case was erased."""
    return exists().where(
        erasures.c.case_id == case_id, erasures.c.record == Record.CASE_EVIDENCE, erasures.c.erased_at.is_not(None)
    )


class ErasureTables:
    _connection: Connection
    _case_keys: dict[str, CaseKey | None]

    def erase_evidence(self, case_id: str) -> None:
        """Removes what was said in the case: message keys, notes, bundles, and what no other case needs."""
        gone = self._needed_by_no_other(case_id)
        for start in range(0, len(gone), _BATCH):
            part = gone[start : start + _BATCH]
            self._connection.execute(delete(attachments).where(attachments.c.event_id.in_(part)))
            self._connection.execute(delete(evidence).where(evidence.c.event_id.in_(part)))
        for table in (sealed_events, kept_files):
            self._connection.execute(delete(table).where(_of_case(table, case_id)))
        self._blank(case_id, Record.CASE_EVIDENCE)
        self._case_keys.pop(case_id, None)

    def erase_record(self, case_id: str, record: Record) -> None:
        """Removes another kind of record of the case; ``case_evidence`` goes by ``erase_evidence``."""
        self._blank(case_id, record)
        for table in (reported_messages, alerts, approvals, submission_files):
            if FATES[table].rows is record:
                self._connection.execute(delete(table).where(_of_case(table, case_id)))

    def _blank(self, case_id: str, record: Record) -> None:
        for table, fates in FATES.items():
            blanks = {name: goes.blank for name, goes in fates.columns.items() if goes.record is record}
            if blanks:
                self._connection.execute(update(table).where(_of_case(table, case_id)).values(blanks))

    def _needed_by_no_other(self, case_id: str) -> Sequence[str]:
        """Events of the case that no report of another case names whose evidence is still there.

        A waiting report has no case yet, and holds up the erasure (``kept_case``).
        """
        other, theirs = reports.alias(), reported_messages.alias()
        needed = exists().where(
            theirs.c.event_id == reported_messages.c.event_id,
            theirs.c.report_id == other.c.report_id,
            other.c.case_id != case_id,
            not_(evidence_erased(other.c.case_id)),
        )
        query = (
            select(reported_messages.c.event_id)
            .join(reports, reports.c.report_id == reported_messages.c.report_id)
            .where(reports.c.case_id == case_id, not_(needed))
            .distinct()
        )
        return list(self._connection.scalars(query))


def _of_case(table: Table, case_id: str) -> ColumnElement[bool]:
    """Which rows of the table are the case's."""
    if table is reported_messages:
        return reported_messages.c.report_id.in_(select(reports.c.report_id).where(reports.c.case_id == case_id))
    if table is approvals:
        return approvals.c.referral_id.in_(select(referrals.c.referral_id).where(referrals.c.case_id == case_id))
    if table is submission_files:
        of_case = select(submissions.c.submission_id).where(submissions.c.case_id == case_id)
        return submission_files.c.submission_id.in_(of_case)
    return table.c.case_id == case_id
