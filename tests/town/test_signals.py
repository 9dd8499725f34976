"""The starter pack over a small town. Loose bounds: they show that both work, not how often a rule is right."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from nightlight.detect.columns import seen
from nightlight.detect.fields import KINDS
from nightlight.detect.windows import Windows
from nightlight.town.keyed_numbers import What, keyed_numbers
from nightlight.town.life import Town
from nightlight.town.roles import STRATEGIES, Role
from tests.detect.packs import starter
from tests.town.small_town import parameters, rows_of

#: Of them, at most this share may have signals of two families.
WATCHED_MAX = 0.005


def test_planted_strategies_raise_signals_and_families_classes_and_coaches_hardly_any() -> None:
    town = Town(parameters(events=60_000, people=1_000, days=60, harmful=0.02))
    rows = rows_of(town)
    pack = starter()
    family = {rule.id: rule.family for rule in pack.rules}
    windows = Windows(pack)
    raised: dict[int, set[str]] = defaultdict(set)
    for row in rows:
        for hit in windows.add(seen(row)):
            raised[hit.about].add(hit.rule)

    people = town.world.people
    account = keyed_numbers(What.ACCOUNT, np.arange(len(people)), town.parameters.seed).tolist()
    groups: dict[str, list[int]] = defaultdict(list)
    for one, number in enumerate(account):
        strategy = STRATEGIES[people.strategy[one]]
        groups[str(strategy) or Role(people.role[one]).name.lower()].append(number)
    watched = {
        name: sum(len({family[rule] for rule in raised[one]}) >= 2 for one in members) / len(members)
        for name, members in groups.items()
    }
    any_signal = {name: sum(bool(raised[one]) for one in members) / len(members) for name, members in groups.items()}
    for name, members in sorted(groups.items()):
        rules = sorted(set[str]().union(*(raised[one] for one in members)))
        print(f"{name}: {len(members)}, any {any_signal[name]:.1%}, two families {watched[name]:.1%} {rules}")  # noqa: T201

    for name in ("mass_asker", "ban_evader", "room_goer", "ring"):
        assert any_signal[name] >= 0.5, name
    assert any_signal["mass_asker"] == 1
    assert watched["ban_evader"] > 0
    harmless = [one for role in ("adult", "parent", "child", "teacher", "coach") for one in groups[role]]
    assert len(harmless) > 900
    assert sum(bool(raised[one]) for one in harmless) <= 0.03 * len(harmless)
    assert sum(len({family[rule] for rule in raised[one]}) >= 2 for one in harmless) <= WATCHED_MAX * len(harmless)
    assert {KINDS[row["kind"]] for row in rows} >= {"account.banned", "report.verified", "decision.made"}
