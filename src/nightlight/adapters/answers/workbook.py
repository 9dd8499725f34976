"""The parent's side of reading a workbook: starts the process, bounds it, and makes rows of what it says."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import nightlight
from nightlight.adapters.answers.kind import encrypted
from nightlight.adapters.answers.limits import Limits
from nightlight.errors import RefusedError
from nightlight.insight.columns import Merged

_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from nightlight.adapters.answers.worker import main; main()"
_ROOT = str(Path(nightlight.__file__).parents[1])
#: One line of the pipe: a row of a sheet.
_LINE_BYTES = 64 * 2**20
_BOMB = "Open it in a spreadsheet program, and save the one sheet that matters as CSV."
_WORDS = {
    "workbook_too_large": ("is too large", "Delete what stands outside of the table, or save its sheet as CSV."),
    "too_many_columns": ("is too wide", "Delete what stands beside the table, or save its columns as CSV."),
    "zip_bomb": ("is made to unpack to far more than it holds", _BOMB),
    "xml_entities": ("was not written by a spreadsheet program", _BOMB),
    "workbook_malformed": ("cannot be read as a workbook", "Open it in a spreadsheet program, and save it again."),
}


@dataclass(frozen=True)
class Sheet:
    """``merged``: None where the format does not say. ``unsaved``: formulas whose result is not in the file."""

    name: str
    hidden: bool
    merged: Merged | None
    unsaved: tuple[str, ...]
    rows: list[tuple[int, list[str]]] = field(default_factory=list)


@dataclass(frozen=True)
class Workbook:
    """``links``: formulas refer to other files, which are never looked for."""

    sheets: tuple[Sheet, ...]
    links: bool


def read_workbook(path: Path, limits: Limits, *, points: bool = False) -> Workbook:
    """``points``: a point may part thousands, so a number that is a fraction says that it is one.

    ``RefusedError``: ``workbook_too_large``, ``too_many_columns``, ``zip_bomb``, ``xml_entities``,
    ``workbook_malformed``, ``file_is_encrypted``, ``extra_missing``.
    """
    sheets: list[Sheet] = []
    links = False
    line, pad = 1, 0
    texts: dict[str, str] = {}
    for value in _values(path, limits):
        if isinstance(value, list):
            cells = [_text(cell, points=points) for cell in value]
            sheets[-1].rows.append((line, [""] * pad + [texts.setdefault(cell, cell) for cell in cells]))
            line += 1
        elif "refused" in value:
            raise _refusal(path, *value["refused"])
        elif "sheet" in value:
            line, pad = value["first"][0] + 1, value["first"][1]
            merged = _merged(path, value["merged"], limits)
            sheets.append(Sheet(value["sheet"], value["hidden"], merged, tuple(value["unsaved"])))
        else:
            links = value["links"]
    return Workbook(tuple(sheets), links)


def _values(path: Path, limits: Limits) -> Iterator[Any]:
    with path.open("rb") as file:
        process = subprocess.Popen(
            (sys.executable, "-I", "-c", _START, _ROOT, json.dumps(asdict(limits))),
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
        )
    over = threading.Timer(limits.seconds, process.kill)
    over.daemon = True
    over.start()
    try:
        yield from _whole(path, process, limits)
    finally:
        over.cancel()
        process.kill()
        if process.stdout is not None:
            process.stdout.close()
        process.wait()


def _whole(path: Path, process: subprocess.Popen[bytes], limits: Limits) -> Iterator[Any]:
    """Everything up to the word that says that it is everything."""
    assert process.stdout is not None  # noqa: S101 - for the type checker
    while line := process.stdout.readline(_LINE_BYTES):
        value = json.loads(line) if line.endswith(b"\n") else None
        if value == {"end": True}:
            return
        if value == {"missing": True}:
            raise extra_missing("python-calamine")
        if value is None:
            break
        yield value
    raise _refusal(
        path,
        "workbook_too_large",
        f"it could not be read within {limits.memory_bytes:,} bytes of memory and {limits.seconds} seconds",
    )


def extra_missing(name: str) -> RefusedError:
    return RefusedError(
        "extra_missing", f"This needs {name}, which is not installed.", "Type: pip install 'nightlight[insight]'"
    )


def _refusal(path: Path, code: str, what: str) -> RefusedError:
    if code == "file_is_encrypted":
        return encrypted(str(path))
    words, hint = _WORDS[code]
    return RefusedError(code, f"{path} {words}: {what}.", hint)


def _text(cell: str | float, *, points: bool) -> str:
    if isinstance(cell, str):
        return cell
    return f"{cell!r} (a fraction)" if points else repr(cell)


def _merged(path: Path, ranges: list[list[list[int]]] | None, limits: Limits) -> Merged | None:
    """By line and column, the cell that holds the text of those it was merged with."""
    if ranges is None:
        return None
    found: dict[tuple[int, int], tuple[int, int]] = {}
    for (top, left), (bottom, right) in ranges:
        if (bottom - top + 1) * (right - left + 1) + len(found) > limits.merged_cells:
            raise _refusal(path, "workbook_too_large", f"more than {limits.merged_cells:,} of its cells are merged")
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                found[row + 1, column] = top + 1, left
    return found
