"""Two pictures are alike if they have the same elements, words and colours, and nearly the same places."""

from __future__ import annotations

import re

from lxml import etree

#: In points: fonts are measured a little differently from version to version.
_NEAR = 2.5
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
#: Made from what is drawn, so that equal parts are written once.
_HASH = re.compile(r"-[a-z]+[0-9a-f]{10}\b")

Node = tuple[str, tuple[tuple[str, str, tuple[float, ...]], ...], str]


def structure(svg: str) -> list[Node]:
    root = etree.fromstring(svg.encode(), etree.XMLParser(resolve_entities=False, no_network=True))
    return [_node(element) for element in root.iter() if isinstance(element.tag, str)]


def differences(found: str, kept: str) -> list[str]:
    """In words; none if the pictures are alike."""
    ours, theirs = structure(found), structure(kept)
    if len(ours) != len(theirs):
        return [f"{len(ours)} elements, {len(theirs)} kept"]
    return [f"{one} is not {other}" for one, other in zip(ours, theirs, strict=True) if not _alike(one, other)]


def _node(element: etree._Element) -> Node:
    attributes = []
    for name, value in sorted((str(name), str(value)) for name, value in element.attrib.items()):
        bare = _HASH.sub("-#", value)
        attributes.append((name, _NUMBER.sub("n", bare), tuple(map(float, _NUMBER.findall(bare)))))
    return str(element.tag), tuple(attributes), " ".join((element.text or "").split())


def _alike(one: Node, other: Node) -> bool:
    (tag, attributes, text), (other_tag, others, other_text) = one, other
    if (tag, text, len(attributes)) != (other_tag, other_text, len(others)):
        return False
    return all(
        (name, form, len(numbers)) == (other_name, other_form, len(other_numbers))
        and all(abs(a - b) <= _NEAR for a, b in zip(numbers, other_numbers, strict=True))
        for (name, form, numbers), (other_name, other_form, other_numbers) in zip(attributes, others, strict=True)
    )
