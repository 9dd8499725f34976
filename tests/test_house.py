"""The house is tested: imports point one way, the pure rooms stay pure, and this checker sees what it should."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src"

#: Rooms from left to right; rooms of one group never import each other.
GROUPS = (
    ("model", "errors"),
    ("hazmat",),
    ("evidence", "prevent", "detect"),
    ("respond",),
    ("insight",),
    ("ports",),
    ("flows",),
    ("store", "adapters", "web"),
    ("settings",),
    ("cli", "demo", "bench", "town"),
)
RANK = {room: rank for rank, rooms in enumerate(GROUPS) for room in rooms}
OUTERMOST = frozenset(GROUPS[-1])
PURE = frozenset({"model", "errors", "hazmat", "evidence", "prevent", "detect", "respond", "insight"})
#: Among the outermost rooms: who may import whom.
SIDEWAYS = {("bench", "cli"), ("bench", "demo"), ("demo", "cli"), ("cli", "demo"), ("cli", "bench"), ("cli", "town")}
#: The commands start the demo and the bench, but must work where their extras are not installed.
LAZY = {("cli", "demo"), ("cli", "bench"), ("cli", "town")}

#: All that the pure rooms may import from outside: nothing here reads a clock, rolls a die or touches the world.
PURE_STDLIB = frozenset(
    {
        "__future__",
        "abc",
        "array",
        "ast",
        "base64",
        "binascii",
        "bisect",
        "collections",
        "dataclasses",
        "difflib",
        "enum",
        "functools",
        "heapq",
        "keyword",
    }
    | {
        "hashlib",
        "hmac",
        "ipaddress",
        "itertools",
        "json",
        "math",
        "operator",
        "re",
        "string",
        "struct",
        "types",
        "typing",
    }
    | {"unicodedata"}
    # Both work on bytes in memory here; reading and writing files takes `open` or a path, and neither is handed in.
    | {"io", "zipfile"}
)
PURE_LIBRARIES = frozenset(
    {"canonicaljson", "cbor2", "cryptography", "cwt", "numba", "numpy", "rfc3161_client", "yaml"}
)
#: Where numba may be imported: the rest of detection works without it.
COMPILED = frozenset(f"nightlight.detect.{name}" for name in ("layout", "machine_code", "storage", "union"))
#: The one place in which text that this house wrote itself becomes code.
EXEC_MODULE = "nightlight.detect.machine_code"
EXEC_CALLS = frozenset({"compile", "exec"})
#: Calls that reach the world without an import.
IMPURE_CALLS = frozenset({"open", "input", "print", "exec", "eval", "compile", "__import__", "breakpoint"})
VODOZEMAC_ROOMS = frozenset({"demo", "bench"})
VODOZEMAC_MODULES = frozenset({"nightlight.cli.disclose"})
HOMESERVER = frozenset({"nightlight_synapse", "synapse"})


class Import:
    """One import: by which module, of which module, where, and whether it runs only when a function does."""

    def __init__(self, importer: str, imported: str, line: int, *, lazy: bool, typing_only: bool) -> None:
        self.importer, self.imported, self.line, self.lazy = importer, imported, line, lazy
        self.typing_only = typing_only

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


class House:
    """Every module of the package, parsed."""

    def __init__(self, src: Path) -> None:
        self.trees: dict[str, ast.Module] = {}
        packages: set[str] = set()
        for path in sorted((src / "nightlight").rglob("*.py")):
            parts = path.relative_to(src).with_suffix("").parts
            if parts[-1] == "__init__":
                parts = parts[:-1]
                packages.add(".".join(parts))
            self.trees[".".join(parts)] = ast.parse(path.read_text(encoding="utf-8"), str(path))
        self.imports = [
            found for name, tree in self.trees.items() for found in self._imports(name, tree, name in packages)
        ]

    def _imports(self, module: str, tree: ast.Module, is_package: bool) -> Iterator[Import]:
        def walk(node: ast.AST, lazy: bool, typing_only: bool) -> Iterator[Import]:
            for child in ast.iter_child_nodes(node):
                for imported in self._targets(module, child, is_package):
                    line = getattr(child, "lineno", 0)
                    yield Import(module, imported, line, lazy=lazy, typing_only=typing_only)
                inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                guard = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
                yield from walk(child, lazy or inside, typing_only or guard)

        yield from walk(tree, lazy=False, typing_only=False)

    def _targets(self, module: str, node: ast.AST, is_package: bool) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.split(".")[: None if is_package and node.level == 1 else -(node.level - is_package)]
                base = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner in self.trees else base
        elif isinstance(node, ast.Call):
            # importlib.import_module("…") and __import__("…") are imports too.
            name = ast.unparse(node.func).rpartition(".")[2]
            if name in {"import_module", "__import__"}:
                argument = node.args[0] if node.args else None
                known = isinstance(argument, ast.Constant) and isinstance(argument.value, str)
                yield str(argument.value) if known and isinstance(argument, ast.Constant) else "<computed>"


def room_of(module: str) -> str:
    """The room of a module of ours, empty for everything else and for the package itself."""
    parts = module.split(".")
    return parts[1] if parts[0] == "nightlight" and len(parts) > 1 else ""


def problems(house: House) -> list[str]:
    """Every way in which the house is not as DESIGN.md draws it."""
    return [
        *unknown_rooms(house),
        *wrong_arrows(house),
        *circles(house),
        *impurities(house),
        *strangers(house),
        *second_composition_roots(house),
    ]


def unknown_rooms(house: House) -> Iterator[str]:
    for module in house.trees:
        if room_of(module) and room_of(module) not in RANK:
            yield f"{module} stands in a room that the map does not show"


def wrong_arrows(house: House) -> Iterator[str]:
    for found in house.imports:
        here, there = room_of(found.importer), room_of(found.imported)
        if not there or here == there:
            continue
        if here not in RANK or there not in RANK:
            yield f"{found}: from or to no room of the house"
        elif there == "settings" and here not in OUTERMOST:
            yield f"{found}: settings are read by the outermost rooms only"
        elif here in OUTERMOST and there in OUTERMOST:
            if (here, there) not in SIDEWAYS:
                yield f"{found}: rooms side by side"
            elif (here, there) in LAZY and not found.lazy and not found.typing_only:
                yield f"{found}: only inside of a function"
        elif here == "settings" and there not in {"model", "errors"}:
            yield f"{found}: settings import words and errors only"
        elif RANK[there] == RANK[here]:
            yield f"{found}: rooms side by side"
        elif RANK[there] > RANK[here]:
            yield f"{found}: the arrow points the wrong way"


def circles(house: House) -> Iterator[str]:
    """Circles between modules. Lazy imports count too, except where the commands start the demo or the bench."""
    arrows: dict[str, set[str]] = {}
    for found in house.imports:
        if (room_of(found.importer), room_of(found.imported)) in LAZY:
            continue
        if found.imported in house.trees and found.imported != found.importer:
            arrows.setdefault(found.importer, set()).add(found.imported)
    done: set[str] = set()

    def visit(module: str, path: list[str]) -> Iterator[str]:
        if module in path:
            yield "circle: " + " -> ".join([*path[path.index(module) :], module])
            return
        if module in done:
            return
        for following in sorted(arrows.get(module, ())):
            yield from visit(following, [*path, module])
        done.add(module)

    for module in sorted(arrows):
        yield from visit(module, [])


def impurities(house: House) -> Iterator[str]:
    for found in house.imports:
        top = found.imported.split(".")[0]
        here = room_of(found.importer)
        if here in PURE and top not in PURE_STDLIB | PURE_LIBRARIES | {"nightlight"}:
            yield f"{found}: no I/O, clock or randomness up to insight"
        if top == "numba" and here in PURE and found.importer not in COMPILED:
            yield f"{found}: only what is compiled needs numba"
        if here in {"model", "errors"} and top in PURE_LIBRARIES:
            yield f"{found}: the standard library only"
    for module, tree in house.trees.items():
        for node in ast.walk(tree):
            if (
                room_of(module) in PURE
                and isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in IMPURE_CALLS
                and not (module == EXEC_MODULE and node.func.id in EXEC_CALLS)
            ):
                yield f"{module}:{node.lineno} calls {node.func.id}"


def strangers(house: House) -> Iterator[str]:
    for found in house.imports:
        top = found.imported.split(".")[0]
        if top in HOMESERVER:
            yield f"{found}: the homeserver is another process"
        allowed = room_of(found.importer) in VODOZEMAC_ROOMS or found.importer in VODOZEMAC_MODULES
        if top == "vodozemac" and not allowed:
            yield f"{found}: sessions are opened on the reporter's device only"
        if top == "tests":
            yield f"{found}: tests are not shipped"


def second_composition_roots(house: House) -> Iterator[str]:
    reached: dict[str, set[str]] = {}
    for found in house.imports:
        reached.setdefault(found.importer, set()).add(room_of(found.imported))
    for module, rooms in reached.items():
        if {"store", "settings"} <= rooms and room_of(module) not in OUTERMOST:
            yield f"{module} imports both store and settings: only the composition root does"


def test_the_house_stands() -> None:
    house = House(SRC)
    assert len(house.trees) > 50
    assert {room for room in map(room_of, house.trees) if room} <= {*RANK}
    assert problems(house) == []


def test_the_map_in_the_docstring_shows_every_room() -> None:
    docstring = ast.get_docstring(House(SRC).trees["nightlight"]) or ""
    for room in {room_of(module) for module in House(SRC).trees} - {""}:
        assert f"{room}/" in docstring or f"{room}.py" in docstring, f"{room} is missing on the map"


def planted(root: Path, files: dict[str, str]) -> list[str]:
    """What the checker says about a small house with these files in it."""
    sound = {
        "__init__.py": "",
        "errors.py": "class RefusedError(Exception): ...",
        "model/__init__.py": "import dataclasses",
        "hazmat/__init__.py": "from nightlight.errors import RefusedError",
        "evidence/__init__.py": "import hashlib",
        "evidence/log.py": "from nightlight import hazmat\nfrom nightlight.errors import RefusedError",
        "flows/__init__.py": "from nightlight.evidence.log import RefusedError",
        "store/__init__.py": "import sqlalchemy",
        "settings.py": "import os",
        "cli/__init__.py": "",
        "cli/compose.py": "import nightlight.store\nfrom nightlight import settings",
        "demo/__init__.py": "from nightlight.cli import compose",
    }
    for name, text in (sound | files).items():
        path = root / "nightlight" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return problems(House(root))


def test_checker_is_silent_about_a_sound_house(tmp_path: Path) -> None:
    assert planted(tmp_path, {}) == []


LAZILY = "def later():\n    "
WHILE_TYPING = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("hazmat/x.py", "from nightlight.evidence import log", "wrong way"),
        ("hazmat/x.py", "import nightlight.evidence.log", "wrong way"),
        ("hazmat/x.py", "import nightlight.evidence.log as harmless", "wrong way"),
        ("hazmat/x.py", "from nightlight import evidence", "wrong way"),
        ("hazmat/x.py", "from ..evidence import log", "wrong way"),
        ("hazmat/__init__.py", "from ..evidence.log import x", "wrong way"),
        ("hazmat/__init__.py", "from .. import evidence", "wrong way"),
        ("hazmat/x.py", LAZILY + "from nightlight.evidence import log", "wrong way"),
        ("hazmat/x.py", WHILE_TYPING + "from nightlight.evidence import log", "wrong way"),
        ("hazmat/x.py", "class A:\n    try:\n        import nightlight.flows\n    except E: ...", "wrong way"),
        ("errors.py", "import nightlight.hazmat", "wrong way"),
        ("model/x.py", "import nightlight.errors", "side by side"),
        ("evidence/x.py", "import nightlight.respond", "wrong way"),
        ("respond/x.py", "import nightlight.ports", "wrong way"),
        ("respond/x.py", "import nightlight.insight", "wrong way"),
        ("insight/x.py", "import nightlight.flows", "wrong way"),
        ("flows/x.py", "import nightlight.store", "wrong way"),
        ("flows/x.py", LAZILY + "import nightlight.cli.compose", "wrong way"),
        ("store/x.py", "import nightlight.adapters", "side by side"),
        ("adapters/x.py", "import nightlight.web", "side by side"),
        ("web/x.py", WHILE_TYPING + "import nightlight.store", "side by side"),
        ("web/x.py", "from nightlight.settings import Settings", "outermost rooms only"),
        ("store/x.py", LAZILY + "import nightlight.settings", "outermost rooms only"),
        ("settings.py", "import nightlight.flows", "words and errors only"),
        ("cli/x.py", "import nightlight.demo", "only inside of a function"),
        ("demo/x.py", LAZILY + "import nightlight.bench.harness", "side by side"),
        ("demo/x.py", LAZILY + "import nightlight.bench", "side by side"),
        ("evidence/x.py", "import time", "no I/O"),
        ("evidence/x.py", "import httpx", "no I/O"),
        ("evidence/x.py", "from datetime import datetime", "no I/O"),
        ("hazmat/x.py", LAZILY + "import secrets", "no I/O"),
        ("respond/x.py", "import os.path", "no I/O"),
        ("model/x.py", WHILE_TYPING + "from pathlib import Path", "no I/O"),
        ("insight/x.py", "import csv", "no I/O"),
        ("insight/x.py", "from random import Random", "no I/O"),
        ("insight/x.py", "text = open('answers.csv').read()", "calls open"),
        ("evidence/x.py", "def f(name):\n    return __import__(name)", "no I/O"),
        ("evidence/x.py", "text = open('/etc/hostname').read()", "calls open"),
        ("detect/x.py", "exec('x = 1')", "calls exec"),
        ("detect/machine_code.py", "x = eval('1')", "calls eval"),
        ("detect/machine_code/x.py", "exec('x = 1')", "calls exec"),
        ("detect/x.py", "import numba", "only what is compiled"),
        ("model/x.py", "import cryptography", "standard library only"),
        ("web/x.py", "import vodozemac", "reporter's device only"),
        ("cli/x.py", LAZILY + "from vodozemac import Account", "reporter's device only"),
        ("adapters/x.py", "import importlib\nimportlib.import_module('vodozemac')", "reporter's device only"),
        ("adapters/x.py", "from synapse.api import errors", "another process"),
        ("demo/x.py", LAZILY + "import nightlight_synapse.module", "another process"),
        ("demo/x.py", "import tests.hazmat.sender", "not shipped"),
        ("guesswork/__init__.py", "", "does not show"),
        ("web/x.py", "import nightlight.store\nimport nightlight.settings", "only the composition root"),
        ("evidence/x.py", "from nightlight.evidence import y", "circle"),
        ("cli/x.py", "from nightlight.cli import y", "circle"),
    ],
)
def test_checker_finds_a_planted_fault(file: str, text: str, said: str, tmp_path: Path) -> None:
    back = str(Path(file).parent / "y.py")
    room = Path(file).parts[0].removesuffix(".py")
    files = {file: text} | ({back: LAZILY + f"import nightlight.{room}.x"} if said == "circle" else {})
    found = planted(tmp_path, files)
    assert any(said in problem for problem in found), found


def test_checker_lets_one_module_run_what_it_wrote(tmp_path: Path) -> None:
    text = "import numba\nimport numpy\nexec('x = 1', {})"
    assert planted(tmp_path, {"detect/__init__.py": "", "detect/machine_code.py": text}) == []


def test_checker_lets_the_commands_start_the_demo(tmp_path: Path) -> None:
    text = LAZILY + "from nightlight.demo import story\n" + WHILE_TYPING + "from nightlight.demo.story import Story"
    files = {"cli/demo.py": text, "demo/story.py": "from nightlight.cli import compose, demo"}
    assert planted(tmp_path, files) == []
