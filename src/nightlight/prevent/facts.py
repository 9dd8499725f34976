"""From what is known about two accounts to the facts that a policy may ask for."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from nightlight.errors import RefusedError
from nightlight.model.account import MINORS, UNKNOWN_AGE, Age, AgeBand, Assurance, month_of
from nightlight.model.contact import ContactFacts, Direction, Relation, SignalFamily
from nightlight.model.relation import DAY_MS, LIFETIME, Tie
from nightlight.prevent.policy import Limit
from nightlight.prevent.tally import DECIDED_TIES, Crowd, at_least

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
_EVERYBODY = frozenset(AgeBand)
_DECIDED_FIRST, _DECIDED_LAST = DECIDED_TIES[0], DECIDED_TIES[-1]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the relations say about somebody (``one``) who comes towards somebody else (``other``).

    ``between``: ties of ``one`` with ``other``, with their times. ``about``: ties of ``one`` with anybody, as (tie,
    with whom, time). ``ages``: of everybody named in ``about``. ``loosened``: numbers of protections.
    ``crowd``: further ties of ``one``, so many that they were counted; nobody in it is also in ``about``.
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
    crowd: Crowd | None = None


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
    today = month_of(now)
    refusals: set[int] = set()
    blocks: set[int] = set()
    reports: set[int] = set()
    signals: set[SignalFamily] = set()
    known_since = now
    decided: dict[int, list[tuple[int, int]]] = {}
    for tie, whom, at in seen.about:
        if tie >= _DECIDED_FIRST:
            if tie <= _DECIDED_LAST:
                if whom != other:
                    decided.setdefault(whom, []).append((tie, at))
            elif tie == Tie.SIGNAL and at > now and whom in families:
                signals.add(families[whom])
        elif tie == Tie.KNOWN_SINCE:
            known_since = min(known_since, at)
        elif tie == Tie.PROVEN_BY:
            if at > now - REPORTS_MS:
                reports.add(whom)
        elif at > now - REFUSALS_MS and seen.ages.get(whom, UNKNOWN_AGE).in_month(today) in _MINOR:
            if tie == Tie.REFUSED_BY:
                refusals.add(whom)
            elif tie == Tie.BLOCKED_BY:
                blocks.add(whom)
    made = [(seen.ages.get(whom, UNKNOWN_AGE).in_month(today), ties) for whom, ties in decided.items()]
    since = now - REFUSALS_MS
    crowd = seen.crowd
    numbers = [len(refusals), len(blocks), len(reports)]
    if crowd is not None:
        numbers[0] += crowd.count(Tie.REFUSED_BY, _MINOR, since)
        numbers[1] += crowd.count(Tie.BLOCKED_BY, _MINOR, since)
        numbers[2] += crowd.count(Tie.PROVEN_BY, _EVERYBODY, now - REPORTS_MS)
    between = seen.between
    refused_at = between.get(Tie.REFUSED_BY)
    refusal_kept = LIFETIME[Tie.REFUSED_BY] or 0
    return ContactFacts(
        direction=direction,
        from_band=seen.one_age.acting_in_month(today),
        to_band=seen.other_age.in_month(today),
        relation=relation_of(seen),
        blocked=Tie.BLOCKED_BY in between,
        from_assurance=Assurance.NONE if seen.one_age.disputed else seen.one_age.assurance,
        account_age=max(0, now - known_since) // HOUR_MS,
        minor_refusals=numbers[0],
        minor_blocks=numbers[1],
        minors_asked=_counted(made, Tie.DECIDED_ALLOW, _MINOR, now - ASKED_MS, crowd),
        refused_before=int(refused_at is not None and refused_at > now - refusal_kept),
        verified_reports=numbers[2],
        mutual_connections=seen.mutual,
        shared_rooms=seen.shared_rooms,
        remote=remote,
        signals=frozenset(signals),
        loosened=frozenset(protections[number] for number in seen.loosened if number in protections),
        limits=tuple(
            (
                limit.id,
                _counted(made, at_least(limit.counts), limit.selector.to_bands, now - limit.per_ms, crowd),
            )
            for limit in limits
        ),
    )


def relation_of(seen: Seen) -> Relation:
    """The closest that the two are to each other."""
    if Tie.CONNECTED in seen.between:
        return Relation.CONNECTED
    if seen.in_address_book:
        return Relation.ADDRESS_BOOK
    if seen.shared_rooms:
        return Relation.SHARED_ROOM
    return Relation.MUTUAL if seen.mutual else Relation.STRANGER


def _counted(
    made: Sequence[tuple[AgeBand, Sequence[tuple[int, int]]]],
    kind: int,
    bands: Collection[AgeBand],
    since: int,
    crowd: Crowd | None,
) -> int:
    """How many others of these bands were approached later than ``since`` with that outcome or a stricter one."""
    found = 0 if crowd is None else crowd.count(kind, bands, since)
    for band, ties in made:
        if band in bands:
            for tie, at in ties:
                if tie >= kind and at > since:
                    found += 1
                    break
    return found


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
