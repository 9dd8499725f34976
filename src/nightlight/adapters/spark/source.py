"""JetStream as a source of Structured Streaming. Its offset is the number of groups that were read.

A batch ends where the log has no gap before it, so each part of the state sees all its events in their order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pyspark.sql.datasource import DataSource, DataSourceStreamReader, InputPartition
from pyspark.sql.streaming.datasource import ReadAllAvailable, ReadLimit, ReadMaxRows, SupportsTriggerAvailableNow

from nightlight.adapters.jetstream.groups import GROUP
from nightlight.adapters.jetstream.log import reach, read_groups
from nightlight.adapters.jetstream.server import LogPlace
from nightlight.adapters.spark.state import compiled
from nightlight.adapters.spark.visits import Deal

NAME = "nightlight"
SCHEMA = "part int, t long, events binary"
#: Groups in one message between Spark's processes.
_GROUPS = 32


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """``definitions``: the file itself. ``parts``: of the state. ``tasks``: that read at once. ``batch``: the most
    events that one batch takes."""

    place: LogPlace
    definitions: bytes
    parts: int
    tasks: int
    batch: int
    every_value: bool

    def to_text(self) -> str:
        place = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self.place).items()}
        rest = {"parts": self.parts, "tasks": self.tasks, "batch": self.batch, "every_value": self.every_value}
        return json.dumps({"place": place, "definitions": self.definitions.decode(), **rest})

    @classmethod
    def from_text(cls, text: str) -> SourceOptions:
        found: dict[str, Any] = json.loads(text)
        place = found["place"]
        for name in ("credentials", "ca", "certificate", "key"):
            place[name] = Path(place[name]) if place[name] else None
        return cls(
            LogPlace(**place),
            found["definitions"].encode(),
            found["parts"],
            found["tasks"],
            found["batch"],
            found["every_value"],
        )


class LogSource(DataSource):
    @classmethod
    def name(cls) -> str:
        return NAME

    def schema(self) -> str:
        return SCHEMA

    def streamReader(self, schema: Any) -> DataSourceStreamReader:  # noqa: N802, ARG002 - Spark's names
        return _Reader(SourceOptions.from_text(self.options["source"]))


class _Range(InputPartition):
    def __init__(self, numbers: Sequence[int]) -> None:
        self.numbers = numbers


class _Reader(DataSourceStreamReader, SupportsTriggerAvailableNow):
    def __init__(self, options: SourceOptions) -> None:
        self._options = options
        self._until: int | None = None

    def initialOffset(self) -> dict[str, int]:  # noqa: N802
        return {"groups": 0}

    def getDefaultReadLimit(self) -> ReadLimit:  # noqa: N802
        return ReadMaxRows(self._options.batch)

    def prepareForTriggerAvailableNow(self) -> None:  # noqa: N802
        self._until = reach(self._options.place).groups

    def latestOffset(self, start: dict[str, int], limit: ReadLimit) -> dict[str, int]:  # noqa: N802
        end = self._until if self._until is not None else reach(self._options.place).groups
        if isinstance(limit, ReadMaxRows) and not isinstance(limit, ReadAllAvailable):
            end = min(end, start["groups"] + max(1, limit.max_rows // GROUP))
        return {"groups": max(start["groups"], end)}

    def partitions(self, start: dict[str, int], end: dict[str, int]) -> Sequence[InputPartition]:
        # Each task asks few of the log's partitions, and each of these for what lies together.
        step = min(self._options.tasks, self._options.place.partitions)
        wanted = range(start["groups"], end["groups"])
        split = [[one for one in wanted if one % self._options.place.partitions % step == task] for task in range(step)]
        return [_Range(numbers) for numbers in split if numbers]

    def read(self, partition: _Range) -> Iterator[tuple[int, int, bytes]]:
        options = self._options
        _, how = compiled(options.definitions, options.every_value)
        deal = Deal(how, options.parts)
        numbers: Sequence[int] = partition.numbers
        for place in range(0, len(numbers), _GROUPS):
            buffers: list[list[bytes]] = [[] for _ in range(options.parts)]
            t = 0
            for _, events in read_groups(options.place, numbers[place : place + _GROUPS]):
                t = events.column("t")[-1].as_py()
                for part, rows in deal.out(events):
                    buffers[part].append(rows)
            for part, some in enumerate(buffers):
                yield part, t, b"".join(some)
