"""Which values an event may have on its way into an engine. What does not fit is refused before anything changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightlight.detect.columns import SEEN_COLUMNS
from nightlight.detect.fields import BANDS, FIELDS, KINDS, RELATIONS, WORDS, Type
from nightlight.errors import RefusedError

CODE = "events_unfit"
#: Sums of so many over a whole window stay within 64 bits.
NUMBER_MAX = 2**40
#: Milliseconds; whole numbers up to here are exact as floats, too.
TIME_MAX = 2**53
_ID = (-(2**63), 2**63 - 1)
_BY_TYPE: Mapping[Type, tuple[int, int]] = {
    Type.ID: _ID,
    Type.KIND: (1, len(KINDS) - 1),
    Type.WORD: (0, len(WORDS) - 1),
    Type.BAND: (0, len(BANDS) - 1),
    Type.RELATION: (0, len(RELATIONS) - 1),
    Type.NUMBER: (0, NUMBER_MAX),
    Type.DURATION: (0, TIME_MAX),
}
#: By column of ``SEEN_COLUMNS``: the least and the greatest value.
RANGES: Mapping[str, tuple[int, int]] = {
    "number": (0, 2**63 - 1),
    "t": (0, TIME_MAX),
    **{field.name: _BY_TYPE[field.type] for field in FIELDS.values()},
}
LOW: Sequence[int] = tuple(RANGES[name][0] for name in SEEN_COLUMNS)
HIGH: Sequence[int] = tuple(RANGES[name][1] for name in SEEN_COLUMNS)


def unfit(name: str) -> RefusedError:
    low, high = RANGES[name]
    return RefusedError(CODE, f"{name} is out of its range.", f"It is a whole number from {low} to {high}.")
