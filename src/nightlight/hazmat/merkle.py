"""The Merkle tree of RFC 9162 §2.1, over SHA-256.

WARNING. A tree proves that a leaf is in it and that it only grew; it does not say who made it or when. For that, see
``nightlight.evidence.checkpoint``.

A *node* is named by its level and index: level 0 holds the leaves, and node (l, i) stands over the leaves from
i·2^l to (i+1)·2^l, all of which must exist. Such nodes never change, so a store keeps them; whatever else a proof
needs is put together out of them. pymerkle, the library there is, is under the GPL and walks all leaves for each
proof; docs/adr/0008-transparency-log.md.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nightlight.errors import RefusedError

HASH_BYTES = 32
#: RFC 9162 §2.1.1: the hash of an empty tree is the hash of an empty string.
EMPTY_ROOT = hashlib.sha256(b"").digest()
#: 2^63 leaves: as many as a database can number.
LEVELS_MAX = 63

Node = tuple[int, int]


def leaf_hash(data: bytes) -> bytes:
    """RFC 9162 §2.1.1: the prefix keeps a leaf from being taken for a node."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 9162 §2.1.1."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: its size and the roots of its complete subtrees, the largest first."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def root(self) -> bytes:
        """The tree's root hash."""
        return _fold(self.peaks) if self.peaks else EMPTY_ROOT

    def append(self, leaf: bytes) -> tuple[Frontier, list[tuple[Node, bytes]]]:
        """The tree with one more leaf (its hash), and the nodes that it completes, the leaf among them."""
        level, index, node = 0, self.size, leaf
        completed = [((0, index), leaf)]
        peaks = list(self.peaks)
        while self.size >> level & 1:
            node = node_hash(peaks.pop(), node)
            level, index = level + 1, index >> 1
            completed.append(((level, index), node))
        return Frontier(self.size + 1, (*peaks, node)), completed


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """The ranges of leaves whose hashes make up the inclusion proof of leaf ``index``, in order (RFC 9162 §2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError("no such leaf in a tree of this size")
    ranges = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low = middle
    return ranges[::-1]


def consistency_ranges(old: int, new: int) -> list[tuple[int, int]]:
    """The ranges of leaves whose hashes make up the consistency proof between two sizes (RFC 9162 §2.1.4.1)."""
    if not 0 < old <= new:
        raise ValueError("a consistency proof leads from a tree that is not empty to one that is no smaller")
    ranges = []
    low, high, whole = 0, new, True
    while old < high:
        middle = low + _split(high - low)
        if old <= middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low, whole = middle, False
    if not whole:
        ranges.append((low, high))
    return ranges[::-1]


def nodes_of(start: int, end: int) -> list[Node]:
    """The complete nodes that together stand over leaves ``start`` to ``end``; ``start`` begins a subtree."""
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def proof_from(ranges: Sequence[tuple[int, int]], nodes: Mapping[Node, bytes]) -> list[bytes]:
    """The proof made of the hashes of ``ranges``, from stored nodes. ``KeyError`` if one is missing."""
    return [_fold([nodes[node] for node in nodes_of(start, end)]) for start, end in ranges]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """RFC 9162 §2.1.3.2: leaf ``index`` of the tree has this hash, or ``RefusedError('log_proof_invalid')``."""
    if not 0 <= index < size < 2**LEVELS_MAX:
        raise _invalid("the entry lies outside the tree")
    _check_hashes(leaf, root, *proof)
    number, last, current = index, size - 1, leaf
    for step in proof:
        if last == 0:
            raise _invalid("the inclusion proof is too long")
        if number & 1 or number == last:
            current = node_hash(step, current)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            current = node_hash(current, step)
        number, last = number >> 1, last >> 1
    if last != 0 or not hmac.compare_digest(current, root):
        raise _invalid("the inclusion proof does not lead to the root")


def verify_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """RFC 9162 §2.1.4.2: the new tree only adds to the old one, or ``RefusedError('log_proof_invalid')``."""
    if not 0 <= old_size <= new_size < 2**LEVELS_MAX:
        raise _invalid("the sizes run backwards")
    _check_hashes(old_root, new_root, *proof)
    if old_size in (0, new_size):
        # §2.1.4.1: nothing to prove, but an empty tree has one root, and equal sizes have equal roots.
        expected = EMPTY_ROOT if old_size == 0 else new_root
        if proof or not hmac.compare_digest(old_root, expected):
            raise _invalid("two trees of one size differ" if old_size else "the empty tree has another root")
        return
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise _invalid("the consistency proof is empty")
    number, last = old_size - 1, new_size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    first = second = path[0]
    for step in path[1:]:
        if last == 0:
            raise _invalid("the consistency proof is too long")
        if number & 1 or number == last:
            first, second = node_hash(step, first), node_hash(step, second)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            second = node_hash(second, step)
        number, last = number >> 1, last >> 1
    if last != 0 or not (hmac.compare_digest(first, old_root) and hmac.compare_digest(second, new_root)):
        raise _invalid("the consistency proof does not lead from the old root to the new one")


def _split(count: int) -> int:
    """The largest power of two smaller than ``count``, which is at least 2."""
    return 1 << (count - 1).bit_length() - 1


def _fold(peaks: Sequence[bytes]) -> bytes:
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def _check_hashes(*hashes: bytes) -> None:
    if len(hashes) > 2 * LEVELS_MAX + 2 or any(len(value) != HASH_BYTES for value in hashes):
        raise _invalid(f"a hash is not {HASH_BYTES} bytes long, or there are too many")


def _invalid(why: str) -> RefusedError:
    return RefusedError("log_proof_invalid", f"The proof does not hold: {why}.")
