"""What a schema says, as plain values: types, their elements in order, attributes and listed values.

The validator decides whether a document is right; this is for saying in words why it is not, and what changed between
two schemas. Understands what the CyberTipline's schema is made of: named and inline types, sequences, choices, simple
content, enumerations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_XS = "{http://www.w3.org/2001/XMLSchema}"


@dataclass(frozen=True, slots=True)
class ElementShape:
    """``type``: a key of ``SchemaShape.types``, or a type of XML Schema itself (``xs:string``)."""

    name: str
    type: str
    needed: bool
    many: bool
    choice: bool = False
    fixed: str = ""


@dataclass(frozen=True, slots=True)
class AttributeShape:
    name: str
    type: str
    needed: bool


@dataclass(frozen=True, slots=True)
class TypeShape:
    """``elements``: in the order of the schema. ``values``: the listed ones, empty where there is no list."""

    elements: tuple[ElementShape, ...] = ()
    attributes: tuple[AttributeShape, ...] = ()
    values: tuple[str, ...] = ()
    base: str = ""

    def element(self, name: str) -> ElementShape | None:
        return next((one for one in self.elements if one.name == name), None)


@dataclass(frozen=True, slots=True)
class SchemaShape:
    """``roots``: what a document can begin with, and its type. Inline types are named after where they stand."""

    roots: Mapping[str, str]
    types: Mapping[str, TypeShape]

    def type_at(self, names: list[str]) -> str:
        """The type of the element at a path of names from the root; empty where the schema has no such path."""
        found = self.roots.get(names[0], "") if names else ""
        for name in names[1:]:
            shape = self.types.get(found)
            element = shape.element(name) if shape else None
            if element is None:
                return ""
            found = element.type
        return found

    @property
    def element_names(self) -> frozenset[str]:
        return frozenset(one.name for shape in self.types.values() for one in shape.elements) | frozenset(self.roots)


def shape_of(tree: Any) -> SchemaShape:
    """``tree``: the root element of a schema document that was read with ``Schema.read``."""
    types: dict[str, TypeShape] = {}
    for node in tree:
        if node.tag in (f"{_XS}complexType", f"{_XS}simpleType"):
            _read_type(node, node.get("name", ""), types)
    roots = {
        node.get("name", ""): _type_of(node, node.get("name", ""), types)
        for node in tree
        if node.tag == f"{_XS}element"
    }
    return SchemaShape(roots, types)


def _read_type(node: Any, name: str, types: dict[str, TypeShape]) -> None:
    elements: list[ElementShape] = []
    attributes: list[AttributeShape] = []
    values: list[str] = []
    base = ""
    for part, choice in _parts(node, choice=False):
        if part.tag == f"{_XS}element":
            label = part.get("name") or _local(part.get("ref", ""))
            elements.append(
                ElementShape(
                    label,
                    _type_of(part, f"{name}/{label}", types),
                    part.get("minOccurs", "1") != "0" and not choice,
                    part.get("maxOccurs", "1") not in ("0", "1"),
                    choice,
                    part.get("fixed", ""),
                )
            )
        elif part.tag == f"{_XS}attribute":
            label = part.get("name", "")
            kind = _type_of(part, f"{name}/@{label}", types)
            attributes.append(AttributeShape(label, kind, part.get("use") == "required"))
        elif part.tag == f"{_XS}enumeration":
            values.append(part.get("value", ""))
        elif part.tag in (f"{_XS}extension", f"{_XS}restriction"):
            base = part.get("base", "")
    types[name] = TypeShape(tuple(elements), tuple(attributes), tuple(values), base)


def _parts(node: Any, *, choice: bool) -> Iterator[tuple[Any, bool]]:
    """Everything of one type, without what stands inside of the inline types of its elements."""
    for child in node:
        yield child, choice
        if child.tag not in (f"{_XS}element", f"{_XS}attribute"):
            yield from _parts(child, choice=choice or child.tag == f"{_XS}choice")


def _type_of(node: Any, name: str, types: dict[str, TypeShape]) -> str:
    for child in node:
        if child.tag in (f"{_XS}complexType", f"{_XS}simpleType"):
            _read_type(child, name, types)
            return name
    named = node.get("type") or node.get("ref") or ""
    return named if named.startswith(("xs:", "xsd:")) else _local(named)


def _local(name: str) -> str:
    return name.rpartition(":")[2]
