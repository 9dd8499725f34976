"""Matrices as a page shows them: a sheet for each direction, a word in every field, changed fields marked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nightlight.model.contact import ContactDecision, ContactOutcome, Direction, Relation
from nightlight.prevent.decide import CompiledPolicy
from nightlight.prevent.matrix import bands_words, sheet, standing
from nightlight.prevent.policy import Cell
from nightlight.prevent.policy_words import decision_words

TITLES = {
    Direction.DIRECT: "Asks to talk, one to one",
    Direction.GROUP: "Asks into a room with others",
    Direction.JOIN: "Enters a room that the other one made",
    Direction.FIND: "Looks people up",
}
RELATIONS = {
    Relation.CONNECTED: "connected",
    Relation.ADDRESS_BOOK: "in the address book",
    Relation.SHARED_ROOM: "small room in common",
    Relation.MUTUAL: "somebody in common",
    Relation.STRANGER: "strangers",
}


@dataclass(frozen=True, slots=True)
class Field:
    """``tone`` names the outcome; ``was``: the words before, empty where nothing changes."""

    tone: str
    words: str
    was: str = ""
    turn: str = ""


@dataclass(frozen=True, slots=True)
class SheetLine:
    come: str
    to: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    title: str
    lines: tuple[SheetLine, ...]
    changed: int


def sheets(policy: CompiledPolicy) -> list[Sheet]:
    return _sheets({cell: Field(made.outcome.word, decision_words(made)) for cell, made in standing(policy).items()})


def compared(old: CompiledPolicy, new: CompiledPolicy) -> list[Sheet]:
    """The new policy's matrix; each field that changes says what it was."""
    before = standing(old)
    return _sheets({cell: _changed(before[cell], made) for cell, made in standing(new).items()})


def _changed(was: ContactDecision, made: ContactDecision) -> Field:
    words, before = decision_words(made), decision_words(was)
    if words == before:
        return Field(made.outcome.word, words)
    stricter = (made.outcome, made.hold_ms) > (was.outcome, was.hold_ms)
    return Field(made.outcome.word, words, before, "stricter" if stricter else "milder")


def _sheets(fields: Mapping[Cell, Field]) -> list[Sheet]:
    return [
        Sheet(
            TITLES[direction],
            tuple(
                SheetLine(bands_words(line.from_bands), bands_words(line.to_bands), line.values)
                for line in sheet(direction, fields)
            ),
            sum(bool(field.was) for cell, field in fields.items() if cell.direction is direction),
        )
        for direction in Direction
    ]


def tone(outcome: ContactOutcome) -> str:
    return outcome.word


def number(value: int | None) -> str:
    """A number of people or decisions; None is one that is kept back."""
    return "fewer than 10, or kept back" if value is None else f"{value:,}"
