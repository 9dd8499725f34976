"""What a young person asks for that takes more than a click: to end a protection, or to count as older."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from nightlight.model.account import Age


class AskKind(StrEnum):
    #: To correct the birth month in a way that protects less, or against what is known better.
    AGE = "age"
    #: To take a protection off.
    PROTECTION = "protection"
    #: Made by Nightlight: somebody known to be older says to be younger, and a person has to look at it.
    YOUNGER = "younger"


class AskState(StrEnum):
    """``cooling``: the person may confirm it from ``due_at`` on. ``open``: for the safety team. The others are ends."""

    COOLING = "cooling"
    OPEN = "open"
    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Ask:
    """``about``: the protection's id, or a birth month. Times in milliseconds since 1970, UTC.

    ``decided_by``: a reviewer; empty where the person confirmed it. ``reason``: what the person is told.
    """

    ask_id: str
    account: str
    kind: AskKind
    about: str = field(repr=False)
    note: str = field(repr=False)
    state: AskState
    asked_at: int
    due_at: int = 0
    decided_at: int | None = None
    decided_by: str = ""
    reason: str = field(default="", repr=False)
    #: What was known before somebody said to be younger.
    before: Age | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StoredAsk:
    """An ask as it is stored: who, about what and why are sealed. ``one``: the account's keyed number."""

    ask_id: str
    one: int
    kind: AskKind
    state: AskState
    asked_at: int
    due_at: int
    decided_at: int | None
    decided_by: str
    sealed: bytes = field(repr=False)
