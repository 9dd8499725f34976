"""From what is known about two accounts to the facts that a policy may ask for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from nightlight.errors import RefusedError
from nightlight.model.account import MINORS, UNKNOWN_AGE, Age, AgeBand, Assurance
from nightlight.model.contact import ContactFacts, ContactOutcome, Direction, Relation, SignalFamily
from nightlight.model.relation import DAY_MS, LIFETIME, Tie
from nightlight.prevent.policy import Limit

HOUR_MS = 3_600_000
REFUSALS_MS = 30 * DAY_MS
ASKED_MS = DAY_MS
REPORTS_MS = 90 * DAY_MS
#: Mutual connections and shared rooms are counted no further.
COUNTED_MAX = 10
#: A private room with more members than this is no sign that two people know each other.
ROOM_MEMBERS_MAX = 50

_MINOR = frozenset(MINORS)
_ASKS = frozenset({Direction.DIRECT, Direction.GROUP})
_DECIDED = {
    Tie.DECIDED_ALLOW: ContactOutcome.ALLOW,
    Tie.DECIDED_ALLOW_WITH_NOTICE: ContactOutcome.ALLOW_WITH_NOTICE,
    Tie.DECIDED_REQUEST: ContactOutcome.REQUEST,
    Tie.DECIDED_HOLD: ContactOutcome.HOLD,
    Tie.DECIDED_DENY: ContactOutcome.DENY,
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What the relations say about somebody (``one``) who comes towards somebody else (``other``).

    ``between``: ties of ``one`` with ``other``, with their times. ``about``: ties of ``one`` with anybody, as (tie,
    with whom, time). ``ages``: of everybody named in ``about``. ``loosened``: numbers of protections.
    """

    between: Mapping[Tie, int]
    about: Sequence[tuple[int, int, int]]
    ages: Mapping[int, Age]
    one_age: Age = UNKNOWN_AGE
    other_age: Age = UNKNOWN_AGE
    mutual: int = 0
    shared_rooms: int = 0
    in_address_book: bool = False
    loosened: frozenset[int] = frozenset()


def counts_for_limits(facts: ContactFacts) -> bool:
    """Whether an approach is remembered for the limits on how many people somebody may ask."""
    return (
        facts.direction in _ASKS
        and facts.relation is not Relation.CONNECTED
        and facts.to_band is not AgeBand.ADULT  # who asks adults is nobody's business
    )


def contact_facts(
    direction: Direction,
    other: int,
    seen: Seen,
    *,
    now: int,
    remote: bool,
    limits: Sequence[Limit],
    protections: Mapping[int, str],
    families: Mapping[int, SignalFamily],
) -> ContactFacts:
    """The facts at ``now``. ``other``: the number of the one who is asked.

    ``protections``, ``families``: what the numbers of protections and of families of signals stand for.
    """
    refusals: set[int] = set()
    blocks: set[int] = set()
    asked: set[int] = set()
    reports: set[int] = set()
    signals: set[SignalFamily] = set()
    known_since = now
    decided: dict[int, list[tuple[ContactOutcome, int]]] = {}
    for number, whom, at in seen.about:
        if number == Tie.KNOWN_SINCE:
            known_since = min(known_since, at)
        elif number == Tie.SIGNAL:
            if at > now and whom in families:
                signals.add(families[whom])
        elif number == Tie.PROVEN_BY:
            if at > now - REPORTS_MS:
                reports.add(whom)
        elif seen.ages.get(whom, UNKNOWN_AGE).at(now) in _MINOR:
            if number == Tie.REFUSED_BY:
                if at > now - REFUSALS_MS:
                    refusals.add(whom)
            elif number == Tie.BLOCKED_BY and at > now - REFUSALS_MS:
                blocks.add(whom)
        if number in _DECIDED and whom != other:
            decided.setdefault(whom, []).append((_DECIDED[Tie(number)], at))
    for whom, made in decided.items():
        if seen.ages.get(whom, UNKNOWN_AGE).at(now) in _MINOR and any(at > now - ASKED_MS for _, at in made):
            asked.add(whom)
    between = seen.between
    refused_at = between.get(Tie.REFUSED_BY)
    refusal_kept = LIFETIME[Tie.REFUSED_BY] or 0
    return ContactFacts(
        direction=direction,
        from_band=seen.one_age.at(now),
        to_band=seen.other_age.at(now),
        relation=_relation(seen),
        blocked=Tie.BLOCKED_BY in between,
        from_assurance=seen.one_age.assurance,
        account_age=max(0, now - known_since) // HOUR_MS,
        minor_refusals=len(refusals),
        minor_blocks=len(blocks),
        minors_asked=len(asked),
        refused_before=int(refused_at is not None and refused_at > now - refusal_kept),
        verified_reports=len(reports),
        mutual_connections=seen.mutual,
        shared_rooms=seen.shared_rooms,
        remote=remote,
        signals=frozenset(signals),
        loosened=frozenset(protections[number] for number in seen.loosened if number in protections),
        limits=tuple((limit.id, _counted(limit, decided, seen.ages, now)) for limit in limits),
    )


