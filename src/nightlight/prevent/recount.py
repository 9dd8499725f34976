"""What a policy's limits would have counted, had it been in force: recomputed from decisions in their order."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from nightlight.model.account import AgeBand
from nightlight.model.contact import ContactFacts, ContactOutcome
from nightlight.model.relation import LIFETIME, Tie
from nightlight.prevent.decide import CompiledPolicy
from nightlight.prevent.facts import counts_for_limits

#: Decisions are remembered this long for limits; a limit over a longer time sees no more than this.
REMEMBERED_MS = LIFETIME[Tie.DECIDED_REQUEST] or 0
_NOTHING: Mapping[str, int] = {}


class _Asked:
    """The last decisions about one person being asked, a time for each outcome; ``band``: theirs, as last known."""

    __slots__ = ("at", "band", "last")

    def __init__(self, band: AgeBand) -> None:
        self.band = band
        self.at = [0] * len(ContactOutcome)
        self.last = 0


class Recount:
    """Follows the policies that hold side by side, each for its share of the accounts.

    Memory grows with the approaches in the longest limit's time, not with the recording.
    """

    def __init__(self, *policies: CompiledPolicy) -> None:
        times = [limit.per_ms for policy in policies for limit in policy.policy.limits]
        #: How far back the limits look, milliseconds; 0 where there are none.
        self.reach_ms = min(REMEMBERED_MS, max(times, default=0))
        self._made: OrderedDict[str, OrderedDict[str, _Asked]] = OrderedDict()

    def counted(
        self, policy: CompiledPolicy, actor: str, target: str, facts: ContactFacts, now: int
    ) -> Mapping[str, int]:
        """By limit, how many others were approached; counted no further than a limit cares."""
        if not self.reach_ms:
            return _NOTHING
        limits = policy.cells[facts.direction, facts.from_band, facts.to_band, facts.relation].limits
        made = self._made.get(actor)
        if not limits or not made:
            return _NOTHING
        found: dict[str, int] = {}
        for limit in limits:
            since = now - min(limit.per_ms, REMEMBERED_MS)
            number = 0
            for whom, asked in reversed(made.items()):
                if asked.last <= since or number >= limit.most:
                    break
                if whom != target and asked.band in limit.selector.to_bands and max(asked.at[limit.counts :]) > since:
                    number += 1
            found[limit.id] = number
        return found

    def note(self, actor: str, target: str, facts: ContactFacts, outcome: ContactOutcome, now: int) -> None:
        """Remembers a decision; they come in the order of their time."""
        if not self.reach_ms or not counts_for_limits(facts):
            return
        made = self._made.setdefault(actor, OrderedDict())
        self._made.move_to_end(actor)
        asked = made.setdefault(target, _Asked(facts.to_band))
        made.move_to_end(target)
        asked.band = facts.to_band
        asked.at[outcome] = asked.last = now
        since = now - self.reach_ms
        while next(iter(made.values())).last <= since:
            made.popitem(last=False)
        while (oldest := next(iter(self._made.values()))) and next(reversed(oldest.values())).last <= since:
            self._made.popitem(last=False)
