"""A town for the benches of prevention: accounts, ages and relations as uneven as in life, the same in every run.

Most accounts have a handful of connections, a few have thousands. Some ask thousands of people. Young people share
rooms of 30, some rooms have 500 members, and some pairs share 300 rooms. All of it is made up, from a fixed seed.
"""

from __future__ import annotations

import random
import sqlite3
from array import array
from collections.abc import Iterator
from pathlib import Path

from nightlight.cli.compose import House
from nightlight.model.account import Age, AgeBand, Assurance, BirthMonth
from nightlight.model.contact import Approach, Direction
from nightlight.model.relation import DAY_MS, Tie
from nightlight.settings import Settings

#: At least so many relations come with each account, on average.
RELATIONS_EACH = 17
SERVER = "bench.example"
#: One in so many accounts asks thousands of others; one in so many pairs shares 300 rooms.
ASKER_EVERY, CLOSE_EVERY = 2_000, 25_000
_SHARED_ROOMS = 300
_CLASS, _LARGE = 30, 500
_SHIFT = 63 - 12
_AGES = (
    Age(AgeBand.UNDER_13, Assurance.DECLARED, BirthMonth(2015, 3)),
    Age(AgeBand.AGE_13_15, Assurance.DECLARED, BirthMonth(2012, 5)),
    Age(AgeBand.AGE_16_17, Assurance.VERIFIED),
    *[Age(AgeBand.ADULT, Assurance.DECLARED)] * 15,
)


def house_in(folder: Path) -> House:
    return House(Settings(data_dir=folder, server_name=SERVER))


def account(number: int) -> str:
    return f"@account{number}:{SERVER}"


