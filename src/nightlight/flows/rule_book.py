"""Which rules are in force, and what each of them may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from nightlight.detect.definition_file import read_definitions
from nightlight.detect.definitions import Pack, Rule
from nightlight.detect.meaning import rule_meaning
from nightlight.errors import RefusedError
from nightlight.model.signal import ChangeKind, RuleChange, RuleMode
from nightlight.ports import Store, Transaction


@dataclass(frozen=True, slots=True)
class RulesInForce:
    """``modes``: of every rule of the pack, by id. ``change``: the last one that led here, 0 for none."""

    pack: Pack
    modes: Mapping[str, RuleMode]
    meanings: Mapping[str, str]
    change: RuleChange

    def rule(self, rule_id: str) -> Rule:
        """``RefusedError('rule_unknown')``."""
        for rule in self.pack.rules:
            if rule.id == rule_id:
                return rule
        raise RefusedError("rule_unknown", f"There is no rule {rule_id[:60]} in force.", "See `nightlight rules show`.")

    def key(self, rule_id: str) -> str:
        """By what a mode is remembered: a rule that means something else is another one, and begins in shadow."""
        return f"{rule_id}@{self.meanings[rule_id]}"


@lru_cache(maxsize=8)
def _read(text: bytes) -> Pack:
    """A tenth of a second for each: several processes of a test, or a pack that is gone back to, share it."""
    return read_definitions(text).pack


class RuleBook:
    """``builtin``: the pack in force while nobody adopted another one. ``start``: what its rules may do at first."""

    def __init__(self, store: Store, builtin: bytes, start: RuleMode) -> None:
        self._store = store
        self._builtin = builtin
        pack = _read(builtin)
        meanings = _meanings(pack)
        modes = {f"{rule.id}@{meanings[rule.id]}": start for rule in pack.rules if start is not RuleMode.SHADOW}
        self._packs = {pack.digest: pack}
        self._first = RuleChange(0, 0, ChangeKind.ADOPTED, "", "", "", pack.digest, modes, {})
        self._in_force = self._made(self._first, pack)

    @property
    def first(self) -> RuleChange:
        """What held before anybody changed anything."""
        return self._first

    def in_force(self, tx: Transaction | None = None) -> RulesInForce:
        if tx is None:
            with self._store.read() as tx:
                return self.in_force(tx)
        number = tx.last_rule_change()
        if number != self._in_force.change.number:
            change = tx.rule_changes(1)[0] if number else self._first
            self._in_force = self._made(change, self.pack(tx, change.pack))
        return self._in_force

    def pack(self, tx: Transaction, digest: str) -> Pack:
        """``RefusedError``: ``rules_unknown``, ``rules_changed``."""
        if digest not in self._packs:
            text = tx.rule_pack(digest)
            if text is None:
                raise RefusedError("rules_unknown", "The text of these rules is gone from the database.")
            pack = _read(text)
            if pack.digest != digest:
                raise RefusedError("rules_changed", "Somebody changed the text of these rules in the database.")
            self._packs[digest] = pack
        return self._packs[digest]

    def text(self, tx: Transaction, digest: str) -> bytes:
        """The file as it was adopted."""
        return self._builtin if digest == self._first.pack else tx.rule_pack(digest) or b""

    def _made(self, change: RuleChange, pack: Pack) -> RulesInForce:
        meanings = _meanings(pack)
        modes = {rule.id: change.modes.get(f"{rule.id}@{meanings[rule.id]}", RuleMode.SHADOW) for rule in pack.rules}
        return RulesInForce(pack, modes, meanings, change)


def _meanings(pack: Pack) -> dict[str, str]:
    return {rule.id: rule_meaning(pack, rule) for rule in pack.rules}
