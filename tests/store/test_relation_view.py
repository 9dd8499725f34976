"""Relations in memory: whatever happens, a look finds what the tables say, as a plain reading of them does."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from nightlight.model.account import UNKNOWN_AGE, Age, AgeBand, Assurance, BirthMonth, month_of
from nightlight.model.contact import ContactOutcome, Direction, Relation, SignalFamily
from nightlight.model.relation import DAY_MS, LIFETIME, NumberedStatement, Tie
from nightlight.prevent.ages import pack_age, unpack_age
from nightlight.prevent.facts import COUNTED_MAX, ROOM_MEMBERS_MAX, Seen, contact_facts
from nightlight.prevent.policy import Limit, Selector
from nightlight.store.database import Database
from nightlight.store.relation_view import MANY, MemoryRelations
from nightlight.store.schema import relations
from nightlight.store.tie_table import TieTable
from tests.databases import LOG_KEY

NOW = 1_750_000_000_000
#: Some share their first bits, so they live in one part of the table; some do not.
PEOPLE = [3, 4, 5, (1 << 51) + 7, (9 << 51) + 1, (9 << 51) + 2, (1 << 63) - 1]
ROOMS = [1 << 40, (9 << 51) + 3]
NUMBERS = [1 << 41, (9 << 51) + 4]
FAMILY, PROTECTION = 77, 88
COUNTED = [Tie.REFUSED_BY, Tie.BLOCKED_BY, Tie.PROVEN_BY, *range(Tie.DECIDED_ALLOW, Tie.DECIDED_DENY + 1)]
EVERYBODY = frozenset(AgeBand)
ANY = Selector(EVERYBODY, EVERYBODY, frozenset(Relation), frozenset(Direction))
YOUNG = replace(ANY, to_bands=frozenset({AgeBand.UNDER_13, AgeBand.AGE_13_15}))
LIMITS = [
    Limit("all", ANY, ContactOutcome.ALLOW, 1, DAY_MS, ContactOutcome.DENY, 0, ""),
    Limit("young", YOUNG, ContactOutcome.REQUEST, 1, 10 * DAY_MS, ContactOutcome.DENY, 0, ""),
    Limit("denied", ANY, ContactOutcome.DENY, 1, 30 * DAY_MS, ContactOutcome.DENY, 0, ""),
]
AGES = [
    Age(AgeBand.AGE_13_15, Assurance.DECLARED),
    Age(AgeBand.ADULT, Assurance.VERIFIED),
    Age(AgeBand.AGE_16_17, Assurance.DECLARED, BirthMonth(2008, 7)),
]

Rows = dict[tuple[int, int, int], int]

_account = st.sampled_from(PEOPLE)
_at = st.integers(0, 40).map(lambda days: NOW - days * DAY_MS)
_pair = st.tuples(_account, _account).filter(lambda two: two[0] != two[1])


def _statement(one: int, tie: int, other: int, at: int, holds: bool) -> NumberedStatement:
    return NumberedStatement(one, Tie(tie), other, at, holds)


_between = st.builds(
    lambda two, tie, at, holds: _statement(two[0], tie, two[1], at, holds),
    _pair,
    st.sampled_from([Tie.CONNECTED, *COUNTED, *COUNTED, Tie.ASKED]),
    _at,
    st.sampled_from([True, True, True, False]),
)
_alone = st.builds(
    lambda one, what, at, holds: _statement(one, what[0], one if what[1] is None else what[1], at, holds),
    _account,
    st.sampled_from(
        [
            (Tie.KNOWN_SINCE, None),
            (Tie.LOOSENED, PROTECTION),
            *((tie, number) for tie in (Tie.NUMBER_IS, Tie.HAS_NUMBER_OF) for number in NUMBERS),
            *((Tie.IN_ROOM, room) for room in ROOMS),
        ]
    ),
    _at,
    st.booleans(),
)
_signal = st.builds(
    lambda one, days: _statement(one, Tie.SIGNAL, FAMILY, NOW + days * DAY_MS, True), _account, st.integers(-3, 3)
)
_room = st.builds(
    lambda room, whom, at, holds: _statement(room, Tie.MEMBER if whom else Tie.PRIVATE, whom or room, at, holds),
    st.sampled_from(ROOMS),
    st.sampled_from([0, 0, *PEOPLE]),
    _at,
    st.sampled_from([True, True, False]),
)
_step = st.one_of(
    st.tuples(st.just("state"), st.lists(st.one_of(_between, _between, _alone, _room), min_size=1, max_size=12)),
    st.tuples(st.just("age"), st.tuples(_account, st.sampled_from(AGES))),
    st.tuples(st.just("forget"), st.sampled_from([*PEOPLE, *ROOMS])),
    st.tuples(st.just("expire"), st.integers(0, 40)),
    st.tuples(st.just("look"), st.none()),
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database to copy: making one takes longer than a test of it."""
    path = tmp_path_factory.mktemp("view") / "empty.sqlite3"
    database = Database(f"sqlite:///{path}", LOG_KEY)
    database.migrate()
    database.close()
    return path


