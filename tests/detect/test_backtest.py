"""What a backtest counts: signals and not hits, each account once, and never more than the numbers say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlight.detect.backtest import History, PackResult, Tally, Touched
from nightlight.detect.backtest_report import K_MIN, base_rates, kept_back
from nightlight.detect.batch import WindowsEngine
from nightlight.detect.fields import BANDS, Seen, Type, code
from nightlight.detect.judged import Decisions, Judged, Labels, Share, precision_at
from tests.detect.packs import pack_of
from tests.detect.streams import columns_of

DAY = 86_400_000
REQUESTED, BLOCKED = (code(Type.KIND, kind) for kind in ("contact.requested", "contact.blocked"))
ADULT = BANDS.index("adult")

FEATURES = """\
- {id: asked, title: T, count: events, per: actor, when: kind == "contact.requested", over: 1d, lifetime: 1d,
   purpose: contact, source: S}
"""
RULES = """\
- {id: asks, title: T, family: fan_out, severity: low, reason: r, expires: 4d, source: S,
   when: kind == "contact.requested" and asked >= 1}
- {id: blocked, title: T, family: rejection, severity: low, about: target, reason: r, expires: 2d, source: S,
   when: kind == "contact.blocked"}
- {id: asks_again, title: T, family: fan_out, severity: low, reason: r, expires: 4d, source: S,
   when: kind == "contact.requested" and asked >= 2}
