"""Events in binary form say the same as in JSON, and a hostile stream is refused as a whole."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightlight.adapters.arrow_events import COLUMNS_MAX, MESSAGES_MAX, TEXT_MAX, read_events
from nightlight.errors import RefusedError
from nightlight.model.event import Event, EventKind
from nightlight.prevent.event_reader import event_from
from tests.event_streams import NUMBERS, TRUTHS, columns_of, stream_of
from tests.prevent.test_event_reader import GOOD, example

_TEXTS = ["", "@kim:home.test", "@sam:home.test", "direct", "a" * 32, "with space", "\u202e", "\ufffd", "x" * 256, "e1"]
_COUNTS = [-1, 0, 1, 3_600_000, 2**53, 2**62, -(2**63)]


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    """An event of any kind with everything it may have, of which a few fields were taken out, put in or changed."""
    row = example(draw(st.sampled_from(list(EventKind))))
    for name in draw(st.lists(st.sampled_from([*row, *GOOD, "target", "room", "body"]), max_size=3)):
        if name in TRUTHS:
            value: Any = draw(st.booleans())
        elif name in NUMBERS:
            value = draw(st.sampled_from(_COUNTS))
        else:
            value = draw(st.sampled_from(_TEXTS))
        if draw(st.booleans()):
            row.pop(name, None)
        else:
            row[name] = value
    return row


def alone(row: dict[str, Any]) -> Event | tuple[str, str, str]:
    try:
        return event_from(row)
    except RefusedError as e:
        return e.code, e.message, e.hint


def read(body: bytes, most: int = 10_000) -> list[Event | tuple[str, str, str]]:
    return [one if isinstance(one, Event) else (one.code, one.message, one.hint) for one in read_events(body, most)]


@given(st.lists(rows(), min_size=1, max_size=12), st.booleans(), st.integers(0, 12))
@settings(deadline=None, max_examples=300)
def test_every_event_is_read_or_refused_as_in_json(sent: list[dict[str, Any]], words: bool, cut: int) -> None:
    want = [alone(row) for row in sent]
    whole = columns_of(sent, words=words)
    assert read(stream_of(whole)) == want
    if not words:
        assert read(stream_of(whole.slice(0, cut), whole.slice(cut))) == want


def test_the_fast_way_takes_what_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the test above would compare one way with itself."""
    monkeypatch.setattr("nightlight.prevent.event_columns._alone", lambda _columns, row: pytest.fail(f"{row} alone"))
    sent = [example(kind) for kind in EventKind] * 2
    assert all(isinstance(one, Event) for one in read(stream_of(columns_of(sent))))


def test_a_compressed_stream_is_refused_before_it_is_read() -> None:
    """A gigabyte of one letter takes some thousand bytes to send."""
    large = pa.record_batch({"id": pa.array(["a" * 30_000_000]), "kind": pa.array(["account.created"])})
    for codec in ("zstd", "lz4"):
        for words in (False, True):
            few = columns_of([example(EventKind.ROOM_JOINED)] * 50, words=words)
            for batch in (few, large):
                before = pa.total_allocated_bytes()
                with pytest.raises(RefusedError) as caught:
                    read_events(stream_of(batch, compression=codec), 10_000)
                assert caught.value.code == "arrow_compressed"
                assert pa.total_allocated_bytes() - before < 1_000_000


def _nested() -> pa.RecordBatch:
    return pa.record_batch({"id": pa.array([["a"]]), "kind": pa.array(["account.created"])})


@pytest.mark.parametrize(
    "batch",
    [
        _nested(),
        pa.record_batch([pa.array(["a"]), pa.array(["b"])], ["id", "id"]),
        pa.record_batch({f"c{number}": pa.array([1]) for number in range(COLUMNS_MAX + 1)}),
        pa.record_batch({"at": pa.array([1.5])}),
        pa.record_batch({"at": pa.array([0], pa.timestamp("ms"))}),
        pa.record_batch({"id": pa.array([b"\xff"])}),
        pa.record_batch({"id": pa.array([None])}),
        pa.record_batch({"id": pa.array(["a"]).cast(pa.string_view())}),
        pa.record_batch({"id": pa.RunEndEncodedArray.from_arrays([2**30], ["a"])}),
    ],
    ids=["list", "twice", "many", "float", "timestamp", "bytes", "null", "view", "runs"],
)
def test_other_columns_are_refused(batch: pa.RecordBatch) -> None:
    with pytest.raises(RefusedError) as caught:
        read_events(stream_of(batch), 2**31)
    assert caught.value.code == "arrow_malformed"
    assert "events.md" in caught.value.hint


