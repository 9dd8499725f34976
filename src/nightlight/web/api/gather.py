"""Many callers, one transaction: what arrives while one batch is written is written together in the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

from nightlight.errors import NightlightError, UnavailableError

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
        while self._waiting:
            batch, self._waiting = self._waiting[: self._batch_max], self._waiting[self._batch_max :]
            try:
                results = await run_in_threadpool(self._work, [item for item, _ in batch])
            except BaseException as e:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(e if isinstance(e, NightlightError) else RuntimeError("batch failed"))
                if not isinstance(e, Exception):
                    raise
            else:
                for (_, future), result in zip(batch, results, strict=True):
                    if not future.done():  # the caller may have gone
                        future.set_result(result)
