"""Accounts and joints as a graph in columns, with union-find over it. The one module of rings that is compiled.

Where numba is installed the functions below become machine code over numpy columns; where it is not, the same source
runs as plain Python over ``array`` columns, slower, with the same result.

Union-find: R. E. Tarjan and J. van Leeuwen, "Worst-case analysis of set union algorithms", 1984 (path halving). It can
only join. When something goes (a lifetime ends, an account is forgotten, a joint turns out to be a hub) the state is
marked stale and is built anew before anybody reads it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])
#: A numpy array or an ``array.array``: both are indexed alike.
Column = Any

try:
    import numpy as np
    from numba import njit

    COMPILED = True
    _DTYPES = {"b": np.int8, "i": np.int32, "q": np.int64}
except ImportError:
    COMPILED = False


def _machine_code(function: F) -> F:
    if not COMPILED:
        return function
    try:
        return cast(F, njit(cache=True)(function))
    except RuntimeError:  # there is no file beside which to keep it
        return cast(F, njit(function))


def column(length: int, code: str = "q") -> Column:
    """Zeros. ``code``: of ``array``: b, i or q, for 8, 32 or 64 bits."""
    if COMPILED:
        return np.zeros(length, _DTYPES[code])
    return array(code, bytes(length * array(code).itemsize))


def filled(values: list[int], code: str = "q") -> Column:
    if COMPILED:
        return np.array(values, _DTYPES[code])
    return array(code, values)


#: An edge that was taken back.
GONE = -(2**62)
#: Places in the column of counters.
NODES, EDGES, REFUSED, STALE, OLDEST, STAMP, HUBS_MET = range(7)
COUNTERS = 7
FAR = 2**62


@_machine_code
def _place(mask: int, one: int, other: int) -> int:
    """Where a search begins. Plain and compiled agree: 63 bits are kept of whatever wraps around."""
    mixed = (
        (one & 0xFFFFFFFF) * 0x9E3779B1 + ((one >> 32) & 0xFFFFFFFF) * 0x85EBCA77 + other * 0xC2B2AE3D
    ) & 0x7FFFFFFFFFFFFFFF
    mixed ^= mixed >> 29
    return mixed & mask


@_machine_code
def node_place(table: Column, ids: Column, kinds: Column, one: int, kind: int) -> int:
    mask = len(table) - 1
    place = _place(mask, one, kind)
    while table[place] and (ids[table[place] - 1] != one or kinds[table[place] - 1] != kind):
        place = (place + 1) & mask
    return place


@_machine_code
def _edge_place(table: Column, accounts: Column, joints: Column, grounds: Column, a: int, j: int, ground: int) -> int:
    mask = len(table) - 1
    place = _place(mask, (j << 31) ^ a, ground)
    while table[place]:
        row = table[place] - 1
        if accounts[row] == a and joints[row] == j and grounds[row] == ground:
            return place
        place = (place + 1) & mask
    return place


@_machine_code
def root_of(parent: Column, node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@_machine_code
def _join(parent: Column, one: int, other: int) -> None:
    one, other = root_of(parent, one), root_of(parent, other)
    if one < other:
        parent[other] = one
    else:
        parent[one] = other


@_machine_code
def _node(
    table: Column, ids: Column, kinds: Column, parent: Column, head: Column, counters: Column, one: int, kind: int
) -> int:
    place = node_place(table, ids, kinds, one, kind)
    node: int = table[place] - 1
    if node < 0:
        node = counters[NODES]
        counters[NODES] = node + 1
        ids[node], kinds[node], parent[node], head[node] = one, kind, node, -1
        table[place] = node + 1
    return node


@_machine_code
def add(
    rows: tuple[Column, Column, Column, Column, Column],
    nodes: tuple[Column, Column, Column, Column, Column, Column, Column, Column],
    edges: tuple[Column, Column, Column, Column, Column, Column, Column],
    lives: Column,
    kind_of: Column,
    most: Column,
    edges_max: int,
    counters: Column,
) -> None:
    times, accounts, grounds, items, holds = rows
    ids, kinds, parent, head, length, hub_until, mark, node_table = nodes
    edge_account, edge_joint, edge_ground, first, last, following, edge_table = edges
    for number in range(len(times)):
        t, ground = times[number], grounds[number]
        kind, life = kind_of[ground], lives[ground]
        joint = node_table[node_place(node_table, ids, kinds, items[number], kind)] - 1
        if joint >= 0 and hub_until[joint] > t:
            if holds[number]:
                hub_until[joint] = max(hub_until[joint], t + life)
            continue
        account = node_table[node_place(node_table, ids, kinds, accounts[number], 0)] - 1
        row = -1
        if joint >= 0 and account >= 0:
            place = _edge_place(edge_table, edge_account, edge_joint, edge_ground, account, joint, ground)
            row = edge_table[place] - 1
        if not holds[number]:
            if row >= 0 and last[row] != GONE:
                last[row] = GONE
                counters[STALE] = 1
            continue
        if row >= 0 and last[row] + life > t:
            last[row] = t
            continue
        if row < 0:
            if counters[EDGES] >= edges_max:
                counters[REFUSED] += 1
                continue
            account = _node(node_table, ids, kinds, parent, head, counters, accounts[number], 0)
            joint = _node(node_table, ids, kinds, parent, head, counters, items[number], kind)
            row = counters[EDGES]
            counters[EDGES] = row + 1
            edge_account[row], edge_joint[row], edge_ground[row] = account, joint, ground
            following[row] = head[joint]
            head[joint] = row
            length[joint] += 1
            place = _edge_place(edge_table, edge_account, edge_joint, edge_ground, account, joint, ground)
            edge_table[place] = row + 1
        first[row], last[row] = t, t
        counters[OLDEST] = min(counters[OLDEST], t + life)
        if length[joint] > most[kind]:
            counters[STAMP] += 1
            stamp = counters[STAMP]
            live, until, other = 0, 0, head[joint]
            while other >= 0:
                ends = last[other] + lives[edge_ground[other]]
                if ends > t:
                    until = max(until, ends)
                    if mark[edge_account[other]] != stamp:
                        mark[edge_account[other]] = stamp
                        live += 1
                other = following[other]
            if live > most[kind]:
                # Whoever used it is not remembered any longer; only that it is a hub, and until when.
                other = head[joint]
                while other >= 0:
                    last[other] = GONE
                    other = following[other]
                hub_until[joint] = until
                counters[HUBS_MET] += 1
                counters[STALE] = 1
                continue
        _join(parent, account, joint)


@_machine_code
def reinsert(
    nodes: tuple[Column, Column, Column, Column, Column, Column, Column, Column],
    edges: tuple[Column, Column, Column, Column, Column, Column, Column],
    counters: Column,
) -> None:
    ids, kinds, _, _, _, _, _, node_table = nodes
    edge_account, edge_joint, edge_ground, _, _, _, edge_table = edges
    for place in range(len(node_table)):
        node_table[place] = 0
    for place in range(len(edge_table)):
        edge_table[place] = 0
    for node in range(counters[NODES]):
        node_table[node_place(node_table, ids, kinds, ids[node], kinds[node])] = node + 1
    # No two rows are equal, so a free place is all that is looked for.
    mask = len(edge_table) - 1
    for row in range(counters[EDGES]):
        place = _place(mask, (edge_joint[row] << 31) ^ edge_account[row], edge_ground[row])
        while edge_table[place]:
            place = (place + 1) & mask
        edge_table[place] = row + 1


@_machine_code
def drop(
    now: int,
    nodes: tuple[Column, Column, Column, Column, Column, Column, Column, Column],
    edges: tuple[Column, Column, Column, Column, Column, Column, Column],
    lives: Column,
    moved: Column,
    counters: Column,
) -> None:
    """Keeps what lives at ``now``, in its order, joins it anew, and wipes the rest. ``moved``: zeros, one per node."""
    ids, kinds, parent, head, length, hub_until, mark, _ = nodes
    edge_account, edge_joint, edge_ground, first, last, following, _ = edges
    kept, oldest = 0, FAR
    for row in range(counters[EDGES]):
        ends = last[row] + lives[edge_ground[row]]
        if ends > now:
            oldest = min(oldest, ends)
            edge_account[kept], edge_joint[kept], edge_ground[kept] = (
                edge_account[row],
                edge_joint[row],
                edge_ground[row],
            )
            first[kept], last[kept] = first[row], last[row]
            moved[edge_account[kept]] = 1
            moved[edge_joint[kept]] = 1
            kept += 1
    used = 0
    for node in range(counters[NODES]):
        if moved[node] or hub_until[node] > now:
            used += 1
    if kept == counters[EDGES] and used == counters[NODES]:
        # Nobody goes, so nobody moves.
        for node in range(used):
            parent[node] = node
            if hub_until[node] > now:
                oldest = min(oldest, hub_until[node])
            else:
                hub_until[node] = 0
        for row in range(kept):
            _join(parent, edge_account[row], edge_joint[row])
        counters[STALE], counters[OLDEST] = 0, oldest
        return
    for row in range(kept, counters[EDGES]):
        edge_account[row] = edge_joint[row] = edge_ground[row] = following[row] = 0
        first[row] = last[row] = 0
    counters[EDGES] = kept
    count = 0
    for node in range(counters[NODES]):
        if moved[node] or hub_until[node] > now:
            ids[count], kinds[count] = ids[node], kinds[node]
            hub_until[count] = hub_until[node] if hub_until[node] > now else 0
            if hub_until[count]:
                oldest = min(oldest, hub_until[count])
            parent[count], head[count], length[count], mark[count] = count, -1, 0, 0
            moved[node] = count
            count += 1
    for node in range(count, counters[NODES]):
        ids[node] = hub_until[node] = 0
        kinds[node] = parent[node] = head[node] = length[node] = mark[node] = 0
    counters[NODES] = count
    for row in range(kept):
        account, joint = moved[edge_account[row]], moved[edge_joint[row]]
        edge_account[row], edge_joint[row] = account, joint
        following[row] = head[joint]
        head[joint] = row
        length[joint] += 1
        _join(parent, account, joint)
    counters[STALE], counters[OLDEST], counters[STAMP] = 0, oldest, 0


@_machine_code
def take_back(node: int, edge_node: Column, last: Column, count: int) -> int:
    """Every edge that has the node in this column is gone. Returns how many."""
    gone = 0
    for row in range(count):
        if edge_node[row] == node and last[row] != GONE:
            last[row] = GONE
            gone += 1
    return gone


@_machine_code
def sizes(parent: Column, kinds: Column, count: int, sizes: Column) -> None:
    """For each root how many accounts there are; for every other node, 0."""
    for node in range(count):
        root = root_of(parent, node)
        if kinds[node] == 0:
            sizes[root] += 1


@_machine_code
def gather_accounts(parent: Column, kinds: Column, count: int, start: Column, sorted_nodes: Column) -> None:
    """A counting sort of accounts by component. ``start``: for each root where its part begins, -1: not wanted."""
    for node in range(count):
        if kinds[node] == 0:
            root = root_of(parent, node)
            if start[root] >= 0:
                sorted_nodes[start[root]] = node
                start[root] += 1


@_machine_code
def count_edges(parent: Column, edge_account: Column, count: int, sizes: Column) -> None:
    """For each root how many edges there are."""
    for row in range(count):
        sizes[root_of(parent, edge_account[row])] += 1


@_machine_code
def gather_edges(parent: Column, edge_account: Column, count: int, start: Column, sorted_rows: Column) -> None:
    """The same of edges."""
    for row in range(count):
        root = root_of(parent, edge_account[row])
        if start[root] >= 0:
            sorted_rows[start[root]] = row
            start[root] += 1


@_machine_code
def mark(
    parent: Column,
    edges: tuple[Column, Column],
    count: int,
    kind_of: Column,
    proven: int,
    victim: int,
    most: int,
    against: Column,
    marked: Column,
) -> None:
    """Marks the roots of components with a proven report, or an account that ``most`` edges of children are against."""
    edge_account, edge_ground = edges
    for row in range(count):
        account = edge_account[row]
        if kind_of[edge_ground[row]] == victim:
            against[account] += 1
        if edge_ground[row] == proven or against[account] >= most:
            marked[root_of(parent, account)] = 1


@_machine_code
def pick(sizes_of: Column, marked: Column, count: int, least: int, most: int, wanted: Column) -> int:
    """The marked roots with so many accounts. Returns how many."""
    found = 0
    for root in range(count):
        if marked[root] and sizes_of[root] and least <= sizes_of[root] <= most:
            wanted[found] = root
            found += 1
    return found


@_machine_code
def sound(
    kept: tuple[Column, Column, Column, Column, Column, Column], kind_of: Column, lives: Column, now: int
) -> bool:
    """Whether edges can be: in their order, each once, none of them over, none of the future."""
    kinds, items, accounts, grounds, first, last = kept
    for row in range(len(kinds)):
        ground = grounds[row]
        if not 0 < ground < len(kind_of) or kind_of[ground] != kinds[row] or items[row] == 0 or accounts[row] == 0:
            return False
        if not 0 <= first[row] <= last[row] <= now or last[row] + lives[ground] <= now:
            return False
        if row:
            before, here = row - 1, row
            if kinds[before] != kinds[here]:
                rising = kinds[before] < kinds[here]
            elif items[before] != items[here]:
                rising = items[before] < items[here]
            elif accounts[before] != accounts[here]:
                rising = accounts[before] < accounts[here]
            else:
                rising = grounds[before] < grounds[here]
            if not rising:
                return False
    return True


def taken(old: Column, order: Column, code: str) -> Column:
    """The values in this order."""
    if COMPILED:
        return old[order]
    return array(code, (old[place] for place in order))


def sorted_by(*keys: Column) -> Column:
    """The places in the order of the first key, then the second ..."""
    if COMPILED:
        return np.lexsort(keys[::-1])
    return sorted(range(len(keys[0])), key=lambda place: tuple(key[place] for key in keys))


def to_bytes(values: Column) -> bytes:
    """Little-endian, on any machine."""
    if COMPILED:
        return bytes(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())
    return _little(values).tobytes()


def from_bytes(body: bytes, code: str) -> Column:
    values = _little(array(code, body))
    return np.array(values, _DTYPES[code]) if COMPILED else values


def _little(values: array[int]) -> array[int]:
    if array("h", b"\1\0")[0] == 1:
        return values
    turned = array(values.typecode, values)
    turned.byteswap()
    return turned
