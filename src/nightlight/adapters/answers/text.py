"""A text file as lines of cells: whichever mark parts its cells and whichever encoding each line has."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nightlight.adapters.answers.kind import HEAD_BYTES
from nightlight.adapters.answers.limits import Limits
from nightlight.errors import RefusedError
from nightlight.insight.caveats import Caveat, CaveatCode

DELIMITERS = (",", ";", "\t", "|")
#: So many lines say which mark parts the cells.
_SAMPLE = 60


@dataclass
class TextRows:
    """The lines of a file with their numbers, as often as they are asked for.

    A line in the middle of which quoted text breaks is one, under the number of its first. Iterating raises
    ``RefusedError``: ``text_malformed``, ``text_undecodable``, ``line_too_long``, ``too_many_columns``,
    ``too_many_lines``, ``file_unreadable``.
    """

    path: Path
    limits: Limits
    delimiter: str = ""
    #: Lines that are not ASCII, by how they were read; filled whenever all lines were gone through.
    encodings: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.delimiter = self.delimiter or self._find_delimiter()

    def __iter__(self) -> Iterator[tuple[int, Sequence[str]]]:
        self.encodings.clear()
        lines = self._lines()
        reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
        number = 1
        try:
            for cells in reader:
                if len(cells) > self.limits.columns:
                    raise RefusedError(
                        "too_many_columns",
                        f"{self.path}, line {number:,} has more than {self.limits.columns:,} cells.",
                        "Is it a table of offences? Save the columns that matter on their own.",
                    )
                yield number, cells
                number = reader.line_num + 1
                if number > self.limits.lines:
                    raise RefusedError("too_many_lines", f"{self.path} has more than {self.limits.lines:,} lines.")
        except csv.Error as e:
            raise RefusedError(
                "text_malformed",
                f"{self.path}, line {number:,}: {_reason(e)}.",
                'A cell that holds a quotation mark stands in quotation marks, and its own are doubled: "say ""hi""".',
            ) from None
        except OSError as e:
            raise RefusedError("file_unreadable", f"{self.path} cannot be read: {e.strerror}.") from None

    def caveats(self) -> Iterator[Caveat]:
        """How it was decoded, as far as a person should know."""
        old, new = self.encodings["windows-1252"], self.encodings["utf-8"]
        if old and new:
            yield Caveat(
                CaveatCode.ENCODING,
                f"{self.path.name}: {new:,} lines were read as UTF-8 and {old:,} as Windows-1252, line by line.",
            )
        elif old:
            yield Caveat(CaveatCode.ENCODING, f"{self.path.name}: read as Windows-1252.")

    def _lines(self) -> Iterator[str]:
        most = self.limits.line_chars
        with (
            self.path.open("rb") as raw,
            io.TextIOWrapper(raw, encoding=self._encoding(), errors="surrogateescape", newline="") as file,
        ):
            number = 0
            while line := self._read(file, most):
                number += 1
                if len(line) >= most:
                    raise RefusedError(
                        "line_too_long", f"{self.path}, line {number:,} has {most:,} characters or more."
                    )
                yield line if line.isascii() and "\0" not in line else self._decoded(line, number)

    def _read(self, file: io.TextIOWrapper, most: int) -> str:
        try:
            return file.readline(most)
        except UnicodeError:
            raise RefusedError(
                "text_undecodable", f"{self.path} is not the UTF-16 that it says it is.", "Save it as CSV in UTF-8."
            ) from None

    def _encoding(self) -> str:
        with self.path.open("rb") as file:
            wide = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        return "utf-16" if wide else "utf-8-sig"

    def _decoded(self, line: str, number: int) -> str:
        """What is not UTF-8 is what Windows wrote."""
        if "\0" in line:
            raise RefusedError("file_is_binary", f"{self.path}, line {number:,} holds a zero byte: it is no text.")
        try:
            line.encode()
        except UnicodeEncodeError:
            try:
                text = line.encode("utf-8", "surrogateescape").decode("cp1252")
            except UnicodeError:
                raise RefusedError(
                    "text_undecodable",
                    f"{self.path}, line {number:,} is neither UTF-8 nor Windows-1252.",
                    "Save it as CSV in UTF-8.",
                ) from None
            self.encodings["windows-1252"] += 1
            return text
        self.encodings["utf-8"] += 1
        return line

    def _find_delimiter(self) -> str:
        """The mark by which most of the first lines have the same number of cells, more than one."""
        sample: list[str] = []
        chars = 0
        for line in self._lines():
            sample.append(line)
            chars += len(line)
            if len(sample) >= _SAMPLE or chars > HEAD_BYTES:
                break
        return max(DELIMITERS, key=lambda mark: _fit(sample, mark))


def _fit(sample: list[str], mark: str) -> tuple[int, int, int]:
    widths: Counter[int] = Counter()
    try:
        for cells in csv.reader(sample, delimiter=mark):
            widths[len(cells)] += len(cells) > 1
    except csv.Error:
        return 0, 0, 0
    width, lines = max(widths.items(), key=lambda item: (item[1], item[0]), default=(0, 0))
    return lines, width if lines else 0, -DELIMITERS.index(mark)


def _reason(error: csv.Error) -> str:
    text = str(error)
    if "field limit" in text or "unexpected end" in text:
        return "a quotation mark opens a cell, and none closes it"
    if "expected after" in text:
        return "something follows a cell's closing quotation mark"
    return text
