"""A table of counts, with a line or a column for each platform, read into counts; its own sums are checked."""

from __future__ import annotations

from collections.abc import Iterator

from nightlight.errors import RefusedError
from nightlight.insight.caveats import Caveat, CaveatCode
from nightlight.insight.cells import read_number, reply_in
from nightlight.insight.columns import Understood
from nightlight.insight.dates import read_day
from nightlight.insight.headers import Column, Role, phrase_of, read_header
from nightlight.insight.layout import Kind
from nightlight.insight.mapping import Mapping
from nightlight.insight.offences import Answer, Count, Offence, Offences, Reply
from nightlight.insight.period import UNSTATED, Period
from nightlight.insight.platforms import UNKNOWN, UNMATCHED, Platforms
from nightlight.insight.rows import Line, Noted, is_sum
from nightlight.insight.sheet import KNOWN, TOTAL
from nightlight.insight.span import NONE, Span
from nightlight.insight.spelling import key_of
from nightlight.insight.survey import Decided
from nightlight.insight.totals import About, Difference, Totals

#: What a column of figures counts, where it is no platform.
_COUNTED = {Role.TOTAL: TOTAL, Role.KNOWN: KNOWN, Role.UNKNOWN: UNKNOWN}


class CountRows:
    """Fills ``offences``. ``read``: lines of data that were taken in."""

    def __init__(self, understood: Understood, decided: Decided, table: Platforms, said: Mapping) -> None:
        self.offences, self.read = Offences(), 0
        self._decided, self._table, self._said = decided, table, said
        self._wide = understood.kind is Kind.WIDE
        self._force, self._offence = understood.one(Role.FORCE), understood.one(Role.OFFENCE)
        self._when = understood.one(Role.PERIOD) or understood.one(Role.DATE)
        self._platform = next(iter(understood.of(Role.PLATFORM, Role.PLATFORMS)), None)
        self._answer = understood.one(Role.ANSWER)
        self._figures = understood.figures
        self._totals = Totals()
        self._differences = Noted()
        self._seen: dict[tuple[str, ...], int] = {}
        self._footnotes, self._blank, self._empty = Noted(), Noted(), Noted()
        self._places: set[tuple[str, Period, str]] = set()

    def add(self, line: Line) -> None:
        """``RefusedError`` with the line: ``count_malformed``, ``counted_twice``, ``answer_contradicted``,
        ``period_missing``, ``platform_missing``, ``suppressed_set``.
        """
        try:
            self._add(line)
        except RefusedError as e:
            where = f"{self._decided.where}, line {line.number:,}"
            raise RefusedError(e.code, f"{where}: {e.message.removeprefix(f'{where}: ')}", e.hint) from None

    def add_sum(self, line: Line) -> None:
        """A line of sums: held against what it sums up, and otherwise left alone."""
        about = self._summed(line)
        for column, number in self._numbers(line, quiet=True):
            added = self._totals.differs(about, column.index, number)
            if added is not None:
                self._differences.note(str(Difference(line.number, column.header, number, added)))
        self._totals.end_block()

    def finish(self) -> Iterator[Caveat]:
        where = self._decided.where
        if self._said.each_once:
            for force, period, group in sorted(self._places):
                self.offences.add(Answer(force, period, group, each_once=True))
        for noted, code, words in (
            (self._differences, CaveatCode.TOTALS_DIFFER, "sums that do not add up, of which only the parts are used"),
            (self._footnotes, CaveatCode.FOOTNOTES, "footnote marks taken off numbers"),
            (self._blank, CaveatCode.CELLS_LEFT_OUT, "cells without a number beside numbers, in no figure"),
            (self._empty, CaveatCode.LINES_LEFT_OUT, "lines without figures, left out"),
        ):
            if noted.number:
                yield Caveat(code, f"{where}: {words} ({noted.number:,}): {noted}.")

    def _add(self, line: Line) -> None:
        numbers = list(self._numbers(line))
        if self._force is not None and not line.cells[self._force.index] and not self._decided.force:
            raise RefusedError("force_missing", f'"{self._force.header}" is empty, and so is what stands above it.')
        self._check_answer(line, numbers)
        if not numbers:
            self._add_answer(line)
            return
        self._check_once(line)
        self.read += 1
        named, spelling = self._named(line)
        for column, number in numbers:
            if column.role is Role.SUM:
                self._check_row(line, column, number, numbers)
            else:
                self._add_number(line, column, number, named, spelling)
            platform = column.platform if self._wide else "; ".join(sorted(named)) or UNKNOWN
            counted = platform not in (KNOWN, TOTAL)
            if counted:
                about = (*self._labels(line), platform)
                self._totals.add(about, column.index, number, known=platform != UNKNOWN)
        if self._wide:
            for column, number in numbers:
                if column.role is Role.TOTAL:
                    self._check_row(line, column, number, numbers)

    def _add_number(self, line: Line, column: Column, number: Span, named: tuple[str, ...], spelling: str) -> None:
        place = self._place(line, column)
        self._places.add(place)
        if self._wide:
            name = _COUNTED.get(column.role, column.platform)
            self.offences.add(Count(*place, name, number, column.spelling if name == UNMATCHED else ""))
        elif self._decided.sets and not set(named) & {KNOWN, TOTAL}:
            if number.exact is None:
                raise RefusedError(
                    "suppressed_set",
                    f"{_words(number)} offences that name {spelling or 'no platform'} cannot be added up exactly.",
                    "Lines that name all platforms of an offence need exact numbers.",
                )
            cell = self._table.read_cell(spelling)
            if number.exact:
                self.offences.add(Offence.of_cell(*place, cell), number.exact)
        else:
            (name,) = named or (UNKNOWN,)
            self.offences.add(Count(*place, name, number, spelling if name == UNMATCHED else ""))

    def _named(self, line: Line) -> tuple[tuple[str, ...], str]:
        """The platforms that a line counts, with what they are called there."""
        if self._platform is None:
            return (), ""
        text = line.cells[self._platform.index]
        if not text:
            raise RefusedError(
                "platform_missing",
                f'"{self._platform.header}" is empty beside a number.',
                'If nobody knows the platform, write "unknown" there; or skip the line in the mapping.',
            )
        if read_header(0, text, self._table).role is Role.KNOWN:
            return (KNOWN,), text
        cell = self._table.read_cell(text)
        unmatched = (UNMATCHED,) if cell.unmatched else ()
        return (*sorted(cell.platforms), *unmatched), cell.unmatched[0] if len(cell.unmatched) == 1 else text

    def _numbers(self, line: Line, *, quiet: bool = False) -> Iterator[tuple[Column, Span]]:
        """The figures of a line. ``quiet``: what is no number is nobody's business."""
        given = [(column, self._said.numbers.meaning(line.cells[column.index])) for column in self._figures]
        waiting: list[str] = []
        found = 0
        for column, text in given:
            if not text or text == "blank" or reply_in(text) is not None or text in ("refused", "no data"):
                waiting.append(f'line {line.number:,}, "{column.header}"')
                continue
            try:
                number, mark = read_number(text, self._said.numbers)
            except RefusedError as e:
                if quiet:
                    continue
                raise RefusedError(e.code, f'"{column.header}": {e.message}', e.hint) from None
            if mark and not quiet:
                self._footnotes.note(f'line {line.number:,}, "{column.header}": "{text[:20]}"')
            found += 1
            yield column, number
        for one in waiting if found and not quiet else ():
            self._blank.note(one)

    def _check_answer(self, line: Line, numbers: list[tuple[Column, Span]]) -> None:
        said = [line.cells[self._answer.index]] if self._answer else []
        if numbers and any(_reply(text) is Reply.REFUSED for text in said):
            raise RefusedError(
                "answer_contradicted",
                "the answer is that it refuses, and there are figures.",
                "Either the answer or the figures belong to somebody else.",
            )

    def _beside(self, line: Line) -> list[str]:
        """Cells in which an answer in words may stand: not the force's name, not figures."""
        left = {column.index for column in self._figures} | ({self._force.index} if self._force else set())
        if self._platform is not None and key_of(line.cells[self._platform.index]) in self._table.spellings:
            left.add(self._platform.index)
        return [cell for index, cell in enumerate(line.cells) if cell and index not in left]

    def _add_answer(self, line: Line) -> None:
        figures = [self._said.numbers.meaning(line.cells[column.index]) for column in self._figures]
        replies = [_reply(text) for text in (*figures, *self._beside(line)) if text]
        found = next((reply for reply in replies if reply is not None), None)
        if found is None:
            self._empty.note(f"line {line.number:,}")
            return
        force, when, group = self._labels(line)
        if reply_in(group) is not None:
            group = self._decided.groups[""]
        period = UNSTATED if reply_in(when) is not None else self._decided.periods.get(when, UNSTATED)
        self.offences.add(Answer(force, period, group, found))

    def _labels(self, line: Line) -> tuple[str, str, str]:
        decided, cells = self._decided, line.cells
        force = decided.force or decided.forces.get(cells[self._force.index] if self._force else "", "")
        when = "" if self._when is None or "" in decided.periods else cells[self._when.index]
        return force, when, decided.groups.get(cells[self._offence.index] if self._offence else "", "")

    def _place(self, line: Line, column: Column) -> tuple[str, Period, str]:
        force, when, group = self._labels(line)
        period = column.period or self._decided.periods.get(when)
        if period is None:
            header = self._when.header if self._when else ""
            raise RefusedError(
                "period_missing",
                f'"{header}" is empty beside a number.',
                'If it means what stands above it, say so in the mapping: "fill_down: true". Or skip the line.',
            )
        return self._decided.forces.get(column.force, force), period, column.group or group

    def _summed(self, line: Line) -> About:
        def part(column: Column | None, text: str) -> str | None:
            cell = "" if column is None else line.cells[column.index]
            return None if not cell or is_sum(cell) else text

        force, when, group = self._labels(line)
        platform = None
        if self._platform is not None:
            cell = line.cells[self._platform.index]
            found = self._table.read_cell(cell)
            names = (*sorted(found.platforms), *((UNMATCHED,) if found.unmatched else ()))
            platform = part(self._platform, "; ".join(names) or UNKNOWN)
        return part(self._force, force), part(self._when, when), part(self._offence, group), platform

    def _check_once(self, line: Line) -> None:
        if self._said.add_up:
            return
        force, when, group = self._labels(line)
        if read_day(when) is None and when in self._decided.periods:
            when = str(self._decided.periods[when])
        key = (force, when, group, phrase_of(line.cells[self._platform.index]) if self._platform else "")
        if (first := self._seen.setdefault(key, line.number)) != line.number:
            raise RefusedError(
                "counted_twice",
                f"it is about the same as line {first:,}: {', '.join(filter(None, key[:3])) or 'one force'}.",
                'Take one out: "skip" in the mapping. If both are parts of one figure, say "add_up: true" there.',
            )

    def _check_row(self, line: Line, column: Column, number: Span, numbers: list[tuple[Column, Span]]) -> None:
        """A sum beside its parts."""
        added = known = NONE
        parts = 0
        for other, one in numbers:
            alike = all(
                mine is None or mine in ("", theirs)
                for mine, theirs in (
                    (column.period, other.period), (column.group, other.group), (column.force, other.force),
                )
            )  # fmt: skip
            if alike and other.role in (Role.COUNT, Role.UNKNOWN):
                added, parts = added + one, parts + 1
                known = known if other.role is Role.UNKNOWN else known + one
        if parts and added.meet(number) is None and known.meet(number) is None:
            self._differences.note(str(Difference(line.number, column.header, number, added)))


def _reply(text: str) -> Reply | None:
    return {"refused": Reply.REFUSED, "no data": Reply.NO_DATA}.get(text) or reply_in(text)


def _words(span: Span) -> str:
    return f"{span.low:,} to {span.high:,}"
