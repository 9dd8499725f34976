"""The schema that documents are held against: our own, or the one that the agency serves now."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from lxml import etree

from nightlight.errors import RefusedError

XML_BYTES_MAX = 20 * 2**20
XSD_BYTES_MAX = 4 * 2**20
_XS = "{http://www.w3.org/2001/XMLSchema}"
#: Elements by which a schema has others fetched.
_FETCHING = tuple(f"{_XS}{name}" for name in ("import", "include", "redefine", "override"))


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in a document. ``line`` counts from 1; ``path`` leads to the element; ``message`` is libxml2's.

    ``kind``: libxml2's name for this sort of mistake.
    """

    line: int
    path: str
    message: str
    kind: str = ""


class DocumentInvalidError(RefusedError):
    """A document that is not what the schema asks for, with every mistake that was found."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        first = mistakes[0]
        more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
        super().__init__("document_invalid", f"Line {first.line}: {first.message}{more}")
        self.mistakes = mistakes


class NoXmlError(RefusedError):
    """Bytes that are no XML that is read here. ``line``: where reading ended, 0 where there is none."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__("document_no_xml", message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Schema:
    """``tree``: the schema document, for whoever compares schemas."""

    tree: Any = field(repr=False)
    _validator: Any = field(repr=False)

    @classmethod
    def own(cls) -> Schema:
        """The schema that this software was written against."""
        return _own()

    @classmethod
    def read(cls, xsd: bytes) -> Schema:
        """Somebody else's schema. ``RefusedError('schema_unusable')``; nothing that it names is fetched."""
        try:
            root = parse(xsd, XSD_BYTES_MAX)
        except NoXmlError as e:
            raise RefusedError("schema_unusable", f"The schema cannot be read. {e.message}") from None
        if root.tag != f"{_XS}schema":
            raise RefusedError("schema_unusable", "This is XML, but no XML Schema.")
        if any(True for _ in root.iter(*_FETCHING)):
            raise RefusedError("schema_unusable", "The schema has others fetched, which is not done here.")
        try:
            return cls(root, etree.XMLSchema(root))
        except etree.XMLSchemaParseError as e:
            raise RefusedError("schema_unusable", f"The schema contradicts itself: {e}") from None

    def check(self, xml: bytes) -> Any:
        """The parsed document. ``NoXmlError``, or ``DocumentInvalidError`` with every mistake."""
        root = parse(xml, XML_BYTES_MAX)
        if not self._validator.validate(root):
            log = self._validator.error_log
            raise DocumentInvalidError(
                tuple(Mistake(entry.line, entry.path or "", entry.message, entry.type_name) for entry in log)
                or (Mistake(1, "", "The document does not fit the schema."),)
            )
        return root


def parse(xml: bytes, bytes_max: int) -> Any:
    """The root of an XML document from an outsider: bounded, without DTD, entities or network. ``NoXmlError``."""
    if len(xml) > bytes_max:
        raise NoXmlError(f"It is larger than {bytes_max:,} bytes.")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, remove_pis=True
    )
    try:
        root: Any = etree.fromstring(xml, parser)
    except etree.XMLSyntaxError as e:
        raise NoXmlError(f"It is no well-formed XML: {e.msg}", e.lineno or 0) from None
    except ValueError as e:
        raise NoXmlError(f"It is no XML: {e}") from None
    if root is None:
        raise NoXmlError("It is empty.")
    if root.getroottree().docinfo.doctype:
        raise NoXmlError("It has a document type declaration, and those can name files and fetch things.", 1)
    return root


@cache
def _own() -> Schema:
    return Schema.read(own_xsd())


def own_xsd() -> bytes:
    """Our schema as a file."""
    return resources.files("nightlight.adapters.cybertipline").joinpath("cybertipline.xsd").read_bytes()
