"""Sheets of many forces together: what can be said about all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from nightlight.insight.period import Period
from nightlight.insight.platforms import OTHER, UNMATCHED, Platforms
from nightlight.insight.sheet import Place, Sheet
from nightlight.insight.span import NONE, Span, total


@dataclass(frozen=True)
class Tally:
    """``given``: sheets of forces that answered. ``unmatched``: by spelling, how many offences have it."""

    given: tuple[Sheet, ...]
    refused: frozenset[Place] = frozenset()
    no_data: frozenset[Place] = frozenset()
    unmatched: Mapping[str, Span] = field(default_factory=dict)
    #: Further spellings, of which only the number of mentions is kept.
    unmatched_more: Span = NONE

    @cached_property
    def sheets(self) -> tuple[Sheet, ...]:
        """The sheets that figures come from: not those that contradict themselves or name no platform."""
        return tuple(sheet for sheet in self.given if not sheet.contradictory and not sheet.without_platforms)

    @property
    def contradictory(self) -> frozenset[Place]:
        return frozenset(sheet.place for sheet in self.given if sheet.contradictory)

    @property
    def without_platforms(self) -> frozenset[Place]:
        return frozenset(sheet.place for sheet in self.given if sheet.without_platforms)

    @cached_property
    def forces(self) -> frozenset[str]:
        """Who answered with figures that can be used."""
        return frozenset(sheet.place.force for sheet in self.sheets)

    @property
    def periods(self) -> frozenset[Period]:
        return frozenset(sheet.place.period for sheet in self.sheets)

    @property
    def offence_groups(self) -> frozenset[str]:
        return frozenset(sheet.place.offence_group for sheet in self.sheets)

    @cached_property
    def overlapping(self) -> tuple[Place, Place] | None:
        """Two answers of one force about one group whose periods share months: added up, offences count twice."""
        by_force: dict[tuple[str, str], list[Place]] = {}
        for sheet in self.sheets:
            by_force.setdefault((sheet.place.force, sheet.place.offence_group), []).append(sheet.place)
        for _, places in sorted(by_force.items()):
            reached, *later = sorted(places)
            for place in later:
                if reached.period.overlaps(place.period):
                    return reached, place
                # They are in order, so whoever reaches furthest is met first.
                reached = max(reached, place, key=lambda one: one.period.last)
        return None

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(name for sheet in self.sheets for name in sheet.names)

    @cached_property
    def offences(self) -> Span:
        return total(sheet.offences for sheet in self.sheets)

    @cached_property
    def known(self) -> Span:
        return total(sheet.known for sheet in self.sheets)

    @cached_property
    def unknown(self) -> Span:
        return total(sheet.unknown for sheet in self.sheets)

    @cached_property
    def likely_known(self) -> int | None:
        found = [sheet.likely_known for sheet in self.sheets]
        whole = [number for number in found if number is not None]
        return sum(whole) if len(whole) == len(found) else None

    def platform(self, name: str) -> Span:
        return self.union(lambda _: frozenset({name}))

    def owner(self, table: Platforms, owner: str) -> Span:
        """Offences that name anything the owner had at the time, each once."""
        whole = self.union(lambda period: table.owned(owner, period)[0])
        some = self.union(lambda period: frozenset().union(*table.owned(owner, period)))
        return Span(whole.low, some.high)

    def union(self, names: Callable[[Period], frozenset[str]]) -> Span:
        return total(sheet.union(names(sheet.place.period)) for sheet in self.sheets)

    def could_be(self, names: Callable[[Period], frozenset[str]]) -> Span:
        """The same, if whatever is called "other" or by a spelling that nothing matches were one of ``names``."""
        return self.union(lambda period: names(period) | {OTHER, UNMATCHED})

    def only(self, forces: Collection[str]) -> Tally:
        """The sheets of some forces; spellings are not told apart by force and are left out."""
        kept = tuple(sheet for sheet in self.given if sheet.place.force in forces)
        return replace(self, given=kept, refused=frozenset(), no_data=frozenset(), unmatched={}, unmatched_more=NONE)
