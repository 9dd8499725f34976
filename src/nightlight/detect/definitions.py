"""Features, rules and their examples, as they come out of a checked file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from nightlight.detect.expression import Node, names_of
from nightlight.detect.fields import Type
from nightlight.model.contact import SignalFamily
from nightlight.model.signal import Severity


class Function(StrEnum):
    """What a feature says of the events in its window."""

    #: How many there are.
    COUNT = "count"
    #: How many different values a field of them has.
    COUNT_DISTINCT = "count_distinct"
    #: The sum of a field of them.
    SUM = "sum"
    #: Milliseconds since the last one, that of the very event included.
    TIME_SINCE = "time_since"
    #: Milliseconds since the first one of a row of them without a gap as long as the lifetime.
    FIRST_SEEN = "first_seen"
    #: An expression over other features: ratios and shares.
    VALUE = "value"


WINDOWED = frozenset({Function.COUNT, Function.COUNT_DISTINCT, Function.SUM})


class Purpose(StrEnum):
    """What a feature may be used for. How long each may remember: ``LIFETIME_MAX_MS``."""

    CONTACT = "contact"
    REPORTS = "reports"
    EVASION = "evasion"
    VOLUME = "volume"


DAY_MS = 86_400_000
#: Source: facts of the project, 30 to 90 days for counters over edges; what survives a ban has to live longer than one.
#: A proposal, unvalidated.
LIFETIME_MAX_MS: Mapping[Purpose, int] = {
    Purpose.CONTACT: 30 * DAY_MS,
    Purpose.REPORTS: 90 * DAY_MS,
    Purpose.EVASION: 90 * DAY_MS,
    Purpose.VOLUME: 14 * DAY_MS,
}


@dataclass(frozen=True, slots=True)
class Feature:
    """``per``: the field whose value is the key that an event is counted under; ``read``: the one it is read by.

    ``over_ms``: the window (t - over, t]; of ``time_since`` and ``first_seen`` it is the lifetime. ``value``: the field
    that is summed, or whose values are told apart. ``when``: which events count; None: all. ``line``: in the file.
    """

    id: str
    title: str
    function: Function
    value: str
    per: str
    read: str
    when: Node | None
    when_text: str
    over_ms: int
    lifetime_ms: int
    purpose: Purpose
    source: str
    line: int
    computed: Node | None = None

    @property
    def type(self) -> Type:
        if self.function in (Function.TIME_SINCE, Function.FIRST_SEEN):
            return Type.DURATION
        return Type.RATIO if self.function is Function.VALUE else Type.NUMBER


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a rule is taken to have gone wrong, and pauses itself. All unvalidated proposals.

    ``per_day``: more signals within 24 hours. ``precision_percent``: of ``after`` or more accounts that reviewers
    decided about, surely fewer were in violation: the upper end of the interval is below. 0: no bound.
    """

    per_day: int = 500
    precision_percent: int = 5
    after: int = 30


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition that raises a signal about the event's actor or target. ``reason``: words, with {features}.

    ``bounds`` are no part of what it means.
    """

    id: str
    title: str
    family: SignalFamily
    severity: Severity
    about: str
    when: Node
    when_text: str
    reason: str
    expires_ms: int
    source: str
    line: int
    bounds: Bounds = Bounds()


@dataclass(frozen=True, slots=True)
class Example:
    """Given events, with times in milliseconds from the start, and what has to come of them.

    ``features``: of the last event. ``signals``: rule → names of those whom a signal was raised about at any time.
    """

    title: str
    given: Sequence[Mapping[str, int | str]]
    features: Mapping[str, float]
    signals: Mapping[str, frozenset[str]]
    line: int


@dataclass(frozen=True, slots=True)
class Pack:
    """One file of definitions. ``digest``: SHA-256 of the file."""

    name: str
    version: str
    description: str
    digest: str
    sources: Mapping[str, str]
    features: tuple[Feature, ...]
    rules: tuple[Rule, ...]
    examples: tuple[Example, ...] = field(default=())

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.version}#{self.digest[:16]}"

    def needed(self, node: Node) -> list[Feature]:
        """The features that an expression asks for, with those they are computed of, in the order of the file."""
        wanted = set(names_of(node))
        for feature in reversed(self.features):
            if feature.id in wanted and feature.computed is not None:
                wanted |= names_of(feature.computed)
        return [feature for feature in self.features if feature.id in wanted]
