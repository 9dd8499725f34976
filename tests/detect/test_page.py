"""docs/detection.md says what the starter pack and the language are; it cannot drift away from them."""

from __future__ import annotations

import re

from nightlight.detect.definition_file import read_definitions
from nightlight.detect.definitions import LIFETIME_MAX_MS, Function, Purpose
from nightlight.detect.examples import run_examples
from nightlight.detect.expression import CALLS
from nightlight.model.contact import WATCH_FAMILIES, SignalFamily
from nightlight.model.signal import Severity
from tests.detect.doc_pages import PAGE, filled, parts
from tests.detect.packs import starter

TEXT = PAGE.read_text()


def test_the_page_shows_the_starter_pack_as_it_is() -> None:
    assert all(f"<!-- made: {name} -->" in TEXT for name in parts(starter()))
    assert f"{len(starter().features)} features and {len(starter().rules)} rules to start from" in TEXT
    assert filled(TEXT) == TEXT, "Write it anew: python -m tests.detect.doc_pages"


def test_every_word_of_the_language_is_explained() -> None:
    for function in Function:
        assert f"| `{function}` |" in TEXT, function
    for call, written in CALLS.items():
        assert f"`{written}`" in TEXT, call
    for word in ("per", "read", "when", "over", "lifetime", "purpose", "source", "about", "expires", "reason"):
        assert f"`{word}`" in TEXT, word
    for family in SignalFamily:
        assert f"`{family}`" in TEXT
    for severity in Severity:
        assert f"`{severity}`" in TEXT


def test_lifetimes_are_those_that_are_enforced() -> None:
    for purpose in Purpose:
        assert f"| `{purpose}` | {LIFETIME_MAX_MS[purpose] // 86_400_000} days |" in TEXT


def test_the_example_on_the_page_can_be_used_and_holds() -> None:
    (example,) = re.findall(r"```yaml\n(format:.*?)```", TEXT, re.DOTALL)
    checked = read_definitions(example.encode())
    assert checked.warnings == ()
    outcomes = run_examples(checked.pack)
    assert len(outcomes) == 2
    assert [outcome.faults for outcome in outcomes] == [(), ()]


def test_the_number_of_families_is_that_of_the_code() -> None:
    assert WATCH_FAMILIES == 2
    assert "two independent families" in TEXT
