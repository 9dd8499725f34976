"""Speaking to a person at a terminal: on standard error, so that standard output stays what was asked for."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

console = Console(stderr=True, highlight=False)


def say(text: str, *, quoted: bool = False) -> None:
    """One line for a person. Nothing in it is taken for markup. ``quoted``: somebody else's words."""
    console.print(escape(text), style="yellow" if quoted else None, soft_wrap=True)
