"""What a replay found, with numbers of few people kept back: this form can be published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nightlight.model.account import AgeBand
from nightlight.model.contact import ContactOutcome, DecidedContact
from nightlight.prevent.decide import CompiledPolicy
from nightlight.prevent.distinct import K_MIN, suppressed
from nightlight.prevent.recount import REMEMBERED_MS
from nightlight.prevent.replay import Group, Newness, ReplayReport, Turn, turn_of

#: A number of people or decisions; None: between 1 and 9, or kept back so that such a number does not follow.
Shown = int | None


@dataclass(frozen=True, slots=True)
class MoveShown:
    """Decisions that go from one outcome to another. ``actors``, ``targets``: distinct accounts on both sides."""

    before: ContactOutcome
    after: ContactOutcome
    decisions: Shown
    actors: Shown
    targets: Shown
    examples: tuple[DecidedContact, ...]

    @property
    def turn(self) -> Turn:
        return turn_of(self.before, self.after)


@dataclass(frozen=True, slots=True)
class PeopleShown:
    """Distinct accounts by side, turn, band and (for those that came) newness."""

    side: str
    turn: Turn
    band: AgeBand
    newness: Newness | None
    accounts: Shown


@dataclass(frozen=True, slots=True)
class ReplayShown:
    """A report as it is shown. ``exact``: nothing was kept back, so it stays inside."""

    decisions: Shown
    changed: Shown
    stricter: Shown
    milder: Shown
    damaged: int
    first: int
    last: int
    moves: tuple[MoveShown, ...]
    people: tuple[PeopleShown, ...]
    made_under: tuple[str, ...]
    exact: bool


def shown(report: ReplayReport, *, exact: bool = False) -> ReplayShown:
    """``exact``: for people who may see single accounts anyway; else no number below ``K_MIN`` is said."""
    least = 0 if exact else K_MIN
    moves = dict(sorted(report.moves.items()))
    # A number of decisions is hidden where few people are behind it, on either side.
    kept = suppressed({k: min(m.decisions, len(m.actors), len(m.targets)) for k, m in moves.items()}, least)
    actors = suppressed({key: len(move.actors) for key, move in moves.items()}, least)
    targets = suppressed({key: len(move.targets) for key, move in moves.items()}, least)
    turned = {
        turn: _total(report.turned(turn), [kept[key] for key in moves if turn_of(*key) is turn], least) for turn in Turn
    }
    changed = _total(report.changed, [*kept.values(), *turned.values()], least)
    people = {group: len(accounts) for group, accounts in report.people.items()}
    return ReplayShown(
        _shown(report.decisions, least),
        changed,
        turned[Turn.STRICTER],
        turned[Turn.MILDER],
        report.damaged,
        report.first,
        report.last,
        tuple(
            MoveShown(
                *key,
                None if kept[key] is None else move.decisions,
                actors[key],
                targets[key],
                tuple(move.examples),
            )
            for key, move in moves.items()
        ),
        tuple(
            PeopleShown("to" if group.newness is None else "from", group.turn, group.band, group.newness, number)
            for group, number in sorted(_by_part(people, least).items(), key=lambda item: _order(item[0]))
        ),
        tuple(sorted(report.made_under)),
        exact,
    )


def _total(number: int, parts: Sequence[Shown], least: int) -> Shown:
    """A total; hidden as well where it would give the one part away that is hidden."""
    return None if 0 < number < least or sum(part is None for part in parts) == 1 else number


def _by_part(people: Mapping[Group, int], least: int) -> dict[Group, Shown]:
    """Each side and turn is a table of its own."""
    parts: dict[tuple[Turn, bool], dict[Group, int]] = {}
    for group, number in people.items():
        parts.setdefault((group.turn, group.newness is None), {})[group] = number
    return {group: number for part in parts.values() for group, number in suppressed(part, least).items()}


def _order(group: Group) -> tuple[bool, str, int, str]:
    return group.newness is None, group.turn, list(AgeBand).index(group.band), group.newness or ""


def _shown(number: int, least: int) -> Shown:
    return None if 0 < number < least else number


def cautions(new: CompiledPolicy, made_under: tuple[str, ...], damaged: int) -> list[str]:
    """What a replay of this policy cannot say, in sentences."""
    said = [
        "Facts are as they were: had the policy been another, people would have accepted, declined and blocked "
        "otherwise, and later facts would be others.",
    ]
    if new.policy.limits:
        names = ", ".join(limit.id for limit in new.policy.limits)
        said.append(
            f"Limits ({names}) were counted anew from the recorded decisions, in their order; decisions that were "
            "removed meanwhile, and those of one batch within a millisecond, may be counted otherwise."
        )
    long = [limit.id for limit in new.policy.limits if limit.per_ms > REMEMBERED_MS]
    if long:
        said.append(f"These limits look further back than decisions are remembered (30 days): {', '.join(long)}.")
    if new.policy.protections and any(reference != new.reference for reference in made_under):
        names = ", ".join(protection.id for protection in new.policy.protections)
        said.append(
            f"Protections ({names}) count as loosened only where the policy then had one of the same id and it was "
            "loosened."
        )
    if damaged:
        said.append(
            f"{damaged} decisions were left out: their facts do not open. Somebody changed them, or people.key is of "
            "another installation."
        )
    return said


def replay_values(
    seen: ReplayShown, policy: str, against: str, said: Sequence[str], *, names: bool = False
) -> dict[str, Any]:
    """As plain values; None stands for a number that is kept back. ``names``: whether examples name accounts."""
    return {
        "policy": policy,
        "against": against,
        "publishable": not seen.exact,
        "decisions": seen.decisions,
        "changed": seen.changed,
        "stricter": seen.stricter,
        "milder": seen.milder,
        "damaged": seen.damaged,
        "first": seen.first,
        "last": seen.last,
        "moves": [
            {
                "before": move.before.word,
                "after": move.after.word,
                "turn": move.turn.value,
                "decisions": move.decisions,
                "from_accounts": move.actors,
                "to_accounts": move.targets,
                "examples": [
                    {"decision": one.decision_id}
                    | ({"from": one.approach.actor, "to": one.approach.target} if names else {})
                    for one in move.examples
                ],
            }
            for move in seen.moves
        ],
        "people": [
            {
                "side": group.side,
                "turn": group.turn.value,
                "band": group.band.value,
                "newness": group.newness.value if group.newness else None,
                "accounts": group.accounts,
            }
            for group in seen.people
        ],
        "cautions": list(said),
    }
