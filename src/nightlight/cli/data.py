"""What comes with the package as data: preset policies, notices, helplines."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from nightlight.cli.files import read_bytes
from nightlight.errors import RefusedError
from nightlight.prevent.notices import Catalogue, read_helplines, read_texts

PRESETS = ("teen-default", "ofcom-f1", "strict", "open")


def preset(name: str) -> bytes:
    return (_prevent() / "presets" / f"{name}.yaml").read_bytes()


def policy_file(name: str) -> bytes:
    """A preset by its name, or the file at that path."""
    if name in PRESETS:
        return preset(name)
    path = Path(name)
    if not path.exists():
        raise RefusedError(
            "no_such_policy", f"There is neither a preset nor a file called {name}.", f"Presets: {', '.join(PRESETS)}."
        )
    return read_bytes(path)


def built_in_catalogue() -> Catalogue:
    folder = _prevent() / "catalogue"
    texts = dict(
        read_texts(item.read_bytes())
        for item in sorted(folder.iterdir(), key=lambda item: item.name)
        if item.name.endswith(".yaml") and item.name != "helplines.yaml"
    )
    return Catalogue(texts, read_helplines((folder / "helplines.yaml").read_bytes()))


def _prevent() -> Traversable:
    return resources.files("nightlight.prevent")
