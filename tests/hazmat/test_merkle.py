"""The Merkle tree: against RFC 9162's definitions, against pymerkle, and against whoever bends a proof."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from nightlight.errors import RefusedError
from nightlight.hazmat.merkle import (
    EMPTY_ROOT,
    Frontier,
    Node,
    consistency_ranges,
    inclusion_ranges,
    leaf_hash,
    node_hash,
    nodes_of,
    proof_from,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [b"entry %d" % number for number in range(70)]

# Certificate Transparency's reference tree (github.com/transparency-dev/merkle, testonly): leaf inputs and roots.
CT_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def grown(count: int) -> tuple[list[Frontier], dict[Node, bytes]]:
    frontiers = [Frontier()]
    nodes: dict[Node, bytes] = {}
    for leaf in LEAVES[:count]:
        frontier, completed = frontiers[-1].append(leaf_hash(leaf))
        frontiers.append(frontier)
        nodes.update(completed)
    return frontiers, nodes


TREES, NODES = grown(len(LEAVES))
ROOTS = [tree.root() for tree in TREES]


def inclusion(index: int, size: int) -> list[bytes]:
    return proof_from(inclusion_ranges(index, size), NODES)


def consistency(old: int, new: int) -> list[bytes]:
    return proof_from(consistency_ranges(old, new), NODES)


def refused_inclusion(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> None:
    with pytest.raises(RefusedError) as refused:
        verify_inclusion(leaf, index, size, proof, root)
    assert refused.value.code == "log_proof_invalid"


def refused_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: list[bytes]) -> None:
    with pytest.raises(RefusedError) as refused:
        verify_consistency(old, old_root, new, new_root, proof)
    assert refused.value.code == "log_proof_invalid"


def test_roots_are_those_of_certificate_transparency() -> None:
    tree = Frontier()
    roots = [tree.root()]
    for text in CT_LEAVES:
        tree, _ = tree.append(leaf_hash(bytes.fromhex(text)))
        roots.append(tree.root())
    assert [root.hex() for root in roots] == CT_ROOTS


def test_tree_and_proofs_are_those_of_pymerkle() -> None:
    oracle = InmemoryTree(algorithm="sha256")
    for size, leaf in enumerate(LEAVES[:40], 1):
        oracle.append_entry(leaf)
        assert oracle.get_root() == ROOTS[size]
    for index in range(40):
        # pymerkle counts from 1, and its path begins with the leaf itself.
        assert oracle.prove_inclusion(index + 1, 40).path[1:] == inclusion(index, 40)


def test_every_leaf_of_every_tree_is_proven() -> None:
    for size in range(1, len(LEAVES) + 1):
        for index in range(size):
            verify_inclusion(leaf_hash(LEAVES[index]), index, size, inclusion(index, size), ROOTS[size])


def test_every_tree_is_proven_to_grow_out_of_every_smaller_one() -> None:
    for new in range(1, len(LEAVES) + 1):
        for old in range(1, new + 1):
            verify_consistency(old, ROOTS[old], new, ROOTS[new], consistency(old, new))


def test_every_tree_grows_out_of_the_empty_one_and_out_of_no_other_root() -> None:
    verify_consistency(0, EMPTY_ROOT, 9, ROOTS[9], [])
    refused_consistency(0, ROOTS[1], 9, ROOTS[9], [])
    refused_consistency(0, EMPTY_ROOT, 9, ROOTS[9], [ROOTS[1]])


@given(st.integers(1, 70), st.data())
def test_bent_inclusion_proof_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaf, proof, root = leaf_hash(LEAVES[index]), inclusion(index, size), ROOTS[size]
    bent = list(proof)
    how = data.draw(st.sampled_from(["shorter", "longer", "other", "swapped", "index", "size", "leaf"]))
    if how == "shorter" and bent:
        bent.pop(data.draw(st.integers(0, len(bent) - 1)))
    elif how == "longer":
        bent.insert(data.draw(st.integers(0, len(bent))), data.draw(st.sampled_from([leaf, root, *proof])))
    elif how == "other" and bent:
        bent[data.draw(st.integers(0, len(bent) - 1))] = hashlib.sha256(b"other").digest()
    elif how == "swapped":
        bent.reverse()
    elif how == "leaf":
        leaf = leaf_hash(b"another entry")
    elif how == "index":
        index = data.draw(st.integers(0, 70))
    elif how == "size":
        # A size counts only together with its root: both stand in one signed checkpoint.
        size = data.draw(st.integers(0, 70))
        root = ROOTS[size]
    genuine = index < size and leaf == leaf_hash(LEAVES[index]) and bent == inclusion(index, size)
    assume(not genuine)
    refused_inclusion(leaf, index, size, bent, root)


@given(st.integers(1, 69), st.data())
def test_fork_has_no_consistency_proof(old: int, data: st.DataObject) -> None:
    new = data.draw(st.integers(old, 70))
    proof = consistency(old, new)
    forked = hashlib.sha256(b"another history").digest()
    refused_consistency(old, forked, new, ROOTS[new], proof)
    refused_consistency(old, ROOTS[old], new, forked, proof)
    if proof:
        refused_consistency(old, ROOTS[old], new, ROOTS[new], proof[:-1])
        refused_consistency(old, ROOTS[old], new, ROOTS[new], proof[::-1]) if len(proof) > 1 else None
    refused_consistency(old, ROOTS[old], new, ROOTS[new], [*proof, forked])


def test_rollback_is_no_consistency() -> None:
    refused_consistency(9, ROOTS[9], 5, ROOTS[5], consistency(5, 9))


def test_leaf_is_not_taken_for_a_node() -> None:
    """Second preimage: an entry that spells two node hashes must not hash as their parent."""
    left, right = leaf_hash(LEAVES[0]), leaf_hash(LEAVES[1])
    assert leaf_hash(left + right) != node_hash(left, right)
    refused_inclusion(leaf_hash(left + right), 0, 1, [], ROOTS[2])
    refused_inclusion(node_hash(left, right), 0, 4, inclusion(0, 4)[1:], ROOTS[4])


def test_last_leaf_of_an_odd_tree_is_not_doubled() -> None:
    """As in CVE-2012-2459: a tree of three leaves and one that repeats the third must differ."""
    doubled, _ = TREES[3].append(leaf_hash(LEAVES[2]))
    assert doubled.root() != ROOTS[3]


def test_reordered_leaves_make_another_tree() -> None:
    tree = Frontier()
    for leaf in (LEAVES[1], LEAVES[0], LEAVES[2]):
        tree, _ = tree.append(leaf_hash(leaf))
    assert tree.root() != ROOTS[3]


@pytest.mark.parametrize("value", [b"", bytes(31), bytes(33)])
def test_hash_of_another_length_is_refused(value: bytes) -> None:
    refused_inclusion(value, 0, 1, [], ROOTS[1])
    refused_inclusion(leaf_hash(LEAVES[0]), 0, 2, [value], ROOTS[2])
    refused_consistency(1, ROOTS[1], 2, ROOTS[2], [value])


def test_proof_without_end_is_refused_before_it_is_walked() -> None:
    refused_inclusion(leaf_hash(LEAVES[0]), 0, 2, [bytes(32)] * 100_000, ROOTS[2])


@given(st.integers(0, 2**40), st.integers(1, 2**40))
def test_proofs_stay_short_in_trees_of_any_size(index: int, size: int) -> None:
    assume(index < size)
    ranges = inclusion_ranges(index, size)
    assert len(ranges) <= 40
    assert sum(len(nodes_of(start, end)) for start, end in ranges) <= 80
    assert sorted([*ranges, (index, index + 1)])[0][0] == 0
