"""Sheets of many forces together: what can be said about all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from nightlight.insight.period import Period
from nightlight.insight.platforms import OTHER, UNMATCHED, Platforms
from nightlight.insight.sheet import Place, Sheet
from nightlight.insight.span import NONE, Span, exactly, total


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

    @cached_property
    def periods(self) -> frozenset[Period]:
        return frozenset(sheet.place.period for sheet in self.sheets)

    @cached_property
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
    def likely_known(self) -> Span:
        return total(sheet.likely_known for sheet in self.sheets)

    def platform(self, name: str) -> Span:
        return self.union(lambda _: frozenset({name}))

    def owner(self, table: Platforms, owner: str) -> Span:
        """Offences that name anything the owner had at the time, each once."""
        whole = self.union(lambda period: table.owned(owner, period)[0])
        some = self.union(lambda period: frozenset().union(*table.owned(owner, period)))
        return Span(whole.low, some.high)

    @cached_property
    def _sets(self) -> dict[Period, dict[frozenset[str], int]]:
        """Of the sheets that come offence by offence, by period: many forces name the same sets of platforms."""
        merged: dict[Period, dict[frozenset[str], int]] = {}
        for sheet in self.sheets:
            if not sheet.lines:
                sets = merged.setdefault(sheet.place.period, {})
                for names, count in sheet.sets.items():
                    sets[names] = sets.get(names, 0) + count
        return merged

    @cached_property
    def _tables(self) -> tuple[Sheet, ...]:
        return tuple(sheet for sheet in self.sheets if sheet.lines)

    def union(self, names: Callable[[Period], frozenset[str]]) -> Span:
        offences = 0
        for period, sets in self._sets.items():
            wanted = names(period)
            offences += sum(count for found, count in sets.items() if not wanted.isdisjoint(found))
        return exactly(offences) + total(sheet.union(names(sheet.place.period)) for sheet in self._tables)

    def could_be(self, names: Callable[[Period], frozenset[str]]) -> Span:
        """The same, if whatever is called "other" or by a spelling that nothing matches were one of ``names``."""
        return self.union(lambda period: names(period) | {OTHER, UNMATCHED})

    @property
    def _bare(self) -> bool:
        return not (self.refused or self.no_data or self.unmatched) and self.unmatched_more == NONE

    def only(self, forces: Collection[str]) -> Tally:
        """The sheets of some forces; spellings are not told apart by force and are left out."""
        if self._bare and self.forces <= frozenset(forces) and len(self.sheets) == len(self.given):
            return self
        kept = tuple(sheet for sheet in self.given if sheet.place.force in forces)
        return replace(self, given=kept, refused=frozenset(), no_data=frozenset(), unmatched={}, unmatched_more=NONE)
