"""Each bench still runs and measures what it says: on so little work that its figures mean nothing."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from nightlight.bench import (
    attachment,
    backtest,
    bundle,
    callback,
    contact,
    contact_http,
    detect,
    events,
    intake,
    log,
    page,
    prevalence,
    referral,
    replay,
    retention,
    rings,
    stream,
    transparency,
    vault,
    verify,
)

SMALL: list[tuple[ModuleType, dict[str, Any]]] = [
    (verify, {"_MESSAGES": 3}),
    (attachment, {"_CHUNKS": 2, "_ROUNDS": 1, "_GIGABYTE": 2}),
    (vault, {"_CHUNKS": 2, "_ROUNDS": 1}),
    (intake, {"REPORTS": 12, "REPORTS_REAL": 12, "WARM_UP": 2}),
    (log, {"BATCHES": 2, "ONE_BY_ONE": 2, "ENTRIES": 1_000}),
    (bundle, {"MESSAGES": 3, "RUNS": 1}),
    (contact, {"RELATIONS": 2_000, "ROUNDS": 1, "BATCH": 5}),
    (contact_http, {"RELATIONS": 2_000, "SINGLES": 12, "BATCHES": 6, "BATCH": 3, "WARM_UP": 2}),
    (page, {"_SESSIONS": 30, "_ROOMS": 3, "_RUNS": 1, "_KDF_ROUNDS": 1_000}),
    (events, {"BATCH": 20, "BATCHES": 1, "ACCOUNTS": 10}),
    (detect, {"EVENTS": 6_000, "BATCH": 1_000, "SINGLES": 300, "PLAIN": 300, "REPLAY": 1_000}),
    (callback, {"INVITATIONS": 3, "WARM_UP": 1}),
    (backtest, {"EVENTS": 3_000, "EVENTS_PLAIN": 2_000, "ACCOUNTS": 100}),
    (prevalence, {"OFFENCES": 60_000, "OFFENCES_PLAIN": 1_000}),
    (referral, {"DOCUMENTS": 2, "ROUNDS": 1, "SUBMISSIONS": 1, "FILES": 2, "FILE_BYTES": 50_000}),
    (replay, {"DECISIONS": 50, "ACCOUNTS": 10, "ROUNDS": 1}),
    (retention, {"CASES": 2_000, "ROUNDS": 1}),
    (transparency, {"CASES": 2_000, "ROUNDS": 1}),
    (rings, {"EDGES": 400, "ACCOUNTS": 60, "ITEMS": 40, "BATCH": 10, "ROUNDS": 1, "PLAIN_EDGES": 50, "EVENTS": 200}),
]


try:
    import nats  # noqa: F401
    import pyspark  # noqa: F401
except ModuleNotFoundError:
    """Without the extra ``cluster``."""
else:
    quick = {"spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1"}
    sizes = {"EVENTS": 3_000, "BATCH": 1_000, "STEADY_S": 4, "STEADY_WARM_UP_S": 0, "STEADY_PER_S": 1_000}
    SMALL.append((stream, {**sizes, "PLAIN": True, "SETTINGS": quick}))


@pytest.mark.parametrize(("module", "sizes"), SMALL, ids=lambda value: getattr(value, "__name__", ""))
def test_bench_still_runs(module: ModuleType, sizes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in sizes.items():
        monkeypatch.setattr(module, name, size)
    said: list[str] = []
    figures = module.BENCH.measure(said.append)
    assert figures
    assert said
    assert {figure.better for figure in figures} <= {"higher", "lower"}
    assert all(figure.value >= 0 and figure.target > 0 for figure in figures)
