"""What was written to the log stays as it was, or everybody can see that it did not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nightlight.errors import RefusedError
from nightlight.evidence.log import EMPTY, LogEntry, LogHead, LogKind, append, verify_log

texts = st.text(max_size=8)
details = st.dictionaries(texts, st.one_of(texts, st.integers(), st.none()), max_size=2)
written = st.tuples(st.integers(0, 2**53), st.sampled_from(LogKind), texts, texts, details)


def chain(entries: list[tuple[int, LogKind, str, str, dict[str, Any]]]) -> list[LogEntry]:
    log: list[LogEntry] = []
    head = EMPTY
    for entry in entries:
        log.append(append(head, *entry))
        head = head_of(log)
    return log


def head_of(log: list[LogEntry]) -> LogHead:
    return LogHead(log[-1].number, log[-1].hash) if log else EMPTY


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
    "previous": st.binary(min_size=32, max_size=32),
    "hash": st.binary(min_size=32, max_size=32),
}


@given(log=logs, data=st.data())
def test_edit_of_any_field_is_found(log: list[LogEntry], data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(log) - 1))
    field = data.draw(st.sampled_from(sorted(EDITS)))
    edited = replace(log[position], **{field: data.draw(EDITS[field])})
    assume(edited != log[position])
    broken([*log[:position], edited, *log[position + 1 :]], head_of(log))


@given(log=logs, data=st.data())
def test_edit_with_its_hash_made_anew_is_found(log: list[LogEntry], data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(log) - 1))
    forged = append(head_of(log[:position]), *data.draw(written))
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
    broken([*log, append(head_of(log), *added)], head_of(log))


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
    edited = [GENUINE[0], replace(GENUINE[1], actor="bob"), GENUINE[2]]
    assert broken(edited, head_of(GENUINE)).message.startswith("Entry 2 was edited")
    assert broken([GENUINE[0], GENUINE[2]], head_of(GENUINE)).message.startswith("Entry 2 is missing")
    assert broken(GENUINE[:2], head_of(GENUINE)).message.startswith("Entry 3 ")


def test_fields_cannot_be_shifted_into_each_other() -> None:
    one = append(EMPTY, 1, LogKind.CASE_VIEWED, "a", "bc", {})
    two = append(EMPTY, 1, LogKind.CASE_VIEWED, "ab", "c", {})
    three = append(EMPTY, 1, LogKind.CASE_VIEWED, 'a","b', "c", {})
    assert len({one.hash, two.hash, three.hash}) == 3


@given(details)
def test_detail_is_written_one_way(detail: dict[str, Any]) -> None:
    shuffled = dict(reversed(detail.items()))
    entries = [append(EMPTY, 1, LogKind.CASE_VIEWED, "a", "b", d) for d in (detail, shuffled)]
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
    entries = [append(EMPTY, 1, kind, "a", "b", {}) for kind in LogKind]
    assert len({entry.hash for entry in entries}) == len(LogKind)
