"""What the console says of rules, signals and alerts, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby

from nightlight.detect.definitions import DAY_MS, WINDOWED, Feature, Pack
from nightlight.detect.fields import Type
from nightlight.detect.judged import Share
from nightlight.detect.pack_words import type_of_name, value_words
from nightlight.detect.time_words import duration_words
from nightlight.flows.rule_report import Running
from nightlight.model.contact import SignalFamily
from nightlight.model.signal import Alert, AlertKind, ChangeKind, RuleChange, RuleMode, Severity, Signal

FAMILIES = {
    SignalFamily.FAN_OUT: "Many asked",
    SignalFamily.REJECTION: "Turned away",
    SignalFamily.REPORTS: "Reports",
    SignalFamily.EVASION: "Evasion",
    SignalFamily.NETWORK: "Company",
}
#: What a rule may do, a class for the style sheet, and what that means.
MODES = {
    RuleMode.LIVE: ("live", "done", "Its signals count. Two families of them make an account one to watch."),
    RuleMode.SHADOW: ("shadow", "", "Its signals are written down and change nothing for anybody."),
    RuleMode.PAUSED: ("paused", "refused", "It is not looked at."),
}
GRADES = {Severity.HIGH: "high", Severity.MEDIUM: "medium", Severity.LOW: "low"}
ALERTS = {AlertKind.WATCH: "An account to watch", AlertKind.RING: "A ring of accounts"}
OUTCOMES = {
    "violation": ("violation found", "refused"),
    "no_violation": ("no violation found", "done"),
    "inconclusive": ("not enough evidence", "open"),
}
_CHANGES = {
    ChangeKind.ADOPTED: "new rules adopted",
    ChangeKind.PROPOSED_LIVE: "proposed to go live",
    ChangeKind.WENT_LIVE: "live",
    ChangeKind.TO_SHADOW: "to shadow",
    ChangeKind.PAUSED: "paused",
    ChangeKind.PAUSED_ITSELF: "paused itself",
    ChangeKind.ROLLED_BACK: "rolled back",
}
RUNNING = {
    Running.READY: ("judges every event", "done"),
    Running.CATCHING_UP: ("reads the log", "pending"),
    Running.OFF: ("switched off", "refused"),
    Running.NOT_INSTALLED: ("not installed", "refused"),
}
#: Rows of a backtest's summary that a page shows.
_SUMMARY_MAX = 40


def change(one: RuleChange) -> str:
    """What was done, and to which rule."""
    words = _CHANGES[one.kind]
    match one.kind:
        case ChangeKind.ADOPTED:
            return f"{words}: {one.pack[:16]}"
        case ChangeKind.ROLLED_BACK:
            return f"{words} to " + (f"change {one.rule}" if one.rule != "0" else "what the settings say")
        case _:
            return f"{one.rule}: {words}"


def done(one: RuleChange) -> str:
    """What was done, where the rule is known."""
    return _CHANGES[one.kind]


def precision(share: Share) -> str:
    """``3 of 4``; the words for a rule that nobody decided about are the page's own."""
    return f"{share.part:,} of {share.whole:,}"


def percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def interval(share: Share) -> str:
    low, high = share.interval
    return f"{100 * low:.0f} to {100 * high:.0f} %"


def window(feature: Feature) -> str:
    """How far back it looks; of what is computed: that is in what it is computed of."""
    if feature.computed is not None:
        return "computed"
    return duration_words(feature.over_ms) if feature.function in WINDOWED else "since it began"


def lifetime(feature: Feature) -> str:
    return "as long as these" if feature.computed is not None else duration_words(feature.lifetime_ms)


def source(pack: Pack, name: str) -> str:
    return pack.sources.get(name, "unvalidated")


def values(pack: Pack, signal: Signal) -> list[tuple[str, str]]:
    """The values that the condition saw, by the titles of their features."""
    titles = {feature.id: feature.title for feature in pack.features}
    return [
        (titles.get(name, name), value_words(type_of_name(pack, name) or Type.NUMBER, value))
        for name, value in signal.values.items()
    ]


def title(pack: Pack, rule_id: str) -> str:
    return next((rule.title for rule in pack.rules if rule.id == rule_id), rule_id)


def days(signals: Sequence[Signal]) -> Iterator[tuple[str, list[Signal]]]:
    """By day, in the order in which they come."""
    for day, group in groupby(signals, key=lambda one: one.raised_at // DAY_MS):
        yield day_words(day), list(group)


def day_words(day: int) -> str:
    """A day counted from 1970."""
    return datetime.fromtimestamp(day * DAY_MS / 1000, UTC).strftime("%a %d %b %Y")


def hour(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%H:%M:%S")


def about(alert: Alert) -> str:
    """Whom it is about, in a line."""
    more = len(alert.accounts) - 1
    return alert.accounts[0] + (f" and {more} more" if more > 0 else "") if alert.accounts else "nobody any more"


def reason(written: str) -> tuple[SignalFamily | None, str]:
    """A reason of an alert: the family that it begins with, where it does, and the rest."""
    name, colon, rest = written.partition(": ")
    family = next((one for one in SignalFamily if colon and one.value == name), None)
    return (family, rest) if family else (None, written)


def rules(alert: Alert) -> list[str]:
    named = alert.detail.get("rules")
    return [str(one) for one in named] if isinstance(named, list) else []


def summary(found: Mapping[str, object], rule: str = "") -> list[tuple[str, str]]:
    """A record of a backtest as rows, of one rule where it is of several; what is inside of a part has both names."""
    of_rules = found.get("rules")
    if isinstance(of_rules, Mapping):
        found = {**{name: value for name, value in found.items() if name != "rules"}, **of_rules.get(rule, {})}
    rows: list[tuple[str, str]] = []

    def walk(name: str, value: object) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                walk(f"{name} · {key}" if name else str(key), inner)
        elif isinstance(value, list):
            rows.append((name, ", ".join(str(one) for one in value)))
        else:
            rows.append((name, f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)))

    walk("", found)
    return [(name.replace("_", " "), value) for name, value in rows[:_SUMMARY_MAX]]