class Pairs:
    """Pairs to decide about, drawn without end. ``accounts``: how many there are."""

    def __init__(self, accounts: int, seed: int = 7) -> None:
        self._accounts = accounts
        self._choice = random.Random(seed)  # noqa: S311 - figures need no secrets

    def mixed(self) -> Approach:
        """Of ten: five with anybody, three with somebody near, one by an asker, one of two with very many ties."""
        kind = self._choice.randrange(10)
        if kind < 5:
            return self.anybody()
        if kind < 8:
            return self.near()
        return self.asker() if kind == 8 else self.close()

    def anybody(self) -> Approach:
        return self._approach(self._choice.randrange(self._accounts), self._choice.randrange(self._accounts))

    def near(self) -> Approach:
        one = self._choice.randrange(self._accounts)
        return self._approach(one, one - one % _CLASS + self._choice.randrange(_CLASS))

    def asker(self) -> Approach:
        one = self._choice.randrange(max(1, self._accounts // ASKER_EVERY)) * ASKER_EVERY
        return self._approach(one, self._choice.randrange(self._accounts))

    def close(self) -> Approach:
        """Two who share 300 rooms, or two of those whom everybody knows."""
        if self._choice.random() < 0.5:
            one = self._choice.randrange(max(1, self._accounts // CLOSE_EVERY)) * CLOSE_EVERY + 1
            return self._approach(one, one + 1)
        return self._approach(self._choice.randrange(20), self._choice.randrange(20))

    def _approach(self, one: int, other: int) -> Approach:
        other = min(other, self._accounts - 1)
        if one == other:
            other = (one + 1) % self._accounts
        return Approach(account(one), account(other), Direction.DIRECT)


def build(folder: str, relations: int) -> int:
    """Writes a town with about so many relations into a new database; how many accounts it has."""
    house = house_in(Path(folder))
    house.store.migrate()
    town = _Town(house, max(relations // RELATIONS_EACH, 2 * _CLASS))
    database = house.settings.resolved_database_url.removeprefix("sqlite:///")
    house.close()
    connection = sqlite3.connect(database, isolation_level=None)
    # Only while it is filled: what is measured later opens it as the service does.
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT OR IGNORE INTO relations (one, tie, other, at, holds, change) VALUES (?, ?, ?, ?, 1, 1)", town.rows()
    )
    connection.executemany("INSERT OR IGNORE INTO ages (one, sealed, change) VALUES (?, ?, 1)", town.ages())
    connection.execute("UPDATE changes SET last = 1")
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return town.accounts


class _Town:
    def __init__(self, house: House, accounts: int) -> None:
        self.accounts = accounts
        self._people = house.people
        self._now = house.clock.now()
        self._choice = random.Random(5)  # noqa: S311 - figures need no secrets
        self._numbers = [house.people.number(account(number)) for number in range(accounts)]
        self._parts = [array("q") for _ in range(1 << 12)]
        for number in range(accounts):
            self._person(number)
        self._rooms()

    def rows(self) -> Iterator[tuple[int, int, int, int]]:
        """In the order of the table."""
        for part in self._parts:
            values = iter(part)
            yield from sorted(zip(values, values, values, values, strict=False))

    def ages(self) -> Iterator[tuple[int, bytes]]:
        """Nine in ten are known."""
        for one in self._numbers:
            if self._choice.random() < 0.9:
                yield one, self._people.close_age(one, self._choice.choice(_AGES))

    def _say(self, one: int, tie: Tie, other: int, days: float) -> None:
        self._parts[one >> _SHIFT].extend((one, tie, other, self._now - int(self._choice.random() * days * DAY_MS)))

    def _both(self, one: int, tie: Tie, back: Tie, other: int, days: float) -> None:
        self._say(one, tie, other, days)
        self._say(other, back, one, days)

    def _somebody(self) -> int:
        """Some are known to very many: the chance falls with the number."""
        return self._numbers[int(self.accounts * self._choice.random() ** 4)]

    def _person(self, number: int) -> None:
        one, choice, say = self._numbers[number], self._choice, self._say
        say(one, Tie.KNOWN_SINCE, one, 900)
        phone = self._people.number(f"phone{number}")
        self._both(one, Tie.NUMBER_IS, Tie.NUMBER_OF, phone, 900)
        for _ in range(2):
            say(one, Tie.HAS_NUMBER_OF, self._people.number(f"phone{choice.randrange(self.accounts)}"), 180)
        for _ in range(min(int(choice.paretovariate(1.6)), 500)):
            other = self._somebody() if choice.random() < 0.3 else self._near(number)
            if other != one:
                self._both(one, Tie.CONNECTED, Tie.CONNECTED, other, 700)
        for _ in range(choice.randrange(3)):
            say(one, Tie.WROTE_TO, self._near(number), 300)
        outcome = Tie(choice.randrange(Tie.DECIDED_ALLOW, Tie.DECIDED_DENY + 1))
        say(one, outcome, self._near(number), 30)
        if choice.random() < 0.3:
            say(one, Tie.ASKED, self._near(number), 90)
            say(one, Tie.REFUSED_BY, self._near(number), 300)
        if choice.random() < 0.1:
            self._both(self._somebody(), Tie.BLOCKED_BY, Tie.BLOCKS, one, 300)
        if number % ASKER_EVERY == 0:
            for _ in range(choice.randrange(1_000, 4_000)):
                tie = Tie(choice.randrange(Tie.DECIDED_ALLOW, Tie.DECIDED_DENY + 1))
                say(one, tie, choice.choice(self._numbers), 30)
            for _ in range(100):
                say(one, Tie.REFUSED_BY, choice.choice(self._numbers), 300)

    def _near(self, number: int) -> int:
        start = number - number % _CLASS
        return self._numbers[min(start + self._choice.randrange(_CLASS), self.accounts - 1)]

    def _rooms(self) -> None:
        made = 0
        for start in range(0, self.accounts, _CLASS):
            group = self._numbers[start : start + _CLASS]
            for members in (group, group[:8], group[8:20], group[15:18]):
                made += 1
                self._room(made, members, private=True)
        for _ in range(self.accounts // (4 * _LARGE)):
            made += 1
            self._room(made, self._choice.sample(self._numbers, min(_LARGE, self.accounts)), private=made % 2 == 0)
        for start in range(0, self.accounts - 2, CLOSE_EVERY):
            for _ in range(_SHARED_ROOMS):
                made += 1
                self._room(made, self._numbers[start + 1 : start + 3], private=made % 30 == 0)

    def _room(self, number: int, members: list[int], *, private: bool) -> None:
        room = self._people.number(f"!room{number}:{SERVER}")
        if private:
            self._say(room, Tie.PRIVATE, room, 900)
        for one in members:
            self._both(one, Tie.IN_ROOM, Tie.MEMBER, room, 600)
        if members:
            self._both(members[0], Tie.MADE_ROOM, Tie.MADE_ROOM, room, 900)