def test_too_many_events_and_messages_are_refused() -> None:
    batch = columns_of([example(EventKind.ACCOUNT_CREATED)] * 10)
    assert len(read_events(stream_of(batch), 10)) == 10
    for body in (stream_of(batch), stream_of(batch.slice(0, 5), batch.slice(5))):
        with pytest.raises(RefusedError) as caught:
            read_events(body, 9)
        assert caught.value.code == "too_many_at_once"
    with pytest.raises(RefusedError) as caught:
        read_events(stream_of(*[batch.slice(0, 0)] * (MESSAGES_MAX + 1)), 10)
    assert caught.value.code == "arrow_malformed"


def test_what_stands_in_a_dictionary_is_looked_at_once_and_not_too_long() -> None:
    """A text of eight megabytes would otherwise be looked at in each of ten thousand events."""
    for words in (False, True):
        sent = [{**example(EventKind.ROOM_JOINED), "room": "x" * TEXT_MAX}] * 2
        assert read(stream_of(columns_of(sent, words=words))) == [alone(row) for row in sent]
        sent = [{**example(EventKind.ROOM_JOINED), "room": "x" * (TEXT_MAX + 1)}] * 2
        with pytest.raises(RefusedError) as caught:
            read_events(stream_of(columns_of(sent, words=words)), 10)
        assert caught.value.code == "arrow_malformed"
    names = pa.array([f"@a{number}:home.test" for number in range(50_000)])
    few = pa.DictionaryArray.from_arrays(pa.array([7, None, 49_999], pa.int32()), names)
    batch = pa.record_batch(
        {
            "id": pa.array(["1", "2", "3"]),
            "kind": pa.array(["account.created"] * 3),
            "at": pa.array([1] * 3),
            "actor": few,
        }
    )
    first, second, third = read(stream_of(*[batch] * 90))[:3]
    assert isinstance(first, Event)
    assert isinstance(third, Event)
    assert (first.actor, third.actor) == ("@a7:home.test", "@a49999:home.test")
    assert not isinstance(second, Event)


def test_text_that_is_none_and_offsets_that_lead_out_are_refused() -> None:
    body = stream_of(columns_of([example(EventKind.ROOM_JOINED)] * 3))
    for old, new in ((b"@sam:home.test", b"@sam:home.tes\xff"), (b"\x0e\x00\x00\x00\x1c\x00\x00\x00", b"\xff" * 8)):
        assert old in body
        with pytest.raises(RefusedError) as caught:
            read_events(body.replace(old, new), 10)
        assert caught.value.code == "arrow_malformed"


def test_nothing_that_was_damaged_on_its_way_does_more_than_be_refused() -> None:
    draw = random.Random(5)
    for words in (False, True):
        body = stream_of(columns_of([example(kind) for kind in EventKind], words=words))
        for _ in range(1_500):
            damaged = bytearray(body)
            for _ in range(draw.randrange(1, 6)):
                damaged[draw.randrange(len(damaged))] = draw.randrange(256)
            cut = draw.choice([len(damaged), draw.randrange(len(damaged))])
            try:
                read_events(bytes(damaged[:cut]), 100)
            except RefusedError as e:
                assert e.code in {"arrow_malformed", "arrow_compressed", "too_many_at_once"}  # noqa: PT017 - any
    for body in (b"", b"{}", b"ARROW1\0\0", b"\xff\xff\xff\xff" * 9, bytes(1_000)):
        with pytest.raises(RefusedError):
            read_events(body, 100)
