"""Coverage-guided fuzzing with atheris, which is not installed by default::

    pip install atheris
    python -m tests.fuzz.run TARGET [libFuzzer options, such as -max_total_time=60]

New inputs that reach new code are kept in ``tests/fuzz/corpus/TARGET``; CI replays them.
"""

from __future__ import annotations

import sys
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["nightlight"]):
    from tests.fuzz.targets import CORPUS, TARGETS

from nightlight.errors import RefusedError


def main() -> None:
    """Runs one target until it raises anything but ``RefusedError``."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in TARGETS:
        sys.exit(f"Name a target: {', '.join(TARGETS)}")
    target = TARGETS[name]
    folder = CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (folder / f"seed-{number}").write_bytes(seed)

    def once(data: bytes) -> None:
        with suppress(RefusedError):
            target.run(data)

    atheris.Setup([sys.argv[0], *sys.argv[2:], str(folder)], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
