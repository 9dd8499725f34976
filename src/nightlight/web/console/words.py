"""What the console says, in words: categories, actions, how long ago, what a log entry means."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from nightlight.evidence.log import LogEntry, LogKind
from nightlight.model.action import AFTER_OVERTURN, IRREVERSIBLE, ActionKind, ActionState
from nightlight.model.attachment import AttachmentCode
from nightlight.model.case import POLICY_TITLES, Case, CaseSource, Outcome, Policy
from nightlight.model.referral import ReferralState
from nightlight.model.report import Category, RelationKind, ReportSource
from nightlight.model.retention import Record
from nightlight.model.signal import AlertKind
from nightlight.respond.conversation import Line
from nightlight.web.console import attachments, detection_words, retention_words

CATEGORIES = {
    Category.GROOMING: "Grooming",
    Category.SEXTORTION: "Sextortion",
    Category.ABUSE_IMAGERY: "Abuse imagery",
    Category.THREAT: "Threat",
    Category.HARASSMENT: "Harassment",
    Category.SPAM: "Spam",
    Category.OTHER: "Other",
}

SOURCES = {
    ReportSource.API: "sent with Nightlight",
    ReportSource.EVENT_REPORT: "the app's own report button",
    ReportSource.USER_REPORT: "a report of the account",
    ReportSource.OWN_PAGE: "block and report, on the person's own page",
}

OUTCOMES = {
    Outcome.VIOLATION: "Violation",
    Outcome.NO_VIOLATION: "No violation",
    Outcome.INSUFFICIENT: "Not enough evidence",
}

#: What an action is called, what it does, and whether it can be taken back.
ACTIONS = {
    ActionKind.WARN: ("Warn", "Reads which rule was broken.", "cannot be unsent"),
    ActionKind.SUSPEND: ("Suspend", "Can read, but not send, invite or join.", "can be lifted"),
    ActionKind.LOCK: ("Lock", "Is signed out and cannot sign in.", "can be lifted"),
    ActionKind.DEACTIVATE: ("Deactivate", "The account is closed for good.", "cannot be undone"),
    ActionKind.REDACT: ("Remove messages", "Proven ones vanish; the evidence stays here.", "cannot be undone"),
    ActionKind.QUARANTINE: ("Quarantine media", "Files in proven messages cannot be fetched.", "can be lifted"),
    ActionKind.NOTIFY_REPORTER: ("Tell the reporter how to prove it", "", ""),
    ActionKind.UNSUSPEND: ("Lift the suspension", "", ""),
    ActionKind.UNLOCK: ("Unlock", "", ""),
    ActionKind.UNQUARANTINE: ("Lift the quarantine", "", ""),
    ActionKind.NOTIFY_ACCOUNT: ("Tell whoever has the account", "", ""),
}

STATES = {
    ActionState.PENDING: "pending",
    ActionState.DONE: "done",
    ActionState.FAILED: "failed",
    ActionState.CANCELLED: "cancelled",
}


REFERRAL_STATES = {
    ReferralState.PROPOSED: "waits for approval",
    ReferralState.APPROVED: "approved",
    ReferralState.EXPORTED: "handed over",
    ReferralState.DRAFT: "being written",
    ReferralState.FILED: "with the agency",
    ReferralState.WITHDRAWN: "withdrawn",
}
REFERRAL_TONES = {
    ReferralState.PROPOSED: "pending",
    ReferralState.APPROVED: "done",
    ReferralState.EXPORTED: "done",
    ReferralState.DRAFT: "pending",
    ReferralState.FILED: "done",
    ReferralState.WITHDRAWN: "failed",
}


def case_title(case: Case) -> str:
    """What a case is called: by its category, or, where nobody reported anything, by what brought it up."""
    unreported = case.source is CaseSource.DETECTION and not case.reports
    return "Brought up by detection" if unreported else CATEGORIES[case.category]


def severity(number: int) -> str:
    return "high" if number <= 1 else "medium" if number == 2 else "low"


def needs_proof(kind: ActionKind) -> bool:
    """Whether the action is closed to a case in which nothing is proven."""
    return kind in IRREVERSIBLE or kind is ActionKind.QUARANTINE


def after_overturn(kind: ActionKind) -> bool:
    """Whether it follows from a decision that was overturned."""
    return kind in AFTER_OVERTURN


def irreversible(kind: ActionKind) -> bool:
    return kind in IRREVERSIBLE


RELATIONS = {
    RelationKind.REPLY: "Replies to",
    RelationKind.EDIT: "Edits",
    RelationKind.REACTION: "Reacts to",
    RelationKind.THREAD: "In the thread of",
}


def relation(line: Line) -> str:
    """What the message is to the other one, before the name of the other one."""
    return RELATIONS[line.relation.kind] if line.relation else ""


def gap(line: Line) -> str:
    """What lies between this message and the one above."""
    if line.message.depth is None:
        return "Where this one stood is not known."
    if line.omitted is None:
        return "There may be messages in between; how many is not known."
    return f"{count(line.omitted, 'message')} omitted" if line.omitted else "Nothing omitted in between."


def count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def on_their_way(actions: int) -> str:
    """What a decision set going."""
    if not actions:
        return "Nothing is enforced."
    return f"{count(actions, 'action')} {'is' if actions == 1 else 'are'} on {'its' if actions == 1 else 'their'} way."


def size(number: int) -> str:
    return f"{number:,} bytes" if number < 10_000 else f"{number / 1000:,.0f} kB"


def clock(at: int) -> str:
    """Milliseconds since 1970 as a time in UTC."""
    try:
        return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{at} ms, not a time"  # another server may stamp any number


def ago(at: int, now: int) -> str:
    seconds = max(0, now - at) // 1000
    for size, unit in ((86_400, "day"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            number = seconds // size
            return f"{count(number, unit) if unit == 'day' else f'{number} {unit}'} ago"
    return "just now"


def until(at: int, now: int) -> str:
    seconds = (at - now + 999) // 1000
    if seconds <= 0:
        return "now"
    return f"in {seconds} s" if seconds < 90 else f"in {round(seconds / 60)} min"


def short(name: str) -> str:
    """A long id with its middle left out."""
    return name if len(name) <= 24 else f"{name[:14]}…{name[-6:]}"


def log_words(entry: LogEntry) -> str:
    """One entry as a sentence."""
    detail = json.loads(entry.detail)
    match entry.kind:
        case LogKind.REPORT_RECEIVED | LogKind.REPORT_CHECKED:
            what = "sent a report" if entry.kind == LogKind.REPORT_RECEIVED else "had a waiting report checked"
            messages = detail.get("messages", [])
            good = sum(1 for message in messages if message["verdict"] == "VERIFIED")
            return f"{what}: {good} of {count(len(messages), 'message')} proven" if messages else what
        case LogKind.REPORT_EXPIRED:
            return "had a report run out before it could be checked"
        case LogKind.CASE_VIEWED:
            return "opened the case"
        case LogKind.EVIDENCE_VIEWED:
            return f"looked at message {short(detail['event'])}"
        case LogKind.ALERT_RAISED:
            return f"raised alert {short(detail['alert'])}: {detection_words.ALERTS[AlertKind(detail['kind'])].lower()}"
        case LogKind.CASE_DECIDED:
            policy = Policy(detail["policy"])
            named = "" if policy is Policy.NONE else f" — {POLICY_TITLES[policy]}"
            return f"decided: {OUTCOMES[Outcome(detail['outcome'])].lower()}{named}"
        case LogKind.DECISION_OVERTURNED:
            return f"overturned the decision: {OUTCOMES[Outcome(detail['outcome'])].lower()} — {detail['reason']}"
        case LogKind.REFERRAL_PROPOSED:
            return f"proposed to refer {count(detail['messages'], 'message')} to {detail['agency']}"
        case LogKind.REFERRAL_APPROVED:
            return "approved the referral"
        case LogKind.REFERRAL_TIMESTAMPED:
            return "had the referral time-stamped"
        case LogKind.REFERRAL_EXPORTED:
            return f"handed the sealed bundle out for {detail['agency']}"
        case LogKind.DRAFT_BEGUN:
            return f"began a referral to {detail['agency']}"
        case LogKind.DRAFT_CHANGED:
            return "changed the referral's draft"
        case LogKind.DRAFT_PROPOSED:
            return "sent the referral out as urgent" if detail["urgent"] else "asked a second person to sign it off"
        case LogKind.DRAFT_APPROVED:
            return "signed the referral off"
        case LogKind.DRAFT_RETURNED:
            return f"gave the referral back: {detail['reason']}"
        case LogKind.DRAFT_WITHDRAWN:
            return f"withdrew the referral: {detail['reason']}"
        case LogKind.DRAFT_REVIEWED:
            return f"reviewed the urgent referral: {detail['reason']}"
        case LogKind.DRAFT_READ:
            return "read the referral as the agency will see it"
        case LogKind.REFERRAL_FILED:
            return f"had the referral taken by the agency, as {detail['reference']}"
        case LogKind.SUBMISSION_QUEUED:
            return f"put the referral on its way to {detail['agency']}{', as urgent' if detail['urgent'] else ''}"
        case LogKind.SUBMISSION_OPENED:
            return f"opened report {detail['report']} at the agency, with {count(detail['files'], 'file')} to follow"
        case LogKind.SUBMISSION_FILE_SENT:
            return f"sent file {detail['position'] + 1} for report {detail['report']}"
        case LogKind.SUBMISSION_FINISHED:
            return f"finished report {detail['report']}: the agency has it"
        case LogKind.SUBMISSION_FAILED:
            return f"could not file the referral: {detail['error'].replace('_', ' ')}"
        case LogKind.SUBMISSION_RETRIED:
            return "put the referral back on its way"
        case LogKind.SUBMISSION_RETRACTED:
            return "took the referral back before it was filed"
        case LogKind.SUBMISSION_WANTED_BACK:
            return f"wants the referral back: {detail['reason']}"
        case LogKind.SUBMISSION_SETTLED:
            return "found the finished report to be in order"
        case LogKind.ATTACHMENT_CHECKED:
            found = attachments.BADGES[AttachmentCode(detail["verdict"])][0].lower()
            return f"checked attachment {detail['position'] + 1} of {short(detail['event'])}: {found}"
        case LogKind.ATTACHMENT_KEPT:
            return (
                f"kept attachment {detail['position'] + 1} of {short(detail['event'])}, encrypted: {detail['reason']}"
            )
        case LogKind.ATTACHMENT_RETRIED:
            return f"had attachment {detail['position'] + 1} of {short(detail['event'])} checked again"
        case LogKind.HOLD_PLACED:
            return f"placed a hold: {detail['why']}"
        case LogKind.HOLD_RELEASE_PROPOSED:
            return f"proposed to release hold {short(detail['hold'])}: {detail['reason']}"
        case LogKind.HOLD_RELEASE_REJECTED:
            return f"kept hold {short(detail['hold'])}"
        case LogKind.HOLD_RELEASED:
            return f"released hold {short(detail['hold'])}, as {detail['proposed_by']} had proposed"
        case LogKind.ERASURE_PLANNED:
            soonest = min(one["not_before"] for one in detail["records"].values())
            return f"announced to erase {_records(detail['records'])}, not before {clock(soonest)}"
        case LogKind.ERASURE_WITHDRAWN:
            why = "it is held" if detail["held_by"] else "its period is not over"
            return f"took back that {_records(detail['records'])} would be erased: {why}"
        case LogKind.CASE_ERASED:
            return f"erased {_records(detail['records'])}, by {', '.join(sorted(set(detail['records'].values())))}"
        case LogKind.ACTION_RETRIED:
            return "put a failed action back to work"
        case LogKind.ACTION_CANCELLED:
            by = f", as case {short(detail['ordered_by'])} ordered the opposite" if "ordered_by" in detail else ""
            return f"cancelled “{ACTIONS[ActionKind(detail['kind'])][0]}” on {short(detail['target'])}{by}"
        case LogKind.ACTION_PLANNED | LogKind.ACTION_DONE | LogKind.ACTION_FAILED:
            verb = {"planned": "ordered", "done": "carried out", "failed": "could not carry out"}[entry.kind[7:]]
            why = f": {detail['why']}" if detail.get("why") else ""
            return f"{verb} “{ACTIONS[ActionKind(detail['kind'])][0]}” on {short(detail['target'])}{why}"
    return entry.kind


def _records(names: Iterable[str]) -> str:
    return ", ".join(f"“{retention_words.RECORDS[Record(name)].lower()}”" for name in names)
