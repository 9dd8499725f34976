"""The CyberTipline as tests use it: the training service that is shipped, with a clock that tests turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nightlight.adapters.cybertipline.schema import Schema, own_xsd
from nightlight.demo.cybertipline import CyberTipline
from nightlight.demo.tipline_faults import read_fault
from nightlight.demo.tipline_store import TrainingReport
from tests.loopback import served

USER, PASSWORD = "esp", "correct horse"


@dataclass
class TurnedClock:
    """Milliseconds since 1970; only tests move it."""

    at: int = 1_800_000_000_000

    def now(self) -> int:
        return self.at


class SimulatedTipline:
    """``url``: where it answers. ``clock``: its own, not that of whoever calls."""

    def __init__(self, folder: Path, clock: TurnedClock | None = None) -> None:
        self.clock = clock or TurnedClock()
        self.folder = folder
        self.service = self._service()
        self.url = ""

    def _service(self) -> CyberTipline:
        return CyberTipline(self.folder, (USER, PASSWORD), Schema.own().check, self.clock.now, schema=own_xsd())

    def fail(self, *faults: str) -> None:
        """Plans these faults instead of all before; counting begins anew."""
        self.service.faults.plan(*map(read_fault, faults))

    def finished(self) -> list[TrainingReport]:
        return self.service.finished()

    @property
    def heard(self) -> list[str]:
        return self.service.heard


@contextmanager
def simulated_tipline(folder: Path, clock: TurnedClock | None = None) -> Iterator[SimulatedTipline]:
    """The service on a loopback port while the context lasts."""
    simulator = SimulatedTipline(folder, clock)
    with served(simulator.service) as url:
        simulator.url = f"{url}/ispws"
        yield simulator
    simulator.service.store.close()
