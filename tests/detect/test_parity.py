"""The live engine says what SQL says, at every one of a million events: every feature's value, and every rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nightlight.adapters.parquet.event_files import EventFiles
from nightlight.detect.compiled import Engine
from nightlight.detect.live import Hits, Limits
from nightlight.detect.sql import HITS, VALUES, script
from tests.detect.million import DOUBLED, million, telling, written


def test_the_live_engine_is_sql_at_every_one_of_a_million_events(tmp_path: Path) -> None:
    pack = telling()
    folder = written(million(), tmp_path / "events")
    with EventFiles(str(folder)) as files:
        assert files.span.doubled == DOUBLED
        engine = Engine.new(pack, salt=9, limits=Limits())
        found: list[Hits] = []
        for place, columns in enumerate(files.batches(0, 2**62)):
            found.append(engine.add_batch(columns))
            if place % 3 == 0:
                assert len(engine.add_batch(columns)) == 0  # once more, as after a crash: it is known
            if place == 3:
                engine = Engine.restore(pack, engine.snapshot(), salt=10)
        made = script(pack, "log", every=True)
        for statement in made.statements:
            files._sql.execute(statement)
        names = ", ".join(made.columns.values())
        values = files._sql.execute(f"SELECT number, {names} FROM {VALUES} ORDER BY number").fetchnumpy()
        hits = files._sql.execute(f"SELECT number, rule, about FROM {HITS} ORDER BY number, rule").fetchnumpy()
    for name in ("number", "rule", "about"):
        live = np.concatenate([getattr(one, name) for one in found])
        assert np.array_equal(live, hits[name]), name
    assert len(np.unique(hits["rule"])) == len(pack.rules)
    told = np.zeros(len(values["number"]), bool)
    for place, rule in enumerate(pack.rules):
        if not rule.id.startswith("tells_"):
            continue
        number = np.concatenate([one.number[one.rule == place] for one in found])
        raw = np.concatenate([one.raw[one.rule == place] for one in found])
        at = np.searchsorted(values["number"], number)
        told[at] = True
        shown = found[0].shown[place]
        assert len(shown.names) == len(pack.features)
        for column, name in enumerate(shown.names):
            live = raw[:, column].copy().view(np.float64) if name in shown.floats else raw[:, column]
            assert np.array_equal(live, values[made.columns[name]][at]), name
    assert told.sum() > 985_000  # all but those that name nobody