def _relation(seen: Seen) -> Relation:
    if Tie.CONNECTED in seen.between:
        return Relation.CONNECTED
    if seen.in_address_book:
        return Relation.ADDRESS_BOOK
    if seen.shared_rooms:
        return Relation.SHARED_ROOM
    return Relation.MUTUAL if seen.mutual else Relation.STRANGER


def _counted(
    limit: Limit, decided: Mapping[int, Sequence[tuple[ContactOutcome, int]]], ages: Mapping[int, Age], now: int
) -> int:
    """How many others were approached in the limit's time with its outcome or a stricter one."""
    return sum(
        any(outcome >= limit.counts and at > now - limit.per_ms for outcome, at in made)
        and ages.get(whom, UNKNOWN_AGE).at(now) in limit.selector.to_bands
        for whom, made in decided.items()
    )


_WORDS: dict[str, Sequence[Any]] = {
    "direction": tuple(Direction),
    "from_band": tuple(AgeBand),
    "to_band": tuple(AgeBand),
    "relation": tuple(Relation),
    "from_assurance": tuple(Assurance),
}
_NAMES = tuple(field.name for field in fields(ContactFacts))
_PLACES = tuple((_NAMES.index(name), words) for name, words in _WORDS.items())
_SIGNALS, _LOOSENED, _LIMITS = (_NAMES.index(name) for name in ("signals", "loosened", "limits"))
_JSON = json.JSONDecoder()


def facts_to_bytes(facts: ContactFacts) -> bytes:
    """Facts for keeping: JSON in the order of the fields, words as their places, so that the size tells no age."""
    values: list[Any] = []
    for name in _NAMES:
        value = getattr(facts, name)
        if name in _WORDS:
            values.append(_WORDS[name].index(value))
        else:
            values.append(sorted(value) if isinstance(value, frozenset) else value)
    return json.dumps(values, separators=(",", ":")).encode()


def facts_from_bytes(data: bytes) -> ContactFacts:
    """The reverse of ``facts_to_bytes``; ``RefusedError('facts_damaged')``."""
    # A replay reads millions of these: values go to their places without names.
    try:
        values = _JSON.decode(data.decode("ascii"))
        if len(values) != len(_NAMES):
            raise ValueError("another number of facts")
        for place, words in _PLACES:
            values[place] = words[values[place]]
        values[_SIGNALS] = frozenset(map(SignalFamily, values[_SIGNALS]))
        values[_LOOSENED] = frozenset(values[_LOOSENED])
        values[_LIMITS] = tuple([(name, count) for name, count in values[_LIMITS]])
        return ContactFacts(*values)
    except (ValueError, TypeError, IndexError, KeyError):
        raise RefusedError("facts_damaged", "These are not the facts of a contact decision.") from None
