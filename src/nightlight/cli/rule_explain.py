"""``nightlight rules explain``: why detection said what it said of one event."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from nightlight.cli.house import open_house
from nightlight.cli.output import console, say
from nightlight.cli.policy_pictures import out, print_json
from nightlight.errors import RefusedError
from nightlight.flows.explain_event import EventExplainer, Explanation


def explain(
    event: Annotated[str, typer.Argument(help="Its number, as a signal shows it, or its id.", metavar="EVENT")],
    who: Annotated[str, typer.Option("--as", help="Who you are; that you looked is written into the log.")],
    data_dir: Annotated[
        Path | None, typer.Option(help="Data folder, instead of NIGHTLIGHT_DATA_DIR.", metavar="DIR")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Explain one event: the value of every feature, the events that it comes from, and each rule, part by part.

    Values are worked out again from the log by the rules in force now, in plain Python. Where events that could count
    are no longer kept, that is said. Rules that do not look at events of this kind are left out.
    """
    with open_house(data_dir=data_dir) as house:
        if house.detection is None:
            raise RefusedError("detection_off", "Detection is off here.", "Set NIGHTLIGHT_DETECTION=shadow.")
        flow = EventExplainer(house.store, house.clock, house.people, house.rule_book, house.detection)
        with console.status("Reading the log ..."):
            found = flow.explain(event, who)
    if as_json:
        print_json(_values(found))
    else:
        _picture(found)


def _picture(found: Explanation) -> None:
    event = found.logged.event
    out.print(
        f"Event {found.logged.number}, {_clock(found.logged.received_at)}: {event.kind} of {event.actor}"
        + (f" with {event.target}" if event.target else ""),
        markup=False, soft_wrap=True,
    )  # fmt: skip
    table = Table("feature", "value", "counted for", "from events")
    for one in found.features:
        if one.feature.computed is not None:
            table.add_row(one.feature.id, one.said, "computed", one.feature.when_text)
            continue
        numbers = ", ".join(str(number) for number, _ in one.source.events)
        more = one.source.count - len(one.source.events)
        told = (f"… {more:,} earlier, " if more > 0 else "") + numbers
        if not one.full:
            told += "; earlier ones are no longer kept"
        table.add_row(one.feature.id, one.said, one.feature.read, told or "none")
    out.print(table)
    for rule in found.rules:
        verdict = "holds" if rule.holds else "does not hold"
        out.print(f"{rule.rule.id} ({rule.mode}): {verdict}", markup=False, style="bold" if rule.holds else "")
        for words, held in rule.parts:
            out.print(f"    {'yes' if held else 'NO '}  {escape(words)}", soft_wrap=True)
    raised = ", ".join(f"{one.rule} ({one.mode})" for one in found.raised) or "none"
    say(f"Signals that it raised when it came: {raised}.")
    say(f"Worked out from {found.read:,} events by {found.pack}.")


def _values(found: Explanation) -> dict[str, Any]:
    event = found.logged.event
    return {
        "event": {
            "number": found.logged.number,
            "t": found.logged.received_at,
            "kind": event.kind.value,
            "actor": event.actor,
            "target": event.target or None,
        },
        "rules_in_force": found.pack,
        "events_read": found.read,
        "features": [
            {
                "id": one.feature.id,
                "value": one.value,
                "says": one.said,
                "read_by": one.feature.read or None,
                "events": [{"number": number, "t": t} for number, t in one.source.events],
                "events_that_count": one.source.count,
                "complete": one.full,
            }
            for one in found.features
        ],
        "rules": [
            {
                "id": one.rule.id,
                "mode": one.mode.value,
                "holds": one.holds,
                "parts": [{"says": words, "holds": held} for words, held in one.parts],
            }
            for one in found.rules
        ],
        "raised": [{"rule": one.rule, "mode": one.mode.value, "reason": one.reason} for one in found.raised],
    }


def _clock(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