"""


def result_of(events: Sequence[Seen], days: int = 10, labels: Labels | None = None) -> PackResult:
    pack = pack_of(FEATURES, RULES)
    tally = Tally(pack, 0, days * DAY, 2)
    columns = columns_of(events)
    tally.add(columns, WindowsEngine(pack).add_batch(columns))
    return tally.result(Decisions(0, days * DAY, days * DAY, 90 * DAY), labels, [])


def asks(*times: float, actor: int = 1) -> list[Seen]:
    return [
        Seen(n, int(t * DAY), REQUESTED, actor, 50 + n, actor_band=ADULT, known_for=3 * DAY)
        for n, t in enumerate(times, 1)
    ]


def rule(result: PackResult, name: str) -> Any:
    return next(one for one in result.rules if one.id == name)


def test_a_signal_is_renewed_only_when_more_than_half_its_time_is_over() -> None:
    one = rule(result_of(asks(0, 1, 2, 2.1, 4.2)), "asks")
    assert one.hits == 5
    assert one.signals == 3  # at 0; at exactly half nothing; at 2.1; at 4.2
    assert one.touched.accounts == 1
    assert one.touched.per_day == (1, 0, 1, 0, 1, 0, 0, 0, 0, 0)


def test_who_it_is_about_is_looked_up_on_their_own_side() -> None:
    blocked = Seen(1, 5, BLOCKED, 9, 1, actor_band=0, target_band=ADULT, known_for=DAY)
    one = rule(result_of([blocked]), "blocked").touched
    assert one.bands["adult"] == 1
    assert one.newness["not known"] == 1  # known_for is the actor's
    asked = rule(result_of(asks(0)), "asks").touched
    assert asked.newness["under 7 days"] == 1


def test_one_family_alone_never_puts_anybody_under_watch() -> None:
    result = result_of(asks(*(n / 10 for n in range(90))))
    assert rule(result, "asks_again").signals
    assert result.watch.accounts == 0


def test_watch_lasts_while_two_families_are_active_and_no_longer() -> None:
    events = [*asks(0.5), Seen(2, int(1.5 * DAY), BLOCKED, 9, 1)]
    assert result_of(events).watch.per_day == (0, 1, 1, 1, 0, 0, 0, 0, 0, 0)  # the block's 2 days, until 3.5
    late = [*asks(0.5), Seen(2, int(4.5 * DAY), BLOCKED, 9, 1)]
    assert result_of(late).watch.accounts == 0  # the first had ended at that instant


def test_watch_is_what_a_look_at_every_hour_gives() -> None:
    """Independent: for each hour, which families have a signal that is active, by the definition."""
    times = [0.2, 0.9, 1.3, 2.9, 3.1, 5.5, 6.1, 8.8]
    events = sorted(
        [(t, REQUESTED, 1, 60) for t in times] + [(t, BLOCKED, 9, 1) for t in (1.1, 1.2, 4.9, 6.0)], key=lambda e: e[0]
    )
    seen = [Seen(n, int(t * DAY), kind, actor, target) for n, (t, kind, actor, target) in enumerate(events, 1)]
    raised: dict[str, list[float]] = {"asks": [], "blocked": []}
    lasts = {"asks": 4.0, "blocked": 2.0}
    for t, kind, _, _ in events:
        name = "asks" if kind == REQUESTED else "blocked"
        if not raised[name] or (t - raised[name][-1]) > lasts[name] / 2:
            raised[name].append(t)
    by_day = [
        int(
            any(
                all(any(at <= hour < at + lasts[name] for at in raised[name]) for name in raised)
                for hour in (day + n / 240 for n in range(240))
            )
        )
        for day in range(10)
    ]
    assert list(result_of(seen).watch.per_day) == by_day
    assert sum(by_day) not in (0, 10)


def test_overlap_counts_accounts() -> None:
    events = sorted([*asks(0, 0.5), *asks(0.2, actor=2)], key=lambda one: one.t)
    result = result_of([Seen(n, e.t, e.kind, e.actor, e.target) for n, e in enumerate(events, 1)])
    (overlap,) = result.overlaps
    assert (overlap.one, overlap.other, overlap.both, overlap.jaccard) == ("asks", "asks_again", 1, 0.5)


def test_examples_are_drawn_from_the_whole_time_and_are_the_same_each_time() -> None:
    pack = pack_of(FEATURES, RULES)
    columns = columns_of([Seen(n, n * 1_000, REQUESTED, n, 7) for n in range(1, 2_001)])
    drawn = []
    for _ in range(2):
        tally = Tally(pack, 0, 10 * DAY, 40)
        tally.add(columns, WindowsEngine(pack).add_batch(columns))
        drawn.append([number for number, _, _ in tally.drawn()[0]])
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == 40
    assert sum(number > 1_000 for number in drawn[0]) in range(10, 31)


# Decisions and labels


def judge(*decided: tuple[int, int, str], first: dict[int, int], end: int = 200) -> Judged:
    decisions = Decisions(0, 100 * DAY, end * DAY, 90 * DAY)
    for account, day, word in decided:
        decisions.add(account, day * DAY, word)
    return decisions.judge({account: day * DAY for account, day in first.items()})


def test_only_decisions_after_the_signal_and_within_the_horizon_speak_for_it() -> None:
    found = judge(
        (1, 5, "violation"), (2, 15, "no_violation"), (2, 20, "violation"), (3, 15, "inconclusive"),
        (4, 101, "violation"), (5, 100, "no_violation"), first=dict.fromkeys((1, 2, 3, 4, 5, 6), 10),
    )  # fmt: skip
    assert (found.violation, found.no_violation, found.inconclusive, found.undecided) == (1, 1, 1, 3)
    assert found.precision == Share(1, 2)
    assert found.recall == Share(1, 2)  # accounts 1 and 2 were found between the days; 2 had a signal before
    assert found.censored == 0


def test_a_decision_of_the_same_instant_is_not_afterwards() -> None:
    assert judge((1, 10, "violation"), first={1: 10}).violation == 0


def test_what_is_not_decided_yet_is_said() -> None:
    assert judge(first={1: 10, 2: 80}, end=120).censored == 1


def test_labels_count_those_who_were_missed() -> None:
    labels = Labels({1: "mass_asker", 2: "mass_asker", 3: "ring"}, population=103)
    found = labels.judge({1, 50, 51})
    assert (found.precision, found.recall, found.false_positives) == (Share(1, 3), Share(1, 3), Share(2, 100))
    assert found.by_strategy == {"mass_asker": Share(1, 2), "ring": Share(0, 1)}


def test_wilson_intervals_as_published() -> None:
    """R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Stat. Med. 17 (1998), table I."""
    for part, whole, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert Share(part, whole).interval == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 500), st.integers(0, 500))
def test_an_interval_holds_its_share(part: int, more: int) -> None:
    share = Share(part, part + more)
    low, high = share.interval
    assert 0 <= low <= high <= 1
    assert not share.whole or low <= share.value <= high


def test_base_rates_as_the_facts_of_the_project_have_them() -> None:
    assert precision_at(0.001, 0.9, 0.05) == pytest.approx(0.018, abs=0.0005)
    assert precision_at(0.001, 0.9, 0.001) == pytest.approx(0.47, abs=0.005)


def touched(accounts: int) -> Touched:
    return Touched(accounts, {}, {}, (accounts,), Judged(0, 0, 0, accounts, 0, Share(0, 0)))


def test_the_arithmetic_is_spelled_out() -> None:
    history = History(0, DAY, 0, DAY, 1, 0, 1_000_000, 0)
    said = base_rates(touched(20_000), history, exact=False)
    assert said[0] == "It touched 20,000 of 1,000,000 accounts that did something (2 %)."
    assert "If 0.1 % of accounts are of the kind it looks for (1,000 accounts), then at most 5 %" in said[2]
    assert base_rates(touched(5), history, exact=False) == []
    assert base_rates(touched(5), history, exact=True)


@given(st.dictionaries(st.sampled_from(["a", "b", "c", "d", "e"]), st.integers(0, 40), min_size=1))
def test_no_small_number_follows_from_the_others(counts: dict[str, int]) -> None:
    """Whoever knows the total cannot work out a number of 1 to 9: two are kept back, or there is nobody else at all."""
    shown = kept_back(counts, exact=False)
    assert kept_back(counts, exact=True) == counts
    hidden = {name for name, count in shown.items() if count is None}
    assert {name for name, count in counts.items() if 0 < count < K_MIN} <= hidden
    assert all(shown[name] == counts[name] for name in counts.keys() - hidden)
    assert len(hidden) != 1 or all(counts[name] == 0 for name in counts.keys() - hidden)
    assert not hidden or any(0 < counts[name] < K_MIN for name in hidden)
