"""What changed between the schema this software knows and the one the agency serves, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from nightlight.adapters.cybertipline.schema import Schema
from nightlight.adapters.cybertipline.shape import AttributeShape, ElementShape, SchemaShape, TypeShape, shape_of


class Effect(StrEnum):
    """``breaks``: documents of ours may be refused. ``loses``: something could be said that we cannot. ``none``."""

    BREAKS = "breaks"
    LOSES = "loses"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Drift:
    effect: Effect
    message: str


def drift(ours: Schema, theirs: Schema) -> tuple[Drift, ...]:
    """Every difference, the worst first; empty where both say the same."""
    found = list(_schemas(shape_of(ours.tree), shape_of(theirs.tree)))
    order = list(Effect)
    return tuple(sorted(found, key=lambda one: order.index(one.effect)))


def _schemas(ours: SchemaShape, theirs: SchemaShape) -> Iterator[Drift]:
    for name in sorted(ours.roots.keys() - theirs.roots.keys()):
        yield Drift(Effect.BREAKS, f"There is no document `{name}` any more.")
    for name in sorted(theirs.roots.keys() - ours.roots.keys()):
        yield Drift(Effect.LOSES, f"There is a new document `{name}`.")
    # By where types are used, not by their names: a schema that names its types otherwise says the same.
    seen: set[tuple[str, str]] = set()
    waiting = [(name, kind, theirs.roots[name]) for name, kind in ours.roots.items() if name in theirs.roots]
    while waiting:
        path, mine, other = waiting.pop()
        if (mine, other) in seen:
            continue
        seen.add((mine, other))
        one, two = ours.types.get(mine), theirs.types.get(other)
        if one is None and two is None:
            if mine.partition(":")[2] != other.partition(":")[2]:
                yield Drift(Effect.BREAKS, f"`{path}` is of the type {other} now, it was {mine}.")
            continue
        one, two = one or TypeShape(base=mine), two or TypeShape(base=other)
        yield from _types(path, one, two)
        for element in one.elements:
            counterpart = two.element(element.name)
            if counterpart is not None:
                waiting.append((element.name, element.type, counterpart.type))


def _types(path: str, ours: TypeShape, theirs: TypeShape) -> Iterator[Drift]:
    yield from _elements(path, ours, theirs)
    yield from _attributes(path, ours.attributes, theirs.attributes)
    for value in sorted(set(ours.values) - set(theirs.values)):
        if theirs.values:
            yield Drift(Effect.BREAKS, f"`{path}` cannot be “{value}” any more.")
    for value in sorted(set(theirs.values) - set(ours.values)):
        effect = Effect.LOSES if ours.values else Effect.BREAKS
        yield Drift(effect, f"`{path}` can be “{value}” now.")


def _elements(path: str, ours: TypeShape, theirs: TypeShape) -> Iterator[Drift]:
    mine, other = _named(ours.elements), _named(theirs.elements)
    for name in mine:
        if name not in other:
            yield Drift(Effect.BREAKS, f"`{path}` has no element `{name}` any more.")
    before = ""
    for name, element in other.items():
        if name not in mine:
            after = f" after `{before}`" if before else " at its beginning"
            if element.needed:
                yield Drift(Effect.BREAKS, f"`{path}` needs a new element `{name}`{after}.")
            else:
                yield Drift(Effect.LOSES, f"`{path}` has a new optional element `{name}`{after}.")
        else:
            yield from _element(path, mine[name], element)
        before = name
    shared = [name for name in mine if name in other]
    if shared != [name for name in other if name in mine]:
        yield Drift(Effect.BREAKS, f"`{path}` has its elements in another order: {', '.join(other)}.")


def _element(path: str, ours: ElementShape, theirs: ElementShape) -> Iterator[Drift]:
    if theirs.needed and not ours.needed:
        yield Drift(Effect.BREAKS, f"`{path}/{ours.name}` is needed now.")
    if ours.needed and not theirs.needed:
        yield Drift(Effect.NONE, f"`{path}/{ours.name}` can be left out now.")
    if ours.many and not theirs.many:
        yield Drift(Effect.BREAKS, f"`{path}/{ours.name}` can stand there once only now.")
    if theirs.many and not ours.many:
        yield Drift(Effect.LOSES, f"`{path}/{ours.name}` can stand there several times now.")
    if ours.choice != theirs.choice:
        yield Drift(Effect.BREAKS, f"`{path}/{ours.name}` {'is' if theirs.choice else 'is no longer'} one of a choice.")
    if ours.fixed != theirs.fixed:
        yield Drift(Effect.BREAKS, f"`{path}/{ours.name}` is fixed to “{theirs.fixed or 'nothing'}” now.")


def _attributes(path: str, ours: Sequence[AttributeShape], theirs: Sequence[AttributeShape]) -> Iterator[Drift]:
    mine, other = _named(ours), _named(theirs)
    for name in mine:
        if name not in other:
            yield Drift(Effect.BREAKS, f"`{path}` has no attribute `{name}` any more.")
        elif other[name].needed and not mine[name].needed:
            yield Drift(Effect.BREAKS, f"`{path}` needs its attribute `{name}` now.")
        elif mine[name].needed and not other[name].needed:
            yield Drift(Effect.NONE, f"`{path}` can do without its attribute `{name}` now.")
    for name in other:
        if name not in mine:
            effect = Effect.BREAKS if other[name].needed else Effect.LOSES
            yield Drift(
                effect, f"`{path}` has a new {'needed' if other[name].needed else 'optional'} attribute `{name}`."
            )


Shape = TypeVar("Shape", ElementShape, AttributeShape)


def _named(shapes: Sequence[Shape]) -> dict[str, Shape]:
    return {shape.name: shape for shape in shapes}
