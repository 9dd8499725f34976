"""Writing and reading the log.

Group g is message g // P + 1 of partition g % P. So the log's own numbers say where everything is: a group goes to its
place or nowhere, and how far the log reaches without a gap follows from the last message of each partition.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
from nats.js import JetStreamContext
from nats.js.api import Header
from nats.js.errors import APIError, NotFoundError

from nightlight.adapters.jetstream.groups import groups_of, read_group, write_group
from nightlight.adapters.jetstream.server import LogPlace, connected, make_streams
from nightlight.errors import RefusedError, UnavailableError

FIRST, LAST = "Nightlight-First", "Nightlight-Last"
#: JetStream's code for "not the last sequence that was expected".
_WRONG_LAST = 10071
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the log reaches without a gap: groups 0 to ``groups`` - 1, events up to ``number`` (-1: none)."""

    groups: int
    number: int


@dataclass(frozen=True, slots=True)
class Published:
    """``again``: groups that were there already and were flagged so."""

    groups: int
    events: int
    again: int


def reach(place: LogPlace) -> Reach:
    """``UnavailableError``: ``nats_unreachable``, or ``log_absent`` if nobody made that log."""

    async def ask() -> Reach:
        async with connected(place) as js:
            return await _reach(place, js)

    return asyncio.run(ask())


def publish(
    place: LogPlace, batches: Iterator[pa.RecordBatch], told: Callable[[Published], None] = lambda _: None
) -> Published:
    """Publishes events in the order of their numbers and goes on where the log ends.

    Each group is there once, also if this process dies and another one publishes the same again.
    ``RefusedError('log_conflict')`` if something else stands in a group's place.
    """

    async def send() -> Published:
        async with connected(place) as js:
            await make_streams(place, js)
            start = await _reach(place, js)
            done = Published(0, 0, 0)
            number = start.groups
            for some in _by(place.partitions, groups_of(batches, start.number)):
                flags = await asyncio.gather(*(_put(place, js, number + i, one) for i, one in enumerate(some)))
                number += len(some)
                rows = sum(one.num_rows for one in some)
                done = Published(done.groups + len(some), done.events + rows, done.again + sum(flags))
                told(done)
            return done

    return asyncio.run(send())


def put_group(place: LogPlace, number: int, events: pa.RecordBatch) -> bool:
    """Publishes one group at its place; whether it was there already."""

    async def send() -> bool:
        async with connected(place) as js:
            return await _put(place, js, number, events)

    return asyncio.run(send())


def read_groups(place: LogPlace, numbers: Sequence[int]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """These groups with their numbers, in the order given. ``UnavailableError('log_lost')`` if one is not there."""

    async def fetch() -> list[bytes]:
        async with connected(place) as js:
            found: list[bytes] = []
            for start in range(0, len(numbers), _AT_ONCE):
                found += await asyncio.gather(*(_get(place, js, one) for one in numbers[start : start + _AT_ONCE]))
            return found

    for number, data in zip(numbers, asyncio.run(fetch()), strict=True):
        yield number, read_group(data)


async def _reach(place: LogPlace, js: JetStreamContext) -> Reach:
    missing = []
    for partition in range(place.partitions):
        try:
            info = await js.stream_info(place.stream(partition))
        except NotFoundError:
            raise UnavailableError(
                "log_absent", f"There is no log {place.name} with {place.partitions} partitions.", retry=False
            ) from None
        missing.append(info.state.last_seq * place.partitions + partition)
    groups = min(missing)
    if not groups:
        return Reach(0, -1)
    partition, sequence = (groups - 1) % place.partitions, (groups - 1) // place.partitions + 1
    headers = (await js.get_msg(place.stream(partition), seq=sequence, direct=True)).headers or {}
    return Reach(groups, int(headers[LAST]))


async def _put(place: LogPlace, js: JetStreamContext, number: int, events: pa.RecordBatch) -> bool:
    partition, before = number % place.partitions, number // place.partitions
    first, last = str(events.column(0)[0].as_py()), str(events.column(0)[-1].as_py())
    headers = {
        Header.MSG_ID.value: f"{place.name}/{number}/{first}-{last}",
        Header.EXPECTED_LAST_SEQUENCE.value: str(before),
        FIRST: first,
        LAST: last,
    }
    data = write_group(events)
    try:
        answer = await js.publish(place.subject(partition), data, headers=headers, stream=place.stream(partition))
    except APIError as e:
        if e.err_code != _WRONG_LAST:
            raise UnavailableError("nats_refuses", f"JetStream does not take events (code {e.err_code}).") from None
    else:
        return bool(answer.duplicate)
    # Longer ago than JetStream remembers ids; what stands in the place says whether it is the same.
    try:
        there = await js.get_msg(place.stream(partition), seq=before + 1, direct=True)
    except NotFoundError:
        there = None
    if there is None or there.data != data:
        raise RefusedError(
            "log_conflict",
            f"In the place of group {number} of the log {place.name} is something else, or one before it is missing.",
            "Is another publisher at work, or are these the events of another log?",
        )
    return True


async def _get(place: LogPlace, js: JetStreamContext, number: int) -> bytes:
    try:
        found = await js.get_msg(place.stream(number % place.partitions), number // place.partitions + 1, direct=True)
    except NotFoundError:
        found = None
    if found is None or not found.data:
        raise UnavailableError("log_lost", f"Group {number} of the log {place.name} is not there.", retry=False)
    data: bytes = found.data
    return data


def _by(size: int, groups: Iterator[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    some: list[pa.RecordBatch] = []
    for group in groups:
        some.append(group)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some
