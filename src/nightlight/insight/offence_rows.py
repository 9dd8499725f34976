"""A table with one line for each offence, read into offences; lines that are alike may come once, with their number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from nightlight.errors import RefusedError
from nightlight.insight.caveats import Caveat, CaveatCode
from nightlight.insight.cells import Numbers, read_number, reply_in
from nightlight.insight.columns import Understood
from nightlight.insight.headers import Column, Role
from nightlight.insight.offences import Answer, Offence, Offences, Reply
from nightlight.insight.period import UNSTATED, Period
from nightlight.insight.platforms import Cell, Platforms
from nightlight.insight.rows import Line
from nightlight.insight.sheet import Place
from nightlight.insight.spelling import key_of
from nightlight.insight.survey import Decided

#: So many different cells are remembered.
_CELLS_MAX = 65_536
#: So many different lines are counted before they are added up.
_WAITING_MAX = 200_000
#: So many sums are checked.
_SUMS_MAX = 20


class OffenceRows:
    """Fills ``offences``. ``read``: lines of data that were taken in, each as often as it came."""

    def __init__(self, understood: Understood, decided: Decided, table: Platforms, numbers: Numbers) -> None:
        self.offences, self.read = Offences(), 0
        self._decided, self._table, self._numbers = decided, table, numbers
        self._force, self._offence = understood.one(Role.FORCE), understood.one(Role.OFFENCE)
        self._when = understood.one(Role.PERIOD) or understood.one(Role.DATE)
        self._platforms = [one.index for one in understood.of(Role.PLATFORM, Role.PLATFORMS)]
        self._answer = understood.one(Role.ANSWER)
        self._cells: dict[tuple[str, ...], tuple[Cell, Reply | None]] = {}
        self._replies: dict[tuple[Place, Reply], tuple[int, int]] = {}
        self._counts: dict[tuple[str, Period, str], Counter[Cell]] = {}
        self._waiting = 0
        #: The same by the texts that say what a line is about: nearly all lines say what another said before.
        about = (self._force, self._when, self._offence, self._answer)
        self._about = [column.index for column in about if column is not None]
        self._known: dict[tuple[str, ...], Counter[Cell]] = {}
        self._sums: list[tuple[int, int]] = []

    def add(self, line: Line, times: int = 1) -> None:
        """``RefusedError('period_missing')`` for an empty date in a line with figures."""
        cells, decided = line.cells, self._decided
        about = tuple([cells[index] for index in self._about])
        cell, reply = self.meaning(tuple([cells[index] for index in self._platforms]))
        counts = self._known.get(about)
        if counts is not None and reply is None:
            self.read += times
            self._count(counts, cell, times)
            return
        force = decided.force or decided.forces.get(cells[self._force.index] if self._force else "", "")
        if not force:
            raise self._missing(line, "force", self._force)
        when = cells[self._when.index] if self._when and "" not in decided.periods else ""
        group = decided.groups[cells[self._offence.index] if self._offence else ""]
        if self._answer is not None:
            reply = reply or reply_in(cells[self._answer.index])
        self.read += times
        if reply is not None and not cell.known:
            place = Place(force, decided.periods.get(when, UNSTATED), group)
            number, first = self._replies.get((place, reply), (0, line.number))
            self._replies[place, reply] = number + times, first
            return
        if when not in decided.periods:
            raise self._missing(line, "period", self._when)
        counts = self._counts.setdefault((force, decided.periods[when], group), Counter())
        if reply is None:
            self._known[about] = counts
        self._count(counts, cell, times)

    def _count(self, counts: Counter[Cell], cell: Cell, times: int) -> None:
        if cell not in counts:
            self._waiting += 1
        counts[cell] += times
        if self._waiting >= _WAITING_MAX:
            self._pour()

    def _missing(self, line: Line, what: str, column: Column | None) -> RefusedError:
        header = column.header if column else ""
        message = f'{self._decided.where}, line {line.number:,}: "{header}" is empty, and nothing stands above it.'
        return RefusedError(f"{what}_missing", message, "Skip the line in the mapping, or fill it in.")

    def add_sum(self, line: Line) -> None:
        """A line that says how many offences there are in all."""
        for cell in line.cells:
            try:
                number = read_number(cell, self._numbers)[0].exact
            except RefusedError:
                continue
            if number is not None:
                if len(self._sums) < _SUMS_MAX:
                    self._sums.append((line.number, number))
                return

    def finish(self) -> Iterator[Caveat]:
        """To be called once, after the last line. ``RefusedError('answer_contradicted')``."""
        self._pour()
        unknown = 0
        for (place, reply), (times, first) in sorted(self._replies.items(), key=lambda one: one[1][1]):
            if place not in self.offences.places:
                self.offences.add(Answer(*_of(place), reply))
            elif reply is Reply.NO_DATA:
                # Of one offence, nothing is held: nobody knows its platform.
                self.offences.add(Offence(*_of(place), frozenset()), times)
                unknown += times
            else:
                raise RefusedError(
                    "answer_contradicted",
                    f"{self._decided.where}, line {first:,}: {place} refuses to answer, and there are offences of it.",
                    "Either the answer or the offences belong to somebody else.",
                )
        if unknown:
            yield Caveat(
                CaveatCode.CELLS_LEFT_OUT,
                f"{self._decided.where}: of {unknown:,} offences no information is held; their platform is unknown.",
            )
        for line, number in self._sums:
            if number != self.read:
                apart = f"{abs(number - self.read):,} too {'many' if number > self.read else 'few'}"
                yield Caveat(
                    CaveatCode.TOTALS_DIFFER,
                    f"{self._decided.where}, line {line:,}: it says {number:,} offences, there are {self.read:,} "
                    f"lines: {apart}. The lines are counted.",
                )

    def _pour(self) -> None:
        for about, counts in self._counts.items():
            self.offences.add_alike(*about, counts)
        self._counts.clear()
        self._known.clear()
        self._waiting = 0

    def meaning(self, texts: tuple[str, ...]) -> tuple[Cell, Reply | None]:
        """What the cells say that name platforms, one or several of them."""
        found = self._cells.get(texts)
        if found is None:
            found = self._meaning(texts)
            if len(self._cells) < _CELLS_MAX:
                self._cells[texts] = found
        return found

    def _meaning(self, texts: tuple[str, ...]) -> tuple[Cell, Reply | None]:
        given = [self._numbers.meaning(text) for text in texts if text]
        words = "; ".join("" if text == "blank" else text for text in given)
        # A word that the table of platforms has means what it says there: "n/a" is an unknown platform.
        reply = None if key_of(words) in self._table.spellings else reply_in(words)
        return (Cell(frozenset()), reply) if reply is not None else (self._table.read_cell(words), None)


def _of(place: Place) -> tuple[str, Period, str]:
    return place.force, place.period, place.offence_group
