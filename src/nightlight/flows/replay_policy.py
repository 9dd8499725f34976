"""Replaying a policy: what it would have decided about everything that was recorded, and who would have noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from nightlight.errors import RefusedError
from nightlight.flows.people import People
from nightlight.flows.policy_book import PolicyBook
from nightlight.model.contact import DecidedContact
from nightlight.ports import Store
from nightlight.prevent.decide import CompiledPolicy
from nightlight.prevent.facts import facts_from_bytes
from nightlight.prevent.replay import Replay, ReplayReport

PAGE = 5_000
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Against:
    """What a new policy is compared with: ``policy``, else, where ``recorded``, what was decided then, else what is
    in force now, share by share.
    """

    policy: CompiledPolicy | None = None
    recorded: bool = False


IN_FORCE = Against()


@dataclass(frozen=True, slots=True)
class PolicyReplay:
    store: Store
    people: People
    policies: PolicyBook

    def count(self, start: int, end: int) -> int:
        """How many recorded decisions there are from ``start`` to before ``end``."""
        with self.store.read() as tx:
            return tx.count_contact_decisions(start, end)

    def newest(self, days: int, most: int, now: int) -> int:
        """A start from which on there are at most ``most`` decisions, and which is at most ``days`` ago."""
        span = days * 24 * HOUR_MS
        while span > HOUR_MS and self.count(now - span, now + 1) > most:
            span //= 2
        return now - span

    def run(
        self,
        new: CompiledPolicy,
        against: Against,
        start: int,
        end: int,
        tell: Callable[[int], object] = lambda _number: None,
    ) -> ReplayReport:
        """Over decisions from ``start`` to before ``end`` (milliseconds). ``tell`` hears how many were taken.

        Memory does not grow with their number. Nothing is written, and nobody is told.
        """
        number, in_force = self.people.number, self.policies.in_force()
        old: Callable[[str], CompiledPolicy] | None = None
        compared: tuple[CompiledPolicy, ...] = ()
        if against.policy is not None:
            policy = against.policy
            old, compared = (lambda _account: policy), (policy,)
        elif not against.recorded:
            old = lambda account: in_force.for_account(number(account))  # noqa: E731
            compared = (in_force.newest, in_force.before)
            if in_force.share >= 100:
                old = lambda _account: in_force.newest  # noqa: E731
        replay = Replay(new, old, compared, number, start)
        open_sealed = self.people.seal.open
        for page in self._pages(start - replay.reach_ms, end):
            for made in page:
                try:
                    facts = facts_from_bytes(open_sealed(f"facts/{made.decision_id}", made.facts))
                except RefusedError:
                    replay.damaged(made)
                else:
                    replay.take(made, facts)
            tell(len(page))
        return replay.report

    def _pages(self, start: int, end: int) -> Iterator[list[DecidedContact]]:
        after = ""
        while True:
            with self.store.read() as tx:
                page = tx.contact_decisions_between(start, end, after, PAGE)
            if page:
                yield page
            if len(page) < PAGE:
                return
            after = f"{page[-1].decided_at}/{page[-1].decision_id}"
