"""One Hypothesis profile for the whole house, and the names of tests that were left out.

Few examples by default, NIGHTLIGHT_EXAMPLES=1000 for a long night.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "house",
    deadline=None,
    max_examples=int(os.environ.get("NIGHTLIGHT_EXAMPLES", "60")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("house")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names every test that was left out: pytest itself only counts them where a fixture skipped them."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section("left out")
        for report in skipped:
            terminalreporter.line(report.nodeid)
