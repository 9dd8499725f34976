"""The reported messages as a text that a person can read, with what proves each of them. It never claims to be all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nightlight.respond.instant import rfc3339


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """One message. ``sha256``: of the preserved event, 32 bytes. ``omitted``: how many messages stood before it and

    are not here, None where that is not known.
    """

    event_id: str
    sender: str
    sent_at: int
    said: str = field(repr=False)
    sha256: bytes
    omitted: int | None
    reported: bool
    files: int = 0


_HEAD = """\
Messages of a conversation that a participant reported
Conversation: {room}

Each message below was opened with a key that a participant of the conversation gave for it alone. That the account
named as its sender encrypted it, and that the homeserver stored it at that time, was verified; the digest is that of
the stored event. Nothing else of the conversation was opened: what is left out is not here to be read.
"""


def transcript(room: str, lines: Sequence[TranscriptLine]) -> str:
    """Plain text, one message after the other, in the order of the conversation."""
    parts = [_HEAD.format(room=_one_line(room))]
    for number, line in enumerate(lines, 1):
        if number > 1:
            parts.append(_gap(line.omitted))
        why = "reported" if line.reported else "said around it"
        head = f"[{number}] {rfc3339(line.sent_at)}  {_one_line(line.sender)}  ({why})"
        # The bar is on every line that was said, and on no other: nobody can write a line of ours.
        said = "\n".join(f"    | {one}" for one in _clean(line.said).split("\n")) if line.said else "    (no text)"
        files = f"\n    ({line.files} attached file{'' if line.files == 1 else 's'})" if line.files else ""
        parts.append(f"{head}\n{said}{files}\n    event {_one_line(line.event_id)}\n    sha256 {line.sha256.hex()}\n")
    return "\n".join(parts)


def _gap(omitted: int | None) -> str:
    if omitted is None:
        return "    ... there may be messages in between ...\n"
    return f"    ... {omitted} message{'' if omitted == 1 else 's'} not here ...\n" if omitted else ""


def _one_line(text: str) -> str:
    return _clean(text).replace("\n", "⟦U+000A⟧")


def _clean(text: str) -> str:
    """What no document can carry is shown by its number instead of being dropped."""
    return "".join(one if _carried(one) else f"⟦U+{ord(one):04X}⟧" for one in text.replace("\r\n", "\n"))


def _carried(one: str) -> bool:
    code = ord(one)
    if code < 0x20:
        return one in "\t\n"
    # Line and direction controls could make a text read as something else than what was said.
    if 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069 or 0x7F <= code <= 0x9F:
        return False
    return not (0xD800 <= code <= 0xDFFF or code in (0xFFFE, 0xFFFF, 0x2028, 0x2029))
