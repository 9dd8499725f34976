"""A stranger's text, with everything unseen made seen."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

#: Letters and marks that print nothing (Unicode, Default_Ignorable_Code_Point), the blank Braille pattern, and the
#: separators that break a line without looking like it.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2028\u2029\u2800\u3164\uffa0")
#: More marks on one character than any language writes; above that they climb over the lines around them.
_MARKS_MAX = 4


def visible(text: str) -> str:
    """Direction overrides, zero-width and control characters come out as ``⟦U+202E⟧``; readable text stays as it is."""
    return "".join(pieces(text))


def pieces(text: str) -> Iterator[str]:
    """The same, one piece for each character of the text."""
    marks = 0
    before = ""
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        shown = _harmless(character, before) and marks <= _MARKS_MAX
        yield character if shown else f"⟦U+{ord(character):04X}⟧"
        before = character


def _harmless(character: str, before: str) -> bool:
    if character in "\n\t":
        return True
    if character in "\u200c\u200d":
        # Joiners shape Arabic and Indic writing and hold emoji together; between Latin letters they only hide.
        return before != "" and not before.isascii() and unicodedata.category(before) in ("Lo", "Mn", "Mc", "So", "Sk")
    return character not in _BLANK and not unicodedata.category(character).startswith("C")
