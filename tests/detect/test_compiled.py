"""The compiled engine equals plain windows, event by event, whatever comes in and however it is cut into batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightlight.detect.compiled import Engine
from nightlight.detect.definitions import Pack
from nightlight.detect.fields import Seen
from nightlight.detect.live import Limits
from nightlight.detect.snapshot import MAGIC
from nightlight.detect.windows import Hit, Windows
from nightlight.errors import RefusedError
from tests.detect.event_columns import ID, START, Columns, part, random_columns, rows_of
from tests.detect.packs import pack_of, starter
from tests.detect.test_windows import DECLINED, HOUR, REQUESTED, VOLUME

FEATURES = """\
- {id: asked_1h, title: T, count_distinct: target, per: actor, when: kind == "contact.requested", over: 1h,
   lifetime: 1d, purpose: contact, source: S}
- {id: asked_2h, title: T, count_distinct: target, per: actor, when: kind == "contact.requested", over: 2h,
   lifetime: 1d, purpose: contact, source: S}
- {id: asked_3h, title: T, count_distinct: target, per: actor, when: kind == "contact.requested", over: 3h,
   lifetime: 1d, purpose: contact, source: S}
- {id: asking_1h, title: T, count_distinct: actor, per: target, read: actor, over: 1h, lifetime: 1d, purpose: contact,
   source: S}
- {id: events_1h, title: T, count: events, per: actor, over: 1h, lifetime: 1d, purpose: contact, source: S}
- {id: events_90m, title: T, count: events, per: actor, read: target, over: 90m, lifetime: 1d, purpose: contact,
   source: S}
- {id: sent_1h, title: T, sum: messages, per: room, over: 1h, lifetime: 1d, purpose: volume, source: S}
- {id: sent_2h, title: T, sum: messages, per: room, over: 2h, lifetime: 1d, purpose: volume, source: S}
- {id: since, title: T, time_since: events, per: target, read: actor, when: kind == "contact.declined", lifetime: 2h,
   purpose: contact, source: S}
- {id: since_3h, title: T, time_since: events, per: target, read: actor, when: kind == "contact.declined", lifetime: 3h,
   purpose: contact, source: S}
- {id: first, title: T, first_seen: events, per: actor, lifetime: 1h, purpose: contact, source: S}
- {id: share, title: T, value: "ratio(asked_1h, asked_3h, otherwise=0.5)", purpose: contact, source: S}
- {id: twice, title: T, value: "most(asked_3h, events_1h) * 2 - least(asked_1h, 3)", purpose: contact, source: S}
- {id: many, title: T, value: "sent_1h * 1000000000 * 1000000000", purpose: volume, source: S}
"""
ALL = """asked_1h >= 0 and asked_2h >= 0 and asked_3h >= 0 and asking_1h >= 0 and events_1h >= 0 and events_90m >= 0
 and sent_1h >= 0 and sent_2h >= 0 and first >= hours(0) and share >= 0.0 and twice >= -9 and many >= 0""".replace(
    " and twice >= -9", " and (twice >= 0 or twice < 0)"
)
RULES = f"""\
- {{id: everything, title: T, family: fan_out, severity: low, reason: r, expires: 1d, source: S,
   when: "{" ".join(ALL.split())}"}}
- {{id: about_target, title: T, family: rejection, severity: low, about: target, reason: "{{asked_2h}}", expires: 1d,
   source: S, when: 'kind in ("contact.declined", "contact.requested") and not since < hours(1) and events_90m > 1'}}
- {{id: since_both, title: T, family: rejection, severity: low, reason: r, expires: 1d, source: S,
   when: "since + since_3h >= since or share == 1 and relation != 'connected'"}}
