"""What police forces answered: offence by offence or as counts, added up in memory that does not grow with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from nightlight.errors import RefusedError
from nightlight.insight.period import Period
from nightlight.insight.platforms import UNMATCHED, Cell
from nightlight.insight.sheet import KNOWN, TOTAL, Place, Sheet
from nightlight.insight.span import Span, total
from nightlight.insight.tally import Tally

#: So many different spellings are kept; further ones are counted together.
SPELLINGS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Offence:
    """One offence that was flagged as online. ``platforms``: names in the table; none of both: nobody knows which."""

    force: str
    period: Period
    offence_group: str
    platforms: frozenset[str]
    unmatched: tuple[str, ...] = ()

    @classmethod
    def of_cell(cls, force: str, period: Period, offence_group: str, cell: Cell) -> Offence:
        return cls(force, period, offence_group, cell.platforms, cell.unmatched)

    @property
    def known(self) -> bool:
        return bool(self.platforms or self.unmatched)


@dataclass(frozen=True, slots=True)
class Count:
    """One line of a table. ``platform``: a name, ``other``, ``unmatched`` (with its ``spelling``), ``unknown``,
    ``known`` (offences with a platform) or ``total`` (all of them).
    """

    force: str
    period: Period
    offence_group: str
    platform: str
    number: Span
    spelling: str = ""

    @property
    def count(self) -> int | None:
        return self.number.exact

    @property
    def suppressed(self) -> bool:
        return self.number.exact is None


class Reply(StrEnum):
    ANSWERED = "answered"
    REFUSED = "refused"
    #: The force answered that it holds nothing, or cannot search for it.
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class Answer:
    """How a force replied. ``each_once``: it says that no offence stands in two lines of its table."""

    force: str
    period: Period
    offence_group: str
    reply: Reply = Reply.ANSWERED
    each_once: bool = False


class Offences:
    """Adds up rows. What is kept grows with forces, periods, and sets of platforms; never with the offences."""

    def __init__(self) -> None:
        self._sets: dict[Place, Counter[frozenset[str]]] = {}
        self._lines: dict[Place, dict[str, Span]] = {}
        self._answers: dict[Place, Answer] = {}
        self._spellings: dict[str, dict[Place, Span]] = {}
        self._more: dict[Place, Span] = {}

    @property
    def places(self) -> frozenset[Place]:
        return frozenset([*self._sets, *self._lines, *self._answers])

    def add(self, row: Offence | Count | Answer, times: int = 1) -> None:
        """``times``: so many offences are alike; a count or an answer is added once.

        ``RefusedError``: ``counted_twice`` for a total given twice, or a table beside offences of the same force,
        period and group; ``answer_contradicted`` for two answers that differ, or a refusal with figures.
        """
        if times < 1 or (times > 1 and not isinstance(row, Offence)):
            raise ValueError("only offences are added several times")
        place = Place(row.force, row.period, row.offence_group)
        if isinstance(row, Answer):
            if self._answers.setdefault(place, row) != row:
                raise RefusedError("answer_contradicted", f"{place} has two answers that differ.", "Keep the last one.")
            self._check_silence(place)
        elif isinstance(row, Offence):
            self._add_offence(place, row, times)
        else:
            self._add_count(place, row)

    def add_all(self, rows: Iterable[Offence | Count | Answer]) -> None:
        for row in rows:
            self.add(row)

    def take(self, other: Offences) -> None:
        """Adds all that stands in another one, about other places; ``RefusedError('counted_twice')``."""
        for place in sorted(self.places & other.places):
            raise _twice(place, "is answered for in two tables")
        self._sets |= {place: Counter(sets) for place, sets in other._sets.items()}
        self._lines |= {place: dict(lines) for place, lines in other._lines.items()}
        self._answers |= other._answers
        for spelling, by_place in other._spellings.items():
            for place, number in by_place.items():
                self._spelled(place, spelling, number)
        for place, number in other._more.items():
            self._more[place] = self._more[place] + number if place in self._more else number

    def tally(
        self, period: Period | None = None, offence_group: str | None = None, *, force: str | None = None
    ) -> Tally:
        """What was added so far, of one period, one group and one force or of all."""
        places = self.places
        chosen = sorted(
            place
            for place in places
            if (period is None or place.period == period)
            and (offence_group is None or place.offence_group == offence_group)
            and (force is None or place.force == force)
        )
        silent = {place: self._answers[place].reply for place in chosen if self._is_silent(place)}
        return Tally(
            tuple(self._sheet(place) for place in chosen if place not in silent),
            frozenset(place for place, reply in silent.items() if reply is Reply.REFUSED),
            frozenset(place for place, reply in silent.items() if reply is Reply.NO_DATA),
            {
                spelling: total(by_place[place] for place in chosen if place in by_place)
                for spelling, by_place in self._spellings.items()
                if not by_place.keys().isdisjoint(chosen)
            },
            total(self._more[place] for place in chosen if place in self._more),
        )

    def _sheet(self, place: Place) -> Sheet:
        answer = self._answers.get(place)
        return Sheet(
            place,
            dict(self._sets.get(place, {})),
            dict(self._lines.get(place, {})),
            each_once=answer is not None and answer.each_once,
        )

    def _add_offence(self, place: Place, row: Offence, times: int) -> None:
        if place in self._lines:
            raise _twice(place, "stands in a table of counts and offence by offence")
        sets = self._sets.get(place)
        if sets is None:
            sets = self._sets[place] = Counter()
            self._check_silence(place)
        sets[row.platforms | {UNMATCHED} if row.unmatched else row.platforms] += times
        for spelling in row.unmatched:
            self._spelled(place, spelling, Span(times, times))

    def _add_count(self, place: Place, row: Count) -> None:
        if row.number.high is None:
            raise RefusedError(
                "count_malformed", f"{place}: a count without a limit.", "Say how much it can be at most."
            )
        if place in self._sets:
            raise _twice(place, "stands in a table of counts and offence by offence")
        if place not in self._lines:
            self._lines[place] = {}
            self._check_silence(place)
        lines = self._lines[place]
        if row.platform in lines and row.platform in (TOTAL, KNOWN):
            raise _twice(place, f'gives "{row.platform}" twice')
        # Two lines of one platform are two spellings of it, or two parts of the force's area.
        lines[row.platform] = lines[row.platform] + row.number if row.platform in lines else row.number
        if row.platform == UNMATCHED:
            self._spelled(place, row.spelling, row.number)

    def _spelled(self, place: Place, spelling: str, number: Span) -> None:
        by_place = self._spellings.get(spelling)
        if by_place is None and len(self._spellings) < SPELLINGS_MAX:
            by_place = self._spellings[spelling] = {}
        kept = self._more if by_place is None else by_place
        kept[place] = kept[place] + number if place in kept else number

    def _is_silent(self, place: Place) -> bool:
        answer = self._answers.get(place)
        return answer is not None and answer.reply is not Reply.ANSWERED

    def _check_silence(self, place: Place) -> None:
        if self._is_silent(place) and (place in self._sets or place in self._lines):
            raise RefusedError(
                "answer_contradicted",
                f'{place}: the answer is "{self._answers[place].reply}", and there are figures.',
                "Either the answer or the figures belong to somebody else.",
            )


def _twice(place: Place, what: str) -> RefusedError:
    return RefusedError("counted_twice", f"{place} {what}.", "Keep one of both, or offences are counted twice.")
