"""Where results go: to a file that is whole or not there, or to standard output."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from rich.console import Console, RenderableType

from nightlight.cli.files import write_whole
from nightlight.cli.output import say
from nightlight.errors import RefusedError

_TEXT_WIDTH = 140


def write_result(data: bytes, out: Path | None, *, for_people: bool = True) -> None:
    """``for_people``: a terminal can show it. ``RefusedError``: ``not_for_a_terminal``, ``file_unwritable``."""
    if out is not None:
        write_whole(out, data)
        say(f"Written: {out}")
        return
    if not for_people and sys.stdout.isatty():
        raise RefusedError("not_for_a_terminal", "A terminal cannot show this.", "Add --out FILE, or pipe it on.")
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def print_picture(picture: RenderableType, out: Path | None) -> None:
    """On a terminal as wide as it is; in a file without colours."""
    if out is None:
        Console(highlight=False).print(picture)
        return
    file = io.StringIO()
    Console(file=file, width=_TEXT_WIDTH, no_color=True, highlight=False).print(picture)
    write_result(file.getvalue().encode(), out)
