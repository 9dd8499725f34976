"""The same definitions in SQL give what plain Python gives, event by event, value by value, rule by rule."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nightlight.detect.definitions import Pack
from nightlight.detect.evaluate import evaluator
from nightlight.detect.expression import parse
from nightlight.detect.fields import FIELDS, NEVER_MS, Seen, Type, code
from nightlight.detect.sql import expression_sql, script
from nightlight.detect.windows import Windows
from tests.detect.packs import pack_of, starter
from tests.detect.streams import DAY, columns_of, connection_with, random_events, sql_values

HOUR = 3_600_000
KINDS = [
    code(Type.KIND, kind) for kind in ("contact.requested", "contact.declined", "conversation.volume", "room.joined")
]

#: Every function, with the same key and another, with and without a condition.
FEATURES = """\
- {id: requests_1h, title: T, count: events, per: actor, when: kind == "contact.requested", over: 1h, lifetime: 1d,
   purpose: contact, source: S}
- {id: all_2h, title: T, count: events, per: target, read: actor, over: 2h, lifetime: 1d, purpose: contact, source: S}
- {id: targets_1h, title: T, count_distinct: target, per: actor, when: kind == "contact.requested", over: 1h,
   lifetime: 1d, purpose: contact, source: S}
- {id: declined_2h, title: T, count_distinct: actor, per: target, read: actor, when: kind == "contact.declined",
   over: 2h, lifetime: 1d, purpose: contact, source: S}
- {id: rooms_3h, title: T, count_distinct: room, per: actor, read: target, over: 3h, lifetime: 1d, purpose: contact,
   source: S}
- {id: sent_1h, title: T, sum: messages, per: room, when: kind == "conversation.volume", over: 1h, lifetime: 1d,
   purpose: volume, source: S}
- {id: since, title: T, time_since: events, per: target, read: actor, when: kind == "contact.declined", lifetime: 2h,
   purpose: contact, source: S}
- {id: first, title: T, first_seen: events, per: actor, lifetime: 2h, purpose: contact, source: S}
- {id: first_in_room, title: T, first_seen: events, per: room, read: room, when: messages >= 5, lifetime: 1h,
   purpose: contact, source: S}
- {id: share, title: T, value: "ratio(declined_2h, targets_1h, otherwise=0.5)", purpose: contact, source: S}
- {id: worst, title: T, value: "most(share * 3, least(sent_1h, 7) + 0.25)", purpose: contact, source: S}
- {id: score, title: T, value: "most(requests_1h, all_2h) * 2 - rooms_3h", purpose: contact, source: S}
"""
RULES = """\
- {id: many, title: T, family: fan_out, severity: low, reason: r, expires: 1d, source: S,
   when: kind == "contact.requested" and targets_1h >= 2 and worst > 1.2}
- {id: refused, title: T, family: rejection, severity: low, about: target, reason: r, expires: 1d, source: S,
   when: "kind in ('contact.declined', 'conversation.volume') and (first < minutes(90) or not score > 3)"}
- {id: anywhere, title: T, family: network, severity: low, reason: r, expires: 1d, source: S,
   when: since < hours(1) and first_in_room != never or all_2h >= 4}
