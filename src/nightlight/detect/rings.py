"""Clusters of accounts joined by what they have in common: kept while events come, built anew on schedule."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise

from nightlight.detect.fields import Seen
from nightlight.detect.graph import KEPT_BYTES, Graph
from nightlight.detect.joints import Component, Joint, JointKind, JointLimits, all_statements
from nightlight.detect.union import Column
from nightlight.errors import RefusedError

#: Name and version of the form; another one is refused, and the state is built from the log.
_MAGIC = b"nightlight-rings-1\n\x00"
_HEAD = struct.Struct("<20sqqqqqqqqq")
_HUB = struct.Struct("<bqq")
_CHECKSUM = 32
EDGES_MAX = 10_000_000


class Rings:
    """Events have to come in the order of the log. Times in milliseconds since 1970.

    What is read is exact at any time: if anything that was joined is over by then, it is built anew first. At full
    state (``edges_max``) new edges are refused and counted (``refused``): clusters are then missing members, never
    wrong.
    """

    def __init__(self, limits: JointLimits | None = None, edges_max: int = EDGES_MAX) -> None:
        self.limits = limits or JointLimits()
        if edges_max < 1 or min(self.limits.of(kind) for kind in JointKind) < 1:
            raise RefusedError("rings_limits", "Limits of rings have to be at least 1.", "Mend the limits.")
        self._graph = Graph(self.limits, edges_max)
        self._edges_max = edges_max
        self.last_t = 0

    @property
    def refused(self) -> int:
        """How many edges were not taken because there was no room."""
        return self._graph.refused

    @property
    def edges(self) -> int:
        """How many edges are kept; those that are over by now go with the next ``rebuild``."""
        return self._graph.edges

    @property
    def nodes(self) -> int:
        """How many accounts and joints are kept."""
        return self._graph.nodes

    def add_batch(self, events: Iterable[Seen]) -> None:
        said = list(all_statements(events))
        times = [one.t for one in said]
        if not times:
            return
        self._in_order([self.last_t, *times])
        self._graph.add(said)
        self.last_t = times[-1]

    def add_columns(self, times: Column, accounts: Column, grounds: Column, items: Column, holds: Column) -> None:
        """Statements as columns, checked by whoever calls: 64 bits each, of grounds and holds 8."""
        self._in_order([self.last_t, int(times[0])])
        self._graph.add_columns(times, accounts, grounds, items, holds)
        self.last_t = int(times[-1])

    def rebuild(self, now: int) -> None:
        """Drops from memory what is over, and joins the rest anew. To be called on schedule, at least daily."""
        self._in_order([self.last_t, now])
        self.last_t = now
        self._graph.drop(now)

    def forget(self, *accounts: int) -> int:
        """Nothing is known of these accounts any longer, as members or as children. Returns how many edges went."""
        gone = sum(self._graph.take_back(account) for account in accounts)
        self._graph.drop(self.last_t)
        return gone

    def hubs(self, now: int) -> list[Joint]:
        """Joints that join nobody because too many accounts share them: to be looked at by a person, if at all."""
        return sorted(joint for joint, _ in self._graph.hubs(now))

    def sizes(self, now: int) -> list[int]:
        """How many accounts each component has, the largest first."""
        self._fresh(now)
        return self._graph.sizes()

    def components(
        self,
        now: int,
        min_size: int = 3,
        max_size: int = 2**31 - 1,
        around: Collection[int] | None = None,
        against: int = 1,
    ) -> list[Component]:
        """The components of so many accounts, by their smallest account.

        There are as many as there are families. ``around``: only those with one of these accounts, with a verified
        report, or with an account that ``against`` or more children turned away, each counted for each ground.
        """
        self._fresh(now)
        found = self._graph.components(min_size, max_size, around, against)
        return sorted(
            (Component(tuple(sorted(accounts)), tuple(sorted(edges))) for accounts, edges in found),
            key=lambda one: one.accounts,
        )

    def snapshot(self, now: int) -> bytes:
        """What lives at ``now``, with a checksum. The same edges give the same bytes, whatever order they came in."""
        self.rebuild(now)
        hubs = sorted(self._graph.hubs(now))
        limits = [self.limits.of(kind) for kind in JointKind]
        parts = [_HEAD.pack(_MAGIC, now, self.refused, self._edges_max, *limits, self.edges, len(hubs))]
        parts += [self._graph.kept()]
        parts += [_HUB.pack(joint.kind, joint.item, until) for joint, until in hubs]
        body = b"".join(parts)
        return body + hashlib.sha256(body).digest()

    @classmethod
    def restored(cls, snapshot: bytes) -> Rings:
        """The state of a snapshot. A damaged one is refused whole; the log gives the state again."""
        body, checksum = snapshot[:-_CHECKSUM], snapshot[-_CHECKSUM:]
        if len(body) < _HEAD.size or not body.startswith(_MAGIC):
            raise _damaged("It is not a snapshot of rings of this version.")
        if hashlib.sha256(body).digest() != checksum:
            raise _damaged("Its checksum is wrong.")
        _, now, refused, edges_max, *limits, edges, hubs = _HEAD.unpack_from(body)
        hubs_at = _HEAD.size + edges * KEPT_BYTES
        if min(now, refused, edges, hubs) < 0 or edges > edges_max or len(body) != hubs_at + hubs * _HUB.size:
            raise _damaged("Its counts do not fit its length.")
        rings = cls(JointLimits(*limits), edges_max)
        before = (0, 0)
        for kind, item, until in _HUB.iter_unpack(body[hubs_at:]):
            if kind not in set(JointKind) or until <= now or (kind, item) <= before:
                raise _damaged("It holds a hub that cannot be.")
            before = kind, item
            rings._graph.put_hub(Joint(JointKind(kind), item), until)
        if not rings._graph.put(body[_HEAD.size : hubs_at], edges, now):
            raise _damaged("It holds edges that cannot be.")
        rings._graph.refused = refused
        rings.last_t = now
        return rings

    def _fresh(self, now: int) -> None:
        self._in_order([self.last_t, now])
        if self._graph.stale(now):
            self.rebuild(now)

    def _in_order(self, times: Sequence[int]) -> None:
        if any(later < earlier for earlier, later in pairwise(times)):
            raise RefusedError("rings_order", "An event is older than the one before it.", "Events in the log's order.")


def _damaged(why: str) -> RefusedError:
    return RefusedError("rings_snapshot", f"The snapshot of rings is damaged. {why}", "Build the state from the log.")
