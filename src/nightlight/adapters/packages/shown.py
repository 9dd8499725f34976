"""Text of strangers, as a page or a document can hold it: no more than fits, and nothing that is no character."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from nightlight.respond.visible import pieces

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Cut:
    """The beginning of a text. ``shown`` and ``whole``: characters of the text as it was."""

    text: str = field(repr=False)
    shown: int
    whole: int

    @property
    def is_cut(self) -> bool:
        return self.shown < self.whole


def cut(text: str, characters: int, lines: int) -> Cut:
    """As much of a text as fits into so many visible characters and lines."""
    out: list[str] = []
    size = rows = 0
    for piece in pieces(text):
        size += len(piece)
        rows += piece == "\n"
        if size > characters or rows >= lines:
            break
        out.append(piece)
    return Cut("".join(out), len(out), len(text))


def carried(text: str) -> str:
    """The text as JSON in UTF-8 can carry it: exactly as it is, but for lone surrogates, which are no characters."""
    return _SURROGATE.sub(lambda found: f"⟦U+{ord(found[0]):04X}⟧", text)
