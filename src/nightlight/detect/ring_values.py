"""A ring as plain JSON values, and back: an alert keeps the picture's data as it was when somebody had to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightlight.detect.joints import KIND_OF, Edge, Ground, Joint
from nightlight.detect.ring import Facts, Member, Ring
from nightlight.errors import RefusedError
from nightlight.model.account import AgeBand
from nightlight.model.contact import SignalFamily

#: Numbers of accounts and joints have 64 bits, signed or not; times are milliseconds since 1970.
_LOWEST, _HIGHEST = -(2**63), 2**64 - 1
_RING = frozenset({"identity", "members", "edges", "why"})
_MEMBER = frozenset({"account", "band", "banned", "violation", "proven", "families", "minors_against", "since"})
_EDGE = frozenset({"account", "ground", "item", "first", "last"})


def ring_values(ring: Ring) -> dict[str, Any]:
    """Texts, numbers, lists and mappings with text keys, and nothing else. What follows from the rest is left out."""
    return {
        "identity": ring.identity,
        "members": [_member_values(member) for member in ring.members],
        "edges": [_edge_values(edge) for edge in ring.edges],
        "why": list(ring.why),
    }


def ring_from_values(values: object) -> Ring:
    """``RefusedError('ring_malformed')`` for everything that ``ring_values`` would not have written."""
    found = _mapping(values, _RING)
    members = tuple(_member(one) for one in _list(found["members"]))
    edges = tuple(_edge(one) for one in _list(found["edges"]))
    accounts = frozenset(member.account for member in members)
    if not edges or len(accounts) != len(members) or any(edge.account not in accounts for edge in edges):
        raise _malformed()
    return Ring(
        identity=_text(found["identity"]),
        members=members,
        joints=tuple(sorted({edge.joint for edge in edges})),
        edges=edges,
        first=min(edge.first for edge in edges),
        last=max(edge.last for edge in edges),
        why=tuple(_text(one) for one in _list(found["why"])),
        accounts=accounts,
    )


def _member_values(member: Member) -> dict[str, Any]:
    facts = member.facts
    return {
        "account": member.account,
        "band": facts.band.value,
        "banned": facts.banned,
        "violation": facts.violation,
        "proven": facts.proven,
        "families": sorted(family.value for family in facts.families),
        "minors_against": member.minors_against,
        "since": member.since,
    }


def _member(values: object) -> Member:
    found = _mapping(values, _MEMBER)
    families = [_text(one) for one in _list(found["families"])]
    try:
        facts = Facts(
            AgeBand(_text(found["band"])),
            _flag(found["banned"]),
            _flag(found["violation"]),
            _flag(found["proven"]),
            frozenset(SignalFamily(one) for one in families),
        )
    except ValueError:
        raise _malformed() from None
    return Member(_number(found["account"]), facts, _number(found["minors_against"], 0), _number(found["since"]))


def _edge_values(edge: Edge) -> dict[str, Any]:
    return {
        "account": edge.account,
        "ground": edge.ground.name.lower(),
        "item": edge.joint.item,
        "first": edge.first,
        "last": edge.last,
    }


_GROUNDS = {ground.name.lower(): ground for ground in Ground}


def _edge(values: object) -> Edge:
    found = _mapping(values, _EDGE)
    ground = _GROUNDS.get(_text(found["ground"]))
    if ground is None:
        raise _malformed()
    joint = Joint(KIND_OF[ground], _number(found["item"]))
    return Edge(joint, _number(found["account"]), ground, _number(found["first"]), _number(found["last"]))


def _mapping(values: object, keys: frozenset[str]) -> Mapping[str, object]:
    if not isinstance(values, Mapping) or values.keys() != keys:
        raise _malformed()
    return values


def _list(value: object) -> Sequence[object]:
    if not isinstance(value, list):
        raise _malformed()
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _malformed()
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise _malformed()
    return value


def _number(value: object, lowest: int = _LOWEST) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= _HIGHEST:
        raise _malformed()
    return value


def _malformed() -> RefusedError:
    return RefusedError("ring_malformed", "What was kept of this ring cannot be read.", "Look at its accounts.")
