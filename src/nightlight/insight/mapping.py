"""The file in which a person says what a table means: YAML beside the data, each line of it optional but the first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import yaml

from nightlight.errors import RefusedError
from nightlight.hazmat.strict_yaml import MalformedError, Reader, read_nodes
from nightlight.insight.cells import MEANINGS, Numbers
from nightlight.insight.dates import APRIL, JANUARY, Order, read_written_period
from nightlight.insight.headers import Role
from nightlight.insight.period import Period
from nightlight.insight.span import read_span

FORMAT = "nightlight-mapping/1"
CODE = "mapping_malformed"
LINES_MAX = 1_000_000_000
COLUMNS_MAX = 20_000
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
_MONTHS = {"april": APRIL, "january": JANUARY}
_THOUSANDS = {"comma": ",", "point": ".", "space": " ", ",": ",", ".": ".", " ": " "}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """What a person says about a column, named by its ``header`` or by its number, which counts from 1."""

    line: int
    header: str = ""
    column: int | None = None
    role: Role | None = None
    platform: str = ""
    period: Period | None = None
    group: str = ""
    force: str = ""


@dataclass(frozen=True, slots=True)
class Mapping:
    """What a person says about a table. Lines count from 1, as a spreadsheet and an editor show them."""

    sheets: tuple[str, ...] = ()
    #: The lines in which the header stands.
    header: tuple[int, ...] = ()
    delimiter: str = ""
    force: str = ""
    period: Period | None = None
    group: str = ""
    year_starts: int = APRIL
    dates: Order | None = None
    numbers: Numbers = field(default_factory=Numbers)
    #: No offence stands in two lines, or in two columns of platforms.
    each_once: bool = False
    #: Lines about the same force, period, group and platform are parts to be added up.
    add_up: bool = False
    #: An empty cell means what stands above it.
    fill_down: bool = False
    skip: frozenset[int] = frozenset()
    columns: tuple[ColumnMapping, ...] = ()


UNMAPPED = Mapping()


def read_mapping(data: bytes) -> Mapping:
    """``MalformedError('mapping_malformed')`` carries every mistake with its line and column."""
    reader = _MappingReader()
    mapping = reader.mapping_of(read_nodes(data, CODE))
    if reader.problems:
        raise MalformedError(CODE, reader.problems)
    return mapping


class _MappingReader(Reader):
    def mapping_of(self, root: yaml.Node) -> Mapping:
        found = self.mapping(
            root,
            ("format",),
            (
                *("sheets", "header", "delimiter", "force", "period", "group", "year_starts", "dates", "thousands"),
                *("suppressed_max", "values", "each_once", "add_up", "fill_down", "skip", "columns"),
            ),
        )
        if "format" in found and self.text(found["format"], "format") != FORMAT:
            self.complain(found["format"], f'The format is "{FORMAT}".')

        def said(name: str) -> str:
            return self.text(found[name], name, 120).strip() if name in found else ""

        def chosen(name: str, words: dict[str, T], usual: T) -> T:
            return words.get(self.choice(found[name], name, list(words)), usual) if name in found else usual

        def true(name: str) -> bool:
            return name in found and self.truth(found[name], name)

        return Mapping(
            sheets=tuple(self.text(node, "sheets", 200) for node in self._list(found.get("sheets"))),
            header=tuple(self.whole(node, "header", 1, LINES_MAX) for node in self._list(found.get("header"))),
            delimiter=chosen("delimiter", DELIMITERS, ""),
            force=said("force"),
            period=self._period(found["period"]) if "period" in found else None,
            group=said("group"),
            year_starts=chosen("year_starts", _MONTHS, APRIL),
            dates=self._order(found["dates"]) if "dates" in found else None,
            numbers=Numbers(
                chosen("thousands", _THOUSANDS, ","),
                self.whole(found["suppressed_max"], "suppressed_max", 1, 1_000) if "suppressed_max" in found else None,
                self._values(found["values"]) if "values" in found else {},
            ),
            each_once=true("each_once"),
            add_up=true("add_up"),
            fill_down=true("fill_down"),
            skip=frozenset(self.whole(node, "skip", 1, LINES_MAX) for node in self._list(found.get("skip"))),
            columns=tuple(self._column(node) for node in self.items(found["columns"])) if "columns" in found else (),
        )

    def _list(self, node: yaml.Node | None) -> list[yaml.Node]:
        """One value, or a list of them."""
        if node is None:
            return []
        return self.items(node) if isinstance(node, yaml.SequenceNode) else [node]

    def _column(self, node: yaml.Node) -> ColumnMapping:
        found = self.mapping(node, (), ("header", "column", "role", "platform", "period", "group", "force"))
        if ("header" in found) == ("column" in found):
            self.complain(node, 'A column is named by its "header", or by its number: "column".')
        if not found.keys() & {"role", "platform", "period", "group", "force"}:
            self.complain(node, "Nothing is said about this column.", 'Give it a "role", or a "platform".')
        role = self.choice(found["role"], "role", [one.value for one in Role]) if "role" in found else ""

        def said(name: str) -> str:
            return self.text(found[name], name, 120).strip() if name in found else ""

        return ColumnMapping(
            node.start_mark.line + 1,
            self.text(found["header"], "header", 500) if "header" in found else "",
            self.whole(found["column"], "column", 1, COLUMNS_MAX) if "column" in found else None,
            Role(role) if role else None,
            said("platform"),
            self._period(found["period"]) if "period" in found else None,
            said("group"),
            said("force"),
        )

    def _period(self, node: yaml.Node) -> Period | None:
        text = self.text(node, "period", 120)
        try:
            period = read_written_period(text)
        except RefusedError as e:
            self.complain(node, e.message, e.hint)
            return None
        if period is None:
            self.complain(node, f'"{text[:40]}" is not a period.', "Write 2019/20, or 2019-10/2020-09.")
        return period

    def _order(self, node: yaml.Node) -> Order | None:
        word = self.choice(node, "dates", [order.value for order in Order])
        return Order(word) if word else None

    def _values(self, node: yaml.Node) -> dict[str, str]:
        values: dict[str, str] = {}
        for key, value in self.pairs(node):
            meaning = " ".join(self.text(value, "values", 40).split()).casefold()
            values[" ".join(key.value.split())] = meaning
            if meaning not in MEANINGS:
                try:
                    read_span(meaning)
                except RefusedError as e:
                    self.complain(value, e.message, f"Or one of: {', '.join(MEANINGS)}.")
        return values
