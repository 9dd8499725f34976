"""Retention as pictures in a terminal: rules, the plan, one case, holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from nightlight.model.hold import Hold
from nightlight.model.retention import RECORD_CONTENTS, Erasure
from nightlight.respond.calendar import date_words
from nightlight.respond.retention import FATE_WORDS, Line, why
from nightlight.respond.retention_report import NOW, Totals
from nightlight.respond.retention_rules import CLOCK_WORDS, RetentionRules, Rule

LATER = "later"


def rules_picture(rules: RetentionRules) -> RenderableType:
    head = Text(f"{rules.name} {rules.version}", style="bold") + Text(f"   {rules.reference}", style="dim")
    table = Table("rule", "records", "where", "kept", "from", "why", "legal basis", show_lines=True)
    for rule in rules.rules:
        table.add_row(
            rule.id, "\n".join(sorted(rule.records)), when_words(rule), bound_words(rule), CLOCK_WORDS[rule.start],
            escape(rule.why), escape(rule.legal_basis),
        )  # fmt: skip
    sources = Table("legal basis", "what it is", title="Sources", title_justify="left", title_style="bold")
    for name, text in rules.sources.items():
        sources.add_row(escape(name), escape(text.strip()))
    agencies = Table("agency", "country", "as operators call it", title="Agencies", title_justify="left")
    for agency in rules.agencies:
        agencies.add_row(agency.code, agency.country, escape(", ".join(sorted(agency.names))))
    kinds = Table("record", "what goes with it", title="Records", title_justify="left", title_style="bold")
    for record, contents in RECORD_CONTENTS.items():
        kinds.add_row(record, contents)
    return Group(head, Text(rules.description.strip()), table, kinds, agencies, sources)


def rules_values(rules: RetentionRules) -> dict[str, Any]:
    return {
        "rules": rules.reference,
        "sources": dict(rules.sources),
        "agencies": [
            {"code": agency.code, "country": agency.country, "names": sorted(agency.names)} for agency in rules.agencies
        ],
        "list": [
            {
                "id": rule.id,
                "records": sorted(rule.records),
                "where": when_words(rule),
                "at_least" if rule.duty else "at_most": str(rule.period),
                "from": rule.start,
                "why": rule.why,
                "legal_basis": rule.legal_basis,
            }
            for rule in rules.rules
        ],
    }


def bound_words(rule: Rule) -> str:
    return f"at {'least' if rule.duty else 'most'} {rule.period}"


def when_words(rule: Rule) -> str:
    """To which cases the rule applies."""
    said = []
    for what, values in (
        ("", rule.outcomes),
        ("by ", rule.sources),
        ("referred to ", rule.referred_to),
        ("referred to an agency in ", rule.countries),
    ):
        if values:
            said.append(what + " or ".join(sorted(values)))
    if rule.preservation:
        said.append("preservation requested")
    return ", ".join(said) or "always"


def plan_picture(totals: Totals, rules: RetentionRules, announced: Sequence[Erasure], months: int) -> RenderableType:
    head = Text(f"Plan for {date_words(totals.now)}", style="bold") + Text(f"   {rules.reference}", style="dim")
    shown: list[RenderableType] = [
        head,
        Text(f"{totals.records:,} records of {totals.cases:,} cases; {totals.going:,} of them go now.\n"),
    ]
    columns = _columns(totals, months)
    table = Table("rule", "record", *columns, title="What goes, by rule and month", title_justify="left")
    for (rule, record), counted in sorted(totals.goes.items()):
        cells = dict.fromkeys(columns, 0)
        for month, number in counted.items():
            cells[month if month in cells else LATER] += number
        table.add_row(rule, record, *(f"{number:,}" if number else "" for number in cells.values()))
    shown += [table if totals.goes else Text("Nothing has a period yet."), Text()]
    if totals.stays:
        stays = Table("records", "why", title="What stays whatever its age", title_justify="left")
        for fate, number in sorted(totals.stays.items()):
            stays.add_row(f"{number:,}", FATE_WORDS[fate])
        shown += [stays, Text()]
    if totals.next:
        following = Table("case", "record", "when", "why", title="What goes next", title_justify="left")
        for line in totals.next:
            following.add_row(line.case_id, line.record, _when(line, totals.now), escape(why(line)))
        shown.append(following)
    shown.append(_announced(announced, totals.now))
    return Group(*shown)


def _columns(totals: Totals, months: int) -> list[str]:
    every = sorted({month for counted in totals.goes.values() for month in counted} - {NOW})
    return [NOW, *every[:months], LATER]


def _when(line: Line, now: int) -> str:
    return "" if line.until is None else NOW if line.until <= now else date_words(line.until)


def _announced(announced: Sequence[Erasure], now: int) -> RenderableType:
    if not announced:
        return Text("\nNothing is announced to go.")
    first = announced[0].not_before
    when = "at the next sweep" if first <= now else f"on {date_words(first)}"
    return Text(
        f"\n{len(announced):,} records are announced to go, the first of them {when}. "
        "`nightlight retention hold CASE` stops it."
    )


def case_picture(
    case_id: str, lines: Sequence[Line], erasures: Iterable[Erasure], holds: Sequence[Hold], now: int
) -> RenderableType:
    """One case, record by record."""
    waiting = {one.record: one for one in erasures if one.erased_at is None}
    table = Table("record", "fate", "until", "why", "announced to go", title=case_id, title_justify="left")
    for line in lines:
        until = "" if line.until is None else date_words(line.until)
        goes = f"on {date_words(waiting[line.record].not_before)}" if line.record in waiting else ""
        table.add_row(line.record, line.fate.replace("_", " "), until, escape(why(line)), goes)
    for one in erasures:
        if one.erased_at is not None:
            table.add_row(one.record, "erased", "", f"Erased by {one.rule} on {date_words(one.erased_at)}.", "")
    return Group(table, *([holds_picture(holds, now)] if holds else []))


def holds_picture(holds: Sequence[Hold], now: int) -> RenderableType:
    if not holds:
        return Text("There are no holds.")
    table = Table("hold", "on", "why", "for", "placed", "until", "release", show_lines=True)
    for hold in holds:
        for_whom = " ".join(filter(None, [hold.agency, hold.reference]))
        table.add_row(
            hold.hold_id, escape(f"{hold.scope} {hold.target}"), escape(f"{hold.why}\n{hold.legal_basis}"),
            escape(for_whom), escape(f"{date_words(hold.placed_at)} by {hold.placed_by}"),
            "released" if hold.released_at is not None else "no end" if hold.until is None else date_words(hold.until),
            escape(release_words(hold, now)),
        )  # fmt: skip
    return table


def release_words(hold: Hold, now: int) -> str:
    """Where its release stands."""
    if hold.released_at is not None:
        return f"released on {date_words(hold.released_at)} by {hold.proposed_by} and {hold.released_by}: {hold.reason}"
    if not hold.holds(now):
        return "lapsed"
    return f"proposed by {hold.proposed_by}: {hold.reason}" if hold.proposed_by else ""
