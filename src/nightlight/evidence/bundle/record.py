"""What was reported and decided, and that the operator's log says the same."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from nightlight.errors import RefusedError
from nightlight.evidence.bundle.attestation import Attestation
from nightlight.evidence.bundle.contents import CHECKPOINT, DECISION, ENTRIES, REPORTS
from nightlight.evidence.bundle.reading import Steps, read_json, typed
from nightlight.evidence.bundle.refusals import inconsistent
from nightlight.evidence.bundle.trust import Trust
from nightlight.evidence.checkpoint import Checkpoint, LogKey, open_checkpoint
from nightlight.evidence.log import LogEntry, LogKind, open_entry
from nightlight.evidence.stored_event import StoredEvent
from nightlight.hazmat import strict_json
from nightlight.hazmat.merkle import verify_inclusion
from nightlight.model.case import POLICY_TITLES, Policy

_REPORT: dict[str, tuple[type, ...]] = {
    "report_id": (str,),
    "received_at": (int,),
    "reporter": (str, type(None)),
    "room_id": (str, type(None)),
    "category": (str,),
    "note": (str,),
    "language": (str,),
    "source": (str,),
    "messages": (list,),
    "messages_left_out": (int,),
}


def decision_of(members: Mapping[str, bytes], attestation: Attestation) -> dict[str, Any]:
    """The attested decision."""
    fields = dict.fromkeys(("case_id", "outcome", "policy", "policy_title", "reason", "reviewer"), str)
    decision: dict[str, Any] = read_json(members, DECISION, {**fields, "subject": None, "decided_at": int})
    said = tuple(decision[name] for name in ("case_id", "outcome", "policy", "decided_at"))
    attested = (attestation.case_id, attestation.outcome, attestation.policy, attestation.decided_at)
    if said != attested:
        raise inconsistent(DECISION, "it is another decision than the attested one")
    if type(decision["subject"]) not in (str, type(None)):
        raise inconsistent(DECISION, "a field has the wrong kind")
    if decision["policy"] in POLICY_TITLES and decision["policy_title"] != POLICY_TITLES[Policy(decision["policy"])]:
        raise inconsistent(DECISION, "the rule has another name")
    return decision


def reports_of(
    members: Mapping[str, bytes], attestation: Attestation, events: Mapping[str, StoredEvent]
) -> list[dict[str, Any]]:
    """The attested reports, about messages that are here."""
    reports = read_json(members, REPORTS, list)
    if [report.get("report_id") if isinstance(report, dict) else None for report in reports] != list(
        attestation.reports
    ):
        raise inconsistent(REPORTS, "these are other reports than the attested ones")
    for report in reports:
        if not typed(report, _REPORT):
            raise inconsistent(REPORTS, "a report has other fields, or a field of the wrong kind")
        if any(not isinstance(event, str) or event not in events for event in report["messages"]):
            raise inconsistent(REPORTS, "a report names messages that are not here")
        if any(events[event].room_id != report["room_id"] for event in report["messages"]):
            raise inconsistent(REPORTS, "a report is about another room than its messages")
        if min(report["received_at"], report["messages_left_out"]) < 0:
            raise inconsistent(REPORTS, "a number is negative")
    return list(reports)


def log_entries(
    members: Mapping[str, bytes],
    attestation: Attestation,
    reports: Sequence[Mapping[str, Any]],
    decision: Mapping[str, Any],
    events: Mapping[str, StoredEvent],
    trust: Trust,
    steps: Steps,
) -> Sequence[LogEntry]:
    """Entries that are proven to stand in the signed tree, and that say what reports, messages and decision say."""
    if trust.log_keys and attestation.log_key not in trust.log_keys:
        raise RefusedError("log_not_trusted", "The bundle names another log than those you trust.")
    checkpoint = open_checkpoint(members[CHECKPOINT], [LogKey.parse(attestation.log_key)])
    if (checkpoint.size, checkpoint.root) != (attestation.log_size, attestation.log_root):
        raise inconsistent(CHECKPOINT, "it is not the checkpoint that was attested")
    entries = [_entry(item, checkpoint) for item in read_json(members, ENTRIES, list)]
    _check_decided(entries, attestation, decision)
    for report in reports:
        _check_reported(entries, report, events)
    steps.held(
        "It stands in the operator's log",
        f"{len(entries)} entries about this case are proven to be among the first {checkpoint.size} of the log "
        f"{checkpoint.origin}, signed in one tree: the reports, the digest of each message, and the decision. "
        "They cannot have been changed since without everybody who follows the log noticing.",
        "RFC 9162 §2.1.3; C2SP tlog-checkpoint",
    )
    return entries


def _entry(item: Any, checkpoint: Checkpoint) -> LogEntry:
    if not isinstance(item, dict) or item.keys() != {"entry", "proof"} or not isinstance(item["proof"], list):
        raise inconsistent(ENTRIES, "an entry has other fields")
    entry = open_entry(item["entry"])
    try:
        proof = [base64.b64decode(step, validate=True) for step in item["proof"]]
    except (TypeError, ValueError, binascii.Error):
        raise inconsistent(ENTRIES, "a proof is not base64") from None
    verify_inclusion(entry.leaf, entry.number - 1, checkpoint.size, proof, checkpoint.root)
    return entry


def _check_decided(entries: Sequence[LogEntry], attestation: Attestation, decision: Mapping[str, Any]) -> None:
    """The log's own entry of the decision says the same as the decision that was handed over."""
    decided = [
        entry for entry in entries if entry.kind == LogKind.CASE_DECIDED and entry.subject == attestation.case_id
    ]
    expected = tuple(decision[name] for name in ("reviewer", "outcome", "policy", "reason", "decided_at"))
    logged = [
        (entry.actor, *(detail_of(entry).get(name) for name in ("outcome", "policy", "reason")), entry.at)
        for entry in decided
    ]
    if logged != [expected]:
        raise inconsistent(ENTRIES, "the log does not say that this was decided")


def _check_reported(entries: Sequence[LogEntry], report: Mapping[str, Any], events: Mapping[str, StoredEvent]) -> None:
    """The log's entry of the report fixes the digest of each message as it was preserved."""
    logged: dict[Any, Any] = {}
    actors = set()
    for entry in entries:
        if entry.subject == report["report_id"] and entry.kind in (LogKind.REPORT_RECEIVED, LogKind.REPORT_CHECKED):
            actors.add(entry.actor)
            taken = (entry.at, detail_of(entry).get("category"))
            if entry.kind == LogKind.REPORT_RECEIVED and taken != (report["received_at"], report["category"]):
                raise inconsistent(ENTRIES, "the log says that this was reported at another time, or as something else")
            messages = detail_of(entry).get("messages", [])
            for message in messages if isinstance(messages, list) else []:
                if isinstance(message, dict) and isinstance(message.get("event"), str):
                    logged[message["event"]] = message.get("evidence")
    if (report.get("reporter") or "unconfirmed") not in actors:
        raise inconsistent(ENTRIES, "the log does not say that this was reported, or by somebody else")
    for event_id in report["messages"]:
        if logged.get(event_id) != events[event_id].sha256.hex():
            raise inconsistent(ENTRIES, "the log fixes another form of a message than the one in the bundle")


def detail_of(entry: LogEntry) -> dict[str, Any]:
    """What an entry says beside actor and subject; empty where that is no object."""
    try:
        value = strict_json.loads(entry.detail.encode("utf-8", "replace"))
    except RefusedError:
        raise inconsistent(ENTRIES, "an entry's detail is not JSON") from None
    return value if isinstance(value, dict) else {}