"""


@pytest.fixture(scope="session")
def pack() -> Pack:
    return pack_of(FEATURES, RULES)


def expected(pack: Pack, rows: list[Seen]) -> list[Hit]:
    windows = Windows(pack)
    return [hit for row in rows for hit in windows.add(row)]


def test_starter_pack_over_many_random_events() -> None:
    columns = random_columns(1, 40_000)
    pack = starter()
    engine, windows = Engine.new(pack, salt=7), Windows(pack)
    rows = rows_of(columns)
    found = list(engine.add_batch(columns))
    plain = [hit for row in rows for hit in windows.add(row)]
    assert len(plain) > 1_000
    assert found == plain
    assert engine.values(rows[-1]) == windows.values(rows[-1])


@pytest.mark.parametrize("size", [1, 7, 1_000, 5_000])
def test_batches_of_any_size_give_the_same(pack: Pack, size: int) -> None:
    columns = random_columns(2, 5_000, accounts=12)
    engine = Engine.new(pack, salt=size)
    found = [hit for at in range(0, 5_000, size) for hit in engine.add_batch(part(columns, at, at + size))]
    assert found == expected(pack, rows_of(columns))


event = st.builds(
    lambda **given: Seen(**given),  # no field but these: hypothesis would make up the rest of a tuple
    number=st.integers(0, 2),
    t=st.integers(0, 8).map(lambda step: step * HOUR // 2),
    kind=st.sampled_from([REQUESTED, DECLINED, VOLUME]),
    actor=st.integers(0, 3),
    target=st.integers(0, 3),
    room=st.integers(0, 2),
    messages=st.integers(0, 9),
)


@given(st.lists(event, max_size=60), st.integers(0, 60), st.integers(-(2**63), 2**64 - 1))
@settings(deadline=None, max_examples=120)
def test_every_value_equals_that_of_plain_windows_across_a_snapshot_at_any_point(
    pack: Pack, events: list[Seen], cut: int, salt: int
) -> None:
    """Also where numbers are doubled and times fall: passed over and clamped."""
    engine, windows = Engine.new(pack, salt), Windows(pack)
    number, t = -1, 0
    for place, one in enumerate(events):
        if place == cut:
            engine = Engine.restore(pack, engine.snapshot(), salt ^ 12345)
        given_number = number + one.number
        given_t = max(0, t - HOUR) + one.t
        found = engine.add(one._replace(number=max(0, given_number), t=given_t))
        if max(0, given_number) <= number:
            assert found == []
            continue
        number, t = max(0, given_number), max(t, given_t)
        taken = one._replace(number=number, t=t)
        assert found == windows.add(taken)
        assert engine.values(taken) == windows.values(taken)
    assert (engine.last_number, engine.last_t) == (number, t)


def test_doubled_and_late_events_are_counted(pack: Pack) -> None:
    columns = random_columns(3, 100)
    engine = Engine.new(pack, 1)
    engine.add_batch(columns)
    assert len(engine.add_batch(columns)) == 0
    late = {name: column.copy() for name, column in columns.items()}
    late["number"] += 100
    late["t"] -= 10**9
    hits = engine.add_batch(late)
    assert set(hits.t.tolist()) == {engine.last_t}
    assert (engine.counters.doubled, engine.counters.clamped) == (100, 100)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("kind", lambda column: column * 0),
        ("kind", lambda column: column + 200),
        ("word", lambda column: column + 1_000),
        ("actor_band", lambda column: column - 100),
        ("messages", lambda column: column - 10**6),
        ("t", lambda column: column * 10**6),
        ("room", lambda column: column[:-1]),
        ("room", lambda column: column.astype(np.float64)),
        ("item", lambda column: column.reshape(1, -1)),
        ("target", lambda column: column.astype(np.uint64) + np.uint64(2**63)),
    ],
)
def test_a_batch_with_one_unfit_column_changes_nothing(pack: Pack, name: str, change: object) -> None:
    columns: Columns = random_columns(4, 50)
    engine = Engine.new(pack, 1)
    engine.add_batch(columns)
    before = engine.snapshot()
    more = {key: column.copy() for key, column in columns.items()}
    more["number"] += 50
    with pytest.raises(RefusedError, match=name) as refused:
        engine.add_batch({**more, name: change(more[name])})  # type: ignore[operator]
    assert refused.value.code == "events_unfit"
    with pytest.raises(RefusedError, match="missing"):
        engine.add_batch({key: column for key, column in more.items() if key != name})
    assert engine.snapshot() == before


@pytest.mark.parametrize("change", [{"kind": 0}, {"kind": 99}, {"word": -1}, {"actor": 2**63}, {"messages": -1}])
def test_an_unfit_single_event_is_refused(pack: Pack, change: dict[str, int]) -> None:
    engine = Engine.new(pack, 1)
    before = engine.snapshot()
    with pytest.raises(RefusedError) as refused:
        engine.add(Seen(number=1, t=1, kind=REQUESTED, actor=1)._replace(**change))
    assert refused.value.code == "events_unfit"
    assert engine.snapshot() == before


def test_what_is_older_than_its_window_is_gone_from_memory(pack: Pack) -> None:
    engine = Engine.new(pack, 1)
    empty = engine.bytes()
    engine.add_batch(random_columns(5, 20_000, accounts=5_000, step_ms=1))
    full = engine.bytes()
    assert engine.live() > 10_000
    engine.expire(engine.last_t + 24 * HOUR)
    assert (engine.live(), engine.entries()) == (0, 0)
    assert engine.bytes() < min(full / 10, 2 * empty)


def test_a_flood_of_new_keys_stops_at_the_limit_and_known_keys_stay_exact(pack: Pack) -> None:
    engine, windows = Engine.new(pack, 1, Limits(entries_max=4_000)), Windows(pack)
    known = [
        Seen(number=number, t=START, kind=REQUESTED, actor=ID + number % 5, target=ID + 50 + number % 9, room=ID)
        for number in range(1, 60)
    ]
    for one in known:
        assert engine.add(one) == windows.add(one)
    flood = random_columns(6, 20_000, step_ms=0)
    flood["number"] += 1_000
    flood["actor"] = ID * 2 + np.arange(20_000)
    flood["target"], flood["room"] = flood["actor"] + 10**6, flood["actor"]
    engine.add_batch(flood)
    assert engine.entries() <= 4_000
    assert engine.counters.dropped > 10_000
    for number, one in enumerate(known, 100_000):
        again = one._replace(number=number, t=START + 1)
        windows.add(again)
        engine.add(again)
        assert engine.values(again) == windows.values(again)
    engine.expire(engine.last_t + 24 * HOUR)
    last = Seen(number=200_000, t=engine.last_t, kind=REQUESTED, actor=ID * 3, target=ID)
    engine.add(last)
    assert engine.read("asked_1h", last) == 1


def test_one_flooding_key_is_bounded_and_still_over_every_threshold(pack: Pack) -> None:
    engine = Engine.new(pack, 1, Limits(values_per_key_max=500))
    flood = random_columns(7, 5_000, step_ms=0)
    flood["actor"][:] = ID
    flood["kind"][:] = REQUESTED
    flood["target"] = ID * 2 + np.arange(5_000)
    engine.add_batch(flood)
    last = rows_of(part(flood, 4_999, 5_000))[0]
    assert engine.read("asked_1h", last) == 500
    assert engine.read("events_1h", last) == 500
    assert engine.counters.capped >= 9_000


@pytest.mark.parametrize("step", [1, 2**20, 2**32, 2**44])
def test_chosen_ids_do_not_meet_in_one_place(pack: Pack, step: int) -> None:
    """The longest run of taken places stays short, whatever the spacing of the ids."""
    engine = Engine.new(pack, 987)
    columns = random_columns(8, 4_000, step_ms=0)
    for name in ("actor", "target", "room"):
        columns[name] = (np.arange(4_000, dtype=np.uint64) * np.uint64(step) + np.uint64(1)).view(np.int64)
    engine.add_batch(columns)
    for index in (engine._state[2], engine._state[5]):
        taken = np.flatnonzero(np.diff(np.concatenate([[0], index >= 0, [0]]).astype(np.int8)))
        assert (taken[1::2] - taken[::2]).max(initial=0) < 200


def test_a_forgotten_account_is_nowhere_in_the_engine(pack: Pack) -> None:
    columns = random_columns(9, 3_000, accounts=30, step_ms=1_000)
    engine = Engine.new(pack, 1)
    engine.add_batch(columns)
    account = ID + 3
    kept = rows_of(columns)
    assert account in engine._state[0]
    assert account in engine._state[3]
    assert engine.forget(account) > 0
    arrays = [*engine._state, engine._events, engine._event, engine._out]
    assert not any((array == account).any() for array in arrays)
    assert account.to_bytes(8, "little") not in engine.snapshot()
    # What is about others, and not with it, is as if it had never been there.
    windows = Windows(pack)
    last = kept[-1]
    for row in kept:
        windows.add(row._replace(actor=row.actor * (row.actor != account), target=row.target * (row.target != account)))
    for other in (ID, ID + 1, ID + 2, ID + 4):
        asking = last._replace(actor=other, target=ID)
        for name in ("asked_1h", "asked_2h", "asked_3h", "asking_1h", "events_1h", "since", "first"):
            assert engine.read(name, asking) == windows.read(name, asking), name
    assert engine.forget(account) == 0


def test_a_snapshot_damaged_anywhere_is_refused(pack: Pack) -> None:
    engine = Engine.new(pack, 1)
    engine.add_batch(random_columns(10, 40))
    data = engine.snapshot()
    for at in range(len(data)):
        with pytest.raises(RefusedError) as refused:
            Engine.restore(pack, data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :], 1)
        assert refused.value.code == "snapshot_corrupted"
    for cut in (b"", data[:10], data[: len(MAGIC) + 33], data[:-1], data + b"x"):
        with pytest.raises(RefusedError) as refused:
            Engine.restore(pack, cut, 1)
        assert refused.value.code == "snapshot_corrupted"


def test_a_snapshot_of_another_pack_is_refused(pack: Pack) -> None:
    data = Engine.new(pack, 1).snapshot()
    with pytest.raises(RefusedError) as refused:
        Engine.restore(replace(pack, digest="0" * 64), data, 1)
    assert refused.value.code == "snapshot_of_another_pack"


def test_a_snapshot_holds_nothing_that_is_too_old(pack: Pack) -> None:
    engine = Engine.new(pack, 1)
    engine.add(Seen(number=1, t=START, kind=REQUESTED, actor=ID, target=ID + 1, room=ID + 2))
    assert ID.to_bytes(8, "little") in engine.snapshot()
    engine.expire(START + 24 * HOUR)
    assert ID.to_bytes(8, "little") not in engine.snapshot()


def test_live_pairs_take_no_more_than_64_bytes_each(pack: Pack) -> None:
    """Keys, indexes and slack included, where a key has a few values."""
    engine = Engine.new(starter(), 1)
    columns = random_columns(11, 100_000, step_ms=1)
    dice = np.random.default_rng(11)
    for name in ("actor", "target", "room", "item"):
        columns[name] = ID + dice.integers(0, 2_500, 100_000)
    engine.add_batch(columns)
    assert engine.live() > 40_000
    assert engine.bytes() / engine.live() <= 64


def test_a_feature_with_a_new_meaning_warms_up(pack: Pack) -> None:
    engine = Engine.new(pack, 1, since={"asked_3h": START})
    assert engine.warming_up("asked_3h", START + 3 * HOUR - 1)
    assert engine.warming_up("share", START)
    assert not engine.warming_up("asked_3h", START + 3 * HOUR)
    assert not engine.warming_up("asked_1h", START)
    first = engine.add(Seen(number=1, t=START, kind=VOLUME, actor=ID))
    assert {hit.rule: hit.warming for hit in first} == {"everything": True, "since_both": True}
    restored = Engine.restore(pack, engine.snapshot(), 2)
    [hit, *_] = restored.add(Seen(number=2, t=START + 3 * HOUR, kind=VOLUME, actor=ID))
    assert not hit.warming
