"""One Hypothesis profile for the whole house, and the names of tests that were left out.

Few examples by default, NIGHTLIGHT_EXAMPLES=1000 for a long night.
"""

import gc
import os
from functools import lru_cache

import httpx._transports.default as httpx_transport
import pytest
from hypothesis import HealthCheck, settings

from tests.quick_migrations import quick_migrations

__all__ = ["quick_migrations"]

# Every client reads all certificates there are, for a twentieth of a second: here, once for all of them.
httpx_transport.create_ssl_context = lru_cache(httpx_transport.create_ssl_context)  # type: ignore[attr-defined]

settings.register_profile(
    "house",
    deadline=None,
    max_examples=int(os.environ.get("NIGHTLIGHT_EXAMPLES", "60")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("house")


def pytest_collection_finish() -> None:
    """What is there by now stays to the end: nobody has to look through it for garbage again and again."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that has many cases and runs on both databases runs all of them on SQLite, and the first on PostgreSQL.

    It is statements that databases differ in, and those of one test are the same in each of its cases.
    """
    seen: set[tuple[object, str]] = set()
    kept = []
    for item in items:
        if isinstance(item, pytest.Function) and _database(item) == "postgresql":
            test = (item.parent, item.originalname)
            if test in seen:
                continue
            seen.add(test)
        kept.append(item)
    items[:] = kept


def _database(item: pytest.Function) -> object:
    given = getattr(item, "callspec", None)
    return given.params.get("database_url") if given is not None else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names every test that was left out: pytest itself only counts them where a fixture skipped them."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section("left out")
        for report in skipped:
            terminalreporter.line(report.nodeid)
