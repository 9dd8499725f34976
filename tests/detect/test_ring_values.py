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


def damages() -> list[Any]:
    """Every place of a ring with every wrong thing; any text will do where there is text without a form."""
    free = [place for place in places(values()) if "why" in place or (place and place[-1] == "identity")]
    return [
        pytest.param(place, wrong, id=f"{wrong}-{'/'.join(map(str, place)) or 'all'}")
        for wrong in (None, {"x": 1}, 1.5, 2**70, "no such word")
        for place in places(values())
        if not (place in free and isinstance(at(values(), place), str) and isinstance(wrong, str))
    ]


def at(value: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        value = value[key]
    return value


@pytest.mark.parametrize(("place", "wrong"), damages())
def test_damage_anywhere_is_refused(place: tuple[Any, ...], wrong: Any) -> None:
    damaged = {"all": copy.deepcopy(values())}
    inner: Any = damaged
    for key in ("all", *place[:-1]) if place else ():
        inner = inner[key]
    last = place[-1] if place else "all"
    inner[last] = wrong
    with pytest.raises(RefusedError, match="cannot be read"):
        ring_from_values(damaged["all"])


def test_members_and_edges_have_to_agree() -> None:
    kept = values()
    changes: tuple[dict[str, Any], ...] = (
        {"edges": []},
        {"members": kept["members"][1:]},
        {"members": [*kept["members"], kept["members"][0]]},
    )
    for change in changes:
        with pytest.raises(RefusedError):
            ring_from_values({**kept, **change})
    with pytest.raises(RefusedError):
        ring_from_values({**kept, "more": 1})
