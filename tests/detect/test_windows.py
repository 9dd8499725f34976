"""Windows are exact: (t - W, t], in the order of the log, read after the event itself was added."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightlight.detect.definitions import Feature, Function, Pack
from nightlight.detect.evaluate import evaluator
from nightlight.detect.fields import NEVER_MS, Seen, Type, code
from nightlight.detect.windows import Windows
from tests.detect.packs import pack_of

REQUESTED = code(Type.KIND, "contact.requested")
DECLINED = code(Type.KIND, "contact.declined")
VOLUME = code(Type.KIND, "conversation.volume")
HOUR = 3_600_000

PACK = """\
- {id: requests_1h, title: T, count: events, per: actor, when: kind == "contact.requested", over: 1h, lifetime: 1d,
   purpose: contact, source: S}
- {id: targets_1h, title: T, count_distinct: target, per: actor, when: kind == "contact.requested", over: 1h,
   lifetime: 1d, purpose: contact, source: S}
- {id: declined_2h, title: T, count_distinct: actor, per: target, read: actor, when: kind == "contact.declined",
   over: 2h, lifetime: 1d, purpose: contact, source: S}
- {id: sent_1h, title: T, sum: messages, per: room, when: kind == "conversation.volume", over: 1h, lifetime: 1d,
   purpose: volume, source: S}
- {id: since, title: T, time_since: events, per: target, read: actor, when: kind == "contact.declined", lifetime: 3h,
   purpose: contact, source: S}
