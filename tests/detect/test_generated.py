"""The generated text is always the same, holds nothing of a file, and features with one meaning are kept once."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest

from nightlight.detect.fields import FIELDS
from nightlight.detect.generated import Writer
from nightlight.detect.groups import features_digest, plan
from nightlight.detect.live import Limits
from nightlight.errors import RefusedError
from tests.detect.packs import pack_of, starter
from tests.detect.test_compiled import FEATURES, RULES
from tests.detect.test_windows import PACK

#: What generated code may call, and its own names.
_OWN = {
    "process",
    "events",
    "start",
    "stop",
    "out",
    "out_float",
    "s",
    "bad",
    "work",
    "hits",
    "i",
    "t",
    "todo",
    "asked",
    "n",
    "float",
    "min",
    "max",
    "unfit",
    "spare",
    "arrive",
    "want",
    "take",
    "look",
    "expire_all",
    "count",
    "total",
    "since",
    "since_first",
    "ratio",
    "hit",
    "show",
}


def test_text_is_the_same_each_time_and_of_known_names_only() -> None:
    pack = starter()
    text = Writer(pack, plan(pack)).text()
    assert text == Writer(starter(), plan(starter())).text()
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    made = {f"{letter}{number}" for letter in "cv" for number in range(100)}
    assert names <= _OWN | made | set(FIELDS)
    assert not any(isinstance(node, ast.Constant) and isinstance(node.value, str) for node in ast.walk(ast.parse(text)))
    ids = [one.id for one in pack.features] + [one.id for one in pack.rules]
    assert not any(name in text for name in ids)


def test_windows_of_the_same_events_share_one_group() -> None:
    pack = pack_of(FEATURES, RULES)
    made = plan(pack)
    assert made.place["asked_1h"][0] == made.place["asked_2h"][0] == made.place["asked_3h"][0]
    assert made.place["events_1h"][0] == made.place["events_90m"][0]
    assert made.place["since"][0] != made.place["since_3h"][0]
    assert [group.overs[-1] for group in made.groups] == [max(group.overs) for group in made.groups]


def test_the_digest_of_a_feature_is_that_of_its_meaning() -> None:
    features = {one.id: one for one in pack_of(PACK).features}
    one = features["targets_1h"]
    same = replace(one, id="other", title="Another", source="S2", line=9, when_text="written otherwise")
    assert features_digest(one) == features_digest(same)
    others = [replace(one, over_ms=1), replace(one, read="target"), replace(one, value="room"), replace(one, when=None)]
    assert len({features_digest(other) for other in [one, *others]}) == 5
    share = features["share"]
    before = features_digest(share, list(features.values()))
    changed = {**features, "targets_1h": replace(one, over_ms=1)}
    assert features_digest(share, list(changed.values())) != before


@pytest.mark.parametrize("limits", [{"entries_max": 0}, {"entries_max": 2**31}, {"values_per_key_max": 2**21}])
def test_limits_beyond_what_tables_can_hold_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(RefusedError):
        Limits(**limits)
