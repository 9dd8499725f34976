"""Opening the house for one command, and closing it after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nightlight.errors import RefusedError

if TYPE_CHECKING:
    from nightlight.cli.compose import House


@contextmanager
def open_house(*, make: bool = False, data_dir: Path | None = None) -> Iterator[House]:
    """The house that the settings describe. ``make``: whether a store that is not there yet is made.

    Put together only here, so that commands that need no settings, on machines that have none, start at once.
    """
    from nightlight.cli.compose import House
    from nightlight.cli.foundation import load_settings

    settings = load_settings(data_dir)
    if not make and not settings.data_dir.is_dir():
        raise RefusedError(
            "no_database", f"There is no data folder {settings.data_dir}.", "Check NIGHTLIGHT_DATA_DIR or --data-dir."
        )
    house = House(settings)
    try:
        if make:
            house.store.migrate()
        else:
            house.store.require()
        yield house
    finally:
        house.close()
