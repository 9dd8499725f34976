"""Ten million offences in one CSV file, to shares: how long it takes and how much memory, beside a bare count of one
column by DuckDB, and beside Python's csv module, which only parts the lines.

Offences are drawn at random with a fixed seed: 45 forces, three years of days, some three hundred spellings of which a
few make up nearly all cells, and cells that name several platforms.
"""

from __future__ import annotations

import csv
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import islice
from pathlib import Path

from nightlight.bench.backtest import peak_bytes
from nightlight.bench.harness import Bench, Figure, Progress
from nightlight.errors import UnavailableError

OFFENCES = 10_000_000
#: Of these the csv module goes through so many: it is there to be compared with.
OFFENCES_PLAIN = 1_000_000
_SEED = 8
_BLOCK = 100_000
_DAYS = 1_096
_FORCES = [
    f"{first}{last} {word}"
    for first in ("North", "South", "East", "West", "Mid")
    for last, word in zip(
        ("shire", "mere", "ford", "dale", "wick", "ham", "ley", "stead", "combe"),
        ("Police", "Constabulary") * 5,
        strict=False,
    )
]
_OFFENCES = ("Sexual communication with a child", "Indecent images of children", "Other online offence")
_USUAL = (
    *(
        "Facebook",
        "Instagram",
        "WhatsApp",
        "Snapchat",
        "FB",
        "Insta",
        "What's App",
        "snap chat",
        "Kik",
        "Messenger (FB)",
    ),
    *(
        "unknown",
        "",
        "Twitter",
        "TikTok",
        "Other",
        "Facebook Messenger",
        "not stated",
        "Snap Chat",
        "Discord",
        "Roblox",
    ),
)
_MARKS = ("; ", ", ", "/", " and ", " & ")


def write_offences(path: Path, offences: int) -> None:
    """A CSV file as a force might export it."""
    dice = random.Random(_SEED)  # noqa: S311 - a bench
    cells = _cells(dice)
    first = date(2017, 4, 1)
    days = [(first + timedelta(day)).isoformat() for day in range(_DAYS)]
    weights = [1 / (1 + place) for place in range(len(cells))]
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("Police force,Date recorded,Offence,Platform(s) used\r\n")
        for start in range(0, offences, _BLOCK):
            many = min(_BLOCK, offences - start)
            columns = (
                dice.choices(_FORCES, k=many),
                dice.choices(days, k=many),
                dice.choices(_OFFENCES, k=many),
                dice.choices(cells, weights, k=many),
            )
            file.write(
                "".join(f"{one},{two},{three},{four}\r\n" for one, two, three, four in zip(*columns, strict=True))
            )


def _cells(dice: random.Random) -> list[str]:
    """Some 3,000 different cells, quoted where they hold a comma."""
    rare = [f"{dice.choice(_USUAL[:10])} {dice.choice(('app', 'chat', 'group', 'account'))} {n}" for n in range(280)]
    cells = []
    for _ in range(3_000):
        many = dice.choices((1, 2, 3), (70, 25, 5))[0]
        words = [dice.choice(_USUAL) if dice.random() < 0.9 else dice.choice(rare) for _ in range(many)]
        cell = dice.choice(_MARKS).join(filter(None, words))
        cells.append(f'"{cell}"' if "," in cell else cell)
    return cells


def _measure(progress: Progress) -> Sequence[Figure]:
    try:
        import duckdb  # noqa: F401
    except ModuleNotFoundError:
        raise UnavailableError(
            "extra_missing", "This bench needs the extra: pip install 'nightlight[insight]'", retry=False
        ) from None
    with tempfile.TemporaryDirectory(prefix="nightlight-bench-", dir=os.environ.get("TMPDIR")) as name:
        path = Path(name) / "offences.csv"
        progress(f"prevalence, drawing {OFFENCES:,} offences")
        write_offences(path, OFFENCES)
        progress("prevalence, to shares")
        shares = _apart("shares", path)
        progress("prevalence, the peers")
        peer = _apart("count", path)
        plain = _apart("csv", path)
        size = path.stat().st_size
    if shares["offences"] != OFFENCES:
        raise UnavailableError("prevalence", "Offences were lost: no figure is worth anything.", retry=False)
    beside = {
        "offences": float(OFFENCES),
        "offences_per_s": OFFENCES / shares["seconds"],
        "cpu_s": shares["cpu"],
        "file_MB": size / 1e6,
        "duckdb_count_by_platform_s": peer["seconds"],
        "csv_module_lines_per_s": plain["offences"] / plain["seconds"],
        "csv_module_all_s_extrapolated": OFFENCES / (plain["offences"] / plain["seconds"]),
    }
    return [
        Figure("prevalence", shares["seconds"], "s from the file to shares", 10, "lower", beside),
        Figure(
            "prevalence_memory", shares["memory"] / 1e9, "GB", 2, "lower",
            {"duckdb_count_by_platform_GB": peer["memory"] / 1e9},
        ),
    ]  # fmt: skip


def _apart(how: str, path: Path) -> Mapping[str, float]:
    """In a process of its own, so that its memory is its own."""
    done = subprocess.run(
        [sys.executable, "-m", "nightlight.bench.prevalence", how, str(path), str(OFFENCES_PLAIN)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise UnavailableError("prevalence", f"The bench failed: {done.stderr[-500:]}", retry=False)
    return {name: float(value) for name, value in (line.split("=") for line in done.stdout.split())}


def run_apart(how: str, path: Path, plain: int) -> Mapping[str, float]:
    """``how``: all the way to ``shares``; a ``count`` by platform, bare; or lines parted by ``csv``."""
    began, cpu = time.perf_counter(), time.process_time()
    offences = _shares(path) if how == "shares" else _count(path) if how == "count" else _csv(path, plain)
    return {
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "offences": float(offences),
        "memory": peak_bytes(),
    }


def _shares(path: Path) -> int:
    from nightlight.adapters.answers.read import read_answers
    from nightlight.cli.data import platform_table
    from nightlight.insight.shares import shares_of

    table = platform_table()
    answered = read_answers([path], table, tell=lambda _: None)
    shares = shares_of(answered.offences.tally(), table)
    return shares.offences.exact or 0


def _count(path: Path) -> int:
    import duckdb

    with duckdb.connect() as sql:
        query = 'SELECT "Platform(s) used", count(*) FROM read_csv($1, all_varchar = true) GROUP BY 1'
        return sum(times for _, times in sql.execute(query, [str(path)]).fetchall())


def _csv(path: Path, lines: int) -> int:
    with path.open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in _body(file, lines))


def _body(file: Iterator[str], lines: int) -> Iterator[list[str]]:
    return islice(csv.reader(file), 1, lines + 1)


BENCH = Bench("prevalence", "Offences in a CSV file, to shares of platforms with their limits.", _measure)

if __name__ == "__main__":
    found = run_apart(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.write("\n".join(f"{name}={value}" for name, value in found.items()))
