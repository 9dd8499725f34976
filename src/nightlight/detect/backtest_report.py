"""A backtest as plain values, and what its numbers say and do not say, in words.

Numbers of 1 to 9 people are kept back (None), and with a single one of a breakdown the next smallest, from which it
would follow; ``exact`` shows all, for inside alone. Source of k >= 10: the project's facts on published figures. What
is counted of invented people (labels of a synthetic town) is always exact.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nightlight.detect.backtest import Backtest, History, PackResult, RuleResult, Touched, Versus
from nightlight.detect.definitions import DAY_MS
from nightlight.detect.judged import HORIZON_DAYS, Judged, Labelled, Share, precision_at
from nightlight.model.contact import WATCH_FAMILIES

FORMAT = "nightlight-backtest/1"
K_MIN = 10
#: At what shares of harmful accounts the arithmetic is done. Nobody knows the true one.
PREVALENCES = (0.01, 0.001, 0.0001)
SYNTHETIC = "SYNTHETIC: measured on people who were made up. It says nothing about real ones."


def backtest_values(result: Backtest, *, exact: bool) -> dict[str, Any]:
    """Everything, for JSON and for pictures. Times are milliseconds since 1970, UTC."""
    history = result.history
    values: dict[str, Any] = {
        "format": FORMAT,
        "exact": exact,
        "from": history.since,
        "to": history.until,
        "events_in_files": history.events,
        "doubled_events_left_out": history.doubled,
        "first_event": history.first,
        "last_event": history.last,
        "accounts_seen": history.seen_accounts,
        "cautions": cautions(result, exact=exact),
        "a": _pack(result.a, history, exact),
    }
    if result.b is not None and result.signalled is not None and result.watched is not None:
        values["b"] = _pack(result.b, history, exact)
        values["accounts_signalled"] = _versus(result.signalled, exact)
        values["accounts_watched"] = _versus(result.watched, exact)
    return values


def backtest_summary(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a backtest when it is noted: the stretch, and each rule's signals, accounts and precision."""
    rules = {
        one["id"]: {name: one[name] for name in ("signals", "accounts", "precision") if name in one}
        for one in values["a"]["rules"]
    }
    return {
        "days": (values["to"] - values["from"]) // DAY_MS,
        "events": values["events_in_files"],
        "accounts seen": values["accounts_seen"],
        "rules": rules,
    }


def cautions(result: Backtest, *, exact: bool) -> list[str]:
    """What has to be known before anything is concluded."""
    history, said = result.history, []
    if exact:
        said.append("Exact numbers, and examples that lead to single people: for inside alone, never to be published.")
    else:
        said.append(
            f"Numbers of fewer than {K_MIN} people are kept back (<{K_MIN}*), and where one would follow from the "
            "rest, another with it; --exact shows them, for inside alone."
        )
    said.append("A signal is no verdict: what is counted here are patterns of metadata, not offences.")
    if history.warm_since > history.since:
        missing = math.ceil((history.warm_since - history.since) / DAY_MS)
        said.append(
            f"The events begin too late for the longest window: in the first {missing} days of this range features may "
            "be too low, and rules silent that would have spoken."
        )
    said.append("Signals from before the range are not known: some here may have been renewals.")
    judged = result.a.anyone.judged
    decided = judged.violation + judged.no_violation + judged.inconclusive
    if not decided:
        said.append("Nobody with a signal was decided about afterwards: precision against decisions is not known.")
    else:
        said.append(
            "Decisions are a biased sample: reviewers saw whom somebody reported or a queue put first, not a random "
            "part. Precision among the decided is not the precision of the rule; recall counts known violations only."
        )
    if judged.censored:
        said.append(
            f"The events end before {HORIZON_DAYS} days after the first signal were over for some accounts "
            f"({_said(judged.censored, exact)} without a decision yet): later decisions about them are not in this."
        )
    if history.doubled:
        said.append(f"{history.doubled:,} events stood in the files twice; each was counted once.")
    wrong = sum(not one.agreed for pack in (result.a, result.b) if pack for rule in pack.rules for one in rule.examples)
    if wrong:
        said.append(
            f"{wrong} of the examples do not hold when they are worked out again in SQL: the engines disagree, so do "
            "not rely on this backtest, and report it."
        )
    return said


def base_rates(touched: Touched, history: History, *, exact: bool) -> list[str]:
    """The arithmetic of rare things, in words. Source: Bayes' theorem; the facts of the project, "Base rates rule"."""
    seen, accounts = history.seen_accounts, touched.accounts
    if not accounts or not seen or (accounts < K_MIN and not exact):
        return []
    share = min(1.0, accounts / seen)
    said = [f"It touched {accounts:,} of {seen:,} accounts that did something ({_percent(share)})."]
    for prevalence in PREVALENCES:
        meant = prevalence * seen
        most = min(1.0, meant / accounts)
        said.append(
            f"If {_percent(prevalence)} of accounts are of the kind it looks for ({meant:,.0f} accounts), then at most "
            f"{_percent(most)} of those touched are, even if it misses none."
        )
    found = touched.labelled
    if found is not None and found.recall.whole and found.false_positives.whole:
        recall, false = found.recall.value, found.false_positives.value
        at = ", ".join(f"{_percent(precision_at(one, recall, false))} at {_percent(one)}" for one in PREVALENCES)
        said.append(
            f"{SYNTHETIC} Recall {_percent(recall)}, false-positive rate {_percent(false)}: with these the precision "
            f"would be, by prevalence, {at}."
        )
    return said


