"""Devices, numbers and address books: who used what, and with how many banned accounts somebody shares it."""

from __future__ import annotations

from array import array
from collections.abc import Callable

from nightlight.detect.columns import SMALL_MAX


class Belongings:
    def __init__(self, is_banned: Callable[[int], int]) -> None:
        self._is_banned = is_banned
        self.items = 0
        self._users: dict[int, set[int]] = {}
        self.of: list[set[int]] = []
        self.device = array("i")
        self.number = array("i")
        #: By account: how many banned ones share a device or number with it.
        self.banned_links = array("h")
        #: Numbers in the address book of each.
        self.book: list[set[int]] = []
        self.numbers_of: list[list[int]] = []

    def add_person(self) -> None:
        self.of.append(set())
        self.book.append(set())
        self.numbers_of.append([])
        self.device.append(-1)
        self.number.append(-1)
        self.banned_links.append(0)

    def new_item(self) -> int:
        self.items += 1
        return self.items - 1

    def use(self, person: int, item: int, *, number: bool = False) -> None:
        self.of[person].add(item)
        self._users.setdefault(item, set()).add(person)
        if number:
            self.number[person] = item
            if item not in self.numbers_of[person]:
                self.numbers_of[person].append(item)
        else:
            self.device[person] = item
        if len(self._users[item]) > 1:
            self._count(person)
            if self._is_banned(person):
                self.recount_around(person)

    def recount_around(self, person: int) -> None:
        """After a ban, or the end of one."""
        for other in {other for item in self.of[person] for other in self._users[item]} - {person}:
            self._count(other)

    def _count(self, person: int) -> None:
        others = {other for item in self.of[person] for other in self._users[item] if self._is_banned(other)}
        self.banned_links[person] = min(SMALL_MAX, len(others - {person}))

    def has_in_book(self, owner: int, other: int) -> bool:
        """Whether a number that ``other`` has stands in the address book of ``owner``."""
        book = self.book[owner]
        return bool(book) and any(number in book for number in self.numbers_of[other])
