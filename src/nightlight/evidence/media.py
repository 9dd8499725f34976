"""Where in a message apps find media. There is one way to look for them, and this is it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

#: Matrix, "Matrix Content (mxc://) URIs". A server name begins with a letter, a digit or a bracket, so it is no ``..``.
#: Element looks the address up without what follows it (``#auto``, a file name, a query), so a sender could hide there.
_MXC = re.compile(r"mxc://([A-Za-z0-9\[][A-Za-z0-9.:\[\]-]{0,254})/([A-Za-z0-9_-]{1,255})(?:[/?#].*)?\Z", re.DOTALL)
_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2})")


class Role(StrEnum):
    FILE = "file"
    THUMBNAIL = "thumbnail"


@dataclass(frozen=True, slots=True)
class FoundMedia:
    """One place in a message that names a file.

    ``url``: an address without encryption; ``description``: an encrypted file's; one of the two. ``holder``: the object
    around it, in which apps look for the name; ``info``: in which they look for type and size.
    """

    role: Role
    url: object = field(repr=False)
    description: Mapping[str, Any] | None = field(repr=False)
    holder: Mapping[str, Any] = field(repr=False)
    info: Mapping[str, Any] = field(repr=False)

    @property
    def mxc(self) -> str | None:
        """The address in its one form, or None if this is none that can be followed."""
        return mxc_of(self.url if self.description is None else self.description.get("url"))


def mxc_of(value: object) -> str | None:
    """``mxc://server/id`` out of what a message says, or None. What is no such address is text and stays text."""
    if not isinstance(value, str):
        return None
    match = _MXC.match(_ESCAPED.sub(lambda escape: chr(int(escape[1], 16)), value))
    return f"mxc://{match[1]}/{match[2]}" if match else None


def find_media(content: Mapping[str, Any]) -> Iterator[FoundMedia]:
    """Every file of a message: its own, its thumbnails, those of an edit, of a gallery and of a voice message.

    Matrix, "m.image" and its kin, "Event replacements"; MSC4274 (galleries), MSC1767 (Element's voice messages). An
    event has at most 65,536 bytes, which bounds the work.
    """
    for shown in (content, content.get("m.new_content")):
        if isinstance(shown, dict):
            yield from _in_one(shown)
            items = shown.get("itemtypes")
            for item in items if isinstance(items, list) else ():
                if isinstance(item, dict):
                    yield from _in_one(item)


def _in_one(holder: Mapping[str, Any]) -> Iterator[FoundMedia]:
    info = holder.get("info")
    about = info if isinstance(info, dict) else {}
    thumbnail_info = about.get("thumbnail_info")
    small = thumbnail_info if isinstance(thumbnail_info, dict) else {}
    for place in (holder, about) if about else (holder,):
        yield from _named(Role.FILE, place.get("url"), place.get("file"), holder, about)
        yield from _named(Role.THUMBNAIL, place.get("thumbnail_url"), place.get("thumbnail_file"), holder, small)
    for block in ("org.matrix.msc1767.file", "m.file"):
        described = holder.get(block)
        if isinstance(described, dict):
            encrypted = "key" in described
            url, file = (None, described) if encrypted else (described.get("url"), None)
            yield from _named(Role.FILE, url, file, described, described)


def _named(
    role: Role, url: object, file: object, holder: Mapping[str, Any], info: Mapping[str, Any]
) -> Iterator[FoundMedia]:
    if isinstance(url, str):
        yield FoundMedia(role, url, None, holder, info)
    if isinstance(file, dict):
        yield FoundMedia(role, None, file, holder, info)
