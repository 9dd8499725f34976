"""What every story about people needs: numbers for names, and ages that open."""

from __future__ import annotations

from collections.abc import Callable

from nightlight.model.account import UNKNOWN_AGE, Age
from nightlight.model.contact import SignalFamily
from nightlight.model.own_page import BlockedName
from nightlight.model.relation import NumberedStatement, Statement
from nightlight.ports import PeopleSeal, Transaction
from nightlight.prevent.ages import pack_age, unpack_age
from nightlight.prevent.names import NameKey

_AGE_BYTES = 5


class Numbers(dict[str, int]):
    """Numbers for names, each worked out once. For one transaction: names are not to stay in memory."""

    def __init__(self, number: Callable[[str], int]) -> None:
        super().__init__()
        self._number = number

    def __missing__(self, name: str) -> int:
        found = self[name] = self._number(name)
        return found

    def numbered(self, statement: Statement) -> NumberedStatement:
        one, other = self[statement.one], self[statement.other]
        return NumberedStatement(one, statement.tie, other, statement.at, statement.holds)


class People:
    """``names`` turns ids into numbers, ``seal`` encrypts what is known about them."""

    def __init__(self, names: NameKey, seal: PeopleSeal) -> None:
        self._names = names
        self.seal = seal
        self.number = names.number
        #: What the numbers of families of signals stand for.
        self.families = {names.number(family.value): family for family in SignalFamily}

    def numbered(self, statement: Statement) -> NumberedStatement:
        number = self._names.number
        return NumberedStatement(
            number(statement.one), statement.tie, number(statement.other), statement.at, statement.holds
        )

    def numbers(self) -> Numbers:
        return Numbers(self.number)

    def pseudonym(self, account: str) -> str:
        """A name for the log, from which nobody without the key gets to the account."""
        return f"account:{self.number(account):016x}"

    def close_age(self, one: int, age: Age) -> bytes:
        return self.seal.close(f"age/{one}", pack_age(age).to_bytes(_AGE_BYTES, "big"))

    def open_age(self, one: int, sealed: bytes) -> Age:
        """``RefusedError``: ``sealed_damaged``, ``age_damaged``."""
        return unpack_age(int.from_bytes(self.seal.open(f"age/{one}", sealed), "big"))

    def age_of(self, tx: Transaction, account: str) -> Age:
        one = self.number(account)
        sealed = tx.sealed_age(one)
        return UNKNOWN_AGE if sealed is None else self.open_age(one, sealed)

    def close_blocked(self, one: str, other: str, at: int) -> BlockedName:
        """The name of somebody whom ``one`` blocks, sealed, so that they can see it and nobody else."""
        number = self.number(other)
        return BlockedName(number, at, self.seal.close(f"blocked/{self.number(one)}/{number}", other.encode()))

    def open_blocked(self, one: int, name: BlockedName) -> str:
        return self.seal.open(f"blocked/{one}/{name.other}", name.sealed).decode()
