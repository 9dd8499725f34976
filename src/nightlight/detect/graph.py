"""Edges between accounts and joints: kept in columns that grow, joined as they come, gone when their time is over."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from nightlight.detect import union
from nightlight.detect.joints import KIND_OF, LIFETIME_MS, Edge, Ground, Joint, JointKind, JointLimits, Statement

_SMALLEST = 1_024
_NODE_COLUMNS = "qbiiiqi"
_EDGE_COLUMNS = "iibqqi"
#: Kind and item of the joint, account, ground, first and last time.
KEPT = "bqqbqq"
KEPT_BYTES = 34


class Graph:
    """``edges_max``: beyond it new edges are refused and counted; those that are there live on.

    About 50 bytes per edge and 50 per account or joint, the tables by which they are found included.
    """

    def __init__(self, limits: JointLimits, edges_max: int) -> None:
        self._edges_max = edges_max
        by_ground = [0, *(LIFETIME_MS[ground] for ground in Ground)]
        self._lives = union.filled(by_ground)
        self._kind_of = union.filled([0, *(int(KIND_OF[ground]) for ground in Ground)])
        self._most = union.filled([0, *(limits.of(kind) for kind in JointKind)])
        self._counters = union.filled([0] * union.COUNTERS)
        self._counters[union.OLDEST] = union.FAR
        self._nodes = [union.column(_SMALLEST, code) for code in _NODE_COLUMNS]
        self._edges = [union.column(_SMALLEST, code) for code in _EDGE_COLUMNS]
        self._node_table = union.column(2 * _SMALLEST, "i")
        self._edge_table = union.column(2 * _SMALLEST, "i")

    @property
    def nodes(self) -> int:
        return int(self._counters[union.NODES])

    @property
    def edges(self) -> int:
        """How many rows there are; those that are over by now go with the next ``drop``."""
        return int(self._counters[union.EDGES])

    @property
    def refused(self) -> int:
        return int(self._counters[union.REFUSED])

    @refused.setter
    def refused(self, number: int) -> None:
        self._counters[union.REFUSED] = number

    def stale(self, now: int) -> bool:
        """Whether something that was joined is not any longer."""
        return bool(self._counters[union.STALE]) or int(self._counters[union.OLDEST]) <= now

    def add(self, said: Sequence[Statement]) -> None:
        """In the order of their times."""
        self.add_columns(
            union.filled([one.t for one in said]),
            union.filled([one.account for one in said]),
            union.filled([int(one.ground) for one in said], "b"),
            union.filled([one.item for one in said]),
            union.filled([int(one.holds) for one in said], "b"),
        )

    def add_columns(
        self,
        times: union.Column,
        accounts: union.Column,
        grounds: union.Column,
        items: union.Column,
        holds: union.Column,
    ) -> None:
        self._make_room(len(times))
        rows = times, accounts, grounds, items, holds
        nodes, edges = (*self._nodes, self._node_table), (*self._edges, self._edge_table)
        union.add(rows, nodes, edges, self._lives, self._kind_of, self._most, self._edges_max, self._counters)

    def drop(self, now: int) -> None:
        """Everything that is over at ``now`` goes from memory, and what is left is joined anew."""
        nodes, edges = (*self._nodes, self._node_table), (*self._edges, self._edge_table)
        moved = union.column(max(1, self.nodes), "i")
        before = self.nodes, self.edges
        union.drop(now, nodes, edges, self._lives, moved, self._counters)
        if (self.nodes, self.edges) == before:
            return  # nobody moved
        self._nodes = [_fitted(one, code, self.nodes) for one, code in zip(self._nodes, _NODE_COLUMNS, strict=True)]
        self._edges = [_fitted(one, code, self.edges) for one, code in zip(self._edges, _EDGE_COLUMNS, strict=True)]
        self._find_anew()

    def take_back(self, account: int) -> int:
        """All edges of an account, and those by which it joined others as a child that turned them away."""
        gone = 0
        for kind, of in ((0, self._edges[0]), (int(JointKind.VICTIM), self._edges[1])):
            node = self._node(account, kind)
            if node >= 0:
                self._nodes[5][node] = 0  # as a hub it is not remembered either
                gone += union.take_back(node, of, self._edges[4], self.edges)
        self._counters[union.STALE] = 1
        return gone

    def kept(self) -> bytes:
        """All edges, in an order that is theirs and not that of their coming, column by column (``KEPT``)."""
        ids, kinds = self._nodes[0], self._nodes[1]
        account, joint, ground, first, last = (one[: self.edges] for one in self._edges[:5])
        by_row = [
            union.taken(kinds, joint, "b"),
            union.taken(ids, joint, "q"),
            union.taken(ids, account, "q"),
            *(ground, first, last),
        ]
        order = union.sorted_by(*by_row[:4])
        return b"".join(union.to_bytes(union.taken(one, order, code)) for one, code in zip(by_row, KEPT, strict=True))

    def put(self, kept: bytes, count: int, now: int) -> bool:
        """So many edges as they were kept at ``now``, into a graph that has none. False: they cannot be."""
        columns, start = [], 0
        for code in KEPT:
            end = start + count * (1 if code == "b" else 8)
            columns.append(union.from_bytes(kept[start:end], code))
            start = end
        kinds, items, accounts, grounds, first, last = columns
        if not union.sound((kinds, items, accounts, grounds, first, last), self._kind_of, self._lives, now):
            return False
        self.add_columns(last, accounts, grounds, items, union.filled([1] * count, "b"))
        if self.edges != count or self.stale(now):
            return False  # there were edges of a hub among them
        self._edges[3][:count] = first
        return True

    def hubs(self, now: int) -> Iterator[tuple[Joint, int]]:
        """Joints that join nobody because too many share them, each with the time until which that is remembered."""
        ids, kinds, until = self._nodes[0], self._nodes[1], self._nodes[5]
        for node in range(self.nodes):
            if until[node] > now:
                yield Joint(JointKind(int(kinds[node])), int(ids[node])), int(until[node])

    def put_hub(self, joint: Joint, until: int) -> None:
        """A joint that nobody holds on to yet is a hub."""
        self._make_room(1)
        ids, kinds = self._nodes[0], self._nodes[1]
        place = union.node_place(self._node_table, ids, kinds, joint.item, int(joint.kind))
        node = self.nodes
        self._counters[union.NODES] += 1
        ids[node], kinds[node], self._nodes[2][node], self._nodes[3][node] = joint.item, int(joint.kind), node, -1
        self._nodes[5][node] = until
        self._node_table[place] = node + 1
        self._counters[union.OLDEST] = min(int(self._counters[union.OLDEST]), until)

    def sizes(self) -> list[int]:
        """How many accounts each component has, the largest first."""
        return sorted((int(size) for size in self._accounts_by_root() if size), reverse=True)

    def components(
        self, least: int, most: int, around: Collection[int] | None, against: int
    ) -> Iterator[tuple[list[int], list[Edge]]]:
        """Accounts and edges of the components with ``least`` to ``most`` accounts.

        ``around`` not None: only where one of these accounts is, a report was verified, or an account has ``against``
        edges of children.
        """
        wanted = self._wanted(least, most, around, against)
        if not wanted:
            return
        accounts = self._accounts_by_root()
        parent, kinds = self._nodes[2], self._nodes[1]
        edges = union.column(max(1, self.nodes))
        union.count_edges(parent, self._edges[0], self.edges, edges)
        of_accounts, of_edges = union.filled([-1] * self.nodes), union.filled([-1] * self.nodes)
        ends = [(0, 0)]
        for root in wanted:
            of_accounts[root], of_edges[root] = ends[-1]
            ends.append((ends[-1][0] + int(accounts[root]), ends[-1][1] + int(edges[root])))
        sorted_nodes, sorted_rows = union.column(ends[-1][0], "i"), union.column(max(1, ends[-1][1]), "i")
        union.gather_accounts(parent, kinds, self.nodes, of_accounts, sorted_nodes)
        union.gather_edges(parent, self._edges[0], self.edges, of_edges, sorted_rows)
        for (node, row), (node_end, row_end) in pairwise(ends):
            yield (
                [int(self._nodes[0][one]) for one in sorted_nodes[node:node_end]],
                [self._edge(one) for one in sorted_rows[row:row_end]],
            )

    def _wanted(self, least: int, most: int, around: Collection[int] | None, against: int) -> list[int]:
        parent = self._nodes[2]
        marked = union.filled([int(around is None)] * max(1, self.nodes), "b")
        if around is not None:
            for account in around:
                node = self._node(account, 0)
                if node >= 0:
                    marked[union.root_of(parent, node)] = 1
            counted = union.column(max(1, self.nodes), "i")
            grounds = self._edges[0], self._edges[2]
            proven, victim = int(Ground.PROVEN), int(JointKind.VICTIM)
            union.mark(parent, grounds, self.edges, self._kind_of, proven, victim, against, counted, marked)
        wanted = union.column(max(1, self.nodes), "i")
        count = union.pick(self._accounts_by_root(), marked, self.nodes, least, most, wanted)
        return [int(root) for root in wanted[:count]]

    def _node(self, one: int, kind: int) -> int:
        """The place of a node, -1 if there is none."""
        ids, kinds = self._nodes[0], self._nodes[1]
        return int(self._node_table[union.node_place(self._node_table, ids, kinds, one, kind)]) - 1

    def _accounts_by_root(self) -> union.Column:
        sizes = union.column(max(1, self.nodes), "i")
        union.sizes(self._nodes[2], self._nodes[1], self.nodes, sizes)
        return sizes

    def _edge(self, row: int) -> Edge:
        account, joint, ground, first, last, _ = (int(one[row]) for one in self._edges)
        ids, kinds = self._nodes[0], self._nodes[1]
        return Edge(
            Joint(JointKind(int(kinds[joint])), int(ids[joint])), int(ids[account]), Ground(ground), first, last
        )

    def _make_room(self, rows: int) -> None:
        """For so many statements more; the tables stay at most half full."""
        new = max(0, min(rows, self._edges_max - self.edges))
        if self.nodes + 2 * new <= len(self._nodes[0]) and self.edges + new <= len(self._edges[0]):
            return
        nodes = max(2 * self.nodes, self.nodes + 2 * new)
        edges = max(min(2 * self.edges, self._edges_max), self.edges + new)
        self._nodes = [_fitted(one, code, nodes) for one, code in zip(self._nodes, _NODE_COLUMNS, strict=True)]
        self._edges = [_fitted(one, code, edges) for one, code in zip(self._edges, _EDGE_COLUMNS, strict=True)]
        self._find_anew()

    def _find_anew(self) -> None:
        self._node_table = _table(self._node_table, len(self._nodes[0]))
        self._edge_table = _table(self._edge_table, len(self._edges[0]))
        nodes, edges = (*self._nodes, self._node_table), (*self._edges, self._edge_table)
        union.reinsert(nodes, edges, self._counters)


def _fitted(old: union.Column, code: str, wanted: int) -> union.Column:
    """The column with room for ``wanted`` values: longer if need be, shorter where three quarters would be empty."""
    if len(old) >= wanted and len(old) <= max(_SMALLEST, 4 * wanted):
        return old
    new = union.column(max(_SMALLEST, wanted), code)
    kept = min(len(old), len(new))
    new[:kept] = old[:kept]
    return new


def _table(old: union.Column, length: int) -> union.Column:
    size = 1 << (2 * length - 1).bit_length()
    return old if len(old) == size else union.column(size, "i")
