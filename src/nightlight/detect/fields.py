"""What an expression may ask of an event: a closed list, as the columns of an event on its way through detection.

None of them can hold content. What is about ages and relations is what was known when the event arrived.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from nightlight.model.account import MINORS, AgeBand
from nightlight.model.contact import OUTCOMES, Direction, Relation
from nightlight.model.event import EventKind
from nightlight.model.report import Category


class Type(StrEnum):
    """What a value is. Values of different types are never compared."""

    ID = "an id"
    KIND = "a kind of event"
    WORD = "a word"
    BAND = "an age band"
    RELATION = "a relation"
    NUMBER = "a number"
    DURATION = "a duration"
    RATIO = "a ratio"
    TRUTH = "true or false"


#: Words are numbered by their places in these lists; 0 is "none".
KINDS: Sequence[str] = ("", *(kind.value for kind in EventKind))
BANDS: Sequence[str] = tuple(band.value for band in AgeBand)
RELATIONS: Sequence[str] = ("", *(relation.value for relation in Relation))
WORDS: Sequence[str] = (
    "",
    *dict.fromkeys(
        [
            *("direct", "group"),
            *(direction.value for direction in Direction),
            *("private", "public"),
            *(category.value for category in Category),
            *("violation", "no_violation", "inconclusive"),
            *OUTCOMES,
        ]
    ),
)

#: By type: the words that a text may be.
VOCABULARY: Mapping[Type, Sequence[str]] = {
    Type.KIND: KINDS[1:],
    Type.WORD: WORDS[1:],
    Type.BAND: BANDS,
    Type.RELATION: RELATIONS[1:],
}
#: Names that stand for several words.
GROUPS: Mapping[str, tuple[Type, tuple[str, ...]]] = {
    "minors": (Type.BAND, tuple(band.value for band in MINORS)),
}


def code(kind: Type, word: str) -> int:
    """The number that stands for a word of this type."""
    return {Type.KIND: KINDS, Type.WORD: WORDS, Type.BAND: BANDS, Type.RELATION: RELATIONS}[kind].index(word)


@dataclass(frozen=True, slots=True)
class Field:
    """``meaning`` is for people. Durations in milliseconds."""

    name: str
    type: Type
    meaning: str


FIELDS: Mapping[str, Field] = {
    field.name: field
    for field in (
        Field("kind", Type.KIND, "what happened"),
        Field("actor", Type.ID, "who did it"),
        Field("target", Type.ID, "to or with whom"),
        Field("room", Type.ID, "in which room"),
        Field("item", Type.ID, "with which device or number: a keyed hash"),
        Field("messages", Type.NUMBER, "of conversation.volume: how many messages"),
        Field("bytes", Type.NUMBER, "of conversation.volume: their size in bytes"),
        Field(
            "word",
            Type.WORD,
            "the event's one word: via, direction, visibility, category, or outcome of decision.made",
        ),
        Field("actor_band", Type.BAND, "the actor's age band when the event arrived"),
        Field("target_band", Type.BAND, "the target's age band when the event arrived"),
        Field("relation", Type.RELATION, "what the actor was to the target when the event arrived"),
        Field("mutual", Type.NUMBER, "how many connections both had, counted to 10"),
        Field("known_for", Type.DURATION, "since when the actor was known"),
        Field("banned_links", Type.NUMBER, "banned accounts that share a device or number with the actor"),
        Field("banned_in_room", Type.NUMBER, "banned accounts that are, or were, in the event's private room"),
    )
}
#: Fields by which events are counted.
KEYS: Sequence[str] = tuple(field.name for field in FIELDS.values() if field.type is Type.ID)

#: "Never": longer ago than anything. Half of what fits, so that nobody adds to it and turns it round.
NEVER_MS = 2**62


class Seen(NamedTuple):
    """One event as detection sees it. ``t``: when it was taken, milliseconds since 1970, never falling with ``number``.

    Ids are keyed numbers, 0 for none; words are numbers (``code``). In the order of ``columns.SEEN_COLUMNS``. (A tuple:
    one is made of every event, and made in a fifth of the time.)
    """

    number: int
    t: int
    kind: int
    actor: int
    target: int = 0
    room: int = 0
    item: int = 0
    messages: int = 0
    bytes: int = 0
    word: int = 0
    actor_band: int = len(BANDS) - 1
    target_band: int = len(BANDS) - 1
    relation: int = 0
    mutual: int = 0
    known_for: int = 0
    banned_links: int = 0
    banned_in_room: int = 0
