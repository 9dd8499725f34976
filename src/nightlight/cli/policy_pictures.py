"""Policies as pictures in a terminal: matrices, paths, differences, replays. The words carry it, colours only help."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from nightlight.hazmat.strict_yaml import Problem
from nightlight.model.contact import ContactDecision, ContactOutcome, Direction, Relation
from nightlight.prevent.decide import CompiledPolicy, Step
from nightlight.prevent.difference import Difference
from nightlight.prevent.matrix import bands_words, sheet, standing
from nightlight.prevent.policy_words import decision_words, outcome_words, rule_words
from nightlight.prevent.replay_report import ReplayShown

#: What was asked for goes to standard output.
out = Console(highlight=False)

COLOURS = {
    ContactOutcome.ALLOW: "green",
    ContactOutcome.ALLOW_WITH_NOTICE: "cyan",
    ContactOutcome.REQUEST: "yellow",
    ContactOutcome.HOLD: "magenta",
    ContactOutcome.DENY: "red",
}
DIRECTIONS = {
    Direction.DIRECT: "direct: asks to talk, one to one",
    Direction.GROUP: "group: asks into a room with others",
    Direction.JOIN: "join: enters a room that the other one made",
    Direction.FIND: "find: looks people up",
}


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))  # noqa: T201


def coloured(outcome: ContactOutcome, words: str) -> Text:
    return Text(words, style=COLOURS[outcome])


def problems_picture(name: str, data: bytes, problems: Iterable[Problem]) -> RenderableType:
    """Every mistake with its line and a caret under its column."""
    lines = data.decode("utf-8", "replace").splitlines()
    shown: list[RenderableType] = []
    for problem in problems:
        kind, colour = ("warning", "yellow") if problem.warning else ("mistake", "red")
        head = Text(f"{name}:{problem.line}:{problem.column}: ", style="bold")
        shown.append(head + Text(f"{kind}: ", style=f"bold {colour}") + Text(problem.message))
        if problem.line <= len(lines):
            line = lines[problem.line - 1].expandtabs(1)
            first = max(0, problem.column - 80)
            gutter = f"{problem.line:>5} │ "
            shown.append(Text(f"{gutter}{line[first : first + 100]}", style="dim", no_wrap=True))
            shown.append(Text(" " * (len(gutter) - 2) + "│ " + " " * (problem.column - 1 - first) + "^", style=colour))
        if problem.hint:
            shown.append(Text(f"        {problem.hint}"))
    return Group(*shown)


def policy_picture(compiled: CompiledPolicy) -> RenderableType:
    """The whole policy: its matrix by direction, protections, conditions, limits and sources."""
    policy, values = compiled.policy, standing(compiled)
    head = Text(f"{policy.name} {policy.version}", style="bold") + Text(f"   {compiled.reference}", style="dim")
    shown: list[RenderableType] = [head, Text(policy.description.strip()), Text()]
    for direction in Direction:
        shown += [_sheet(direction, values), Text()]
    shown.append(Text("Somebody who is denied sees: " + policy.denied_looks.value.replace("_", " ")))
    for title, rules in (
        ("Protections (they hold until they are loosened)", policy.protections),
        ("Conditions (each can only make an outcome stricter)", policy.conditions),
        ("Limits", policy.limits),
    ):
        if rules:
            table = Table("id", "says", title=title, title_justify="left", title_style="bold", show_lines=True)
            for rule in rules:
                said = "\n".join(f"{part}: {words}" for part, words in rule_words(rule).items())
                table.add_row(rule.id, escape(said))
            shown += [Text(), table]
    sources = Table("source", "what it is", title="Sources", title_justify="left", title_style="bold")
    for name, text in policy.sources:
        sources.add_row(escape(name), escape(text))
    return Group(*shown, Text(), sources)


def _sheet(direction: Direction, values: Mapping[Any, ContactDecision]) -> RenderableType:
    table = Table(
        "from", "to", *(relation.value for relation in Relation), title=DIRECTIONS[direction], title_justify="left",
        title_style="bold",
    )  # fmt: skip
    words = {cell: (decision.outcome, decision_words(decision)) for cell, decision in values.items()}
    for line in sheet(direction, words):
        cells = [coloured(*value) for value in line.values]
        table.add_row(bands_words(line.from_bands), bands_words(line.to_bands), *cells)
    return table


def path_picture(steps: Sequence[Step], decision: ContactDecision) -> RenderableType:
    """The path to a decision. What did not apply is there, too, greyed."""
    table = Table("", "step", "rule", "why", "outcome after it")
    for step in steps:
        style = None if step.held else "dim"
        mark = "●" if step.held else "○"
        words = outcome_words(step.outcome)
        table.add_row(
            mark, step.kind, escape(step.id), escape(step.words),
            coloured(step.outcome, words) if step.held else "no change", style=style,
        )  # fmt: skip
    last = Text("Decision: ") + coloured(decision.outcome, decision_words(decision)) + Text(
        f"   because of {', '.join(decision.reasons)}"
    )  # fmt: skip
    told = Text("Notices to the one who is asked: " + (", ".join(decision.notices) or "none"))
    return Group(table, last, told, Text(f"Policy: {decision.policy}", style="dim"))


def difference_picture(found: Difference) -> RenderableType:
    """Changed cells in few lines, the ones that become milder first, then everything else that changes."""
    shown: list[RenderableType] = [Text(f"{found.before}  →  {found.after}", style="bold")]
    if not found:
        return Group(*shown, Text("Nothing that decides changes."))
    cells = len(found.cells)
    shown.append(Text(f"{cells} of 500 cells change: {found.milder} become milder, {found.stricter} stricter.\n"))
    if cells:
        table = Table("cells", "before", "after", "where")
        for group in found.groups():
            boxes = "\n".join(f"{box} ({len(box)})" for box in group.boxes)
            table.add_row(
                str(group.cells), coloured(group.before.outcome, decision_words(group.before)),
                coloured(group.after.outcome, decision_words(group.after)), boxes,
            )  # fmt: skip
        shown.append(table)
    for before, after, boxes_ in found.notice_groups():
        said = f"{', '.join(before) or 'none'} → {', '.join(after) or 'none'}"
        shown.append(Text(f"\nNotices change: {said}"))
        shown.append(Padding(Text("\n".join(f"{box} ({len(box)})" for box in boxes_)), (0, 0, 0, 2)))
    if found.denied_looks:
        one, other = (look.value.replace("_", " ") for look in found.denied_looks)
        shown.append(Text(f"\nSomebody who is denied sees: {one} → {other}", style="bold"))
    if found.rules:
        table = Table("rule", "what", "before", "after", title="Rules", title_justify="left", title_style="bold")
        for rule in found.rules:
            for number, (part, was, is_) in enumerate(rule.parts):
                name = f"{rule.kind} {rule.id} ({rule.how})" if number == 0 else ""
                table.add_row(escape(name), part, escape(was or "–"), escape(is_ or "–"))
        shown += [Text(), table]
    for name, was, is_ in found.sources:
        shown.append(Text(f"Source {name}: {was or '–'} → {is_ or '–'}", style="dim"))
    return Group(*shown)


def replay_picture(
    seen: ReplayShown, policy: str, against: str, said: Sequence[str], *, names: bool = False
) -> RenderableType:
    """Who would have been affected, and what the numbers cannot say."""
    shown: list[RenderableType] = [Text(f"{policy} against {against}", style="bold")]
    if names:
        shown.append(Text("Exact numbers and names: for inside alone.", style="bold red"))
    shown.append(
        Text(
            f"{_number(seen.decisions)} decisions replayed; {_number(seen.changed)} would have gone another way: "
            f"{_number(seen.stricter)} stricter, {_number(seen.milder)} milder.\n"
        )
    )
    if seen.moves:
        table = Table("before", "after", "decisions", "accounts that came", "accounts that were asked", "for example")
        for move in seen.moves:
            examples = [
                f"{one.decision_id} {one.approach.actor} → {one.approach.target}" if names else one.decision_id
                for one in move.examples
            ]
            table.add_row(
                coloured(move.before, outcome_words(move.before)), coloured(move.after, outcome_words(move.after)),
                _number(move.decisions), _number(move.actors), _number(move.targets), escape("\n".join(examples[:3])),
            )  # fmt: skip
        shown.append(table)
        people = Table(
            "side", "outcome becomes", "band", "account known for", "accounts",
            title="Distinct accounts", title_justify="left", title_style="bold",
        )  # fmt: skip
        for group in seen.people:
            side = "came" if group.side == "from" else "was asked"
            people.add_row(side, group.turn, group.band, group.newness or "", _number(group.accounts))
        shown += [Text(), people]
    shown.append(Text())
    shown += [Text(f"• {sentence}", style="dim") for sentence in said]
    return Group(*shown)


def _number(number: int | None) -> str:
    return "< 10 or kept back" if number is None else f"{number:,}"
