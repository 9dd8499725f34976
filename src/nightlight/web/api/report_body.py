"""What a report looks like on the wire, and turning it into a ``ReportRequest``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nightlight.errors import RefusedError
from nightlight.hazmat import base64url
from nightlight.hazmat.megolm import MESSAGE_KEY_BYTES
from nightlight.model.report import Category, Disclosure, MessageRole, ReportRequest
from nightlight.model.verdict import Code, Verdict

# Matrix, "Identifiers": at most 255 bytes, printable; the rest is the homeserver's to know.
EventId = Annotated[str, Field(pattern=r"^\$[!-~]{1,254}$", description="Matrix event id.", examples=["$o1XpGDF1"])]
RoomId = Annotated[str, Field(pattern=r"^![!-~]{1,254}$", description="Matrix room id.", examples=["!r7Qh2"])]


class ReportedMessageBody(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    event_id: EventId
    message_key: str | None = Field(
        None,
        description="The message key: 32 bytes as unpadded base64url. It opens exactly this message and no other. "
        "Left out: the report stays unverified.",
        examples=["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"],
    )
    role: MessageRole = Field(
        MessageRole.REPORTED,
        strict=False,
        description="reported: the report is about this message. context: it was said around one that is.",
    )


class ReportBody(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    room_id: RoomId
    category: Category = Field(strict=False, description="What the report is about.")
    note: str = Field("", description="In the reporter's own words.")
    language: str = Field(
        "und", pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,8}$", description="Language of the note (BCP 47)."
    )
    messages: list[ReportedMessageBody] = Field(
        default_factory=list, description="The reported messages. Empty: the report is about the whole room."
    )


class MessageVerdictBody(BaseModel):
    event_id: str
    role: MessageRole
    verdict: Verdict = Field(description="A closed set.")
    code: Code = Field(description="Why. A closed set.")
    explanation: str = Field(description="One sentence for the person who reported.")


class ReceiptBody(BaseModel):
    report_id: str
    status_url: str = Field(description="Whoever knows this address can follow the report; keep it to yourself.")
    messages: list[MessageVerdictBody]


class OutcomeBody(BaseModel):
    outcome: str
    decided_at: int = Field(description="Milliseconds since 1970, UTC.")
    explanation: str


class StatusBody(ReceiptBody):
    state: str = Field(description="pending_verification, in_review or decided.")
    received_at: int = Field(description="Milliseconds since 1970, UTC.")
    explanation: str
    how_to_prove: str | None = Field(None, description="How to prove what is not proven yet.")
    outcome: OutcomeBody | None = None
    erased_at: int | None = Field(
        None, description="When what was sent with the report was erased; milliseconds since 1970, UTC."
    )


class ProblemBody(BaseModel):
    """RFC 9457 problem details with our code and a hint."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    hint: str


def report_request(value: Any, *, note_chars_max: int, messages_max: int, context_max: int) -> ReportRequest:
    """Strictly parsed JSON to a ``ReportRequest``, or ``RefusedError`` that says where."""
    listed = value.get("messages") if isinstance(value, dict) else None
    if isinstance(listed, list) and len(listed) > messages_max:  # before work is spent on each of them
        raise RefusedError(
            "too_many_messages", f"messages: at most {messages_max} in one report.", "Send several reports."
        )
    try:
        body = ReportBody.model_validate(value)
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        raise RefusedError(
            "report_malformed", f"{where}: {first['msg']}.", "See /openapi.json for the format."
        ) from None
    if len(body.note) > note_chars_max:
        raise RefusedError("note_too_long", f"note: at most {note_chars_max:,} characters.", "Shorten the note.")
    if "\x00" in body.note:
        raise RefusedError("report_malformed", "note: a NUL character is not text.")
    named = [message.event_id for message in body.messages]
    if len(set(named)) != len(named):
        raise RefusedError("report_malformed", "messages: the same event stands twice in the list.")
    disclosures = tuple(
        Disclosure(message.event_id, _message_key(message.message_key, position), message.role)
        for position, message in enumerate(body.messages)
    )
    context = sum(1 for message in body.messages if message.role is MessageRole.CONTEXT)
    if context and context == len(body.messages):
        raise RefusedError(
            "report_malformed", "messages: all are context.", "Mark at least one as what the report is about."
        )
    if context > context_max:
        raise RefusedError(
            "too_much_context",
            f"messages: at most {context_max} may come as context in one report.",
            "Send what shows the problem; more can be sent in another report.",
        )
    return ReportRequest(body.room_id, body.category, body.note, body.language, disclosures)


def _message_key(text: str | None, position: int) -> bytes | None:
    if text is None:
        return None
    try:
        key = base64url.decode_urlsafe(text)
    except ValueError:
        key = b""
    if len(key) != MESSAGE_KEY_BYTES:
        raise RefusedError(
            "message_key_malformed",
            f"messages.{position}.message_key: not {MESSAGE_KEY_BYTES} bytes as unpadded base64url.",
            "Let `nightlight disclose` make the message key.",
        )
    return key
