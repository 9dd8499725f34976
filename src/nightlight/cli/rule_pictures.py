"""Packs, differences and backtests in a terminal. The words carry it, colours only help."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from nightlight.detect.definitions import Pack
from nightlight.detect.difference import PackDifference
from nightlight.detect.pack_words import feature_words, rule_words
from nightlight.detect.time_words import duration_words

_HOW = {"follows": "means something else, because of a feature it asks for"}


def pack_picture(pack: Pack) -> RenderableType:
    head = Text(f"{pack.name} {pack.version}", style="bold") + Text(f"   {pack.reference}", style="dim")
    features = _table("Features", "id", "what it is", "source")
    for feature in pack.features:
        features.add_row(
            feature.id,
            escape(f"{feature.title}\n{feature_words(pack, feature)}\n{feature.when_text}"),
            escape(feature.source),
        )
    rules = _table("Rules", "id", "family, severity", "what it says", "source")
    for rule in pack.rules:
        lasts = f"The signal lasts {duration_words(rule.expires_ms)}."
        said = f"{rule.title}\n{rule_words(pack, rule)}\n{rule.when_text}\n“{rule.reason}”\n{lasts}"
        rules.add_row(rule.id, f"{rule.family}\n{rule.severity}", escape(said), escape(rule.source))
    sources = _table("Sources", "source", "what it is")
    for name, text in pack.sources.items():
        sources.add_row(escape(name), escape(text))
    sources.add_row("unvalidated", "A proposal: nobody has measured how often it is right.")
    return Group(head, Text(pack.description.strip()), Text(), features, Text(), rules, Text(), sources)


def difference_picture(found: PackDifference) -> RenderableType:
    head = Text(f"{found.before}  →  {found.after}", style="bold")
    if not found:
        return Group(head, Text("Nothing changes in meaning."))
    table = Table("what", "how", "part", "before", "after")
    for change in found.changes:
        for number, (part, was, now) in enumerate(change.parts or (("", "", ""),)):
            name = f"{change.kind} {change.id}" if number == 0 else ""
            how = _HOW.get(change.how, change.how) if number == 0 else ""
            table.add_row(escape(name), how, part, escape(was or "–"), escape(now or "–"))
    return Group(head, table)


def backtest_picture(values: Mapping[str, Any]) -> RenderableType:
    """A backtest as ``backtest_values`` gives it."""
    shown: list[RenderableType] = [
        Text(f"{day(values['from'])} to {day(values['to'] - 1)}", style="bold")
        + Text(f"   {values['events_in_files']:,} events in the files, {values['accounts_seen']:,} accounts active")
    ]
    for name in ("a", "b"):
        if name in values:
            shown += [Text(), *_pack(name, values)]
    if "b" in values:
        table = _table("A against B: accounts", "", "only A", "only B", "both", "Jaccard index")
        for title, key in (("with a signal", "accounts_signalled"), ("under watch", "accounts_watched")):
            one = values[key]
            table.add_row(title, *(number(one[part]) for part in ("only_a", "only_b", "both")), ratio(one["jaccard"]))
        shown += [Text(), table]
    shown += [Text(), *(Text(f"• {sentence}", style="dim") for sentence in values["cautions"])]
    return Group(*shown)


def _pack(name: str, values: Mapping[str, Any]) -> list[RenderableType]:
    pack = values[name]
    labelled = pack["any_signal"]["synthetic_labels"] is not None
    title = f"{name.upper()}: {pack['rules_reference']}"
    columns = ["rule", "family", "hits", "signals", "a day", "accounts", "precision among decided"]
    table = _table(title, *columns, *(["SYNTHETIC precision", "SYNTHETIC recall"] if labelled else []))
    lines = [(one["id"], one["family"], one["hits"], one["signals"], one) for one in pack["rules"]]
    lines += [
        ("any signal", "", None, None, pack["any_signal"]),
        (f"watch: {pack['watch']['families']} families", "", None, None, pack["watch"]),
    ]
    for rule, family, hits, signals, one in lines:
        counted = [number(hits), number(signals)] if family else ["", ""]
        cells = [rule, family, *counted, mean(one["mean_per_day"]), number(one["accounts"])]
        cells.append(share(one["decisions"]["precision_among_decided"]))
        if labelled:
            cells += [share(one["synthetic_labels"][part]) for part in ("precision", "recall")]
        table.add_row(*cells)
    bands = _table(
        "Accounts touched, by age band and by how long they were known at their first signal",
        "", *pack["any_signal"]["age_bands"], *pack["any_signal"]["newness"],
    )  # fmt: skip
    for rule, _, _, _, one in lines[-2:]:
        bands.add_row(rule, *map(number, one["age_bands"].values()), *map(number, one["newness"].values()))
    said = [Text(f"Watch: {line}") for line in pack["watch"]["base_rates"]]
    said = said or [Text(f"Any signal: {line}") for line in pack["any_signal"]["base_rates"]]
    overlaps = _table("Rules that touch the same accounts", "rule", "rule", "accounts", "Jaccard index")
    for one in pack["overlaps"][:10]:
        overlaps.add_row(*one["rules"], number(one["accounts"]), ratio(one["jaccard"]))
    examples = _table("Events to open", "rule", "event", "when", "why")
    for rule in pack["rules"]:
        for one in rule["examples"]:
            who = f" (account {one['about']})" if "about" in one else ""
            wrong = "" if one["sql_agrees"] else " SQL DISAGREES."
            examples.add_row(rule["id"], str(one["event"]), moment(one["t"]), escape(one["reason"] + who + wrong))
    return [table, Text(), bands, Text(), overlaps, Text(), *said, Text(), examples]


def day(t: int) -> str:
    return datetime.fromtimestamp(t / 1000, UTC).strftime("%Y-%m-%d")


def moment(t: int) -> str:
    return datetime.fromtimestamp(t / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def number(count: int | None) -> str:
    """``<10*``: the star says that it may be more, and kept back so that another number does not follow from it."""
    return "<10*" if count is None else f"{count:,}"


def mean(value: float | None) -> str:
    return "kept back" if value is None else f"{value:,.1f}"


def ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def share(found: Mapping[str, Any] | None) -> str:
    """A share with its interval, and of how many."""
    if found is None:
        return "–"
    return f"{found['value']:.0%} ({found['low']:.0%} to {found['high']:.0%}) of {found['whole']:,}"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for place, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=place == 0)
    return table