class Town:
    """A store and a view that follows it."""

    def __init__(self, folder: str, empty: Path, many: int = MANY) -> None:
        path = Path(folder) / "town.sqlite3"
        shutil.copy(empty, path)
        self.store = Database(f"sqlite:///{path}", LOG_KEY)
        self.view = self.fresh(many)

    def fresh(self, many: int = MANY) -> MemoryRelations:
        """A view as after a start."""
        view = MemoryRelations(self.store, lambda _, sealed: unpack_age(int.from_bytes(sealed, "big")), many)
        view.follow()
        return view

    def state(self, *statements: NumberedStatement) -> None:
        with self.store.write() as tx:
            tx.state(statements, tx.next_change())

    def age(self, one: int, age: Age) -> None:
        with self.store.write() as tx:
            tx.put_age(one, pack_age(age).to_bytes(5, "big"), tx.next_change())

    def forget(self, one: int) -> None:
        with self.store.write() as tx:
            named, since = tx.relations_naming(one), tx.last_change()
            tx.remove_relations(one, named, since, tx.next_change(), NOW)

    def rows(self) -> Rows:
        """What the table says, read plainly."""
        query = select(relations.c.one, relations.c.tie, relations.c.other, relations.c.at).where(relations.c.holds)
        with self.store.engine.connect() as connection:
            found = connection.execute(query.where(relations.c.tie != int(Tie.FORGOTTEN)))
            return {(row.one, row.tie, row.other): row.at for row in found}

    def ages(self) -> dict[int, Age]:
        with self.store.read() as tx:
            return {one: unpack_age(int.from_bytes(sealed, "big")) for one, sealed in tx.changed_ages(-1)}


@pytest.fixture
def town(tmp_path: Path, empty: Path) -> Iterator[Town]:
    town = Town(str(tmp_path), empty)
    yield town
    town.store.close()


def plain_look(rows: Rows, ages: dict[int, Age], one: int, other: int) -> Seen:
    """The definition, without any cleverness: every row is read."""

    def of(whom: int, tie: int) -> set[int]:
        return {c for a, b, c in rows if a == whom and b == tie}

    about = [
        (tie, whom, at)
        for (who, tie, whom), at in sorted(rows.items())
        if who == one and (tie in COUNTED or tie in (Tie.KNOWN_SINCE, Tie.SIGNAL))
    ]
    small = [
        room
        for room in of(one, Tie.IN_ROOM) & of(other, Tie.IN_ROOM)
        if (room, int(Tie.PRIVATE), room) in rows and len(of(room, Tie.MEMBER)) <= ROOM_MEMBERS_MAX
    ]
    return Seen(
        {
            tie: rows[one, tie, other]
            for tie in (Tie.CONNECTED, Tie.REFUSED_BY, Tie.BLOCKED_BY)
            if (one, tie, other) in rows
        },
        about,
        {whom: ages[whom] for _, whom, _ in about if whom in ages and whom != one},
        ages.get(one, UNKNOWN_AGE),
        ages.get(other, UNKNOWN_AGE),
        min(len(of(one, Tie.CONNECTED) & of(other, Tie.CONNECTED)), COUNTED_MAX),
        min(len(small), COUNTED_MAX),
        bool(of(one, Tie.NUMBER_IS) & of(other, Tie.HAS_NUMBER_OF)),
        frozenset(of(other, Tie.LOOSENED)),
    )