def kept_back(counts: Mapping[str, int], *, exact: bool) -> dict[str, int | None]:
    """Counts of people by group. None: 1 to 9, or from which such a number would follow."""
    hidden = {name for name, count in counts.items() if 0 < count < K_MIN}
    if exact or not hidden:
        return dict(counts)
    rest = [name for name in counts if counts[name] >= K_MIN]
    if len(hidden) == 1 and rest:
        hidden.add(min(rest, key=lambda name: counts[name]))
    return {name: None if name in hidden else count for name, count in counts.items()}


def _pack(pack: PackResult, history: History, exact: bool) -> dict[str, Any]:
    return {
        "rules_reference": pack.reference,
        "days": list(pack.days),
        "rules": [_rule(rule, history, exact) for rule in pack.rules],
        "any_signal": _touched(pack.anyone, history, exact),
        "watch": {"families": WATCH_FAMILIES, **_touched(pack.watch, history, exact)},
        "overlaps": [
            {
                "rules": [one.one, one.other],
                "accounts": _count(one.both, exact),
                "jaccard": one.jaccard if exact or one.both >= K_MIN else None,
            }
            for one in sorted(pack.overlaps, key=lambda one: -one.jaccard)
        ],
    }


def _rule(rule: RuleResult, history: History, exact: bool) -> dict[str, Any]:
    return {
        "id": rule.id,
        "title": rule.title,
        "family": rule.family,
        "severity": rule.severity,
        "hits": _count(rule.hits, exact),
        "signals": _count(rule.signals, exact),
        **_touched(rule.touched, history, exact),
        "examples": [
            {
                "event": one.number,
                "t": one.t,
                **({"about": one.about} if exact else {}),
                "values": dict(one.values),
                "reason": one.reason,
                "sql_agrees": one.agreed,
            }
            for one in rule.examples
        ],
    }


def _touched(touched: Touched, history: History, exact: bool) -> dict[str, Any]:
    days = max(1, len(touched.per_day))
    total = sum(touched.per_day)
    return {
        "accounts": _count(touched.accounts, exact),
        "mean_per_day": total / days if exact or total >= K_MIN else None,
        "per_day": [_count(count, exact) for count in touched.per_day],
        "age_bands": kept_back(touched.bands, exact=exact),
        "newness": kept_back(touched.newness, exact=exact),
        "decisions": _judged(touched.judged, exact),
        "synthetic_labels": _labelled(touched.labelled),
        "base_rates": base_rates(touched, history, exact=exact),
    }


def _judged(judged: Judged, exact: bool) -> dict[str, Any]:
    groups = {
        "violation": judged.violation,
        "no_violation": judged.no_violation,
        "inconclusive": judged.inconclusive,
        "undecided": judged.undecided,
    }
    return {
        "horizon_days": HORIZON_DAYS,
        **kept_back(groups, exact=exact),
        "undecided_with_time_left": _count(judged.censored, exact),
        "precision_among_decided": _share(judged.precision, exact),
        "recall_of_known_violations": _share(judged.recall, exact),
    }


def _labelled(labelled: Labelled | None) -> dict[str, Any] | None:
    if labelled is None:
        return None
    return {
        "note": SYNTHETIC,
        "precision": _share(labelled.precision, exact=True),
        "recall": _share(labelled.recall, exact=True),
        "false_positive_rate": _share(labelled.false_positives, exact=True),
        "recall_by_strategy": {name: _share(one, exact=True) for name, one in labelled.by_strategy.items()},
    }


def _share(share: Share, exact: bool) -> dict[str, Any] | None:
    """None: nothing to divide by, or kept back."""
    parts = (share.part, share.whole - share.part)
    if not share.whole or (not exact and any(0 < part < K_MIN for part in parts)):
        return None
    low, high = share.interval
    return {"part": share.part, "whole": share.whole, "value": share.value, "low": low, "high": high}


def _versus(versus: Versus, exact: bool) -> dict[str, Any]:
    groups = {"only_a": versus.only_a, "only_b": versus.only_b, "both": versus.both}
    shown = kept_back(groups, exact=exact)
    return {**shown, "jaccard": None if None in shown.values() else versus.jaccard}


def _count(count: int, exact: bool) -> int | None:
    return count if exact or not 0 < count < K_MIN else None


def _said(count: int, exact: bool) -> str:
    return f"{count:,}" if exact or count >= K_MIN else f"fewer than {K_MIN}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
