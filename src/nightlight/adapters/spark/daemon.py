"""Spark's process that forks its Python workers, with everything imported and the engine compiled in it already.

Compiling takes ten seconds, importing some. Workers that are forked afterwards have it from their first batch on;
without this module each one does it for itself, in the middle of a batch.
"""

from __future__ import annotations

import contextlib
import gc
import os
from importlib import import_module
from pathlib import Path

from pyspark import daemon

from nightlight.adapters.spark.state import DEFINITIONS
from nightlight.detect.definition_file import read_definitions
from nightlight.errors import RefusedError

#: What its workers would import one by one.
_IMPORTED = (
    "pandas",
    "pyspark.sql.pandas.serializers",
    "pyspark.sql.streaming.stateful_processor_util",
    "pyspark.sql.worker.plan_data_source_read",
    "pyspark.worker",
    "nightlight.adapters.spark.job",
    "nightlight.adapters.spark.source",
)


def prepare() -> None:
    """Compiles, if there is something to prepare for: whatever is wrong is said where the work is done."""
    for module in _IMPORTED:
        import_module(module)
    path = os.environ.get(DEFINITIONS, "")
    with contextlib.suppress(OSError, RefusedError):
        if path:
            from nightlight.detect.compiled import Engine

            Engine.new(read_definitions(Path(path).read_bytes()).pack, salt=0)
    # A worker of Spark collects garbage after every task; among all that is compiled and imported there is none.
    gc.freeze()


if __name__ == "__main__":
    prepare()
    daemon.manager()
