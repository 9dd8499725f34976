"""What was not taken as it came: events that were refused, and what detection left out because memory was full."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nightlight.model.health import Finding, Level
from nightlight.ports import Transaction

DAYS = 7
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Meaning:
    """``what``: about one of them. ``mend``: what to do about it."""

    what: str
    mend: str


#: Codes of counts. Limits of detection's memory begin with ``detection_``.
UNREADABLE = "history_unreadable"
STATE_FULL, KEY_FULL = "detection_state_full", "detection_key_full"
MEANINGS: Mapping[str, Meaning] = {
    "event_malformed": Meaning(
        "an event of no known kind, with a field that its kind has not, or with a value that does not fit",
        "The answer to its sender says which field and why; docs/events.md has the closed list.",
    ),
    "event_id_reused": Meaning(
        "an event whose id came before, with other content", "Its source has to give every event an id of its own."
    ),
    "event_from_the_future": Meaning("an event later than now", "Check the clocks of its source and of this machine."),
    "event_too_old": Meaning(
        "an event older than events are kept", "Its source is far behind, or sends history: leave out what is so old."
    ),
    "event_kind_reserved": Meaning("an event of a kind that only Nightlight records", "Look at who sends this."),
    "event_id_reserved": Meaning("an event under an id of Nightlight's own", "Look at who sends this."),
    UNREADABLE: Meaning(
        "an entry of a homeserver's room history that could not be understood",
        "Bridges and old clients send such things; many at once may be a new version of the homeserver.",
    ),
    STATE_FULL: Meaning(
        "a new account, device or room, or its next value, that a full memory had no place for",
        "What is counted stays exact, what is new is missed. Look for a flood; if it is growth, raise "
        "NIGHTLIGHT_DETECTION_VALUES_MAX.",
    ),
    KEY_FULL: Meaning(
        "a value beyond the 100,000 of one key in one window",
        "The rules have long spoken by then: look at the account's signals.",
    ),
}
_OTHER = Meaning("something that was refused", "The answer to its sender says why.")


@dataclass(frozen=True, slots=True)
class NotTaken:
    """``today``: of this day, UTC; ``week``: of it and the six before. ``last_at``: milliseconds since 1970."""

    code: str
    meaning: Meaning
    today: int
    week: int
    last_at: int


def not_taken(tx: Transaction, now: int) -> Sequence[NotTaken]:
    """Of the last seven days, the most frequent first."""
    today = now // _DAY_MS
    counted = tx.counted_since(today - DAYS + 1)
    found = []
    for code in dict.fromkeys(one.what for one in counted):
        these = [one for one in counted if one.what == code]
        found.append(
            NotTaken(
                code,
                MEANINGS.get(code, _OTHER),
                sum(one.count for one in these if one.day == today),
                sum(one.count for one in these),
                max(one.last_at for one in these),
            )
        )
    return sorted(found, key=lambda one: (-one.week, one.code))


def examined(found: Sequence[NotTaken]) -> Iterator[Finding]:
    """For ``nightlight doctor``."""
    if not found:
        yield Finding(Level.OK, "events", f"In the last {DAYS} days every event was taken as it came.")
    for one in found:
        level = Level.WARNING if one.today else Level.OK
        said = f"{one.code}: {one.today:,} today, {one.week:,} in {DAYS} days. Each is {one.meaning.what}."
        yield Finding(level, "events", said, one.meaning.mend if one.today else "")