def facts_from(seen: Seen, other: int, now: int = NOW) -> object:
    return contact_facts(
        Direction.DIRECT,
        other,
        seen,
        now=now,
        remote=False,
        limits=LIMITS,
        protections={PROTECTION: "protection"},
        families={FAMILY: SignalFamily.FAN_OUT},
    )


def check(town: Town, view: MemoryRelations, ones: Sequence[int] = PEOPLE) -> None:
    """Every pair from ``ones`` on, listed and counted, with and without some set apart."""
    rows, ages = town.rows(), town.ages()
    assert view.counts()[0] == len(rows)
    for one in ones:
        for other in PEOPLE:
            if one == other:
                continue
            expected = plain_look(rows, ages, one, other)
            listed = view.look(one, other)
            assert replace(listed, about=sorted(listed.about), ages={}) == replace(
                expected, about=sorted(expected.about), ages={}
            )
            facts = facts_from(expected, other)
            assert facts_from(listed, other) == facts
            assert facts_from(view.look(one, other, month_of(NOW)), other) == facts
            assert facts_from(view.look(one, other, month_of(NOW), PEOPLE[:3]), other) == facts


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(_step, max_size=8), many=st.sampled_from([0, 3, MANY]))
def test_whatever_happens_a_look_finds_what_a_plain_reading_of_the_tables_finds(
    empty: Path, steps: list[tuple[str, object]], many: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        town = Town(folder, empty, many)
        for what, given_ in steps:
            if what == "state":
                assert isinstance(given_, list)
                town.state(*given_)
            elif what == "age":
                assert isinstance(given_, tuple)
                town.age(*given_)
            elif what == "forget":
                assert isinstance(given_, int)
                town.forget(given_)
            elif what == "expire":
                assert isinstance(given_, int)
                now = NOW + given_ * 10 * DAY_MS
                town.view.follow()
                town.view.expire(now)
                with town.store.write() as tx:
                    tx.remove_expired(tx.expired_relations(now, None, 10_000), now)
            else:
                with town.store.write() as tx:
                    town.view.follow(tx)
                check(town, town.view, PEOPLE[2:4])
        town.view.follow()
        check(town, town.view)
        check(town, town.fresh(many))
        town.store.close()


@settings(max_examples=30, deadline=None)
@given(signals=st.lists(_signal, max_size=6), looks=st.lists(_pair, min_size=1, max_size=4))
def test_a_signal_counts_until_its_end(
    empty: Path, signals: list[NumberedStatement], looks: list[tuple[int, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        town = Town(folder, empty, 0)
        town.state(*signals)
        town.view.follow()
        last = {signal.one: signal.at for signal in signals}
        for one, other in looks:
            facts = facts_from(town.view.look(one, other, month_of(NOW)), other)
            active = frozenset({SignalFamily.FAN_OUT}) if last.get(one, 0) > NOW else frozenset()
            assert facts.signals == active  # type: ignore[attr-defined]
        town.store.close()


def test_whoever_asked_thousands_cannot_hide_the_last_ones_among_them(town: Town) -> None:
    """More ties than one would read for a decision: the recent ones count, wherever their numbers stand."""
    one, other = PEOPLE[0], PEOPLE[1]
    others = random.Random(5).sample(range(10**6, 1 << 62), 3_000)
    old = [_statement(one, Tie.DECIDED_ALLOW, whom, NOW - 20 * DAY_MS, True) for whom in others[:2_990]]
    new = [_statement(one, Tie.DECIDED_REQUEST, whom, NOW - 1, True) for whom in others[2_990:]]
    town.state(*old, *new)
    for whom in others[2_990:]:
        town.age(whom, AGES[0])
    town.view.follow()
    seen = town.view.look(one, other, month_of(NOW))
    assert len(seen.about) < 5
    facts = facts_from(seen, other)
    assert facts.minors_asked == 10  # type: ignore[attr-defined]
    assert dict(facts.limits) == {"all": 10, "young": 10, "denied": 0}  # type: ignore[attr-defined]


def test_a_birthday_moves_the_band_of_those_who_were_counted(town: Town) -> None:
    one, other = PEOPLE[0], PEOPLE[1]
    whom = range(1_000, 1_060)
    town.state(*(_statement(one, Tie.REFUSED_BY, person, NOW, True) for person in whom))
    for person in whom:
        town.age(person, Age(AgeBand.AGE_16_17, Assurance.DECLARED, BirthMonth(2007, 6)))
    town.view.follow()
    july = NOW + 20 * DAY_MS
    assert (str(month_of(NOW)), str(month_of(july))) == ("2025-06", "2025-07")
    for now, minors in ((NOW, 60), (july, 0), (NOW, 60)):
        facts = facts_from(town.view.look(one, other, month_of(now)), other, now)
        assert facts.minor_refusals == minors  # type: ignore[attr-defined]


def test_a_room_is_a_sign_of_knowing_each_other_only_while_it_is_small(town: Town) -> None:
    one, other, room = PEOPLE[0], PEOPLE[1], ROOMS[0]
    members = [one, other, *range(1_000, 1_000 + ROOM_MEMBERS_MAX - 2)]
    town.state(
        _statement(room, Tie.PRIVATE, room, NOW, True),
        *(_statement(room, Tie.MEMBER, whom, NOW, True) for whom in members),
        *(_statement(whom, Tie.IN_ROOM, room, NOW, True) for whom in members),
    )

    def shared() -> list[int]:
        town.view.follow()
        return [view.look(one, other).shared_rooms for view in (town.view, town.fresh())]

    assert shared() == [1, 1]
    town.state(_statement(room, Tie.MEMBER, 5_000, NOW, True))
    assert shared() == [0, 0]
    town.forget(5_000)
    assert shared() == [1, 1]
    town.state(_statement(room, Tie.PRIVATE, room, NOW + 1, False))
    assert shared() == [0, 0]


def test_expiry_removes_each_kind_after_its_own_time(town: Town) -> None:
    ties = [tie for tie in Tie if tie is not Tie.FORGOTTEN]
    town.state(*(_statement(PEOPLE[0], tie, 1_000, NOW, True) for tie in ties))
    town.view.follow()
    for days in (0, 1, 29, 31, 89, 91, 179, 181, 364, 366, 3_000):
        now = NOW + days * DAY_MS + 1
        town.view.expire(now)
        kept = {tie for tie in ties if (life := LIFETIME[tie]) is None or now - life <= NOW}
        assert {tie for tie in ties if town.view.others(PEOPLE[0], tie, 5)} == kept


def test_a_table_of_many_parts_keeps_its_order(town: Town) -> None:
    table = TieTable()
    choice = random.Random(11)
    model: Rows = {}
    names = [choice.getrandbits(63) for _ in range(50)]
    for _ in range(3_000):
        key = (choice.choice(names), choice.randrange(1, 32), choice.choice(names))
        if choice.random() < 0.3:
            table.remove(*key)
            model.pop(key, None)
        else:
            model[key] = choice.randrange(NOW)
            table.put(*key, model[key])
    assert list(table.rows()) == [(*key, at) for key, at in sorted(model.items())]
    other = TieTable()
    rows = list(table.rows())
    for start in range(0, len(rows), 7):
        other.load(rows[start : start + 7])
    assert list(other.rows()) == rows
    for name in names[:10]:
        table.remove_all(name)
        model = {key: at for key, at in model.items() if name not in (key[0], key[2])}
        assert list(table.rows()) == [(*key, at) for key, at in sorted(model.items())]
