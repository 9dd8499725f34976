"""A divided state says what the whole one says, into how many parts it may be divided."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.detect.definitions import Pack
from nightlight.detect.fields import KINDS, KEYS, Seen
from nightlight.detect.part import Meeting, Part
from nightlight.detect.shares import part_of, plan
from nightlight.detect.windows import Windows
from nightlight.errors import RefusedError
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


def divided(pack: Pack, events: Sequence[Seen], parts: int, restart: int) -> list[object]:
    """Hits and values of every event; after ``restart`` events all parts are made again from their snapshots."""
    how = plan(pack, every_value=True)
    state = [Part(pack, how, number, parts) for number in range(parts)]
    meeting = Meeting(pack, how)
    found: list[object] = []
    for place, one in enumerate(events):
        if place == restart:
            state = [Part.restore(pack, how, number, parts, part.snapshot()) for number, part in enumerate(state)]
        concerned = {part_of(getattr(one, key), parts) for key in how.fields[one.kind]}
        told = [state[number].add(one) for number in sorted(concerned)]
        hits = [hit for some in told for hit in some.hits] + meeting.decide(one, [some.values for some in told])
        read = meeting.reader(one, {name: value for some in told for name, value in some.values.items()})
        values = {feature.id: read(feature.id) for feature in pack.features}
        found.append((sorted((hit.rule, hit.about, sorted(hit.values.items())) for hit in hits), values))
    return found


@given(st.lists(event, max_size=40), st.integers(1, 4), st.integers(0, 40))
def test_however_it_is_divided_the_state_says_the_same(events: list[Seen], parts: int, restart: int) -> None:
    pack = pack_of(PACK, RULES)
    whole = Windows(pack)
    ordered = numbered(events)
    expected = []
    for one in ordered:
        hits = whole.add(one)
        told = sorted((hit.rule, hit.about, sorted(hit.values.items())) for hit in hits)
        expected.append((told, whole.values(one)))
    assert divided(pack, ordered, parts, restart) == expected


def test_an_event_visits_only_the_parts_that_it_concerns() -> None:
    how = plan(starter())
    assert how.fields[KINDS.index("contact.declined")] == ("target",)
    assert how.fields[KINDS.index("conversation.volume")] == ("room",)
    assert how.meeting == frozenset()
    assert all(set(fields) <= set(KEYS) for fields in how.fields)


def test_what_is_too_old_is_in_no_snapshot() -> None:
    pack = pack_of(PACK)
    part = Part(pack, plan(pack), 0, 1)
    empty = part.snapshot()
    part.add(Seen(number=1, t=1, kind=KINDS.index("contact.requested"), actor=7, target=9))
    assert len(part.snapshot()) > len(empty)
    part.expire(100 * HOUR)
    assert part.live() == 0
    assert part.snapshot() == empty


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xff\xff", "cut", "another part"])
def test_a_damaged_or_foreign_snapshot_is_refused(data: bytes | str) -> None:
    pack = pack_of(PACK)
    part = Part(pack, plan(pack), 0, 2)
    part.add(Seen(number=1, t=1, kind=KINDS.index("contact.requested"), actor=8, target=9))
    whole = part.snapshot()
    number = 1 if data == "another part" else 0
    given = whole if data == "another part" else whole[:-3] if data == "cut" else data
    with pytest.raises(RefusedError, match="damaged"):
        Part.restore(pack, plan(pack), number, 2, given)  # type: ignore[arg-type]
