"""Many callers, one transaction: what arrives while one batch is written is written together in the next."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from starlette.concurrency import run_in_threadpool

from nightlight.errors import NightlightError, UnavailableError

_log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")


class Gatherer(Generic[Item, Result]):
    """``work`` takes a batch and returns a result for each of its items, in order.

    ``waiting_max``: with more items waiting, new ones are refused: a queue that only grows helps nobody.
    """

    def __init__(self, work: Callable[[Sequence[Item]], Sequence[Result]], batch_max: int, waiting_max: int) -> None:
        self._work = work
        self._batch_max = batch_max
        self._waiting_max = waiting_max
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._task: asyncio.Task[None] | None = None

    async def put(self, item: Item) -> Result:
        """The result for this item, when its batch is done."""
        if len(self._waiting) >= self._waiting_max:
            raise UnavailableError("overloaded", "Too many decisions are waiting. Please try again.")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._batch_max], self._waiting[self._batch_max :]
                batch = [(item, future) for item, future in batch if not future.done()]  # some callers have gone
                if batch:
                    await self._work_on(batch)
        except BaseException:  # this task is ended from outside: nobody may wait for it
            ended = UnavailableError("stopping", "The service is stopping. Please try again.")
            _fail(batch + self._waiting, ended)
            self._waiting = []
            raise

    async def _work_on(self, batch: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await run_in_threadpool(self._work, [item for item, _ in batch])
            pairs = list(zip(batch, results, strict=True))
        except NightlightError as e:
            _fail(batch, e)
        except Exception:  # noqa: BLE001 - a defect of one batch must not hold up the next
            _log.exception("A batch failed")
            _fail(batch, RuntimeError("batch failed"))
        else:
            for (_, future), result in pairs:
                if not future.done():
                    future.set_result(result)


def _fail(batch: Sequence[tuple[Any, asyncio.Future[Any]]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
