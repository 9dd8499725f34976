"""What is wrong with a document, in plain words and with the line: for whoever wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from nightlight.adapters.cybertipline.schema import (
    XML_BYTES_MAX,
    DocumentInvalidError,
    Mistake,
    NoXmlError,
    Schema,
    parse,
)
from nightlight.adapters.cybertipline.shape import SchemaShape, TypeShape, shape_of

#: A document with more mistakes than that is of another kind altogether.
MOST = 100
_ZONE = re.compile(r"(Z|[+-]\d\d:\d\d)\Z")
_TYPES = {
    "xs:dateTime": "a time with its zone, as in 2026-11-27T10:00:00Z",
    "xs:date": "a date, as in 2012-01-31",
    "xs:boolean": "true or false",
    "xs:int": "a whole number",
    "xs:long": "a whole number",
}


@dataclass(frozen=True, slots=True, order=True)
class Explained:
    """``line`` counts from 1, 0 where none can be named. ``hint``: what to do."""

    line: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.message}" + (f" {self.hint}" if self.hint else "")


def check_document(xml: bytes, schema: Schema) -> tuple[Explained, ...]:
    """Every mistake, in the order of the lines; empty where the document is right."""
    if not xml.strip():
        return (Explained(0, "The file is empty."),)
    try:
        root = schema.check(xml)
    except NoXmlError as e:
        hint = "Is it an XML file at all?" if xml.lstrip()[:1] != b"<" else ""
        return (Explained(e.line, e.message, hint),)
    except DocumentInvalidError as e:
        root = parse(xml, XML_BYTES_MAX)
        shape = shape_of(schema.tree)
        found = [_explained(mistake, root, shape) for mistake in e.mistakes[:MOST]]
        return tuple(sorted(dict.fromkeys([*found, *_beyond(root, shape)])))
    return tuple(sorted(_beyond(root, shape_of(schema.tree))))


def _beyond(root: Any, shape: SchemaShape) -> Iterator[Explained]:
    """What no schema says, and the agency's documentation does."""
    for element in root.iter():
        text = (element.text or "").strip()
        if text and shape.type_at(_names(element)) == "xs:dateTime" and not _ZONE.search(text):
            yield Explained(
                element.sourceline, f"`{element.tag}` has no zone, so nobody knows when that was.", "Write Z for UTC."
            )
    for text in root.iter("escalateToHighPriority"):
        if (text.text or "").strip().lower() in ("true", "false", "1", "0", "yes", "no", ""):
            yield Explained(
                text.sourceline,
                "escalateToHighPriority is a text: the reason why it is urgent.",
                "Write the reason, or leave the element out.",
            )
    for details in root.iter("fileDetails"):
        viewed, exif = details.find("fileViewedByEsp"), details.find("exifViewedByEsp")
        if _is_true(exif) and not _is_true(viewed):
            yield Explained(
                exif.sourceline,
                "exifViewedByEsp is true, and fileViewedByEsp is not.",
                "Whoever looked at the EXIF data of a file looked at the file.",
            )
        relevance, kind = details.find("fileRelevance"), details.find("industryClassification")
        if kind is not None and relevance is not None and (relevance.text or "").strip() == "Supplemental Reported":
            yield Explained(kind.sourceline, "A supplemental file carries no industryClassification.", "Take it out.")


def _is_true(element: Any) -> bool:
    return element is not None and (element.text or "").strip() in ("true", "1")


def _explained(mistake: Mistake, root: Any, shape: SchemaShape) -> Explained:
    element = _element_at(root, mistake.path)
    if element is None:
        return Explained(mistake.line, mistake.message)
    names = _names(element)
    if mistake.kind == "SCHEMAV_CVC_ELT_1":
        return Explained(mistake.line, f"There is no document `{names[0]}`.", _meant(names[0], list(shape.roots)))
    if mistake.kind == "SCHEMAV_ELEMENT_CONTENT":
        return _content(mistake, element, names, shape)
    own = shape.types.get(shape.type_at(names)) or TypeShape(base=shape.type_at(names))
    if mistake.kind in ("SCHEMAV_CVC_COMPLEX_TYPE_3_2_1", "SCHEMAV_CVC_COMPLEX_TYPE_3_2_2"):
        known = [attribute.name for attribute in own.attributes]
        odd = next((name for name in element.attrib if name not in known), "")
        return Explained(mistake.line, f"`{names[-1]}` has no attribute `{odd}`.", _meant(odd, known))
    if mistake.kind == "SCHEMAV_CVC_COMPLEX_TYPE_4":
        missing = [one.name for one in own.attributes if one.needed and one.name not in element.attrib]
        return Explained(mistake.line, f"`{names[-1]}` needs the attribute `{', '.join(missing)}`.")
    return _value(mistake, element, names, own, shape)


