"""What our module costs an invitation on a real Synapse: the decision alone, and the whole call with and without it."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import httpx

from nightlight.adapters.matrix.inspector import MatrixInspector
from nightlight.bench.harness import Bench, Figure, Progress, percentile
from nightlight.demo.loopback import free_port
from nightlight.demo.service import Service
from nightlight.demo.synapse import Synapse

INVITATIONS, WARM_UP = 200, 20


def _measure(progress: Progress) -> Sequence[Figure]:
    with tempfile.TemporaryDirectory(prefix="nightlight-bench-") as name:
        folder = Path(name)
        progress("invitations without the module")
        with Synapse(folder / "without" / "synapse") as synapse:
            without = _invite(synapse)
        progress("invitations with the module")
        port = free_port()
        with Synapse(folder / "with" / "synapse", nightlight_url=f"http://127.0.0.1:{port}") as synapse:
            secret = synapse.module_secret_path
            service = Service(
                folder / "with" / "nightlight", synapse, secret, port, appservice_file=str(synapse.appservice_path)
            )
            service.start()
            try:
                with_it = _invite(synapse)
                inspector = MatrixInspector(synapse.base_url, synapse.admin_token, secret.read_text(), 10)
                about = inspector.module()
                inspector.close()
            finally:
                service.stop()
    beside = {
        "decision_median_ms": float(about["decision_ms_median"]),
        "invitation_median_ms_without": statistics.median(without) * 1e3,
        "invitation_p95_ms_without": percentile(without, 95) * 1e3,
        "invitation_median_ms_with": statistics.median(with_it) * 1e3,
        "invitation_p95_ms_with": percentile(with_it, 95) * 1e3,
        "of_it_waited_so_that_time_tells_nothing_ms": float(about["answer_after_ms"]),
    }
    return [Figure("callback", float(about["decision_ms_p95"]), "ms, 95th percentile", 5, "lower", beside)]


def _invite(synapse: Synapse) -> list[float]:
    """Seconds of each invitation by a stranger, one after the other, each into a room of its own."""
    inviter = synapse.register("inviter", "a long enough password")
    times = []
    with httpx.Client(
        base_url=synapse.base_url, headers={"Authorization": f"Bearer {inviter}"}, timeout=60, trust_env=False
    ) as http:
        for number in range(INVITATIONS + WARM_UP):
            synapse.register(f"somebody{number}", "a long enough password")
            made = http.post("/_matrix/client/v3/createRoom", json={"preset": "private_chat"}).raise_for_status()
            path = f"/_matrix/client/v3/rooms/{quote(made.json()['room_id'])}/invite"
            start = time.perf_counter()
            http.post(path, json={"user_id": f"@somebody{number}:{synapse.server_name}"}).raise_for_status()
            times.append(time.perf_counter() - start)
    return times[WARM_UP:]


BENCH = Bench("callback", "Decisions inside Synapse, whole invitations with and without the module beside.", _measure)
