"""What a verdict means for the person who decides: what is proven, what is not, and how it could be."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from nightlight.model.report import Report, ReportedMessage
from nightlight.model.verdict import Code, Verdict


@dataclass(frozen=True, slots=True)
class Claims:
    """Two short lists in plain words. ``how``: what would prove the message, empty where it is proven."""

    proven: tuple[str, ...]
    not_proven: tuple[str, ...]
    how: str = ""


SENT = "This account sent exactly this message to this room."
SIGNED = "The reporter could not have written or altered it: the sender's session signed it."
WAS_THERE = "The reporter was in the room when it was sent."

NOT_PROVEN = (
    "Which person held the device.",
    "That these messages are the whole conversation.",
    "Anybody's age.",
    "That nobody else acted in this account's name: whoever runs its homeserver, or stole its password, could.",
)
COPIED = "That the text was first written by this account: somebody in the room can send on a copied ciphertext."
OTHER_CLOCK = "The exact time: another server's clock stamped it."

#: For each code that proves nothing of the content: what is missing, and what would help.
MISSING: dict[Code, tuple[str, str]] = {
    Code.NO_KEY: (
        "What the message says: its message key did not come with the report, so nobody here can read it.",
        "The encrypted message is kept. The reporter can still send its message key.",
    ),
    Code.PENDING_VERIFICATION: (
        "Everything: the homeserver has not been asked yet.",
        "Nothing to do. The check runs by itself as soon as the homeserver answers.",
    ),
    Code.EVENT_REDACTED: (
        "What the message said: it was deleted, and the homeserver no longer holds its encrypted form.",
        "It cannot be proven any more. Other messages of the same conversation may be.",
    ),
    Code.UNSUPPORTED_ALGORITHM: (
        "What the message says: Nightlight does not know its encryption.",
        "Not with this version of Nightlight. The encrypted message is kept.",
    ),
    Code.CONTENT_AMBIGUOUS: (
        "What people saw: the content is malformed, and different apps may have shown different texts.",
        "Reveal it to see the raw content. For actions it counts as unproven.",
    ),
    Code.REPORTER_UNCONFIRMED: (
        "Everything: the reporter's sign-in ran out before the homeserver answered. The message key was destroyed.",
        "The reporter can send the report again.",
    ),
    Code.EVENT_NOT_FOUND: (
        "That there is such a message in this room, or that the reporter was there when it was sent.",
        "A report with the right event and room, by somebody who was there.",
    ),
    Code.EVENT_MALFORMED: (
        "Everything: what the homeserver stored under this id is not a well-formed message.",
        "Not at all while the homeserver holds it like this.",
    ),
    Code.EVENT_HASH_MISMATCH: (
        "Everything: what the homeserver returned does not fit the event id.",
        "Tell the operator of the homeserver: a stored message was changed, or its database is damaged.",
    ),
    Code.CIPHERTEXT_MALFORMED: (
        "What the message says: the stored ciphertext is not an encrypted message.",
        "Not at all: no app could read it either.",
    ),
    Code.SIGNATURE_INVALID: (
        "What the message says: it is not signed by the session that it names.",
        "Not at all: apps refuse such a message.",
    ),
    Code.WRONG_KEY: (
        "What the message says: the key that came with the report does not open it. Nothing was opened.",
        "The reporter can send the message key of exactly this message.",
    ),
    Code.ROOM_MISMATCH: (
        "That it was written for this room: it says it was written for another one.",
        "Not at all: apps do not show such a message.",
    ),
    Code.KEY_NOT_NEEDED: (
        "What the message says: a key came with a message that was never encrypted, so nothing was opened.",
        "The reporter can send the report again without a key.",
    ),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One check in words, whether it held, and where it is written down."""

    words: str
    source: str
    held: bool = True