def _value(mistake: Mistake, element: Any, names: list[str], own: TypeShape, shape: SchemaShape) -> Explained:
    """A value that does not fit: of an attribute, if one is named in the message, else of the element."""
    name, given, kind = names[-1], (element.text or "").strip(), own
    for attribute in own.attributes:
        if f"attribute '{attribute.name}'" in mistake.message:
            name, given = f"{name}/@{attribute.name}", element.get(attribute.name, "")
            kind = shape.types.get(attribute.type) or TypeShape(base=attribute.type)
    if kind.values:
        shown = given if len(given) <= 80 else f"{given[:77]}..."
        return Explained(mistake.line, f"`{name}` cannot be “{shown}”.", _meant(given, list(kind.values)))
    parent = shape.types.get(shape.type_at(names[:-1]))
    only = parent.element(names[-1]) if parent else None
    if only is not None and only.fixed:
        return Explained(mistake.line, f"`{name}` can only be {only.fixed}.", "Leave it out where it is not so.")
    wanted = _TYPES.get(kind.base)
    if wanted:
        return Explained(mistake.line, f"`{name}` has to be {wanted}.")
    return Explained(mistake.line, f"`{name}`: {mistake.message.rpartition(': ')[2]}")


def _content(mistake: Mistake, element: Any, names: list[str], shape: SchemaShape) -> Explained:
    """An element that does not belong where it stands, or one that lacks something."""
    own = shape.types.get(shape.type_at(names)) or TypeShape()
    if "Missing child element" in mistake.message:
        present = {child.tag for child in element}
        missing = [one.name for one in own.elements if one.needed and one.name not in present]
        choices = [one.name for one in own.elements if one.choice]
        if missing:
            return Explained(mistake.line, f"`{names[-1]}` lacks {_listed(missing)}.")
        return Explained(mistake.line, f"`{names[-1]}` lacks one of {_listed(choices)}.")
    parent = shape.types.get(shape.type_at(names[:-1])) if len(names) > 1 else None
    if parent is None:
        return Explained(mistake.line, f"`{names[-1]}` does not belong here.")
    known = [one.name for one in parent.elements]
    name = names[-1]
    if name not in known:
        elsewhere = " It belongs somewhere else." if name in shape.element_names else ""
        return Explained(mistake.line, f"`{names[-2]}` has no element `{name}`.{elsewhere}", _meant(name, known))
    before = [child.tag for child in element.itersiblings(preceding=True)]
    if name in before and not parent.elements[known.index(name)].many:
        return Explained(mistake.line, f"`{name}` can stand in `{names[-2]}` once only.")
    later = [one for one in known[known.index(name) + 1 :] if one in before]
    if later:
        return Explained(
            mistake.line, f"`{name}` stands too late: it belongs before `{later[0]}`.",
            f"The order in `{names[-2]}`: {', '.join(known)}.",
        )  # fmt: skip
    missing = [one.name for one in parent.elements[: known.index(name)] if one.needed and one.name not in before]
    if missing:
        return Explained(mistake.line, f"`{names[-2]}` lacks {_listed(missing)} before `{name}`.")
    return Explained(mistake.line, f"`{name}` does not go with what stands before it.")


def _element_at(root: Any, path: str) -> Any:
    if not path:
        return None
    found = root.getroottree().xpath(path)
    return found[0] if isinstance(found, list) and found and hasattr(found[0], "tag") else None


def _names(element: Any) -> list[str]:
    return [*(one.tag for one in reversed(list(element.iterancestors()))), element.tag]


def _meant(word: str, known: list[str]) -> str:
    by_small_letters = {one.lower(): one for one in known}
    close = get_close_matches(word.lower(), list(by_small_letters), n=1, cutoff=0.6)
    if close:
        return f"Did you mean “{by_small_letters[close[0]]}”?"
    return f"Known: {'; '.join(known)}." if known and len(known) <= 20 else ""


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
