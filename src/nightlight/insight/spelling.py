"""One way to look at the many ways in which a name is written, and where one cell names several platforms."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass

#: Of a spelling, so many characters are kept and shown.
SHOWN_MAX = 120
#: Nobody writes a longer list of platforms: a longer cell is one spelling that nothing matches.
CELL_MAX = 4_000
#: So many parts a known spelling can have: "u/k" has two.
PARTS_MAX = 4
_NOT_PRINTED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
#: What parts the platforms of one cell. "and" only as a word of its own.
_MARKS = re.compile(r"[;,/&\n\r\v\f\x85\u2028\u2029]|(?<!\S)and(?!\S)", re.IGNORECASE)
#: Of a web address, nothing is taken apart: what stands behind its slashes is no platform.
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]{0,20}://|www\.)(?:[^\s;,]|,(?=\S))+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Piece:
    """``text``: as it was written, in a form that can be shown. ``key``: what it is looked up by, never empty."""

    text: str
    key: str


def key_of(text: str) -> str:
    """What a spelling is looked up by: letters, digits and pictures, in one case and width and without accents.

    A mark that could part a cell stays, so that "n/a" is one spelling and "Facebook/Messenger" is two platforms.
    """
    return _joined(_parts(text[:CELL_MAX]))


def split_text(text: str, whole: Collection[str]) -> Iterator[Piece]:
    """What one cell names. ``whole``: keys that are never taken apart. Pieces without a letter are left out."""
    if len(text) > CELL_MAX:
        yield Piece(shown(text), key_of(text))
        return
    parts = _parts(text)
    at = 0
    while at < len(parts):
        for count in range(min(PARTS_MAX, len(parts) - at), 0, -1):
            taken = parts[at : at + count]
            key = _joined(taken)
            if count == 1 or key in whole:
                break
        if key:
            yield Piece(shown("".join(part.raw + part.mark for part in taken).removesuffix(taken[-1].mark)), key)
        at += count


def shown(text: str) -> str:
    """On one line, without characters that a terminal or a page would act on, and not too long."""
    # A beginning is enough to find what is kept, however long the text is.
    beginning = text[: 8 * SHOWN_MAX]
    printed = (" " if unicodedata.category(char) in _NOT_PRINTED else char for char in beginning)
    line = " ".join("".join(printed).split())
    return line if len(line) <= SHOWN_MAX else line[: SHOWN_MAX - 1] + "…"


@dataclass(frozen=True, slots=True)
class _Part:
    raw: str
    squeezed: str
    #: What follows it; "and" and "&" are one mark.
    mark: str


def _parts(text: str) -> list[_Part]:
    # Full-width marks part a cell too.
    text = unicodedata.normalize("NFKC", text)
    parts, start, addressed = [], 0, _addressed(text)
    for found in _MARKS.finditer(text):
        if found.start() in addressed:
            continue
        raw = text[start : found.start()]
        parts.append(_Part(raw, _squeeze(raw), "&" if len(found[0]) == 3 else found[0]))
        start = found.end()
    parts.append(_Part(text[start:], _squeeze(text[start:]), ""))
    return parts


def _addressed(text: str) -> frozenset[int]:
    return frozenset(at for found in _ADDRESS.finditer(text) for at in range(*found.span()))


def _joined(parts: list[_Part]) -> str:
    return "".join(part.squeezed + part.mark for part in parts[:-1]) + parts[-1].squeezed


def _squeeze(raw: str) -> str:
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", raw).casefold())
    # Letters, numbers and pictures: somebody who writes a picture has named something.
    return "".join(char for char in plain if (kind := unicodedata.category(char))[0] in "LN" or kind == "So")
