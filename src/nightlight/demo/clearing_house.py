"""A training service that stands in for the CyberTipline, as a process of its own beside the town."""

from __future__ import annotations

import secrets
from pathlib import Path

from nightlight.demo.child import ChildServer
from nightlight.demo.loopback import free_port
from nightlight.demo.synapse import write_private
from nightlight.demo.tipline_store import TiplineStore, TrainingState

USER = "training"


class ClearingHouse:
    """``nightlight simulate cybertipline``. It takes the first report that is opened, and hangs up unanswered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        port, password = free_port(), secrets.token_urlsafe(12)
        write_private(folder / "password", password)
        self.url = f"http://127.0.0.1:{port}/ispws"
        self._server = ChildServer(
            "The training service",
            [
                *("nightlight.cli.main", "simulate", "cybertipline", "--dir", str(folder), "--port", str(port)),
                *("--user", USER, "--password-file", str(folder / "password"), "--fault", "submit:drop_after:1"),
            ],
            f"http://{USER}:{password}@127.0.0.1:{port}/ispws/status",
            folder / "training.log",
        )

    @property
    def credentials(self) -> Path:
        """What whoever reports there needs; the service writes it."""
        return self.folder / "credentials"

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def numbers(self) -> tuple[list[int], int]:
        """The numbers of finished reports, and how many reports were opened and never finished."""
        store = TiplineStore(self.folder / "training.sqlite3")
        try:
            reports = store.reports()
        finally:
            store.close()
        filed = [one.report_id for one in reports if one.state is TrainingState.FINISHED]
        return filed, len(reports) - len(filed)