_MEGOLM = 'Matrix, "m.megolm.v1.aes-sha2"'
#: The checks in their order, and for each the codes with which it fails (docs/adr/0002-message-key.md).
_STEPS: tuple[tuple[str, str, frozenset[Code]], ...] = (
    (
        "The homeserver says that the reporter was in the room when the message was sent, and has the message.",
        'Synapse admin API, "room context"',
        frozenset({Code.EVENT_NOT_FOUND, Code.EVENT_MALFORMED}),
    ),
    (
        "The stored event, sender and time and ciphertext included, fits its event id, which is its hash.",
        'Matrix server-server API, "reference hash", "content hash"',
        frozenset({Code.EVENT_HASH_MISMATCH, Code.EVENT_REDACTED}),
    ),
    (
        "The ciphertext is a well-formed Megolm message.",
        'Megolm, "Message format"',
        frozenset({Code.UNSUPPORTED_ALGORITHM, Code.CIPHERTEXT_MALFORMED}),
    ),
    (
        "The session that the event names signed exactly this ciphertext.",
        "Ed25519, RFC 8032",
        frozenset({Code.SIGNATURE_INVALID}),
    ),
    (
        "The message key from the report fits the ciphertext's authentication code, and opens it.",
        f"HKDF, RFC 5869; {_MEGOLM}",
        frozenset({Code.NO_KEY, Code.WRONG_KEY}),
    ),
    ("The content reads one way only.", "JSON, RFC 8259 §4", frozenset({Code.CONTENT_AMBIGUOUS})),
    ("The content names the same room.", _MEGOLM, frozenset({Code.ROOM_MISMATCH})),
)
_STEPS_IN_THE_CLEAR = 2


def steps(message: ReportedMessage) -> tuple[Step, ...]:
    """What was checked, up to the first check that did not hold; empty while nothing was checked."""
    code = message.verdict.code
    if code in (Code.PENDING_VERIFICATION, Code.REPORTER_UNCONFIRMED):
        return ()
    if code in (Code.NOT_ENCRYPTED, Code.KEY_NOT_NEEDED):
        return tuple(Step(words, source) for words, source, _ in _STEPS[:_STEPS_IN_THE_CLEAR])
    done: list[Step] = []
    for words, source, failing in _STEPS:
        done.append(Step(words, source, code not in failing))
        if code in failing:
            break
    return tuple(done)


def claims(message: ReportedMessage, own_servers: Collection[str]) -> Claims:
    """The claims about one message. ``own_servers``: servers whose clock is not a stranger's."""
    code = message.verdict.code
    if code in (Code.OK, Code.NOT_ENCRYPTED):
        foreign = (OTHER_CLOCK,) if _server(message.sender) not in own_servers else ()
        stored = _stored(message, foreign=bool(foreign))
        if code is Code.OK:
            return Claims((SENT, *stored, WAS_THERE, SIGNED), (*NOT_PROVEN, COPIED, *foreign))
        return Claims((*stored, WAS_THERE), (*NOT_PROVEN, *foreign))
    missing, how = MISSING[code]
    if message.sender is None:
        return Claims((), (missing,), how)
    signed = (SIGNED,) if code is Code.CONTENT_AMBIGUOUS else ()
    held = "The homeserver holds a message of this account under this id."
    return Claims((held, WAS_THERE, *signed), (missing, *NOT_PROVEN), how)


def own_servers(reports: Iterable[Report]) -> frozenset[str]:
    """Reporters sign in at our homeserver, so its name is the server part of a confirmed reporter."""
    return frozenset(_server(report.reporter) for report in reports if report.reporter)


def can_be_opened(message: ReportedMessage) -> bool:
    return message.verdict.code in (Code.OK, Code.NOT_ENCRYPTED, Code.CONTENT_AMBIGUOUS)


def verdict_words(message: ReportedMessage) -> str:
    if message.verdict.proven:
        return "Proven"
    if message.verdict.code is Code.CONTENT_AMBIGUOUS:
        return "Authentic, malformed"
    return "Refused" if message.verdict.verdict is Verdict.REFUSED else "Not proven"


def tone(message: ReportedMessage) -> str:
    """A class for the style sheet; the words carry the meaning."""
    if message.verdict.proven:
        return "proven"
    return "refused" if message.verdict.verdict is Verdict.REFUSED else "open"


def _stored(message: ReportedMessage, *, foreign: bool) -> tuple[str, ...]:
    stored = "A server stamped this time on it" if foreign else "The homeserver stored it at this time"
    if ":" in message.event_id:
        # Room versions 1 and 2: the id is a name, not a hash (Matrix, "Room versions").
        return (f"{stored}. In a room this old, that nobody changed it since rests on the homeserver.",)
    return (f"{stored}, and nobody has changed it since, no operator either: its id is its hash.",)


def _server(account: str | None) -> str:
    return (account or "").partition(":")[2]
