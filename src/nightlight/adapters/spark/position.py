"""How far a checkpoint has come, from Spark's own files in it."""

from __future__ import annotations

import json
from pathlib import Path

from nightlight.errors import RefusedError


def done_groups(checkpoint: Path) -> int:
    """Groups of the log in batches that are over. ``RefusedError('checkpoint_absent')`` if nothing ran there."""
    folder = checkpoint / "spark"
    if not (checkpoint / "nightlight.json").exists():
        raise RefusedError("checkpoint_absent", f"There is no checkpoint in {checkpoint}.")
    numbers = [int(path.name) for path in (folder / "commits").glob("*") if path.name.isdigit()]
    if not numbers:
        return 0
    # A version, a line about the batch, and one offset for each source: Spark's OffsetSeqLog.
    lines = (folder / "offsets" / str(max(numbers))).read_text().splitlines()
    return int(json.loads(lines[-1])["groups"])
