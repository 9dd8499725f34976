"""What a cell of figures says: a number within limits, an answer in words, or nothing; footnote marks are taken off."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from nightlight.errors import RefusedError
from nightlight.insight.offences import Reply
from nightlight.insight.span import Span, exactly, read_span
from nightlight.insight.spelling import shown

#: Raised numbers and letters, stars behind a number, [1], (a): what points at a line below the table.
_FOOTNOTE = re.compile(r"(?<=[\w>)])\s*(?:[¹²³⁰⁴-⁹ᵃ-ᶿ†‡§#]+|\*+|\[\d{1,2}\]|\[[a-z]\]|\([a-z]\))+\s*\Z", re.IGNORECASE)
_SPACED = re.compile(r"\d{1,3}(?:[ \u00a0\u2009\u202f]\d{3})+")
_POINTED = re.compile(r"\d{1,3}(?:\.\d{3})+", re.ASCII)
_WHOLE = re.compile(r"(\d{1,10})\.00?", re.ASCII)
_FRACTION = re.compile(r"[\d,.]*\d\.\d+(?: \(a fraction\))?", re.ASCII)
_NEGATIVE = re.compile(r"[-−–] ?[\d,.]+|\([\d,.]+\)", re.ASCII)
_PERCENT = re.compile(r"[\d.,]+ ?%", re.ASCII)
_SQUEEZE = re.compile(r"[^a-z0-9]+")

REFUSED = frozenset(
    {
        "refused", "refuse", "refusal", "request refused", "declined", "exempt", "exemption", "exemption applied",
        "exempted", "cost", "cost limit", "over cost", "cost exemption", "exceeds cost limit", "exceeds the cost limit",
        "cost limit exceeded", "over the cost limit", "refused on cost", "refused cost", "not disclosed",
        "information refused",
    }
)  # fmt: skip
_SECTION = re.compile(r"(?:refused )?(?:foia? )?(?:s|sec|section) ?(?:12|14|17|30|31|40)(?: .*)?")
NO_DATA = frozenset(
    {
        "no information held", "information not held", "no info held", "not held", "no data held", "data not held",
        "no data", "nothing held", "no records held", "not recorded", "not available", "unavailable", "not provided",
        "not searchable", "cannot be searched", "not applicable", "n a", "na", "no response", "no reply", "nil return",
    }
)  # fmt: skip
#: "Refused under S.12", "Exempt - cost": whatever the reason.
_REFUSED_FOR = re.compile(r"(?:request |information )?(?:refused|exempt|exempted|declined|withheld) .*")
_NOT_HELD = re.compile(r"(?:the )?(?:no )?(?:info|information|data|records?) (?:is |are )?(?:not )?held\b.*")
#: In words that a mapping may give a cell.
MEANINGS = ("refused", "no data", "blank")


@dataclass(frozen=True, slots=True)
class Numbers:
    """How a file writes its numbers: what a person has to say because the file alone does not."""

    #: Between thousands: "," and spaces need nothing said.
    thousands: str = ","
    #: The most that a star, or a "c", stands for.
    suppressed_max: int | None = None
    #: Whatever else cells say, by their text: a count, or one of ``MEANINGS``.
    values: Mapping[str, str] = field(default_factory=dict)

    def meaning(self, text: str) -> str:
        return self.values.get(" ".join(text.split()), text) if self.values else text


def without_footnote(text: str) -> tuple[str, str]:
    """The cell, and the mark that was behind it: ``("1,234", "*")``."""
    found = _FOOTNOTE.search(text)
    return (text[: found.start()].rstrip(), found[0].strip()) if found and found.start() else (text, "")


def reply_in(text: str) -> Reply | None:
    """Whether words say that a force refused or holds nothing."""
    word = _SQUEEZE.sub(" ", text[:80].casefold()).strip()
    if word in REFUSED or _SECTION.fullmatch(word) or _REFUSED_FOR.fullmatch(word):
        return Reply.REFUSED
    no_data = word in NO_DATA or ((word.startswith("no ") or " not held" in word) and _NOT_HELD.fullmatch(word))
    return Reply.NO_DATA if no_data else None


def read_number(text: str, numbers: Numbers) -> tuple[Span, str]:
    """A count, with the footnote mark that was taken off it. ``RefusedError('count_malformed')`` says what it is."""
    word = " ".join(text.split(" ")).strip()
    if (plain := _plain(word, numbers)) is not None:
        return plain, ""
    number, mark = without_footnote(word)
    if mark and (plain := _plain(number, numbers)) is not None:
        return plain, mark
    raise RefusedError("count_malformed", *_complaint(word, numbers))


def _plain(word: str, numbers: Numbers) -> Span | None:
    if _SPACED.fullmatch(word):
        word = "".join(word.split())
    elif numbers.thousands == "." and _POINTED.fullmatch(word):
        word = word.replace(".", "")
    elif numbers.thousands == "." and "," in word:
        return None
    elif found := _WHOLE.fullmatch(word):
        return exactly(int(found[1]))
    try:
        return read_span(word, numbers.suppressed_max)
    except RefusedError:
        return None


def _complaint(word: str, numbers: Numbers) -> tuple[str, str]:
    quoted = f'"{shown(word)[:40]}"'
    if _NEGATIVE.fullmatch(word):
        return f"{quoted} is below zero.", "Nothing is counted fewer than no times. Ask the force what it means."
    if _PERCENT.fullmatch(word):
        return f"{quoted} is a share, not a count.", 'Take the column out: "role: ignore" in the mapping.'
    if _POINTED.fullmatch(word) and numbers.thousands != ".":
        return (
            f"{quoted} is a fraction, or has a point between its thousands.",
            'If the latter, say so in the mapping: thousands: ".".',
        )
    if _FRACTION.fullmatch(word):
        return f"{quoted} is a fraction.", "Offences are whole. Is this a share, or an average?"
    if word.casefold() in ("*", "c", "[c]"):
        return (
            f"{quoted} hides a small number, and what it hides is not said here.",
            'Say in the mapping how much it can be: "suppressed_max: 4" if numbers under 5 are hidden.',
        )
    return (
        f"{quoted} is not a count.",
        f'Say in the mapping what it stands for: values: {{{quoted}: "0"}}, or "1-4", or refused, no data, blank.',
    )
