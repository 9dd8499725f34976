"""Charts of a backtest as SVG, drawn by matplotlib. Colours are the page's own, so that they are right in the dark."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from nightlight.cli.charts import INK, LINES, SERIES, Chart, bars, draw_svg
from nightlight.cli.rule_pictures import day, number, share
from nightlight.detect.backtest_report import K_MIN

_PACKS = ("a", "b")


def charts(values: Mapping[str, Any]) -> list[Chart]:
    packs = [name for name in _PACKS if name in values]
    made = [
        _per_day(values, packs, "any_signal", "Signals per day", "signals"),
        _per_day(values, packs, "watch", "Accounts under watch, by day", "accounts"),
        _by_rule(values, packs),
        _groups(values, packs, "age_bands", "Accounts with a signal, by age band"),
        _groups(values, packs, "newness", "Accounts with a signal, by how long they were known at the first"),
    ]
    for name in packs:
        made += _shares(values, name, "Precision among the decided", _decided)
        made += _shares(values, name, "SYNTHETIC, about invented people only: precision by the labels", _labelled)
    return made


def _per_day(values: Mapping[str, Any], packs: Sequence[str], part: str, title: str, what: str) -> Chart:
    days = np.array(values["a"]["days"], "datetime64[ms]")

    def draw(axes: Axes) -> None:
        for name in packs:
            counts = values[name][part]["per_day"]
            # What is kept back is drawn at its upper limit: it never looks like nothing.
            heights = [K_MIN if count is None else count for count in counts]
            axes.step(
                days,
                heights,
                where="mid",
                color=_colour(name),
                linewidth=1.6,
                linestyle=LINES[_PACKS.index(name)],
                label=name.upper(),
            )
            axes.fill_between(days, heights, step="mid", color=_colour(name), alpha=0.18, linewidth=0)
        axes.set_ylim(bottom=0)
        axes.set_ylabel(what)
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_major_locator(MaxNLocator(7))

    rows = [
        [day(t), *(number(values[name][part]["per_day"][place]) for name in packs)]
        for place, t in enumerate(values["a"]["days"])
    ]
    totals = "; ".join(
        f"{name.upper()}: at most {_most(values[name][part]['per_day'])} {what} on one day" for name in packs
    )
    head = ["day, UTC", *(f"{name.upper()}: {what}" for name in packs)]
    return Chart(title, f"{title}. {totals}.", draw_svg(part, draw, 2.6, legend=len(packs) > 1), head, rows)


def _by_rule(values: Mapping[str, Any], packs: Sequence[str]) -> Chart:
    found = {name: {rule["id"]: rule for rule in values[name]["rules"]} for name in packs}
    rules = list(dict.fromkeys(rule for name in packs for rule in found[name]))

    def count(name: str, rule: str) -> int | None:
        return found[name][rule]["accounts"] if rule in found[name] else 0

    def draw(axes: Axes) -> None:
        _bars(axes, rules, {name: [count(name, rule) for rule in rules] for name in packs})
        axes.set_xlabel("accounts")

    title = "Accounts that each rule touched"
    rows = [[rule, *(cell for name in packs for cell in _rule_cells(found[name].get(rule)))] for rule in rules]
    head = ["rule", *(f"{name.upper()}: {word}" for name in packs for word in ("accounts", "signals", "hits"))]
    most = max(rules, key=lambda rule: max((count(name, rule) or 0) for name in packs), default="none")
    svg = draw_svg("rules", draw, 0.6 + 0.3 * len(rules) * len(packs) ** 0.5, legend=len(packs) > 1)
    return Chart(title, f"{title}. The most: {most}.", svg, head, rows)


def _rule_cells(rule: Mapping[str, Any] | None) -> list[str]:
    if rule is None:
        return ["–", "–", "–"]
    return [number(rule[part]) for part in ("accounts", "signals", "hits")]


def _groups(values: Mapping[str, Any], packs: Sequence[str], part: str, title: str) -> Chart:
    counts = {name: values[name]["any_signal"][part] for name in packs}
    labels = list(counts["a"])

    def draw(axes: Axes) -> None:
        shown = [_group(label) for label in labels]
        _bars(axes, shown, {name: [counts[name][label] for label in labels] for name in packs})
        axes.set_xlabel("accounts")

    rows = [[_group(label), *(number(counts[name][label]) for name in packs)] for label in labels]
    head = ["group", *(f"{name.upper()}: accounts" for name in packs)]
    said = ", ".join(f"{row[0]} {row[1]}" for row in rows)
    svg = draw_svg(part, draw, 0.6 + 0.34 * len(labels) * len(packs) ** 0.5, legend=len(packs) > 1)
    return Chart(title, f"{title}: {said}.", svg, head, rows)


Share = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]


def _decided(rule: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = rule["decisions"]["precision_among_decided"]
    return found


def _labelled(rule: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found = rule["synthetic_labels"]
    return found["precision"] if found is not None else None


def _shares(values: Mapping[str, Any], name: str, title: str, of: Share) -> list[Chart]:
    """None if there is nothing to show: an empty chart would look like a precision of 0."""
    known = [(rule["id"], found) for rule in values[name]["rules"] if (found := of(rule)) is not None]
    if not known:
        return []

    def draw(axes: Axes) -> None:
        places = range(len(known))
        middles = [found["value"] for _, found in known]
        below = [max(0.0, found["value"] - found["low"]) for _, found in known]
        above = [max(0.0, found["high"] - found["value"]) for _, found in known]
        axes.errorbar(
            middles, places, xerr=[below, above], fmt="o", color=_colour(name), ecolor=INK, capsize=3, linewidth=1.2
        )
        axes.set_yticks(list(places), [rule for rule, _ in known])
        axes.set_ylim(len(known) - 0.5, -0.5)
        axes.set_xlim(-0.02, 1.02)
        axes.set_xlabel("share, with its 95 % interval")

    title = f"{name.upper()}: {title}"
    rows = [[rule, share(found)] for rule, found in known]
    alt = f"{title}. " + "; ".join(f"{rule} {text}" for rule, text in rows) + "."
    key = re.sub("[^a-z]+", "-", title.lower())
    return [
        Chart(title, alt, draw_svg(key, draw, 0.8 + 0.3 * len(known)), ["rule", "share (interval) of how many"], rows)
    ]


def _bars(axes: Axes, labels: Sequence[str], counts: Mapping[str, Sequence[int | None]]) -> None:
    bars(axes, labels, {name.upper(): column for name, column in counts.items()}, say=number, kept_back=K_MIN)


def _group(label: str) -> str:
    return label.replace("_", " to " if label[0].isdigit() else " ")


def _colour(name: str) -> str:
    return SERIES[_PACKS.index(name)]


def _most(counts: Sequence[int | None]) -> str:
    most = max((count or 0 for count in counts), default=0)
    return f"{most:,}" if most else f"fewer than {K_MIN}"
