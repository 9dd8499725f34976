"""What a town is made of, checked before anything is made."""

from __future__ import annotations

from dataclasses import dataclass

from nightlight.errors import RefusedError

DAY_MS = 86_400_000
HOUR_MS = 3_600_000

EVENTS_MAX = 100_000_000
PEOPLE_MAX = 1_000_000
PEOPLE_MIN = 100
DAYS_MAX = 3_650
SEED_MAX = 2**32 - 1
HARMFUL_MAX = 0.2
DOUBLED_MAX = 0.5
#: What people do besides talking takes about half of this, for each of them and each day.
EVENTS_PER_PERSON_DAY_MIN = 0.25


@dataclass(frozen=True, slots=True)
class Parameters:
    """``start_ms``: midnight UTC, milliseconds since 1970. ``harmful``, ``doubled``: shares of people and of events."""

    events: int
    people: int
    days: int
    seed: int
    start_ms: int
    harmful: float
    doubled: float

    def __post_init__(self) -> None:
        _within("events", self.events, 1_000, EVENTS_MAX)
        _within("people", self.people, PEOPLE_MIN, PEOPLE_MAX)
        _within("days", self.days, 1, DAYS_MAX)
        _within("seed", self.seed, 0, SEED_MAX)
        _within("harmful", self.harmful, 0, HARMFUL_MAX)
        _within("doubled", self.doubled, 0, DOUBLED_MAX)
        _within("start", self.start_ms, 0, 4_000_000_000_000)
        if self.start_ms % DAY_MS:
            raise RefusedError("town_start", "start: a town begins at midnight UTC.")
        if self.events < self.people * self.days * EVENTS_PER_PERSON_DAY_MIN:
            least = int(self.people * self.days * EVENTS_PER_PERSON_DAY_MIN) + 1
            raise RefusedError(
                "town_events",
                f"{self.events:,} events are too few for {self.people:,} people and {self.days:,} days.",
                f"Take {least:,} events or more, or fewer people (at least {PEOPLE_MIN}) or days.",
            )


def people_for(events: int, days: int) -> int:
    """As many people as leave that many events: three each in two days."""
    return max(PEOPLE_MIN, min(PEOPLE_MAX, events * 2 // (3 * max(1, days))))


def _within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise RefusedError(f"town_{name}", f"{name}: {value:,} is not between {least:,} and {most:,}.")
