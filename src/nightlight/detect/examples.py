"""Running the examples of a pack: do its features and rules say what their author expects?"""

from __future__ import annotations

from dataclasses import dataclass

from nightlight.detect.definitions import Example, Pack
from nightlight.detect.fields import FIELDS, NEVER_MS, Seen, Type, code
from nightlight.detect.windows import Windows

#: When examples begin, milliseconds since 1970: long after the longest window has run out since then.
START_MS = 1_750_000_000_000
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an example. ``faults``: in words; none if all is as expected."""

    example: Example
    faults: tuple[str, ...]


def run_examples(pack: Pack) -> list[Outcome]:
    return [Outcome(example, tuple(_run(pack, example))) for example in pack.examples]


def _run(pack: Pack, example: Example) -> list[str]:
    windows = Windows(pack)
    numbers: dict[str, int] = {}
    names: dict[int, str] = {}
    raised: dict[str, set[str]] = {}
    last: Seen | None = None
    for position, given in enumerate(example.given, 1):
        values: dict[str, int] = {"actor_band": code(Type.BAND, "adult")}
        for name, value in given.items():
            if name == "at":
                continue
            if FIELDS[name].type is Type.ID:
                number = numbers.setdefault(str(value), len(numbers) + 1)
                names[number], values[name] = str(value), number
            else:
                values[name] = int(value)
        last = Seen(number=position, t=START_MS + int(given["at"]), **values)
        for hit in windows.add(last):
            raised.setdefault(hit.rule, set()).add(names[hit.about])
    faults = []
    for name, expected in example.features.items():
        found = windows.read(name, last) if last is not None else 0
        if abs(float(found) - expected) > _TOLERANCE * max(1.0, abs(expected)):
            faults.append(f"{name} is {_shown(float(found))}, expected {_shown(expected)}")
    for rule in sorted({*raised, *example.signals}):
        found_about, expected_about = raised.get(rule, set()), set(example.signals.get(rule, ()))
        faults += [f"{rule} was raised about {name}, which is not expected" for name in found_about - expected_about]
        faults += [f"{rule} was not raised about {name}" for name in expected_about - found_about]
    return faults


def _shown(value: float) -> str:
    return "never" if value == NEVER_MS else f"{value:g}"
