"""Reading a member as JSON of a known shape, and noting what each step established."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightlight.errors import RefusedError
from nightlight.evidence.bundle.refusals import inconsistent
from nightlight.evidence.bundle.report import Held, Step
from nightlight.hazmat import strict_json


class Steps:
    """The steps of one verification, in order."""

    def __init__(self) -> None:
        self.taken: list[Step] = []

    def held(self, name: str, proves: str, source: str) -> None:
        self.taken.append(Step(name, proves, source))

    def open(self, name: str, proves: str, source: str) -> None:
        """Could not be checked with what is here."""
        self.taken.append(Step(name, proves, source, Held.OPEN))


def read_json(members: Mapping[str, bytes], name: str, shape: Mapping[str, type | None] | type) -> Any:
    """The member's value: an object with exactly these fields (None: of any kind), or a value of this type."""
    try:
        value = strict_json.loads(members[name], depth_max=32)
    except RefusedError as e:
        raise inconsistent(name, e.message) from None
    if isinstance(shape, type):
        fits = isinstance(value, shape)
    else:
        fits = isinstance(value, dict) and value.keys() == shape.keys()
        fits = fits and all(kind is None or type(value[field]) is kind for field, kind in shape.items())
    if not fits:
        raise inconsistent(name, "it has another shape than it should")
    return value


def typed(item: Any, kinds: Mapping[str, tuple[type, ...]]) -> bool:
    """Whether it is an object with exactly these fields, each of one of its kinds."""
    if not isinstance(item, dict) or item.keys() != kinds.keys():
        return False
    return all(type(item[name]) in allowed for name, allowed in kinds.items())


def count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
