"""Small packs for tests."""

from __future__ import annotations

import textwrap
from functools import cache
from importlib import resources

from nightlight.detect.definition_file import read_definitions
from nightlight.detect.definitions import Pack

HEAD = """\
format: nightlight-detection/1
name: test
version: "1"
description: For tests.
sources:
  S: somewhere
"""


def text_of(features: str, rules: str = "[]", examples: str = "") -> bytes:
    parts = HEAD + "features:\n" + textwrap.indent(textwrap.dedent(features), "  ")
    parts += f"rules: {rules}\n" if rules == "[]" else "rules:\n" + textwrap.indent(textwrap.dedent(rules), "  ")
    return (parts + textwrap.dedent(examples)).encode()


def pack_of(features: str, rules: str = "[]", examples: str = "") -> Pack:
    return read_definitions(text_of(features, rules, examples)).pack


def starter_bytes() -> bytes:
    return resources.files("nightlight.detect").joinpath("packs/starter.yaml").read_bytes()


@cache
def starter() -> Pack:
    return read_definitions(starter_bytes()).pack
