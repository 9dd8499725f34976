"""The labels of a synthetic town: who was made to do harm. For judging what detection found, never for finding it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from nightlight.detect.judged import Labels
from nightlight.errors import RefusedError


def read_labels(path: Path) -> Labels:
    """``account`` (int64) and ``strategy`` (a text, "" for who follows none). ``RefusedError('labels_unfit')``."""
    try:
        table = pq.read_table(path, columns=["account", "strategy"])
    except (OSError, pa.ArrowInvalid, KeyError) as e:
        raise RefusedError("labels_unfit", f"{path} cannot be read as labels: {e}") from None
    if table.column_names != ["account", "strategy"]:
        missing = {"account", "strategy"} - set(table.column_names)
        raise RefusedError("labels_unfit", f"{path} has no column {', '.join(sorted(missing))}.")
    if table.schema.field("account").type != pa.int64():
        raise RefusedError("labels_unfit", f"{path}: account is {table.schema.field('account').type}, not int64.")
    pairs = zip(table["account"].to_pylist(), table["strategy"].to_pylist(), strict=True)
    return Labels({account: strategy for account, strategy in pairs if strategy}, table.num_rows)
