"""The demo, from an installed environment to the final table."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from nightlight.bench.harness import Bench, Figure, Progress
from nightlight.errors import UnavailableError

RUNS = 3


def _measure(progress: Progress) -> Sequence[Figure]:
    times, bare = [], []
    for run in range(RUNS):
        progress(f"demo, run {run + 1} of {RUNS}")
        times.append(_run("demo", "--once"))
        bare.append(_run("version"))
    beside = {"worst_s": max(times), "starting_the_command_s": statistics.median(bare)}
    return [Figure("demo", statistics.median(times), "s to the final table", 40, "lower", beside)]


def _run(*arguments: str) -> float:
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "nightlight.cli.main", *arguments], capture_output=True, check=False)
    if done.returncode != 0:
        raise UnavailableError("bench", f"nightlight {' '.join(arguments)} failed.", retry=False)
    return time.perf_counter() - start


BENCH = Bench("demo", "The whole story on a real Synapse, median of three.", _measure)
