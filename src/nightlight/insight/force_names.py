"""One name for each force, however it is written: case, and words that every force has in its name, do not count."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from nightlight.insight.spelling import shown

_COMMON = re.compile(r"\b(?:police|constabulary|service|force)\b", re.IGNORECASE)
_EDGE = re.compile(r"^(?:the|of)\b|\b(?:of|of the)$", re.IGNORECASE)
#: So long are the names that stay in capitals, which are short for something.
_INITIALS = 4


class ForceNames:
    """Remembers the name that a force goes by through all files of one run."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def unify(self, spellings: Iterable[str]) -> dict[str, str]:
        """By spelling, the name that stands for it; of one spelling or another, whichever order they come in."""
        ordered = sorted(set(spellings), key=_worse)
        return {text: self._names.setdefault(_key(text), _name(text)) for text in ordered}


def _worse(text: str) -> tuple[bool, bool, str]:
    return text.isupper(), text.islower(), text


def _key(text: str) -> str:
    name = unicodedata.normalize("NFKD", _bare(text)).casefold().replace("&", " and ")
    return " ".join("".join(char if char.isalnum() else " " for char in name).split()) or text


def _bare(text: str) -> str:
    name = " ".join(_COMMON.sub(" ", text).split())
    name = _EDGE.sub("", name).strip(" ,-–")
    return name or " ".join(text.split())


def _name(text: str) -> str:
    name = shown(_bare(text))
    if name.islower() or (name.isupper() and len(name) > _INITIALS):
        name = " ".join(word if word in ("and", "of", "the") else word.capitalize() for word in name.lower().split())
    return name
