"""A divided state says what the whole one says, into how many parts it may be divided."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.detect.columns import SEEN_COLUMNS
from nightlight.detect.compiled import Engine
from nightlight.detect.definitions import Pack
from nightlight.detect.evaluate import Number
from nightlight.detect.fields import KEYS, KINDS, Seen
from nightlight.detect.part import BatchEngine, Meeting, Part
from nightlight.detect.plain import PlainEngine
from nightlight.detect.shares import part_of, plan
from nightlight.detect.windows import Windows
from tests.detect.packs import pack_of, starter
from tests.detect.test_windows import HOUR, PACK, event

#: ``mixed`` reads by actor and by room, so no part can decide it.
RULES = """\
- {id: many, title: T, family: fan_out, severity: low, when: kind == "contact.requested" and targets_1h >= 2,
   reason: r, expires: 1d, source: S}
- {id: mixed, title: T, family: rejection, severity: low, about: target, reason: r, expires: 1d, source: S,
   when: kind == "conversation.volume" and sent_1h + requests_1h >= 1 and share < 0.5}
- {id: bare, title: T, family: evasion, severity: low, when: kind == "contact.declined", reason: r, expires: 1d,
   source: S}
"""


def numbered(events: Sequence[Seen]) -> list[Seen]:
    ordered = sorted(events, key=lambda one: one.t)
    return [
        Seen(n, one.t, one.kind, one.actor, one.target, one.room, messages=one.messages)
        for n, one in enumerate(ordered, 1)
    ]


def divided(pack: Pack, events: Sequence[Seen], parts: int, restart: int, *, plain: bool = True) -> list[object]:
    """Hits and values of every event; after ``restart`` events all engines are made again from their snapshots."""
    how = plan(pack, every_value=True)
    state = [Part(new(pack, plain), how, number, parts) for number in range(parts)]
    meeting = Meeting(pack, how)
    found: list[object] = []
    for place, one in enumerate(events):
        if place == restart:
            again = [restored(pack, part.engine.snapshot(), plain) for part in state]
            state = [Part(engine, how, number, parts) for number, engine in enumerate(again)]
        concerned = {part_of(getattr(one, key), parts) for key in how.fields[one.kind]}
        row = np.array([[getattr(one, name) for name in SEEN_COLUMNS]], np.int64)
        told = [state[number].add(row) for number in sorted(concerned)]
        read = [values for some in told for _, values in some.values]
        hits = [hit for some in told for hit in some.hits] + meeting.decide(one, read)
        reader = meeting.reader(one, read)
        values = {feature.id: reader(feature.id) for feature in pack.features}
        found.append((sorted((hit.rule, hit.about, sorted(hit.values.items())) for hit in hits), values))
    return found


def new(pack: Pack, plain: bool) -> BatchEngine:
    return PlainEngine.new(pack) if plain else Engine.new(pack, salt=5)


def restored(pack: Pack, data: bytes, plain: bool) -> BatchEngine:
    return PlainEngine.restore(pack, data) if plain else Engine.restore(pack, data, salt=6)


def expected(pack: Pack, events: Sequence[Seen]) -> list[object]:
    whole = Windows(pack)
    said: list[object] = []
    for one in events:
        hits = whole.add(one)
        told = sorted((hit.rule, hit.about, sorted(hit.values.items())) for hit in hits)
        said.append((told, whole.values(one)))
    return said


@given(st.lists(event, max_size=40), st.integers(1, 4), st.integers(0, 40))
def test_however_it_is_divided_the_state_says_the_same(events: list[Seen], parts: int, restart: int) -> None:
    pack, ordered = pack_of(PACK, RULES), numbered(events)
    assert divided(pack, ordered, parts, restart) == expected(pack, ordered)


def test_compiled_engines_in_three_parts_say_the_same() -> None:
    draw = random.Random(4)
    pack = pack_of(PACK, RULES)
    kinds = [KINDS.index(kind) for kind in ("contact.requested", "contact.declined", "conversation.volume")]
    events = [
        Seen(0, draw.randrange(40) * HOUR // 4, draw.choice(kinds), actor, target, room, messages=3)
        for actor, target, room in (draw.choices(range(6), k=3) for _ in range(600))
    ]
    ordered = numbered(events)
    assert divided(pack, ordered, 3, 300, plain=False) == expected(pack, ordered)


@pytest.mark.parametrize("plain", [True, False])
def test_in_batches_the_hits_are_the_same(plain: bool) -> None:
    """Batches in which some events show values, and most do not."""
    draw = random.Random(5)
    pack = pack_of(PACK, RULES)
    kinds = [KINDS.index(kind) for kind in ("contact.requested", "contact.declined", "conversation.volume")]
    events = numbered(
        [Seen(0, draw.randrange(40) * HOUR // 4, draw.choice(kinds), *draw.choices(range(6), k=3)) for _ in range(600)]
    )
    how = plan(pack)
    parts = [Part(new(pack, plain), how, number, 2) for number in range(2)]
    rows = np.array([[getattr(one, name) for name in SEEN_COLUMNS] for one in events], np.int64)
    found: list[tuple[int, str]] = []
    told: dict[Seen, list[Mapping[str, Number]]] = {}
    for start in range(0, 600, 70):
        for part in parts:
            some = part.add(rows[start : start + 70])
            found += [(hit.number, hit.rule) for hit in some.hits]
            for seen, values in some.values:
                told.setdefault(seen, []).append(values)
        assert parts[0].add(rows[:0]).hits == []
    meeting = Meeting(pack, how)
    found += [(hit.number, hit.rule) for seen, values in told.items() for hit in meeting.decide(seen, values)]
    whole = Windows(pack)
    assert sorted(found) == sorted((hit.number, hit.rule) for one in events for hit in whole.add(one))


def test_an_event_visits_only_the_parts_that_it_concerns() -> None:
    how = plan(starter())
    assert how.fields[KINDS.index("contact.declined")] == ("target",)
    assert how.fields[KINDS.index("conversation.volume")] == ("room",)
    assert how.meeting == frozenset()
    assert all(set(fields) <= set(KEYS) for fields in how.fields)
