"""Holds: one person places one, and it takes two to let go. Each step stands in the log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from nightlight.errors import RefusedError
from nightlight.evidence.log import LogEntry, LogKind
from nightlight.flows.record_report import NewId
from nightlight.model.event import LoggedEvent
from nightlight.model.hold import Hold, HoldKind, HoldScope
from nightlight.ports import Clock, Store, Transaction
from nightlight.prevent.event_reader import account_name
from nightlight.respond.person import same_person

TEXT_CHARS_MAX = 2_000
NAME_CHARS_MAX = 256
#: Further ahead than anything that is kept; ends what would overflow.
UNTIL_MAX_MS = 200 * 366 * 86_400_000


@dataclass(frozen=True, slots=True)
class NewHold:
    """What somebody wants held. ``until``: milliseconds since 1970, None for no end."""

    kind: HoldKind
    scope: HoldScope
    target: str
    why: str
    legal_basis: str
    agency: str = ""
    reference: str = ""
    until: int | None = None


@dataclass(frozen=True, slots=True)
class HoldDesk:
    """``by`` is everywhere who does it, as the log will name them."""

    store: Store
    clock: Clock
    new_id: NewId

    def place(self, new: NewHold, by: str) -> Hold:
        """Holds at once, also against an erasure that was announced.

        ``RefusedError``: ``hold_malformed``, ``until_past``, ``case_not_found``, ``erased``.
        """
        with self.store.write() as tx:
            # The time is taken when nobody else writes, so that it is after everything that was erased before.
            now = self.clock.now()
            hold = self._made(tx, new, by, now)
            tx.add_hold(hold)
            detail = {
                "hold": hold.hold_id,
                "kind": hold.kind,
                "scope": hold.scope,
                "until": hold.until,
                "why": hold.why,
                "legal_basis": hold.legal_basis,
                "agency": hold.agency,
                "reference": hold.reference,
            }
            tx.log(now, LogKind.HOLD_PLACED, hold.placed_by, hold.target, detail)
        return hold

    def propose_release(self, hold_id: str, by: str, reason: str) -> Hold:
        """The first of two people who let go. It holds as before.

        ``RefusedError``: ``hold_not_found``, ``hold_released``, ``hold_malformed``.
        """
        who, why = _text(by, "who", NAME_CHARS_MAX), _text(reason, "the reason", TEXT_CHARS_MAX)
        with self.store.write() as tx:
            now = self.clock.now()
            hold = self._in_force(tx, hold_id)
            proposed = replace(hold, proposed_by=who, proposed_at=now, reason=why)
            tx.save_hold(proposed)
            tx.log(now, LogKind.HOLD_RELEASE_PROPOSED, who, hold.target, {"hold": hold_id, "reason": why})
        return proposed

    def reject_release(self, hold_id: str, by: str) -> Hold:
        """Anybody may say no to a proposal, whoever made it; ``RefusedError`` as below."""
        who = _text(by, "who", NAME_CHARS_MAX)
        with self.store.write() as tx:
            hold = self._proposed(tx, hold_id)
            kept = replace(hold, proposed_by=None, proposed_at=None, reason="")
            tx.save_hold(kept)
            detail = {"hold": hold_id, "proposed_by": hold.proposed_by}
            tx.log(self.clock.now(), LogKind.HOLD_RELEASE_REJECTED, who, hold.target, detail)
        return kept

    def release(self, hold_id: str, by: str) -> Hold:
        """The second of two people.

        ``RefusedError``: ``hold_not_found``, ``hold_released``, ``release_not_proposed``, ``same_person``.
        """
        who = _text(by, "who", NAME_CHARS_MAX)
        with self.store.write() as tx:
            now = self.clock.now()
            hold = self._proposed(tx, hold_id)
            if same_person(who, hold.proposed_by or ""):
                raise RefusedError(
                    "same_person",
                    f"{hold.proposed_by} proposed to release this hold, so somebody else has to confirm it.",
                    "Ask a colleague to look at it.",
                )
            released = replace(hold, released_by=who, released_at=now)
            tx.save_hold(released)
            detail = {"hold": hold_id, "proposed_by": hold.proposed_by, "reason": hold.reason}
            tx.log(now, LogKind.HOLD_RELEASED, who, hold.target, detail)
        return released

    def events_of(self, account: str, by: str) -> Iterator[LoggedEvent]:
        """Every event about an account under a hold, for the agency that it is held for. The look is logged before it.

        ``RefusedError('not_held')``.
        """
        who = _text(by, "who", NAME_CHARS_MAX)
        with self.store.write() as tx:
            now = self.clock.now()
            in_force = [hold for hold in tx.holds_on_account(account) if hold.holds(now)]
            if not in_force:
                raise RefusedError("not_held", "No hold is on this account, so there is no reason to look at it.")
            tx.log(now, LogKind.EVENTS_VIEWED, who, account, {"holds": [hold.hold_id for hold in in_force]})
        with self.store.snapshot() as tx:
            yield from tx.events_about(account)

    def holds(self) -> list[Hold]:
        """All that ever were, the newest first."""
        with self.store.read() as tx:
            return tx.holds()

    def hold(self, hold_id: str) -> Hold:
        """``RefusedError('hold_not_found')``."""
        with self.store.read() as tx:
            return self._found(tx, hold_id)

    def _made(self, tx: Transaction, new: NewHold, by: str, now: int) -> Hold:
        if new.scope is HoldScope.CASE:
            if tx.case(new.target) is None:
                raise RefusedError("case_not_found", "There is no such case.")
            kept = tx.kept_case(new.target, now)
            if kept is None or not kept.records:
                raise RefusedError("erased", "Everything that there was of this case is erased: nothing can be held.")
        else:
            account_name(new.target)
        if new.until is not None and not now < new.until <= now + UNTIL_MAX_MS:
            raise RefusedError(
                "until_past",
                "A hold ends in the future, and within two hundred years.",
                "Leave the end out for a hold that lasts until two people release it.",
            )
        return Hold(
            hold_id=self.new_id("hold"),
            kind=new.kind,
            scope=new.scope,
            target=new.target,
            why=_text(new.why, "why", TEXT_CHARS_MAX),
            legal_basis=_text(new.legal_basis, "the legal basis", TEXT_CHARS_MAX),
            agency=_text(new.agency, "the agency", NAME_CHARS_MAX, needed=new.kind is HoldKind.PRESERVATION),
            reference=_text(new.reference, "the reference", NAME_CHARS_MAX, needed=new.kind is HoldKind.PRESERVATION),
            placed_by=_text(by, "who", NAME_CHARS_MAX),
            placed_at=now,
            until=new.until,
        )

    def _found(self, tx: Transaction, hold_id: str) -> Hold:
        hold = tx.hold(hold_id)
        if hold is None:
            raise RefusedError("hold_not_found", "There is no such hold.", "`nightlight retention holds` lists them.")
        return hold

    def _in_force(self, tx: Transaction, hold_id: str) -> Hold:
        hold = self._found(tx, hold_id)
        if hold.released_at is not None:
            raise RefusedError("hold_released", "This hold was released already.", "Reload the page.")
        return hold

    def _proposed(self, tx: Transaction, hold_id: str) -> Hold:
        hold = self._in_force(tx, hold_id)
        if hold.proposed_by is None:
            raise RefusedError(
                "release_not_proposed",
                "Nobody proposed to release this hold.",
                "It takes two people: one proposes, another confirms.",
            )
        return hold


def held_by_log(entries: Iterable[LogEntry], now: int) -> set[str]:
    """Ids of holds that, as these entries say, hold at that time: whoever deletes a hold's row does not lift it."""
    until: dict[str, int | None] = {}
    for entry in entries:
        if entry.kind == LogKind.HOLD_PLACED:
            detail = json.loads(entry.detail)
            until[detail["hold"]] = detail["until"]
        elif entry.kind == LogKind.HOLD_RELEASED:
            until.pop(json.loads(entry.detail)["hold"], None)
    return {hold for hold, end in until.items() if end is None or now < end}


def _text(value: str, what: str, chars_max: int, *, needed: bool = True) -> str:
    text = value.strip()
    if needed and not text:
        raise RefusedError("hold_malformed", f"A hold says {what}.", "Write it in a sentence.")
    if len(text) > chars_max:
        raise RefusedError("hold_malformed", f"Of {what} there are at most {chars_max:,} characters.")
    if any("\ud800" <= char <= "\udfff" or char == "\x00" for char in text):
        raise RefusedError("hold_malformed", f"In {what} there are characters that cannot be stored.")
    return text
