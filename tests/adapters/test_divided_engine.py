"""A history in several threads says what one engine says of it, in the same order."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from nightlight.adapters.code_folder import user_code_folder
from nightlight.adapters.compiled_history import CompiledHistory
from nightlight.adapters.divided_engine import DividedEngine
from nightlight.adapters.engines import COMPILED_FROM, batch_engine
from nightlight.detect.batch import BatchEngine, WindowsEngine
from nightlight.errors import UnavailableError
from tests.detect.packs import pack_of, starter
from tests.detect.streams import columns_of, random_events

PACK = pack_of(
    """\
    - {id: met, title: M, count_distinct: target, per: actor, over: 30d, lifetime: 30d, purpose: contact, source: S}
    - {id: written, title: M, sum: messages, per: room, over: 1h, lifetime: 14d, purpose: volume, source: S}
    """,
    """\
    - {id: much, title: M, family: fan_out, severity: low, when: written >= 500, reason: R, expires: 1d, source: S}
    - {id: many, title: M, family: fan_out, severity: low, when: met >= 5, reason: R, expires: 1d, source: S}
    - {id: very, title: M, family: fan_out, severity: low, when: written >= 900, reason: R, expires: 1d, source: S}
    """,
)
EVENTS = columns_of(random_events(12_000, seed=23, step_ms=20_000))


def hits(engine: BatchEngine, size: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for at in range(0, len(EVENTS["t"]), size):
        batch = engine.add_batch({name: column[at : at + size] for name, column in EVENTS.items()})
        found += zip([at + int(row) for row in batch.row], map(int, batch.rule), strict=True)
    return found


@pytest.mark.parametrize(("threads", "size"), [(1, 5_000), (3, 700), (30, 12_000)])
def test_hits_are_those_of_one_engine(threads: int, size: int) -> None:
    expected = hits(WindowsEngine(starter()), 1_000)
    assert len({rule for _, rule in expected}) > 12
    assert hits(DividedEngine(starter(), WindowsEngine, threads), size) == expected


def test_hits_of_compiled_engines_are_those_of_one_plain_engine() -> None:
    expected = hits(WindowsEngine(PACK), 1_000)
    assert {rule for _, rule in expected} == {0, 1, 2}
    assert hits(DividedEngine(PACK, CompiledHistory, 2), 5_000) == expected


def test_a_pack_without_rules_says_nothing() -> None:
    assert hits(DividedEngine(replace(PACK, rules=()), WindowsEngine, 2), 5_000) == []


def test_a_history_that_cannot_be_kept_whole_is_refused_not_judged_by_a_part() -> None:
    with pytest.raises(UnavailableError) as refused:
        hits(DividedEngine(PACK, partial(CompiledHistory, entries_max=200), 2), 1_000)
    assert refused.value.code == "history_too_large"


def test_a_short_history_is_not_worth_compiling() -> None:
    assert batch_engine(COMPILED_FROM) is WindowsEngine
    assert isinstance(batch_engine(COMPILED_FROM + 1)(starter()), DividedEngine)


def test_commands_keep_machine_code_in_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert user_code_folder() == Path("/somewhere/nightlight/machine-code")
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")  # to be passed over, as the specification says
    assert user_code_folder() == Path.home() / ".cache/nightlight/machine-code"
