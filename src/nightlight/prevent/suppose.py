"""Facts that somebody supposes, to see what a policy would say to them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from nightlight.errors import RefusedError
from nightlight.hazmat.strict_yaml import suggestion
from nightlight.model.account import AgeBand, Assurance
from nightlight.model.contact import WATCH_FAMILIES, ContactFacts, Direction, Relation, SignalFamily
from nightlight.prevent.policy import FACTS, Fact

#: What is supposed of an account about which nothing is said: known for a year.
ACCOUNT_AGE = 365 * 24
_DURATION = re.compile(r"([0-9]{1,5})([hd])\Z")
_BLOCKED = "blocked"


def suppose(
    from_band: str,
    to_band: str,
    relation: str,
    direction: str,
    said: Sequence[str] = (),
    *,
    loosened: Sequence[str] = (),
    limits: Sequence[str] = (),
) -> ContactFacts:
    """Facts out of words, as on a command line.

    ``said``: ``name=value`` of facts; a name alone means yes. ``limits``: ``id=count``. What is not said is quiet:
    an account known for a year, with one connection or room in common where the relation says so.
    ``RefusedError``: ``fact_unknown``, ``fact_malformed``, ``word_unknown``.
    """
    kind = Relation(_word("relation", relation, list(Relation)))
    facts = ContactFacts(
        Direction(_word("direction", direction, list(Direction))),
        AgeBand(_word("band", from_band, list(AgeBand))),
        AgeBand(_word("band", to_band, list(AgeBand))),
        kind,
        account_age=ACCOUNT_AGE,
        mutual_connections=int(kind is Relation.MUTUAL),
        shared_rooms=int(kind is Relation.SHARED_ROOM),
        loosened=frozenset(loosened),
        limits=tuple(_limit(text) for text in limits),
    )
    for text in said:
        name, given, value = text.partition("=")
        facts = _with(facts, name.strip().replace("-", "_"), value.strip() if given else "true")
    return facts


def _with(facts: ContactFacts, name: str, value: str) -> ContactFacts:
    known = [*FACTS, _BLOCKED]
    if name not in known:
        raise RefusedError("fact_unknown", f'There is no fact "{name}".', suggestion(name, known))
    if name == _BLOCKED:
        return replace(facts, blocked=_truth(name, value))
    fact = FACTS[name]
    if name == "watched" or name.startswith("signal_"):
        yes = _truth(name, value)
        family = name.removeprefix("signal_")
        named = frozenset(SignalFamily) if family == "watched" else frozenset({SignalFamily(family)})
        if not yes:
            return replace(facts, signals=facts.signals - named)
        some = frozenset(sorted(named)[:WATCH_FAMILIES]) if family == "watched" else named
        return replace(facts, signals=facts.signals | some)
    changed: dict[str, Any] = {name: _value(fact, value)}
    return replace(facts, **changed)


def _value(fact: Fact, value: str) -> bool | int | Assurance:
    if fact.unit == "yes_no":
        return _truth(fact.name, value)
    if fact.unit == "assurance":
        return Assurance(_word(fact.name, value, list(Assurance)))
    if fact.unit == "time":
        match = _DURATION.match(value)
        if not match:
            raise RefusedError("fact_malformed", f"{fact.name}: a time belongs here, such as 12h or 3d.")
        return int(match[1]) * (24 if match[2] == "d" else 1)
    return _count(fact.name, value)


def _count(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise RefusedError("fact_malformed", f"{name}: a whole number belongs here, such as {name}=3.")
    return int(value)


def _truth(name: str, value: str) -> bool:
    if value not in ("true", "false", "yes", "no"):
        raise RefusedError("fact_malformed", f"{name}: yes or no belongs here.")
    return value in ("true", "yes")


def _word(what: str, word: str, known: Sequence[str]) -> str:
    if word not in known:
        raise RefusedError("word_unknown", f'{what}: there is no "{word}".', suggestion(word, known))
    return word


def _limit(text: str) -> tuple[str, int]:
    name, _, count = text.partition("=")
    return name.strip(), _count(name.strip(), count.strip())
