"""Changing the rules in force: new ones begin in shadow; what people could feel takes two people and a backtest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from nightlight.detect.definition_file import read_definitions
from nightlight.detect.definitions import DAY_MS
from nightlight.errors import RefusedError
from nightlight.evidence.log import LogKind
from nightlight.flows.rule_book import RuleBook, RulesInForce
from nightlight.model.signal import BacktestRecord, ChangeKind, RuleChange, RuleMode
from nightlight.ports import Clock, Store, Transaction

#: How old the backtest may be that a rule goes live upon.
BACKTEST_MS = 7 * DAY_MS
_LOGGED = {
    ChangeKind.ADOPTED: LogKind.RULES_ADOPTED,
    ChangeKind.PROPOSED_LIVE: LogKind.RULE_PROPOSED,
    ChangeKind.WENT_LIVE: LogKind.RULE_LIVE,
    ChangeKind.TO_SHADOW: LogKind.RULE_SHADOW,
    ChangeKind.PAUSED: LogKind.RULE_PAUSED,
    ChangeKind.PAUSED_ITSELF: LogKind.RULE_PAUSED,
    ChangeKind.ROLLED_BACK: LogKind.RULES_ROLLED_BACK,
}
#: Who pauses a rule that went wrong.
ITSELF = "nightlight"


@dataclass(frozen=True, slots=True)
class RuleDesk:
    """Every change is one row with all that holds after it, and one entry in the log."""

    store: Store
    clock: Clock
    book: RuleBook

    def adopt(self, text: bytes, by: str, note: str) -> RuleChange:
        """Puts a pack in force. Rules that mean what they meant keep their mode; all others begin in shadow.

        ``MalformedError('definitions_malformed')``, ``RefusedError('rules_in_force')``.
        """
        pack = read_definitions(text).pack
        _explained(note)
        with self.store.write() as tx:
            now = self.book.in_force(tx)
            if pack.digest == now.pack.digest:
                raise RefusedError("rules_in_force", f"{pack.reference} is in force already.")
            tx.add_rule_pack(pack.digest, text)
            return self._change(tx, now, ChangeKind.ADOPTED, "", by, note, pack=pack.digest)

    def propose_live(self, rule_id: str, by: str, note: str) -> RuleChange:
        """Somebody wants a rule to count. ``RefusedError``: ``rule_live``, ``backtest_missing``, ``note_missing``."""
        _explained(note)
        with self.store.write() as tx:
            now = self.book.in_force(tx)
            now.rule(rule_id)
            if now.modes[rule_id] is RuleMode.LIVE:
                raise RefusedError("rule_live", f"{rule_id} is live already.")
            self._require_backtest(tx, now, rule_id)
            proposed = {**now.change.proposed, now.key(rule_id): by}
            return self._change(tx, now, ChangeKind.PROPOSED_LIVE, rule_id, by, note, proposed=proposed)

    def approve(self, rule_id: str, by: str) -> RuleChange:
        """A second person agrees. ``RefusedError``: ``not_proposed``, ``same_person``, ``backtest_missing``."""
        with self.store.write() as tx:
            now = self.book.in_force(tx)
            now.rule(rule_id)
            proposer = now.change.proposed.get(now.key(rule_id))
            if proposer is None:
                raise RefusedError("not_proposed", f"Nobody proposed that {rule_id} goes live.", "Propose it first.")
            if proposer == by:
                raise RefusedError("same_person", "The one who proposed it cannot agree to it.", "Ask a second person.")
            self._require_backtest(tx, now, rule_id)
            proposed = {key: who for key, who in now.change.proposed.items() if key != now.key(rule_id)}
            modes = {**now.change.modes, now.key(rule_id): RuleMode.LIVE}
            return self._change(
                tx, now, ChangeKind.WENT_LIVE, rule_id, by, f"Proposed by {proposer}.", modes=modes, proposed=proposed
            )

    def to_shadow(self, rule_id: str, by: str, note: str) -> RuleChange:
        """Its signals no longer count; they are written down."""
        return self._quieter(rule_id, RuleMode.SHADOW, ChangeKind.TO_SHADOW, by, note)

    def pause(self, rule_id: str, by: str, note: str) -> RuleChange:
        """It is no longer looked at."""
        kind = ChangeKind.PAUSED_ITSELF if by == ITSELF else ChangeKind.PAUSED
        return self._quieter(rule_id, RuleMode.PAUSED, kind, by, note)

    def roll_back(self, by: str, note: str) -> RuleChange:
        """Back to what held before the last change, in one step. What was paused stays paused.

        ``RefusedError('nothing_to_roll_back')``.
        """
        _explained(note)
        with self.store.write() as tx:
            now = self.book.in_force(tx)
            last = now.change
            target = int(last.rule) - 1 if last.kind is ChangeKind.ROLLED_BACK else last.number - 1
            if target < 0:
                raise RefusedError("nothing_to_roll_back", "Nothing was changed before that.")
            changes = {change.number: change for change in tx.rule_changes(1_000_000)}
            before = changes.get(target, self.book.first)
            paused = {key: mode for key, mode in last.modes.items() if mode is RuleMode.PAUSED}
            return self._change(
                tx,
                now,
                ChangeKind.ROLLED_BACK,
                str(target),
                by,
                note,
                pack=before.pack,
                modes={**before.modes, **paused},
                proposed={},
            )

    def note_backtest(self, record: BacktestRecord) -> None:
        """That a backtest was run: for a week, what it was about may be proposed to go live."""
        with self.store.write() as tx:
            tx.add_backtest(record)

    def history(self, limit: int = 200) -> list[RuleChange]:
        with self.store.read() as tx:
            return tx.rule_changes(limit)

    def backtested(self, rule_id: str) -> BacktestRecord | None:
        """The newest backtest that the rule could go live upon."""
        with self.store.read() as tx:
            return self._backtest(tx, self.book.in_force(tx), rule_id)

    def _quieter(self, rule_id: str, mode: RuleMode, kind: ChangeKind, by: str, note: str) -> RuleChange:
        _explained(note)
        with self.store.write() as tx:
            now = self.book.in_force(tx)
            now.rule(rule_id)
            if now.modes[rule_id] is mode:
                raise RefusedError("rule_unchanged", f"{rule_id} is {mode} already.")
            key = now.key(rule_id)
            proposed = {other: who for other, who in now.change.proposed.items() if other != key}
            modes = {**now.change.modes, key: mode}
            return self._change(tx, now, kind, rule_id, by, note, modes=modes, proposed=proposed)

    def _require_backtest(self, tx: Transaction, now: RulesInForce, rule_id: str) -> None:
        if self._backtest(tx, now, rule_id) is None:
            raise RefusedError(
                "backtest_missing",
                f"There is no backtest of {rule_id}, as it is now, from the last seven days.",
                "Run `nightlight events export` and `nightlight rules backtest --record`.",
            )

    def _backtest(self, tx: Transaction, now: RulesInForce, rule_id: str) -> BacktestRecord | None:
        for record in tx.backtests(self.clock.now() - BACKTEST_MS):
            if record.rules.get(rule_id) == now.meanings[rule_id]:
                return record
        return None

    def _change(
        self,
        tx: Transaction,
        now: RulesInForce,
        kind: ChangeKind,
        rule_id: str,
        by: str,
        note: str,
        *,
        pack: str | None = None,
        modes: Mapping[str, RuleMode] | None = None,
        proposed: Mapping[str, str] | None = None,
    ) -> RuleChange:
        change = replace(
            now.change,
            number=now.change.number + 1,
            at=self.clock.now(),
            kind=kind,
            rule=rule_id,
            by=by,
            note=note.strip(),
            pack=now.change.pack if pack is None else pack,
            modes=now.change.modes if modes is None else modes,
            proposed=now.change.proposed if proposed is None else proposed,
        )
        tx.add_rule_change(change)
        detail = {"rule": rule_id, "note": change.note, "pack": change.pack, "change": change.number}
        tx.log(change.at, _LOGGED[kind], by, "rules", detail)
        return change


def _explained(note: str) -> None:
    if not note.strip():
        raise RefusedError("note_missing", "A change of rules needs a reason.", "Say in a sentence why.")
