"""What was written to the log stays as it was, or everybody can see that it did not."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.evidence.log import EMPTY, LogEntry, LogHead, LogKind, chain_hash, next_entry, open_entry, verify_log
from nightlight.evidence.log import head_of as head_over
from nightlight.hazmat.merkle import Frontier, Node, leaf_hash

texts = st.text(max_size=8)
details = st.dictionaries(texts, st.one_of(texts, st.integers(), st.none()), max_size=2)
written = st.tuples(st.integers(0, 2**53), st.sampled_from(LogKind), texts, texts, details)


def salt(number: int) -> bytes:
    return hashlib.sha256(b"salt %d" % number).digest()


def append(log: list[LogEntry], at: int, kind: LogKind, actor: str, subject: str, detail: dict[str, Any]) -> LogEntry:
    return next_entry(len(log), at, kind, actor, subject, detail, salt(len(log)))


def chain(entries: list[tuple[int, LogKind, str, str, dict[str, Any]]]) -> list[LogEntry]:
    log: list[LogEntry] = []
    for entry in entries:
        log.append(append(log, *entry))
    return log


def tree_over(log: list[LogEntry]) -> tuple[Frontier, dict[Node, bytes]]:
    frontier = Frontier()
    nodes: dict[Node, bytes] = {}
    for entry in log:
        frontier, completed = frontier.append(entry.leaf)
        nodes.update(completed)
    return frontier, nodes


def head_of(log: list[LogEntry]) -> LogHead:
    return head_over(tree_over(log)[0])


logs = st.lists(written, min_size=1, max_size=8).map(chain)

#: Three entries, and three others that somebody would like to see there.
GENUINE = chain([(at, LogKind.EVIDENCE_VIEWED, "eve", f"case-{at}", {}) for at in range(3)])
FORGED = chain([(at, LogKind.EVIDENCE_VIEWED, "bob", f"case-{at}", {}) for at in range(3)])


def broken(log: list[LogEntry], head: LogHead, anchors: list[LogHead] | None = None) -> RefusedError:
    with pytest.raises(RefusedError) as refused:
        verify_log(log, head, anchors or [])
    assert refused.value.code == "log_broken"
    return refused.value


@given(st.lists(written, max_size=8).map(chain))
def test_untouched_log_is_verified(log: list[LogEntry]) -> None:
    anchors = [head_of(log[:length]) for length in range(len(log) + 1)]
    assert verify_log(iter(log), head_of(log), anchors) == head_of(log)


EDITS: dict[str, Any] = {
    "number": st.integers(-1, 2**64),
    "at": st.integers(),
    "kind": st.one_of(st.sampled_from(LogKind), texts),
    "actor": texts,
    "subject": texts,
    "detail": texts,
    "salt": st.binary(min_size=32, max_size=32),
}


@given(log=logs, data=st.data())
def test_edit_of_any_field_is_found(log: list[LogEntry], data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(log) - 1))
    field = data.draw(st.sampled_from(sorted(EDITS)))
    edited = replace(log[position], **{field: data.draw(EDITS[field])})
    assume(edited != log[position])
    broken([*log[:position], edited, *log[position + 1 :]], head_of(log))


@given(log=logs, data=st.data())
def test_edit_with_its_commitment_made_anew_is_found(log: list[LogEntry], data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(log) - 1))
    forged = append(log[:position], *data.draw(written))
    assume(forged != log[position])
    broken([*log[:position], forged, *log[position + 1 :]], head_of(log))


@given(log=logs, data=st.data())
def test_deletion_is_found(log: list[LogEntry], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(log) - 1))
    end = data.draw(st.integers(start + 1, len(log)))
    broken(log[:start] + log[end:], head_of(log))


@given(log=st.lists(written, min_size=2, max_size=8).map(chain), data=st.data())
def test_new_order_is_found(log: list[LogEntry], data: st.DataObject) -> None:
    order = data.draw(st.permutations(log))
    assume(order != log)
    broken(order, head_of(log))


@given(log=logs, data=st.data())
def test_insertion_and_replay_are_found(log: list[LogEntry], data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(log)))
    foreign = data.draw(st.sampled_from([*log, *chain([data.draw(written)])]))
    inserted = [*log[:position], foreign, *log[position:]]
    broken(inserted, head_of(log))


@given(log=logs, added=written)
def test_entry_that_the_head_does_not_know_is_found(log: list[LogEntry], added: Any) -> None:
    broken([*log, append(log, *added)], head_of(log))


@given(log=logs, data=st.data())
def test_cut_end_is_found_against_the_head_and_against_an_anchor(log: list[LogEntry], data: st.DataObject) -> None:
    cut = log[: data.draw(st.integers(0, len(log) - 1))]
    broken(cut, head_of(log))
    broken(cut, head_of(cut), [head_of(log)])


def test_history_written_anew_is_found_against_an_anchor() -> None:
    assert verify_log(FORGED, head_of(FORGED)) == head_of(FORGED)
    for length in (1, 2, 3):
        assert broken(FORGED, head_of(FORGED), [head_of(GENUINE[:length])]).message.startswith(f"Entry {length} ")


@pytest.mark.parametrize("genuine_first", [True, False])
def test_history_cannot_be_anchored_twice(genuine_first: bool) -> None:
    """After a rewrite the service notes a new head of the same number; the earlier note must not be forgotten."""
    anchors = [head_of(GENUINE), head_of(FORGED)]
    for log in (GENUINE, FORGED):
        broken(log, head_of(log), anchors if genuine_first else anchors[::-1])


@given(log=logs, other=st.binary(min_size=32, max_size=32))
def test_head_of_another_log_is_found(log: list[LogEntry], other: bytes) -> None:
    broken(log, LogHead(len(log), other))
    broken(log, EMPTY)
    broken([], head_of(log))
    broken([], LogHead(0, other))


def test_message_names_the_first_broken_entry() -> None:
    _, nodes = tree_over(GENUINE)
    edited = [GENUINE[0], replace(GENUINE[1], actor="bob"), GENUINE[2]]
    with pytest.raises(RefusedError, match="Entry 2 was edited"):
        verify_log(edited, head_of(GENUINE), stored=lambda wanted: {node: nodes[node] for node in wanted})
    assert broken([GENUINE[0], GENUINE[2]], head_of(GENUINE)).message.startswith("Entry 2 is missing")
    assert broken(GENUINE[:2], head_of(GENUINE)).message.startswith("Entry 3 ")


@pytest.mark.parametrize("node", [(0, 2), (1, 0)])
def test_changed_or_missing_node_of_the_stored_tree_is_found(node: Node) -> None:
    """Proofs are made of stored nodes: a log whose entries are whole must not give out proofs that fail."""
    _, nodes = tree_over(GENUINE)
    for stored in ({**nodes, node: bytes(32)}, {key: value for key, value in nodes.items() if key != node}):
        with pytest.raises(RefusedError) as refused:
            verify_log(GENUINE, head_of(GENUINE), stored=lambda _, stored=stored: stored)  # type: ignore[misc]
        assert refused.value.code == "log_broken"


@given(written)
def test_opened_entry_is_the_entry(entry: Any) -> None:
    made = append([], *entry)
    assert open_entry(json.loads(json.dumps(made.opening()))) == made


@pytest.mark.parametrize(
    "change",
    [
        {"salt": "AAAA"},
        {"salt": base64.b64encode(bytes(33)).decode()},
        {"salt": base64.b64encode(bytes(32)).decode().rstrip("=")},
        {"number": 0},
        {"number": True},
        {"number": 2**63},
        {"at": -1},
        {"at": 1.5},
        {"actor": None},
        {"detail": {}},
        {"more": 1},
    ],
    ids=str,
)
def test_opening_that_could_be_read_two_ways_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(RefusedError) as refused:
        open_entry({**GENUINE[0].opening(), **change})
    assert refused.value.code == "log_entry_malformed"


def test_swapped_salt_opens_nothing() -> None:
    one, two = GENUINE[:2]
    assert replace(one, salt=two.salt).commitment != one.commitment
    assert replace(one, salt=two.salt).leaf not in (one.leaf, two.leaf)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_salt_of_another_length_is_refused(length: int) -> None:
    """HMAC pads: a key and the key with a zero after it would commit to the same."""
    with pytest.raises(RefusedError) as refused:
        _ = replace(GENUINE[0], salt=bytes(length)).commitment
    assert refused.value.code == "log_entry_malformed"


def test_dictionary_attack_on_a_commitment_fails() -> None:
    """Whoever knows every possible entry, but not the salt, learns nothing from the leaf."""
    hidden = replace(GENUINE[1], salt=salt(999))
    guesses = [
        replace(hidden, actor=actor, subject=f"case-{at}", at=at, salt=guess)
        for actor in ("eve", "bob")
        for at in range(3)
        for guess in (bytes(32), b"\xff" * 32, salt(0), salt(1))
    ]
    assert hidden.leaf not in {guess.leaf for guess in guesses}
    # Without a salt the same dictionary finds it at once.
    unsalted = {leaf_hash(guess.subject.encode() + guess.actor.encode()) for guess in guesses}
    assert leaf_hash(hidden.subject.encode() + hidden.actor.encode()) in unsalted


class TestCarriedOver:
    """A log that began as a chain of hashes."""

    def log(self, **changes: Any) -> tuple[list[LogEntry], list[LogHead]]:
        old: list[LogEntry] = []
        heads, previous = [], hashlib.sha256(b"nightlight/log/genesis/1\n").digest()
        for entry in GENUINE:
            old.append(entry)
            previous = chain_hash(entry, previous)
            heads.append(LogHead(entry.number, previous))
        bound = {"entries": 3, "head": previous.hex(), **changes}
        return [*old, append(old, 9, LogKind.CARRIED_OVER, "nightlight", "log", bound)], heads

    def test_heads_that_were_noted_before_are_still_checked(self) -> None:
        log, heads = self.log()
        assert verify_log(log, head_of(log), [*heads, head_of(log)], carried=3) == head_of(log)
        with pytest.raises(RefusedError) as refused:
            verify_log(log, head_of(log), [LogHead(2, heads[0].hash)], carried=3)
        assert refused.value.code == "log_broken"

    def test_edited_old_entry_does_not_fit_what_was_carried_over(self) -> None:
        log, _ = self.log()
        edited = [replace(log[0], actor="bob"), *log[1:]]
        with pytest.raises(RefusedError) as refused:
            verify_log(edited, head_of(edited), carried=3)
        assert refused.value.code == "log_broken"

    @pytest.mark.parametrize("changes", [{"entries": 2}, {"head": "00" * 32}, {"more": 1}])
    def test_entry_that_binds_something_else_is_found(self, changes: dict[str, Any]) -> None:
        log, _ = self.log(**changes)
        with pytest.raises(RefusedError) as refused:
            verify_log(log, head_of(log), carried=3)
        assert refused.value.code == "log_broken"


def test_fields_cannot_be_shifted_into_each_other() -> None:
    one = append([], 1, LogKind.CASE_VIEWED, "a", "bc", {})
    two = append([], 1, LogKind.CASE_VIEWED, "ab", "c", {})
    three = append([], 1, LogKind.CASE_VIEWED, 'a","b', "c", {})
    assert len({one.commitment, two.commitment, three.commitment}) == 3


@given(details)
def test_detail_is_written_one_way(detail: dict[str, Any]) -> None:
    shuffled = dict(reversed(detail.items()))
    entries = [append([], 1, LogKind.CASE_VIEWED, "a", "b", d) for d in (detail, shuffled)]
    assert entries[0] == entries[1]


@given(
    key=st.binary(min_size=32, max_size=32),
    other=st.binary(min_size=32, max_size=32),
    number=st.integers(0, 2**63),
    digest=st.binary(min_size=32, max_size=32),
)
def test_head_can_only_be_stamped_with_the_key(key: bytes, other: bytes, number: int, digest: bytes) -> None:
    assume(key != other)
    head = LogHead(number, digest)
    assert head.mac(key) == LogHead(number, digest).mac(key)
    assert head.mac(key) != head.mac(other)
    assert head.mac(key) != LogHead(number + 1, digest).mac(key)
    assert head.mac(key) != LogHead(number, bytes(32) if digest != bytes(32) else b"x" * 32).mac(key)


def test_every_kind_of_entry_is_told_apart() -> None:
    entries = [append([], 1, kind, "a", "b", {}) for kind in LogKind]
    assert len({entry.commitment for entry in entries}) == len(LogKind)
