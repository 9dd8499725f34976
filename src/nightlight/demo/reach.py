"""Who could reach whom, asked of Nightlight's own data without anything being recorded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nightlight.cli.compose import House
from nightlight.model.contact import Approach, ContactOutcome, Direction, Relation
from nightlight.prevent.policy import Condition, Limit, Protection, Row
from nightlight.settings import Settings


@dataclass(frozen=True, slots=True)
class Reached:
    """``reason``: the id, in the policy, of the rule that made the outcome as it is. ``hold_ms``: how long it waits."""

    outcome: ContactOutcome
    reason: str
    relation: Relation
    hold_ms: int = 0


class Reach:
    """Looks at the same store and policy as the running service, through the same desk."""

    def __init__(self, folder: Path, server_name: str) -> None:
        # Said here and not left to the environment: this is the demo's Nightlight, not another one of the operator's.
        settings = Settings(data_dir=folder, database_url="", server_name=server_name, contact_policy="teen-default")
        self._house = House(settings)

    def close(self) -> None:
        self._house.close()

    def relation(self, one: str, other: str) -> Relation:
        return self.preview(one, other).relation

    def preview(self, one: str, other: str) -> Reached:
        """What would become of a message of ``one`` to ``other`` now."""
        facts, decision, steps = self._house.contact_desk.preview(Approach(one, other, Direction.DIRECT))
        policy = self._house.policy_book.in_force().for_account(self._house.people.number(other)).policy
        every: list[Row | Protection | Condition | Limit] = [*policy.rows, *policy.protections]
        rules = {rule.id: rule for rule in [*every, *policy.conditions, *policy.limits]}

        def made_it(reason: str) -> bool:
            rule = rules.get(reason)  # a block is no rule: nothing can be set about it
            return rule is None or (rule.outcome, rule.hold_ms) == (decision.outcome, decision.hold_ms)

        made = next(step.id for step in steps if step.held and made_it(step.id))
        return Reached(decision.outcome, made, facts.relation, decision.hold_ms)
