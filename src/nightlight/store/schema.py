"""The tables. Times are milliseconds since 1970, UTC. Migrations make them; this module names them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def steps_sql(since: str, until: str) -> str:
    """Minutes in the steps of ``nightlight.insight.waits.step_of``."""
    ms = f"({until} - {since})"
    return (
        f"CASE WHEN {ms} <= 0 THEN 0 WHEN {ms} <= 7200000 THEN ({ms} + 59999) / 60000 "
        f"WHEN {ms} <= 86400000 THEN ({ms} + 299999) / 300000 * 5 "
        f"WHEN {ms} <= 2592000000 THEN ({ms} + 3599999) / 3600000 * 60 "
        f"WHEN {ms} > 2592000000 THEN ({ms} + 86399999) / 86400000 * 1440 END"
    )


cases = Table(
    "cases",
    metadata,
    Column("case_id", Text, primary_key=True),
    Column("opened_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("subject", Text),
    Column("room_id", Text),
    Column("category", Text, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("proven", Integer, nullable=False),
    Column("messages", Integer, nullable=False),
    Column("reports", Integer, nullable=False),
    Column("source", Text, nullable=False),
    # For retention, which looks through all cases: copies of what reports, decisions and erasures say
    Column("reported_at", BigInteger),
    Column("decided_at", BigInteger),
    Column("outcome", Text),
    Column("erased", Text, nullable=False, server_default=""),
    # For the record that is published: when somebody first looked, and how long things took, so that it can be counted
    # in the order of an index
    Column("seen_at", BigInteger),
    Column("looked_after", BigInteger, Computed(steps_sql("opened_at", "seen_at"))),
    Column("decided_after", BigInteger, Computed(steps_sql("opened_at", "decided_at"))),
)
Index("ix_cases_looked", cases.c.severity, cases.c.source, cases.c.looked_after, cases.c.opened_at)
Index("ix_cases_decided", cases.c.severity, cases.c.decided_after, cases.c.opened_at)
Index("ix_cases_queue", cases.c.state, cases.c.severity, cases.c.opened_at)
Index("ix_cases_subject", cases.c.subject, cases.c.state)

reports = Table(
    "reports",
    metadata,
    Column("report_id", Text, primary_key=True),
    Column("received_at", BigInteger, nullable=False),
    Column("claimant", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("idempotency_key", Text),
    Column("source", Text, nullable=False),
    Column("source_ref", Text, unique=True),
    Column("reporter", Text),
    Column("room_id", Text),
    Column("category", Text, nullable=False),
    # Empty where it is sealed; so with every column that has a sealed one beside it
    Column("note", Text, nullable=False),
    Column("sealed_note", LargeBinary),
    Column("language", Text, nullable=False),
    Column("target_account", Text),
    Column("state", Text, nullable=False),
    Column("case_id", Text, ForeignKey("cases.case_id")),
    # Only while the homeserver cannot be asked
    Column("openid_token", Text),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", BigInteger, nullable=False),
    # The best verdict on a message that it is about; empty where it names none
    Column("verdict", Text, nullable=False, server_default=""),
)
Index("ix_reports_record", reports.c.category, reports.c.verdict, reports.c.source, reports.c.received_at)
Index("uq_reports_claimant_digest", reports.c.claimant, reports.c.digest, unique=True)
Index("uq_reports_claimant_key", reports.c.claimant, reports.c.idempotency_key, unique=True)
Index("ix_reports_claimant_received", reports.c.claimant, reports.c.received_at)
Index("ix_reports_case", reports.c.case_id)
Index("ix_reports_state_next", reports.c.state, reports.c.next_attempt_at)

reported_messages = Table(
    "reported_messages",
    metadata,
    Column("report_id", Text, ForeignKey("reports.report_id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("event_id", Text, nullable=False),
    Column("message_key", LargeBinary),
    Column("sealed_key", LargeBinary),
    Column("verdict", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("sender", Text),
    Column("sent_at", BigInteger),
    Column("role", Text, nullable=False),
    Column("depth", BigInteger),
    Column("omitted", BigInteger),
    Column("relation", Text),
    Column("relates_to", Text),
)
Index("ix_reported_messages_event", reported_messages.c.event_id)

evidence = Table(
    "evidence",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("room_id", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("event", LargeBinary, nullable=False),
    # Whether it stands in ``sealed_events`` instead, once for each case
    Column("sealed", Boolean),
    Column("sha256", LargeBinary, nullable=False),
    Column("preserved_at", BigInteger, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    Column("decision_id", Text, primary_key=True),
    Column("case_id", Text, ForeignKey("cases.case_id"), nullable=False, unique=True),
    Column("decided_at", BigInteger, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("reason", Text, nullable=False),
    # Where another reviewer took it back; what was decided first stays above
    Column("overturned_at", BigInteger),
    Column("overturned_by", Text),
    Column("overturn_reason", Text),
    Column("overturned_to", Text),
)
Index("ix_decisions_overturned_at", decisions.c.overturned_at)
Index("ix_decisions_record", decisions.c.outcome, decisions.c.policy, decisions.c.decided_at)

actions = Table(
    "actions",
    metadata,
    Column("action_id", Text, primary_key=True),
    Column("case_id", Text, ForeignKey("cases.case_id")),
    Column("position", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", BigInteger, nullable=False),
    Column("error", Text),
    Column("updated_at", BigInteger, nullable=False),
)
Index("ix_actions_case", actions.c.case_id, actions.c.position)
Index("ix_actions_target", actions.c.target)
Index("ix_actions_state_next", actions.c.state, actions.c.next_attempt_at)

agencies = Table(
    "agencies",
    metadata,
    Column("name", Text, primary_key=True),
    Column("recipient", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("active", Boolean, nullable=False),
)

approvers = Table(
    "approvers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("active", Boolean, nullable=False),
)

referrals = Table(
    "referrals",
    metadata,
    Column("referral_id", Text, primary_key=True),
    Column("case_id", Text, ForeignKey("cases.case_id"), nullable=False),
    Column("agency", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("legal_basis", Text, nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", BigInteger, nullable=False),
    Column("needed", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("messages", Integer, nullable=False),
    Column("attestation", LargeBinary, nullable=False),
    Column("contents", LargeBinary, nullable=False),
    Column("sealed_contents", LargeBinary),
    Column("timestamp", LargeBinary),
    # What it says, fact by fact; empty for a bundle on its own
    Column("draft", Text),
    Column("urgent", Boolean, nullable=False),
    Column("sealed_draft", LargeBinary),
    Column("reviewed_by", Text, nullable=False),
    Column("reviewed_at", BigInteger),
    Column("reference", Text, nullable=False),
    # When the agency was first given it
    Column("finished_at", BigInteger),
)
Index("ix_referrals_case", referrals.c.case_id, referrals.c.proposed_at)
Index("ix_referrals_urgent", referrals.c.urgent, referrals.c.reviewed_by)

approvals = Table(
    "approvals",
    metadata,
    Column("referral_id", Text, ForeignKey("referrals.referral_id"), primary_key=True),
    Column("approver", Text, primary_key=True),
    Column("approved_at", BigInteger, nullable=False),
    Column("signature", LargeBinary, nullable=False),
)
attachments = Table(
    "attachments",
    metadata,
    Column("attachment_id", Text, primary_key=True),
    Column("event_id", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("error", Text),
    # Of the plaintext, where the file is bound to its message
    Column("size", BigInteger),
    Column("sha256", LargeBinary),
    Column("sha1", LargeBinary),
    Column("md5", LargeBinary),
    # Of the ciphertext, where it is kept
    Column("blob", LargeBinary),
    Column("kept_at", BigInteger),
)
Index("uq_attachments_event_reference", attachments.c.event_id, attachments.c.reference, unique=True)
Index("ix_attachments_state_next", attachments.c.state, attachments.c.next_attempt_at)
Index("ix_attachments_sha256", attachments.c.sha256)

reviewers = Table(
    "reviewers",
    metadata,
    Column("username", Text, primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("active", Boolean, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("username", Text, ForeignKey("reviewers.username"), nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

failed_sign_ins = Table(
    "failed_sign_ins",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("username", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
Index("ix_failed_sign_ins", failed_sign_ins.c.username, failed_sign_ins.c.at)

log_entries = Table(
    "log_entries",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("salt", LargeBinary, nullable=False),
)
Index("ix_log_entries_subject", log_entries.c.subject, log_entries.c.number)

log_nodes = Table(
    "log_nodes",
    metadata,
    # Level in the upper 8 bits, index in the lower 56.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
)

log_head = Table(
    "log_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Column("peaks", LargeBinary, nullable=False),
    # How many entries come from the chain that was the log before
    Column("carried", BigInteger, nullable=False),
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

_NUMBER = BigInteger().with_variant(Integer, "sqlite")

events = Table(
    "events",
    metadata,
    Column("number", _NUMBER, primary_key=True, autoincrement=False),
    Column("event_id", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("room", Text, nullable=False),
    Column("fields", Text, nullable=False),
)
Index("uq_events_event_id", events.c.event_id, unique=True)

# One row: how far events and changes are numbered, also after their removal.
changes = Table(
    "changes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("last", BigInteger, nullable=False),
    Column("event", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    # Up to which change statements that ended may be removed; up to which next, and since when that is known
    Column("settled", BigInteger, nullable=False),
    Column("settling", BigInteger, nullable=False),
    Column("settling_at", BigInteger, nullable=False),
    # Up to which event detection has said what it has to say
    Column("detected", BigInteger, nullable=False),
)

# Messages of the room history that were counted already: keyed numbers of their ids.
counted_messages = Table(
    "counted_messages",
    metadata,
    Column("message", _NUMBER, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
)
Index("ix_counted_messages_at", counted_messages.c.at)

# What was not taken as it came: by day and by code.
day_counts = Table(
    "day_counts",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("what", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
)

relations = Table(
    "relations",
    metadata,
    Column("one", BigInteger, primary_key=True, autoincrement=False),
    Column("tie", Integer, primary_key=True, autoincrement=False),
    Column("other", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("holds", Boolean, nullable=False),
    Column("change", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("ix_relations_change", relations.c.change)

ages = Table(
    "ages",
    metadata,
    Column("one", _NUMBER, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("change", BigInteger, nullable=False),
)
Index("ix_ages_change", ages.c.change)

contact_decisions = Table(
    "contact_decisions",
    metadata,
    Column("decision_id", Text, primary_key=True),
    Column("decided_at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("room", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("outcome", Integer, nullable=False),
    Column("hold_until", BigInteger, nullable=False),
    Column("policy", Text, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("notices", Text, nullable=False),
    # What the decision rests on, ages included: sealed.
    Column("facts", LargeBinary, nullable=False),
)
Index("ix_contact_decisions_decided_at", contact_decisions.c.decided_at)
Index("ix_contact_decisions_target", contact_decisions.c.target, contact_decisions.c.decided_at)

contact_requests = Table(
    "contact_requests",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("decision_id", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("room", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("answered_at", BigInteger),
    Column("refused_by_others", Boolean, nullable=False),
)
Index("ix_contact_requests_target", contact_requests.c.target, contact_requests.c.state)
Index("ix_contact_requests_state_due", contact_requests.c.state, contact_requests.c.due_at)
Index("ix_contact_requests_pair", contact_requests.c.target, contact_requests.c.actor, contact_requests.c.room)

policies = Table(
    "policies",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("text", LargeBinary, nullable=False),
)

policy_changes = Table(
    "policy_changes",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("digest", Text, ForeignKey("policies.digest"), nullable=False),
    Column("share", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", BigInteger, nullable=False),
    Column("decided_by", Text),
    Column("decided_at", BigInteger),
    # The installation's signature over all of the above
    Column("signature", LargeBinary),
)

# A person's own page: short sessions, tokens that were used once, links that can be used once. Only hashes.
own_sessions = Table(
    "own_sessions",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("account", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)
Index("ix_own_sessions_expires_at", own_sessions.c.expires_at)

used_tokens = Table(
    "used_tokens",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("until", BigInteger, nullable=False),
)

sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("account", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used", Boolean, nullable=False),
)
Index("ix_sign_in_links_account", sign_in_links.c.account, sign_in_links.c.made_at)
Index("ix_sign_in_links_made_at", sign_in_links.c.made_at)

preferences = Table(
    "preferences",
    metadata,
    Column("one", _NUMBER, primary_key=True, autoincrement=False),
    Column("language", Text, nullable=False),
    Column("country", Text, nullable=False),
)

# Whom somebody blocks, by name, so that they can see it: the name is sealed.
blocked_names = Table(
    "blocked_names",
    metadata,
    Column("one", BigInteger, primary_key=True, autoincrement=False),
    Column("other", BigInteger, primary_key=True, autoincrement=False),
    Column("blocked_at", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

pending_notices = Table(
    "pending_notices",
    metadata,
    Column("notice_id", Text, primary_key=True),
    Column("one", BigInteger, nullable=False),
    Column("notice", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("told_at", BigInteger, nullable=False),
)
Index("ix_pending_notices_one", pending_notices.c.one, pending_notices.c.told_at)

asks = Table(
    "asks",
    metadata,
    Column("ask_id", Text, primary_key=True),
    Column("one", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("decided_at", BigInteger),
    Column("decided_by", Text, nullable=False),
    # Whose, about what and why: sealed.
    Column("sealed", LargeBinary, nullable=False),
)
Index("ix_asks_one", asks.c.one, asks.c.asked_at)
Index("ix_asks_state", asks.c.state, asks.c.asked_at)
