"""Gathering single decisions into batches: nobody waits for ever, and nobody's trouble is another one's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from nightlight.errors import RefusedError, UnavailableError
from nightlight.web.api.gather import Gatherer


class Work:
    """Doubles numbers, a batch at a time; ``gate`` holds a batch up until it is set."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Event()
        self.error: BaseException | None = None

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.begun.set()
        assert self.gate.wait(10)
        error, self.error = self.error, None
        if error is not None:
            raise error
        return [2 * item for item in items]


async def begun(work: Work) -> None:
    await asyncio.to_thread(work.begun.wait, 10)


def test_what_comes_while_a_batch_is_written_goes_together_into_the_next() -> None:
    async def story() -> None:
        work = Work()
        gatherer = Gatherer(work, batch_max=3, waiting_max=100)
        work.gate.clear()
        first = asyncio.create_task(gatherer.put(0))
        await begun(work)
        rest = [asyncio.create_task(gatherer.put(number)) for number in range(1, 8)]
        await asyncio.sleep(0)
        work.gate.set()
        assert await asyncio.gather(first, *rest) == [2 * number for number in range(8)]
        assert work.batches == [[0], [1, 2, 3], [4, 5, 6], [7]]

    asyncio.run(story())


def test_a_caller_who_goes_away_takes_nothing_from_the_others() -> None:
    async def story() -> None:
        work = Work()
        gatherer = Gatherer(work, batch_max=10, waiting_max=100)
        work.gate.clear()
        writing = asyncio.create_task(gatherer.put(1))
        await begun(work)
        gone, waits = asyncio.create_task(gatherer.put(2)), asyncio.create_task(gatherer.put(3))
        await asyncio.sleep(0)
        writing.cancel()
        gone.cancel()
        work.gate.set()
        assert await asyncio.wait_for(waits, 10) == 6
        assert await asyncio.wait_for(gatherer.put(4), 10) == 8
        for task in (writing, gone):
            with pytest.raises(asyncio.CancelledError):
                await task
        assert work.batches == [[1], [3], [4]]

    asyncio.run(story())


def test_too_many_who_wait_are_told_so_at_once() -> None:
    async def story() -> None:
        work = Work()
        gatherer = Gatherer(work, batch_max=2, waiting_max=2)
        work.gate.clear()
        writing = asyncio.create_task(gatherer.put(0))
        await begun(work)
        waiting = [asyncio.create_task(gatherer.put(number)) for number in (1, 2)]
        await asyncio.sleep(0)
        with pytest.raises(UnavailableError) as refused:
            await gatherer.put(3)
        assert refused.value.code == "overloaded"
        work.gate.set()
        assert await asyncio.gather(writing, *waiting) == [0, 2, 4]
        assert await gatherer.put(5) == 10

    asyncio.run(story())


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RefusedError("self_contact", "The same account."), RefusedError),
        (UnavailableError("store_unavailable", "The database is away."), UnavailableError),
        (ZeroDivisionError(), RuntimeError),
    ],
)
def test_a_batch_that_fails_tells_all_its_callers_and_the_next_one_goes_on(
    error: Exception, told: type[Exception]
) -> None:
    async def story() -> None:
        work = Work()
        gatherer = Gatherer(work, batch_max=10, waiting_max=100)
        work.gate.clear()
        first = asyncio.create_task(gatherer.put(0))
        await begun(work)
        failing = [asyncio.create_task(gatherer.put(number)) for number in (1, 2)]
        await asyncio.sleep(0)
        work.gate.set()
        assert await first == 0
        work.error = error
        for outcome in await asyncio.wait_for(asyncio.gather(*failing, return_exceptions=True), 10):
            assert type(outcome) is told
        assert await asyncio.wait_for(gatherer.put(3), 10) == 6

    asyncio.run(story())


def test_a_batch_with_too_few_results_leaves_nobody_waiting() -> None:
    async def story() -> None:
        gatherer: Gatherer[int, int] = Gatherer(lambda items: list(items)[1:], batch_max=10, waiting_max=100)
        with pytest.raises(RuntimeError):
            await asyncio.wait_for(gatherer.put(1), 10)
        with pytest.raises(RuntimeError):
            await asyncio.wait_for(gatherer.put(2), 10)

    asyncio.run(story())


def test_a_service_that_is_ended_leaves_nobody_waiting() -> None:
    async def story() -> None:
        work = Work()
        gatherer = Gatherer(work, batch_max=1, waiting_max=100)
        work.gate.clear()
        first, second = (asyncio.create_task(gatherer.put(number)) for number in (1, 2))
        await begun(work)
        (running,) = (task for task in asyncio.all_tasks() if "Gatherer._run" in repr(task.get_coro()))
        running.cancel()
        work.gate.set()
        for outcome in await asyncio.wait_for(asyncio.gather(first, second, return_exceptions=True), 10):
            assert isinstance(outcome, UnavailableError)

    asyncio.run(story())
