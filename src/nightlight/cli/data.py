"""What comes with the package as data: preset policies, retention rules, notices, helplines."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TypeVar

from nightlight.cli.files import FILE_BYTES_MAX, read_bytes
from nightlight.errors import RefusedError
from nightlight.hazmat.strict_yaml import MalformedError
from nightlight.insight.platforms import Platforms, read_platforms
from nightlight.prevent.notices import Catalogue, read_caps, read_helplines, read_texts

T = TypeVar("T")

PRESETS = ("teen-default", "ofcom-f1", "strict", "open")
#: Definitions of detection that come with the package.
PACKS = ("starter",)
_TABLE_BYTES_MAX = 10_000_000


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


def pack_file(name: str) -> bytes:
    """A pack that comes with the package by its name, or the file at that path."""
    if name in PACKS:
        return resources.files("nightlight.detect").joinpath("packs", f"{name}.yaml").read_bytes()
    path = Path(name)
    if not path.exists():
        raise RefusedError(
            "no_such_pack", f"There is neither a pack nor a file called {name}.", f"Packs: {', '.join(PACKS)}."
        )
    return read_bytes(path)


def retention_file(name: str = "") -> bytes:
    """The retention rules that come with the package, or the file at that path."""
    if not name:
        return resources.files("nightlight.respond").joinpath("retention.yaml").read_bytes()
    return read_bytes(Path(name))


def catalogue(folder: Path | None = None) -> Catalogue:
    """The notices, caps and helplines that come with the package; a file in ``folder`` takes the place of ours.

    ``RefusedError('catalogue_malformed')`` names the file, the line and the column of every mistake.
    """
    ours = _prevent() / "catalogue"
    files: dict[str, Traversable | Path] = {item.name: item for item in ours.iterdir() if item.name.endswith(".yaml")}
    if folder is not None:
        given = {item.name: item for item in sorted(folder.glob("*.yaml"))}
        if not given:
            raise RefusedError(
                "catalogue_missing", f"There is no catalogue in {folder}: no file there ends with .yaml."
            )
        files |= given
    helplines = _read(files.pop("helplines.yaml"), read_helplines)
    caps = _read(files.pop("caps.yaml"), read_caps)
    texts = {}
    for name in sorted(files):
        language, notices = _read(files[name], read_texts)
        if f"{language}.yaml" != name:
            raise RefusedError("catalogue_malformed", f"{name}: the language in it is {language}.", "Name them alike.")
        texts[language] = notices
    return Catalogue(texts, helplines, caps)


def _read(file: Traversable | Path, read: Callable[[bytes], T], most: int = FILE_BYTES_MAX) -> T:
    data = read_bytes(file, most) if isinstance(file, Path) else file.read_bytes()
    try:
        return read(data)
    except MalformedError as e:
        raise RefusedError(e.code, f"{file}: {'; '.join(map(str, e.problems[:20]))}", e.hint) from None


def _prevent() -> Traversable:
    return resources.files("nightlight.prevent")


def shipped_duties() -> bytes:
    """The rules about which agency is told that come along."""
    return resources.files("nightlight.respond").joinpath("duties.yaml").read_bytes()


def shipped_platforms() -> bytes:
    """The table of platforms, their spellings and their owners that comes along."""
    return resources.files("nightlight.insight").joinpath("platforms.yaml").read_bytes()


def platform_table(path: Path | None = None) -> Platforms:
    """The table of platforms that comes along, or the file at that path.

    ``RefusedError('platforms_malformed')`` names the file, the line and the column of every mistake.
    """
    return read_platforms(shipped_platforms()) if path is None else _read(path, read_platforms, _TABLE_BYTES_MAX)


def shipped_published() -> bytes:
    """Figures that newspapers and a charity printed from police forces' answers, with their sources."""
    return resources.files("nightlight.insight").joinpath("published.csv").read_bytes()


def regulator_template(name: str) -> bytes:
    """What a regulator asks for, as it comes along."""
    return resources.files("nightlight.insight").joinpath("templates", f"{name}.yaml").read_bytes()
