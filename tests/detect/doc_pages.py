"""Parts of docs/detection.md that are made from the definitions; run as a program it writes them into the page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nightlight.detect.columns import COLUMNS
from nightlight.detect.definition_file import UNVALIDATED
from nightlight.detect.definitions import Pack
from nightlight.detect.fields import FIELDS
from nightlight.detect.pack_words import feature_words, rule_words
from nightlight.detect.time_words import duration_words
from tests.detect.packs import starter

PAGE = Path(__file__).parents[2] / "docs" / "detection.md"


def parts(pack: Pack) -> Mapping[str, str]:
    """Name of the part -> its text."""
    features = "".join(
        f"| `{one.id}` | {one.title}. {_cell(feature_words(pack, one))} | {one.purpose} | {_source(one.source)} |\n"
        for one in pack.features
    )
    rules = "".join(
        f"| `{one.id}` | {one.family}, {one.severity} | {one.title}. {_cell(rule_words(pack, one))} "
        f"“{_cell(one.reason)}” Lasts {duration_words(one.expires_ms)}. | {_source(one.source)} |\n"
        for one in pack.rules
    )
    sources = "".join(f"- {name}: {text}.\n" for name, text in pack.sources.items())
    fields = "".join(f"| `{one.name}` | {one.type} | {one.meaning} |\n" for one in FIELDS.values())
    columns = "".join(f"| `{one.name}` | {one.dtype} | {one.meaning} |\n" for one in COLUMNS)
    return {
        "features": "| feature | what it is | purpose | source |\n|---|---|---|---|\n" + features,
        "rules": "| rule | family, severity | what it says | source |\n|---|---|---|---|\n" + rules,
        "sources": sources,
        "fields": "| field | is | meaning |\n|---|---|---|\n" + fields,
        "columns": "| column | type | meaning |\n|---|---|---|\n" + columns,
    }


def filled(page: str) -> str:
    """The page with its made parts as they have to be."""
    for name, text in parts(starter()).items():
        begins = f"<!-- made: {name} -->\n"
        before, found, rest = page.partition(begins)
        end = rest.find("<!-- end -->")
        page = before + begins + text + rest[end:] if found and end >= 0 else page
    return page


def _source(name: str) -> str:
    return f"*{UNVALIDATED}*" if name == UNVALIDATED else name


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
