"""What a field of a document is in XML: an element by default, an attribute, the text itself, or a fixed truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, field, fields
from enum import Enum
from functools import cache
from typing import Any

#: The key under which a field says what it is.
KEY = "cybertipline"


class Place(Enum):
    ELEMENT = "element"
    ATTRIBUTE = "attribute"
    TEXT = "text"
    #: Written as ``true`` or not at all (``fixed="true"`` in the schema).
    FIXED = "fixed"


def element(tag: str = "", *, default: Any = MISSING) -> Any:
    """An element whose name is not the field's name in camel case."""
    return field(default=default, metadata=_said(Place.ELEMENT, tag))


def attribute(tag: str = "", *, default: Any = MISSING) -> Any:
    return field(default=default, metadata=_said(Place.ATTRIBUTE, tag))


def text() -> Any:
    """What stands between the tags."""
    return field(metadata=_said(Place.TEXT, ""))


def fixed(tag: str = "") -> Any:
    return field(default=False, metadata=_said(Place.FIXED, tag))


@cache
def layout(kind: type) -> tuple[tuple[str, str, Place], ...]:
    """Field name, tag and place of everything in a document class, in the order of the schema."""
    found = []
    for one in fields(kind):
        place, tag = one.metadata.get(KEY, (Place.ELEMENT, ""))
        found.append((one.name, tag or camel_case(one.name), place))
    return tuple(found)


def camel_case(name: str) -> str:
    """``prior_report`` is ``priorReport``."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _said(place: Place, tag: str) -> Mapping[str, Any]:
    return {KEY: (place, tag)}
