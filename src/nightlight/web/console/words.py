"""What the console says, in words: what is proven and what is not, how long ago, what a log entry means."""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, datetime

from nightlight.evidence.log import LogEntry, LogKind
from nightlight.model.action import IRREVERSIBLE, ActionKind
from nightlight.model.case import POLICY_TITLES, Outcome, Policy
from nightlight.model.report import Category, ReportedMessage, ReportSource
from nightlight.model.verdict import Code

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
}

OUTCOMES = {
    Outcome.VIOLATION: "Violation",
    Outcome.NO_VIOLATION: "No violation",
    Outcome.INSUFFICIENT: "Not enough evidence",
}

#: What an action does, for the person who chooses it.
ACTIONS = {
    ActionKind.WARN: ("Warn", "The account reads which rule was broken."),
    ActionKind.REDACT: (
        "Remove the messages",
        "The proven messages disappear for everybody. They stay here as evidence.",
    ),
    ActionKind.QUARANTINE: ("Quarantine media", "Pictures and files in the proven messages can no longer be fetched."),
    ActionKind.SUSPEND: ("Suspend", "The account can read, but no longer send, invite or join."),
    ActionKind.LOCK: ("Lock", "The account is signed out and cannot sign in."),
    ActionKind.DEACTIVATE: ("Deactivate", "The account is closed for good."),
    ActionKind.NOTIFY_REPORTER: ("Tell the reporter how to prove it", ""),
}

PROVEN = (
    "This account sent exactly this message to this room.",
    "The homeserver stored it at this time, and nobody has changed it since: its hash is its id.",
    "The reporter was in the room when it was sent.",
    "The reporter could not have written or altered it: the sender's session signed it.",
)
PROVEN_PLAIN = (
    "The homeserver stored exactly this message under this id; it has not been changed since.",
    "The reporter was in the room when it was sent.",
)
NOT_PROVEN = (
    "Which person held the device.",
    "That these messages are the whole conversation.",
    "Anybody's age.",
    "That nobody else acted in this account's name: whoever runs its homeserver, or stole its password, could.",
    "That the text was first written by this account: somebody in the room can send on a copied ciphertext.",
)


def proven(message: ReportedMessage) -> tuple[str, ...]:
    if message.verdict.code is Code.OK:
        return PROVEN
    return PROVEN_PLAIN if message.verdict.code is Code.NOT_ENCRYPTED else ()


def not_proven(message: ReportedMessage) -> tuple[str, ...]:
    if message.verdict.proven:
        return NOT_PROVEN
    return (message.verdict.explanation,)


def can_be_opened(message: ReportedMessage) -> bool:
    return message.verdict.code in (Code.OK, Code.NOT_ENCRYPTED, Code.CONTENT_AMBIGUOUS)


def verdict_words(message: ReportedMessage) -> str:
    if message.verdict.proven:
        return "Proven"
    if message.verdict.code is Code.CONTENT_AMBIGUOUS:
        return "Authentic, malformed"
    return "Refused" if message.verdict.verdict == "REFUSED" else "Not proven"


def tone(message: ReportedMessage) -> str:
    """A class for the style sheet; the words carry the meaning."""
    if message.verdict.proven:
        return "proven"
    return "refused" if message.verdict.verdict == "REFUSED" else "open"


def severity(number: int) -> str:
    return "high" if number <= 1 else "medium" if number == 2 else "low"


def needs_proof(kind: ActionKind) -> bool:
    """Whether the action is closed to a case in which nothing is proven."""
    return kind in IRREVERSIBLE or kind is ActionKind.QUARANTINE


def irreversible(kind: ActionKind) -> bool:
    return kind in IRREVERSIBLE


def clock(at: int) -> str:
    """Milliseconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def ago(at: int, now: int) -> str:
    seconds = max(0, now - at) // 1000
    for size, unit in ((86_400, "day"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''} ago"
    return "just now"


def short(name: str) -> str:
    """A long id with its middle left out."""
    return name if len(name) <= 24 else f"{name[:14]}…{name[-6:]}"


def visible(text: str) -> str:
    """A stranger's text with everything unseen made seen: direction overrides, zero-width and control characters."""
    return "".join(character if _harmless(character) else f"⟦U+{ord(character):04X}⟧" for character in text)


def _harmless(character: str) -> bool:
    # ZWJ holds emoji together; everything else of category C works out of sight.
    return character in "\n\t\u200d" or not unicodedata.category(character).startswith("C")


def log_words(entry: LogEntry) -> str:
    """One entry as a sentence."""
    detail = json.loads(entry.detail)
    match entry.kind:
        case LogKind.REPORT_RECEIVED | LogKind.REPORT_CHECKED:
            what = "sent a report" if entry.kind == LogKind.REPORT_RECEIVED else "had a waiting report checked"
            messages = detail.get("messages", [])
            good = sum(1 for message in messages if message["verdict"] == "VERIFIED")
            return f"{what}: {good} of {len(messages)} messages proven" if messages else what
        case LogKind.CASE_VIEWED:
            return "opened the case"
        case LogKind.EVIDENCE_VIEWED:
            return f"looked at message {short(detail['event'])}"
        case LogKind.CASE_DECIDED:
            policy = Policy(detail["policy"])
            named = "" if policy is Policy.NONE else f" — {POLICY_TITLES[policy]}"
            return f"decided: {OUTCOMES[Outcome(detail['outcome'])].lower()}{named}"
        case LogKind.ACTION_RETRIED:
            return "put a failed action back to work"
        case LogKind.ACTION_PLANNED | LogKind.ACTION_DONE | LogKind.ACTION_FAILED:
            verb = {"planned": "ordered", "done": "carried out", "failed": "could not carry out"}[entry.kind[7:]]
            why = f": {detail['why']}" if detail.get("why") else ""
            return f"{verb} “{ACTIONS[ActionKind(detail['kind'])][0]}” on {short(detail['target'])}{why}"
    return entry.kind
