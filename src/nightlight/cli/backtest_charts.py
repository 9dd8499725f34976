"""Charts of a backtest as SVG, drawn by matplotlib. Colours are the page's own, so that they are right in the dark."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nightlight.cli.rule_pictures import day, number, share
from nightlight.detect.backtest_report import K_MIN

#: Stand in for colours of the page's style while matplotlib draws.
_INK, _FAINT, _A, _B = "#010203", "#040506", "#070809", "#0a0b0c"
_VARIABLES = {_INK: "var(--ink)", _FAINT: "var(--line)", _A: "var(--one)", _B: "var(--two)"}
_HATCH = {"a": "", "b": "////"}
_LINE = {"a": "solid", "b": "dashed"}
_WIDTH = 9.0


@dataclass(frozen=True, slots=True)
class Chart:
    """``alt``: what is to be seen, in words. ``head`` and ``rows``: the same as a table."""

    title: str
    alt: str
    svg: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def charts(values: Mapping[str, Any]) -> list[Chart]:
    packs = [name for name in ("a", "b") if name in values]
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
                linestyle=_LINE[name],
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
    return Chart(title, f"{title}. {totals}.", _svg(part, draw, 2.6, legend=len(packs) > 1), head, rows)


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
    svg = _svg("rules", draw, 0.6 + 0.3 * len(rules) * len(packs) ** 0.5, legend=len(packs) > 1)
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
    svg = _svg(part, draw, 0.6 + 0.34 * len(labels) * len(packs) ** 0.5, legend=len(packs) > 1)
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
            middles, places, xerr=[below, above], fmt="o", color=_colour(name), ecolor=_INK, capsize=3, linewidth=1.2
        )
        axes.set_yticks(list(places), [rule for rule, _ in known])
        axes.set_ylim(len(known) - 0.5, -0.5)
        axes.set_xlim(-0.02, 1.02)
        axes.set_xlabel("share, with its 95 % interval")

    title = f"{name.upper()}: {title}"
    rows = [[rule, share(found)] for rule, found in known]
    alt = f"{title}. " + "; ".join(f"{rule} {text}" for rule, text in rows) + "."
    key = re.sub("[^a-z]+", "-", title.lower())
    return [Chart(title, alt, _svg(key, draw, 0.8 + 0.3 * len(known)), ["rule", "share (interval) of how many"], rows)]


def _bars(axes: Axes, labels: Sequence[str], counts: Mapping[str, Sequence[int | None]]) -> None:
    height = 0.8 / len(counts)
    for place, (name, column) in enumerate(counts.items()):
        at = [row - 0.4 + height * (place + 0.5) for row in range(len(labels))]
        widths = [K_MIN if count is None else count for count in column]
        axes.barh(at, widths, height * 0.9, color=_colour(name), hatch=_HATCH[name], label=name.upper())
        for y, width, count in zip(at, widths, column, strict=True):
            axes.annotate(
                number(count), (width, y), (4, 0), textcoords="offset points", va="center", fontsize=8, color=_INK
            )
    axes.set_yticks(range(len(labels)), list(labels))
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.margins(x=0.2)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def _svg(key: str, draw: Callable[[Axes], None], height: float, *, legend: bool = False) -> str:
    """``height`` in inches. Text stays text; ids carry ``key``, so that many charts fit one page."""
    style = {
        "svg.fonttype": "none", "svg.hashsalt": key, "font.size": 9, "text.color": _INK, "axes.labelcolor": _INK,
        "axes.edgecolor": _FAINT, "xtick.color": _INK, "ytick.color": _INK, "hatch.color": _INK,
        "axes.spines.top": False, "axes.spines.right": False,
    }  # fmt: skip
    with mpl.rc_context(style):  # type: ignore[arg-type]
        figure = Figure(figsize=(_WIDTH, max(height, 1.4)), layout="constrained")
        figure.patch.set_alpha(0)
        axes = figure.subplots()
        axes.patch.set_alpha(0)
        draw(axes)
        if legend:
            axes.legend(frameon=False, loc="best")
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    text = written.getvalue()
    text = text[text.index("<svg") :]
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    text = re.sub(r'\bid="', f'id="{key}-', text)
    return re.sub(r'((?:xlink:)?href="#|url\(#)', rf"\g<1>{key}-", text)


def labelled(chart: Chart) -> str:
    """The picture with its words for those who do not see it."""
    return chart.svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(chart.alt, quote=True)}" ', 1)


def _group(label: str) -> str:
    return label.replace("_", " to " if label[0].isdigit() else " ")


def _colour(name: str) -> str:
    return {"a": _A, "b": _B}[name]


def _most(counts: Sequence[int | None]) -> str:
    most = max((count or 0 for count in counts), default=0)
    return f"{most:,}" if most else f"fewer than {K_MIN}"