- {id: first, title: T, first_seen: events, per: actor, lifetime: 3h, purpose: contact, source: S}
- {id: share, title: T, value: "ratio(declined_2h, targets_1h, otherwise=0.5)", purpose: contact, source: S}
"""


def test_the_edge_of_a_window_belongs_to_the_older_side() -> None:
    windows = Windows(pack_of(PACK))
    windows.add(Seen(number=1, t=0, kind=REQUESTED, actor=1, target=7))
    inside = Seen(number=2, t=HOUR - 1, kind=DECLINED, actor=1)
    windows.add(inside)
    assert windows.read("requests_1h", inside) == 1
    edge = Seen(number=3, t=HOUR, kind=DECLINED, actor=1)
    windows.add(edge)
    assert windows.read("requests_1h", edge) == 0


def test_events_of_one_instant_are_seen_in_their_order() -> None:
    windows = Windows(pack_of(PACK))
    read = []
    for number in (1, 2, 3):
        event = Seen(number=number, t=5, kind=REQUESTED, actor=1, target=number)
        windows.add(event)
        read.append(windows.read("targets_1h", event))
    assert read == [1, 2, 3]


def test_what_is_counted_for_one_is_read_by_another() -> None:
    windows = Windows(pack_of(PACK))
    windows.add(Seen(number=1, t=1, kind=DECLINED, actor=5, target=9))
    asks_again = Seen(number=2, t=2, kind=REQUESTED, actor=9, target=6)
    windows.add(asks_again)
    assert windows.read("declined_2h", asks_again) == 1
    assert windows.read("since", asks_again) == 1
    assert windows.read("share", asks_again) == 1.0


def test_nobody_is_never_counted_together() -> None:
    """An event without a target says nothing about "the" missing target."""
    windows = Windows(pack_of(PACK))
    event = Seen(number=1, t=1, kind=REQUESTED, actor=1, target=0)
    windows.add(event)
    assert windows.read("targets_1h", event) == 0
    assert windows.read("declined_2h", event) == 0


def test_what_is_older_than_its_window_is_gone_from_memory() -> None:
    windows = Windows(pack_of(PACK))
    for number in range(1, 101):
        windows.add(Seen(number=number, t=number, kind=REQUESTED, actor=number, target=number + 1_000))
    assert windows.live() > 200
    windows.add(Seen(number=101, t=100 * HOUR, kind=VOLUME, actor=5_000, room=1, messages=3))
    assert windows.live() == 2  # the very last event, as a sum and as a first time


event = st.builds(
    lambda **given: Seen(**given),  # no field but these: hypothesis would make up the rest of a tuple
    number=st.just(0),
    t=st.integers(0, 5).map(lambda step: step * HOUR // 2),
    kind=st.sampled_from([REQUESTED, DECLINED, VOLUME]),
    actor=st.integers(0, 3),
    target=st.integers(0, 3),
    room=st.integers(0, 2),
    messages=st.integers(0, 9),
)


@given(st.lists(event, max_size=40))
@settings(deadline=None)
def test_windows_are_what_a_look_at_the_whole_history_gives(events: list[Seen]) -> None:
    pack = pack_of(PACK)
    windows = Windows(pack)
    history: list[Seen] = []
    for number, one in enumerate(sorted(events, key=lambda one: one.t), 1):
        history.append(Seen(number, one.t, one.kind, one.actor, one.target, one.room, messages=one.messages))
        windows.add(history[-1])
        for feature in pack.features:
            if feature.function is not Function.VALUE:
                assert windows.read(feature.id, history[-1]) == by_hand(feature, history), feature.id


def by_hand(feature: Feature, history: Sequence[Seen]) -> int:
    now = history[-1]
    key = getattr(now, feature.read)
    counted = [
        one
        for one in history
        if key
        and getattr(one, feature.per) == key
        and (feature.when is None or evaluator(feature.when)(one, lambda _: 0))
    ]
    window = [one for one in counted if now.t - feature.over_ms < one.t]
    match feature.function:
        case Function.COUNT:
            return len(window)
        case Function.COUNT_DISTINCT:
            return len({getattr(one, feature.value) for one in window} - {0})
        case Function.SUM:
            return sum(getattr(one, feature.value) for one in window)
        case Function.TIME_SINCE:
            return now.t - window[-1].t if window else NEVER_MS
        case _:
            return now.t - start if (start := row_start(feature, counted, now.t)) is not None else NEVER_MS


def row_start(feature: Feature, counted: Sequence[Seen], now: int) -> int | None:
    """When the row of events without a gap as long as the lifetime began, if it has not ended."""
    start, last = None, None
    for one in counted:
        start = one.t if last is None or one.t - last >= feature.over_ms else start
        last = one.t
    return start if last is not None and now - last < feature.over_ms else None


def test_a_rule_speaks_at_the_event_that_makes_it_true() -> None:
    rules = """\
    - {id: many, title: T, family: fan_out, severity: low, when: kind == "contact.requested" and targets_1h >= 2,
       reason: "{targets_1h}", expires: 1d, source: S}
    - {id: refused, title: T, family: rejection, severity: low, about: target, reason: r, expires: 1d, source: S,
       when: kind == "contact.declined" and target != 0 and requests_1h == 0}
    """.replace("target != 0 and ", "")
    windows = Windows(pack_of(PACK, rules))
    assert windows.add(Seen(number=1, t=1, kind=REQUESTED, actor=1, target=7)) == []
    [hit] = windows.add(Seen(number=2, t=2, kind=REQUESTED, actor=1, target=8))
    assert (hit.rule, hit.about, hit.number, hit.values) == ("many", 1, 2, {"targets_1h": 2})
    [hit] = windows.add(Seen(number=3, t=3, kind=DECLINED, actor=7, target=1))
    assert (hit.rule, hit.about) == ("refused", 1)
    assert windows.add(Seen(number=4, t=4, kind=DECLINED, actor=7, target=0)) == []


@pytest.mark.parametrize("name", ["requests_1h", "since", "first"])
def test_who_was_never_seen_has_nothing(name: str) -> None:
    pack: Pack = pack_of(PACK)
    nobody = Seen(number=1, t=1, kind=REQUESTED, actor=1)
    assert Windows(pack).read(name, nobody) in (0, NEVER_MS)
