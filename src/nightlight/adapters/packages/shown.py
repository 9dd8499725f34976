"""Text of strangers, as a page can show it: nothing unseen, nothing that turns a line around, and no more than fits."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

#: Letters and marks that print nothing (Unicode, Default_Ignorable_Code_Point), the blank Braille pattern, and the
#: separators that break a line without looking like it.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2028\u2029\u2800\u3164\uffa0")
#: More marks on one character than any language writes; above that they climb over the lines around them.
_MARKS_MAX = 4
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


def visible(text: str) -> str:
    """Controls, direction marks, lone surrogates and the like come out as ``⟦U+202E⟧``; the rest stays as it is."""
    return "".join(_pieces(text))


def cut(text: str, characters: int, lines: int) -> Cut:
    """As much of a text as fits into so many visible characters and lines."""
    out: list[str] = []
    size = rows = 0
    for piece in _pieces(text):
        size += len(piece)
        rows += piece == "\n"
        if size > characters or rows >= lines:
            break
        out.append(piece)
    return Cut("".join(out), len(out), len(text))


def carried(text: str) -> str:
    """The text as JSON in UTF-8 can carry it: exactly as it is, but for lone surrogates, which are no characters."""
    return _SURROGATE.sub(lambda found: f"⟦U+{ord(found[0]):04X}⟧", text)


def _pieces(text: str) -> Iterator[str]:
    """One for each character of the text."""
    marks = 0
    before = ""
    for one in text:
        marks = marks + 1 if unicodedata.combining(one) else 0
        yield one if _harmless(one, before) and marks <= _MARKS_MAX else f"⟦U+{ord(one):04X}⟧"
        before = one


def _harmless(one: str, before: str) -> bool:
    if one in "\n\t":
        return True
    if one in "\u200c\u200d":
        # Joiners shape Arabic and Indic writing and hold emoji together; between Latin letters they only hide.
        return before != "" and not before.isascii() and unicodedata.category(before) in ("Lo", "Mn", "Mc", "So", "Sk")
    return one not in _BLANK and not unicodedata.category(one).startswith("C")
