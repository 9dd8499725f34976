"""What the page about the data says is there: every refusal, every role, and an example that can be used."""

from __future__ import annotations

import re
from pathlib import Path

from nightlight.insight.headers import Role
from nightlight.insight.mapping import read_mapping

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "prevalence-data.md").read_text()
_CODE = re.compile(r'(?:RefusedError|NoWorkbookError|_refusal|_unclear)\(\s*(?:path, )?"([a-z_]+)"|"(file_is_[a-z]+)"')


def test_every_refusal_is_documented() -> None:
    source = ROOT / "src" / "nightlight"
    names = (
        "cells",
        "columns",
        "count_rows",
        "dates",
        "layout",
        "mapping",
        "offence_rows",
        "reading",
        "rows",
        "survey",
    )
    files = [source / "insight" / f"{name}.py" for name in names] + sorted((source / "adapters/answers").glob("*.py"))
    codes = {one or other for path in files for one, other in _CODE.findall(path.read_text())}
    codes |= {"force_missing", "period_missing", "mapping_malformed"}
    assert len(codes) > 30
    missing = {code for code in codes if f"`{code}`" not in PAGE}
    assert not missing


def test_every_role_is_documented_and_the_example_can_be_read() -> None:
    for role in Role:
        assert f"| `{role.value}` |" in PAGE
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    mapping = read_mapping(example.encode())
    assert mapping.columns[1].platform == "FB"
    assert mapping.numbers.meaning("x") == "1-4"
    assert mapping.numbers.suppressed_max == 4
