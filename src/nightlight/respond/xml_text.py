"""What XML 1.0 can carry, asked before anything is stored that has to go into a document one day."""

from __future__ import annotations

import re

from nightlight.errors import RefusedError

#: Everything outside of production [2] ``Char`` of XML 1.0, fifth edition; a lone surrogate is no character at all.
_NOT_CHAR = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(value: str, what: str) -> str:
    """The value as it is; ``RefusedError('text_not_xml')`` that names ``what`` and the character, never the value."""
    found = _NOT_CHAR.search(value)
    if found is None:
        return value
    raise RefusedError(
        "text_not_xml",
        f"{what} holds a character that no document can carry: U+{ord(found[0]):04X}, the {found.start() + 1}. of it.",
        "Take it out.",
    )
