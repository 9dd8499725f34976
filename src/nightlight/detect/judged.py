"""How often signals were right: against what reviewers decided afterwards, or against a made-up town's own labels."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

#: A decision speaks for a signal if it comes so soon after it.
HORIZON_DAYS = 90
#: For a confidence of 95 %.
_Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Share:
    """``part`` of ``whole``, with Wilson's score interval of 95 %.

    Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927).
    """

    part: int
    whole: int

    @property
    def value(self) -> float:
        return self.part / self.whole if self.whole else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        if not self.whole:
            return 0.0, 1.0
        n, p, z2 = self.whole, self.value, _Z * _Z
        middle = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = _Z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        # At the ends the interval touches 0 and 1 exactly; what is left over is rounding.
        low, high = max(0.0, middle - half), min(1.0, middle + half)
        return (0.0 if self.part == 0 else low), (1.0 if self.part == n else high)


@dataclass(frozen=True, slots=True)
class Judged:
    """By account, each once. ``undecided``: no decision within the horizon after the first signal; of these,
    ``censored`` had not the whole horizon before the events end. ``precision``: of those decided either way, how many
    were violations. ``recall``: of accounts found in violation, how many had a signal in the time before.
    """

    violation: int
    no_violation: int
    inconclusive: int
    undecided: int
    censored: int
    recall: Share

    @property
    def precision(self) -> Share:
        return Share(self.violation, self.violation + self.no_violation)


@dataclass(frozen=True, slots=True)
class Labelled:
    """Against labels of a town that was made up: says nothing about real people."""

    precision: Share
    recall: Share
    false_positives: Share
    #: By strategy, how many of those who follow it were touched.
    by_strategy: Mapping[str, Share]


class Decisions:
    """Decisions that were made, kept by account. ``end``: the last instant that the events reach."""

    def __init__(self, since: int, until: int, end: int, horizon_ms: int) -> None:
        self.since, self.until, self.end, self.horizon_ms = since, until, end, horizon_ms
        self._of: dict[int, list[tuple[int, str]]] = {}

    def add(self, account: int, t: int, outcome: str) -> None:
        if account:
            self._of.setdefault(account, []).append((t, outcome))

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def judge(self, first: Mapping[int, int]) -> Judged:
        """``first``: when the first signal about an account was raised."""
        outcomes: Counter[str] = Counter()
        censored = 0
        for about, t in first.items():
            found = {word for at, word in self._of.get(about, ()) if t < at <= t + self.horizon_ms}
            # Of several decisions a violation counts most: it stays true that one was found.
            outcome = next((word for word in ("violation", "no_violation", "inconclusive") if word in found), "")
            outcomes[outcome] += 1
            censored += not outcome and t + self.horizon_ms > self.end
        return Judged(
            outcomes["violation"],
            outcomes["no_violation"],
            outcomes["inconclusive"],
            outcomes[""],
            censored,
            self._recall(first),
        )

    def _recall(self, first: Mapping[int, int]) -> Share:
        """Of the accounts with a violation found between ``since`` and ``until``."""
        found = whole = 0
        for account, decided in self._of.items():
            times = [t for t, word in decided if word == "violation" and self.since <= t < self.until]
            whole += bool(times)
            raised = first.get(account)
            found += raised is not None and any(raised < t for t in times)
        return Share(found, whole)


class Labels:
    """``harmful``: the strategy of each account that follows one. ``population``: how many accounts there are."""

    def __init__(self, harmful: Mapping[int, str], population: int) -> None:
        self._harmful, self._population = harmful, population
        self._strategies = Counter(harmful.values())

    def judge(self, touched: Collection[int]) -> Labelled:
        right = [self._harmful[about] for about in touched if about in self._harmful]
        found = Counter(right)
        harmful = len(self._harmful)
        return Labelled(
            Share(len(right), len(touched)),
            Share(len(right), harmful),
            Share(len(touched) - len(right), self._population - harmful),
            {name: Share(found[name], whole) for name, whole in sorted(self._strategies.items())},
        )


def precision_at(prevalence: float, recall: float, false_positive_rate: float) -> float:
    """Bayes' theorem: of those who are touched, how many are of the kind that is looked for."""
    right = prevalence * recall
    wrong = (1 - prevalence) * false_positive_rate
    return right / (right + wrong) if right + wrong else math.nan
