"""Documents with arbitrary values, made from the classes themselves: a new field is tried without anybody adding it."""

from __future__ import annotations

import types
from dataclasses import fields
from datetime import date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from nightlight.adapters.cybertipline.elements import KEY, Place
from nightlight.adapters.cybertipline.file_details import FileDetails
from nightlight.respond.country import COUNTRIES

#: Everything XML 1.0 can carry.
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="\ufffe\uffff", categories=["L", "M", "N", "P", "S", "Z"])
    | st.sampled_from("\t\n\r"),
    max_size=20,
)
_ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=_ZONES)
_SPECIAL: dict[str, st.SearchStrategy[Any]] = {
    "ip_address": st.ip_addresses().map(str),
    "country": st.sampled_from(sorted(COUNTRIES)),
    "country_code": st.sampled_from(sorted(COUNTRIES)),
    "flea_country": st.sampled_from(sorted(COUNTRIES)),
    "state": st.sampled_from(["CA", "NY", "PR"]),
    "country_calling_code": st.integers(1, 9999).map(lambda number: f"+{number}"),
    "extension": st.integers(0, 99_999).map(str),
    "latitude": st.integers(-90, 90).map(str),
    "longitude": st.integers(-180, 180).map(str),
    "port": st.integers(0, 65_535),
}


def documents(kind: Any, name: str = "") -> st.SearchStrategy[Any]:
    """Values of a document class, or of the type of one of its fields."""
    if name in _SPECIAL and kind in (str, int):
        return _SPECIAL[name]
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        parts = [one for one in get_args(kind) if one is not type(None)]
        choices = st.one_of([documents(one, name) for one in parts])
        return st.none() | choices if len(parts) < len(get_args(kind)) else choices
    if origin is tuple:
        least = 1 if name == "name_value_pair" else 0
        return st.lists(documents(get_args(kind)[0], name), min_size=least, max_size=2).map(tuple)
    if hasattr(kind, "__dataclass_fields__"):
        return _document(kind)
    if issubclass(kind, StrEnum):
        return st.sampled_from(list(kind))
    plain: dict[Any, st.SearchStrategy[Any]] = {
        bool: st.booleans(),
        int: st.integers(0, 2**31 - 1),
        datetime: _TIMES,
        date: st.dates(date(1900, 1, 1), date(2090, 1, 1)),
        str: TEXTS,
    }
    return plain[kind]


def _document(kind: Any) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind)
    parts = {
        one.name: st.booleans()
        if one.metadata.get(KEY, (Place.ELEMENT, ""))[0] is Place.FIXED
        else documents(hints[one.name], one.name)
        for one in fields(kind)
    }
    made = st.builds(kind, **parts)
    return made.map(_true) if kind is FileDetails else made


def _true(details: FileDetails) -> FileDetails:
    """Without what contradicts itself, which is refused and has tests of its own."""
    from dataclasses import replace

    return replace(
        details,
        exif_viewed_by_esp=details.exif_viewed_by_esp if details.file_viewed_by_esp else None,
        industry_classification=None,
        file_annotations=None if details.potential_meme is not None else details.file_annotations,
    )
