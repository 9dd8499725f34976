"""Who lives in the town: two families, a school class, a coach, and people whom nobody there knows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Character:
    """``age``: in years; None where nobody knows it. ``days``: how long the account is known to the messenger."""

    name: str
    role: str
    age: int | None
    days: int

    @property
    def title(self) -> str:
        return self.name.capitalize()

    @property
    def shown_age(self) -> str:
        if self.age is None:
            return "?"
        return str(self.age) if self.age < 18 else "adult"


CAST = (
    Character("helen", "mother of Mia and Bob", 41, 900),
    Character("paul", "father of Mia and Bob", 43, 700),
    Character("mia", "daughter of Helen and Paul", 9, 90),
    Character("bob", "son of Helen and Paul", 13, 300),
    Character("wanda", "mother of Leo, Alice, Nina", 44, 800),
    Character("leo", "son of Wanda", 12, 120),
    Character("alice", "Bob's friend, Leo's sister", 13, 300),
    Character("nina", "daughter of Wanda", 16, 600),
    Character("grace", "teacher", 35, 400),
    Character("kim", "classmate", 13, 200),
    Character("carl", "coach, brought by Helen", 38, 500),
    Character("victor", "stranger", 40, 250),
    Character("finn", "account of today", None, 0),
    Character("mallory", "met in a game; suspended", 37, 150),
)
BY_NAME = {one.name: one for one in CAST}

FAMILIES = (("helen", "paul", "mia", "bob"), ("wanda", "leo", "alice", "nina"))
TEACHER, PUPILS = "grace", ("bob", "leo", "alice", "kim")
#: These encrypt and decrypt on a device of their own; the others are seen through what the homeserver shows them.
ENCRYPTING = ("alice", "bob", "mallory", "helen", "carl")

#: Who comes towards whom in the table.
COMING = ("helen", "wanda", "grace", "carl", "mallory", "victor", "finn", "nina", "kim", "alice")
REACHED = ("mia", "leo", "bob", "alice", "nina", "paul")


def birth_month(age: int, year: int, month: int) -> str:
    """A birth month, as YYYY-MM, of somebody who had that birthday half a year before the given month."""
    months = year * 12 + month - 1 - age * 12 - 6
    return f"{months // 12:04}-{months % 12 + 1:02}"
