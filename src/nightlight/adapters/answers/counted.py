"""Tables of millions of offences: DuckDB counts the lines that mean the same, and the heart reads one of each.

The file is gone through twice. First, which texts stand in each column: the heart says what they mean. Then lines are
counted by meaning. Whatever is out of the ordinary, a sum, a note, a date that is none, is left to the plain reader,
which says what and where it is. So both say the same, and a refusal has its line.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightlight.errors import RefusedError
from nightlight.insight.columns import Understood
from nightlight.insight.force_names import ForceNames
from nightlight.insight.headers import FIGURES, Role
from nightlight.insight.layout import Kind
from nightlight.insight.mapping import Mapping
from nightlight.insight.offence_rows import OffenceRows
from nightlight.insight.platforms import Platforms
from nightlight.insight.reading import TableRead
from nightlight.insight.rows import Line, LineKind, is_note, is_sum
from nightlight.insight.survey import DATES_MAX, Survey, decide, surveyed

if TYPE_CHECKING:
    import duckdb

MEMORY = "1GB"
#: So many different texts of one column are looked at one by one.
_TEXTS_MAX = 500_000
_BATCH = 10_000
#: What no cell holds: empty ones are texts, too.
_NO_TEXT = "\x01"


@dataclass(frozen=True, slots=True)
class CountedText:
    """A text file in UTF-8. ``lines``: how many there are in it."""

    path: Path
    delimiter: str
    lines: int


def count_offences(
    text: CountedText, understood: Understood, table: Platforms, names: ForceNames, where: str, file: str, said: Mapping
) -> TableRead | None:
    """What ``read_table`` would say of it, or None: it is for the plain reader to say."""
    plain = understood.kind is Kind.OFFENCES and all(column.header for column in understood.columns)
    # A sum in a column that is not used shows by what is empty beside it.
    plain = plain and (bool(surveyed(understood)) or not understood.of(Role.IGNORE))
    if not plain or said.skip or said.fill_down or understood.of(*FIGURES, Role.ANSWER):
        return None
    import duckdb

    with tempfile.TemporaryDirectory(prefix="nightlight-answers-") as folder:
        # By a name of our own: in that of a stranger, DuckDB might see a pattern or an address.
        link = Path(folder) / "answers.csv"
        link.symlink_to(text.path.resolve())
        with contextlib.closing(_connect(folder)) as sql:
            try:
                return _Counting(sql, link, text, understood).read(table, names, where, file, said)
            except (duckdb.Error, RefusedError):
                return None


def _connect(folder: str) -> duckdb.DuckDBPyConnection:
    import duckdb

    sql = duckdb.connect()
    for setting, value in (
        ("memory_limit", f"'{MEMORY}'"),
        ("temp_directory", f"'{folder}'"),
        ("preserve_insertion_order", "false"),
        ("autoinstall_known_extensions", "false"),
        ("autoload_known_extensions", "false"),
    ):
        sql.execute(f"SET {setting} = {value}")
    return sql


class _Counting:
    def __init__(self, sql: duckdb.DuckDBPyConnection, link: Path, text: CountedText, understood: Understood) -> None:
        self._sql, self._understood = sql, understood
        self._lines = text.lines - understood.header[-1]
        used = [column.index for column in understood.columns if column.role is not Role.IGNORE]
        self._used = used
        names = ", ".join(f"'c{column.index}': 'VARCHAR'" for column in understood.columns)
        mark = {"\t": "\\t"}.get(text.delimiter, text.delimiter)
        # Everything is said, nothing is found out: what does not fit is an error, and then the plain reader's.
        self._source = (
            f"read_csv('{link}', auto_detect = false, header = false, skip = {understood.header[-1]}, "
            f"delim = '{mark}', quote = '\"', escape = '\"', compression = 'none', strict_mode = true, "
            f"nullstr = '{_NO_TEXT}', null_padding = false, encoding = 'utf-8', columns = {{{names}}})"
        )
        self._cells = {index: f"c{index}" for index in used}

    def read(self, table: Platforms, names: ForceNames, where: str, file: str, said: Mapping) -> TableRead | None:
        texts = self._texts()
        columns = surveyed(self._understood)
        named = self._understood.of(Role.PLATFORM, Role.PLATFORMS)
        if texts is None or any(self._is_odd(column.index, texts[column.index]) for column in columns or named):
            return None
        survey = Survey({column.index: {text.strip(): 0 for text in texts[column.index]} for column in columns})
        decided = decide(survey, self._understood, table, names, where, file, said)
        rows = OffenceRows(self._understood, decided, table, said.numbers)
        meanings: dict[int, dict[str, str]] = {}
        for column in columns:
            meant: dict[str, Any] = dict(decided.groups if column.role is Role.OFFENCE else decided.periods)
            meant = dict(decided.forces) if column.role is Role.FORCE else meant
            read = {text: meant.get(text.strip(), text.strip()) for text in texts[column.index]}
            meanings[column.index] = _representatives(read)
        if len(named) == 1:
            index = named[0].index
            meanings[index] = _representatives({text: rows.meaning((text.strip(),)) for text in texts[index]})
        for cells, times in self._counted(texts, meanings):
            rows.add(Line(0, cells, LineKind.DATA), times)
        caveats = (*decided.caveats, *rows.finish())
        return TableRead(rows.offences, rows.read, caveats) if rows.read == self._lines else None

    def _texts(self) -> dict[int, list[str]] | None:
        """The different texts of each column that is used; None if there are other lines than those of data."""
        lists = ", ".join(f"list(DISTINCT {cell})" for cell in self._cells.values())
        (row,) = self._sql.execute(f"SELECT count(*), {lists} FROM {self._source}").fetchall()  # noqa: S608 - own names
        lines, *found = row
        if not lines or lines != self._lines or any(len(texts) > _TEXTS_MAX or None in texts for texts in found):
            return None
        return dict(zip(self._used, found, strict=True))

    def _is_odd(self, index: int, texts: list[str]) -> bool:
        """Whether a line with one of these may be something else than the data of an offence."""
        headings = {row[index] for row in self._understood.headings if index < len(row)}
        return len(texts) > DATES_MAX or any(
            not text or text in headings or is_sum(text) or is_note(text) for text in map(str.strip, texts)
        )

    def _counted(
        self, texts: dict[int, list[str]], meanings: dict[int, dict[str, str]]
    ) -> Iterator[tuple[list[str], int]]:
        """Lines that mean the same, one of each, and how many there are. Texts go through the engine as numbers."""
        classes = [_Classes(index, texts[index], meanings.get(index)) for index in self._used]
        key, size = "0::BIGINT", 1
        lists: list[list[int]] = []
        for one in classes:
            self._sql.execute(f"CREATE TABLE texts{one.index} AS SELECT unnest($1::VARCHAR[]) AS text", [one.texts])
            self._sql.execute(f"CREATE TYPE code{one.index} AS ENUM (SELECT text FROM texts{one.index})")  # noqa: S608 - own names
            number = f"code{one.index}"
            if len(one.stand) < len(one.texts):
                lists.append(one.numbers)
                number = f"(${len(lists)}::INTEGER[])[code{one.index} + 1]"
            key += f" + {size} * {number}"
            size *= len(one.stand)
        codes = ", ".join(
            f"enum_code({self._cells[one.index]}::code{one.index})::INTEGER AS code{one.index}" for one in classes
        )
        result = self._sql.execute(
            f"SELECT {key} AS key, count(*) FROM (SELECT {codes} FROM {self._source}) GROUP BY key",  # noqa: S608 - own names
            lists,
        )
        width = len(self._understood.columns)
        while batch := result.fetchmany(_BATCH):
            for number, times in batch:
                if number is None:
                    return
                cells = [""] * width
                for one in classes:
                    number, place = divmod(number, len(one.stand))
                    cells[one.index] = one.stand[place]
                yield cells, times


class _Classes:
    """The texts of one column by what they mean. ``numbers``: the class of each; ``stand``: one text for each class."""

    def __init__(self, index: int, texts: list[str], meanings: dict[str, str] | None) -> None:
        self.index, self.texts = index, texts
        numbers: dict[str, int] = {}
        meant = meanings or {}
        self.numbers = [numbers.setdefault(meant.get(text, text), len(numbers)) for text in texts]
        self.stand = [text.strip() for text in numbers]


def _representatives(meanings: dict[str, Hashable]) -> dict[str, str]:
    """For each text the first, in their order, of those that mean the same."""
    first: dict[Hashable, str] = {}
    return {text: first.setdefault(meanings[text], text) for text in sorted(meanings)}
