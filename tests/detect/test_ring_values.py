"""A ring that an alert keeps: what comes back is what was put away, and nothing else is taken for a ring."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from nightlight.detect.ring_picture import ring_picture, ring_table
from nightlight.detect.ring_values import ring_from_values, ring_values
from nightlight.errors import RefusedError
from tests.detect.ring_world import evaders, found


def values(count: int = 8) -> dict[str, Any]:
    (ring,) = found(*evaders(count))
    kept: dict[str, Any] = json.loads(json.dumps(ring_values(ring)))
    return kept


@pytest.mark.parametrize("count", [3, 12, 60])
def test_a_ring_comes_back_as_it_was(count: int) -> None:
    (ring,) = found(*evaders(count))
    back = ring_from_values(json.loads(json.dumps(ring_values(ring))))
    assert back == ring
    # Edges are equal whatever their times are: those are compared by themselves.
    assert [(edge.first, edge.last) for edge in back.edges] == [(edge.first, edge.last) for edge in ring.edges]
    assert back.accounts == ring.accounts
    assert ring_picture(back, {}) == ring_picture(ring, {})
    assert ring_table(back, {}) == ring_table(ring, {})


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


@pytest.mark.parametrize("place", places(values()), ids=lambda place: "/".join(map(str, place)) or "all")
@pytest.mark.parametrize("wrong", [None, {"x": 1}, 1.5, 2**70, "no such word"], ids=str)
def test_damage_anywhere_is_refused(place: tuple[Any, ...], wrong: Any) -> None:
    damaged = {"all": copy.deepcopy(values())}
    inner: Any = damaged
    for key in ("all", *place[:-1]) if place else ():
        inner = inner[key]
    last = place[-1] if place else "all"
    if isinstance(inner[last], str) and isinstance(wrong, str) and (last == "identity" or "why" in place):
        pytest.skip("any text will do here")
    inner[last] = wrong
    with pytest.raises(RefusedError, match="cannot be read"):
        ring_from_values(damaged["all"])


def test_members_and_edges_have_to_agree() -> None:
    kept = values()
    for change in ({"edges": []}, {"members": kept["members"][1:]}, {"members": [*kept["members"], kept["members"][0]]}):
        with pytest.raises(RefusedError):
            ring_from_values({**kept, **change})
    with pytest.raises(RefusedError):
        ring_from_values({**kept, "more": 1})