"""


def by_windows(pack: Pack, events: Sequence[Seen]) -> tuple[dict[int, dict[str, float]], list[tuple[int, str, int]]]:
    windows, values, hits = Windows(pack), {}, []
    for event in events:
        hits += [(hit.number, hit.rule, hit.about) for hit in windows.add(event)]
        values[event.number] = {name: float(value) for name, value in windows.values(event).items()}
    return values, hits


event = st.builds(
    lambda **given: Seen(**given),  # no field but these: hypothesis would make up the rest of a tuple
    number=st.just(0),
    t=st.integers(0, 9).map(lambda step: step * HOUR // 2),
    kind=st.sampled_from(KINDS),
    actor=st.integers(0, 3),
    target=st.integers(0, 3),
    room=st.integers(0, 2),
    messages=st.integers(0, 9),
)


@given(st.lists(st.lists(event, max_size=60), min_size=1, max_size=1))
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
def test_sql_is_plain_python_event_by_event(drawn: list[list[Seen]]) -> None:
    """Half-hour steps over windows of whole hours: nearly everything is a tie or stands on an edge."""
    pack = pack_of(FEATURES, RULES)
    events = [
        Seen(n, one.t, one.kind, one.actor, one.target, one.room, messages=one.messages)
        for n, one in enumerate(sorted(drawn[0], key=lambda one: one.t), 1)
    ]
    values, hits = by_windows(pack, events)
    connection = connection_with(events)
    found, found_hits = sql_values(connection, pack, every=True)
    assert found == values
    assert found_hits == hits
    assert sql_values(connection, pack)[1] == hits


def test_the_starter_pack_over_many_events() -> None:
    events = random_events(30_000, seed=4, step_ms=20_000)
    pack = starter()
    values, hits = by_windows(pack, events)
    assert len({rule for _, rule, _ in hits}) == 20
    connection = connection_with(events)
    found, found_hits = sql_values(connection, pack, every=True)
    assert found.keys() == values.keys()
    assert [number for number in values if found[number] != values[number]] == []
    assert found_hits == hits
    assert sql_values(connection, pack)[1] == hits


def test_a_part_is_asked_about_and_the_whole_past_counts() -> None:
    events = random_events(5_000, seed=5)
    pack = starter()
    values, hits = by_windows(pack, events)
    connection = connection_with(events)
    middle, end = events[2_500].t, events[4_000].t
    part = [hit for hit in hits if middle <= events[hit[0] - 1].t < end]
    assert part
    assert sql_values(connection, pack, since=middle, until=end)[1] == part
    chosen = sorted({number for number, _, _ in part})[:7]
    connection.execute("CREATE TABLE picked AS SELECT unnest(?) AS number", [chosen])
    found, found_hits = sql_values(connection, pack, chosen="picked", every=True)
    assert found == {number: values[number] for number in chosen}
    assert found_hits == [hit for hit in hits if hit[0] in set(chosen)]


def test_later_events_of_the_same_instant_are_not_seen() -> None:
    """What RANGE ... CURRENT ROW would count in, and what an INTERVAL of a whole hour would still see."""
    events = [Seen(n, t, KINDS[0], 1, n) for n, t in ((1, 0), (2, 0), (3, HOUR), (4, HOUR))]
    found, _ = sql_values(connection_with(events), pack_of(FEATURES), every=True)
    assert [found[n]["targets_1h"] for n in (1, 2, 3, 4)] == [1, 2, 1, 2]


EXPRESSIONS = [
    "mutual + banned_links * 1000000000 > 12",
    "mutual - 3 < 0",
    "known_for - days(7) < hours(1) and not (kind == 'room.joined')",
    "known_for + never > never",
    "ratio(messages, bytes, otherwise=0.1) >= 0.1",
    "ratio(messages, bytes, otherwise=1) * 3 == 1",
    "least(messages, 5, mutual * 2) + 0.30000000000000004 != most(0.1, ratio(mutual, 3, otherwise=0.0))",
    "actor_band in minors or target_band not in minors and relation != 'stranger'",
    "1 <= mutual < 3",
    "actor == target",
    "banned_links == 300 or mutual * mutual * mutual * 999999999 > bytes",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_an_expression_has_the_same_value(text: str) -> None:
    node = parse(text, {})
    events = random_events(400, seed=6)
    query = f"SELECT {expression_sql(node, {})} FROM log ORDER BY number"
    found = [row[0] for row in connection_with(events).execute(query).fetchall()]
    expected = [bool(evaluator(node)(event, lambda _: 0)) for event in events]
    assert found == expected


def test_no_word_of_a_definition_reaches_the_database() -> None:
    hostile = FEATURES.replace("title: T", 'title: "\'; DROP TABLE log; --"').replace("requests_1h", "select")
    made = script(pack_of(hostile, RULES), "log")
    text = "\n".join(made.statements)
    assert "DROP" not in text
    assert "select " not in text.replace("SELECT", "")
    assert made.columns["select"] == "f0"
    with pytest.raises(ValueError, match="no name of ours"):
        script(pack_of(FEATURES), "log; DROP TABLE log")


def test_a_pack_without_rules_or_features_says_nothing() -> None:
    events = random_events(10, seed=7)
    assert sql_values(connection_with(events), pack_of("[]\n")) == ({}, [])


def test_what_was_made_is_dropped_again() -> None:
    connection = connection_with(random_events(10, seed=8))
    made = script(pack_of(FEATURES, RULES), "log")
    for statement in (*made.statements, *made.drop):
        connection.execute(statement)
    assert [name for (name,) in connection.execute("SHOW TABLES").fetchall()] == ["given", "log"]


def test_columns_are_those_of_the_log() -> None:
    made = columns_of(random_events(3, seed=9))
    assert {"number", "event", "t", "at", *FIELDS} == made.keys()
    assert NEVER_MS > 100 * 365 * DAY
