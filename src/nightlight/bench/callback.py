"""What our module costs an invitation on a real Synapse: the decision alone, and the whole call with and without it."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from nightlight.adapters.matrix.inspector import MatrixInspector
from nightlight.bench.harness import Bench, Figure, Progress, percentile
from nightlight.demo.loopback import free_port
from nightlight.demo.service import Service
from nightlight.demo.synapse import Synapse

INVITATIONS, WARM_UP = 200, 20
#: Figure, age of who is invited by a stranger of unknown age, and what becomes of it by the default policy.
_KINDS = (
    ("callback", "adult", "to adults: shown"),
    ("callback_hidden", "13_15", "to children: hidden"),
)


def _measure(progress: Progress) -> Sequence[Figure]:
    with tempfile.TemporaryDirectory(prefix="nightlight-bench-") as name:
        folder = Path(name)
        progress("invitations without the module")
        with Synapse(folder / "without" / "synapse") as synapse:
            without = _invite(synapse)
        figures = []
        for figure, band, what in _KINDS:
            progress(f"invitations with the module, {what}")
            about, with_it = _with_module(folder / figure, band)
            beside = {
                "decision_median_ms": float(about["decision_ms_median"]),
                "invitation_median_ms_without": statistics.median(without) * 1e3,
                "invitation_p95_ms_without": percentile(without, 95) * 1e3,
                "invitation_median_ms_with": statistics.median(with_it) * 1e3,
                "invitation_p95_ms_with": percentile(with_it, 95) * 1e3,
                "answered_at_multiples_of_ms": float(about["answer_after_ms"]),
            }
            figures.append(Figure(figure, float(about["decision_ms_p95"]), "ms, 95th percentile", 5, "lower", beside))
    return figures


def _with_module(folder: Path, band: str) -> tuple[dict[str, Any], list[float]]:
    """What the module says of its own time, and the seconds of each invitation of an account of that age."""
    port = free_port()
    with Synapse(folder / "synapse", nightlight_url=f"http://127.0.0.1:{port}") as synapse:
        secret, token = synapse.module_secret_path, folder / "service-token"
        token.write_text("s" * 40)
        service = Service(
            folder / "nightlight",
            synapse,
            secret,
            port,
            appservice_file=str(synapse.appservice_path),
            service_token_file=str(token),
        )
        service.start()
        try:
            with httpx.Client(
                base_url=service.url, headers={"Authorization": "Bearer " + "s" * 40}, timeout=30, trust_env=False
            ) as http:
                times = _invite(
                    synapse,
                    lambda account: http.put(
                        f"/v1/accounts/{quote(account)}", json={"age_band": band}
                    ).raise_for_status(),
                )
            inspector = MatrixInspector(synapse.base_url, synapse.admin_token, secret.read_text(), 10)
            about = inspector.module()
            inspector.close()
        finally:
            service.stop()
    return dict(about), times


def _invite(synapse: Synapse, made: Callable[[str], object] = lambda _account: None) -> list[float]:
    """Seconds of each invitation by a stranger, one after the other, each into a room of its own.

    ``made`` is called with each account that will be invited.
    """
    inviter = synapse.register("inviter", "a long enough password")
    times = []
    with httpx.Client(
        base_url=synapse.base_url, headers={"Authorization": f"Bearer {inviter}"}, timeout=60, trust_env=False
    ) as http:
        for number in range(INVITATIONS + WARM_UP):
            synapse.register(f"somebody{number}", "a long enough password")
            invited = f"@somebody{number}:{synapse.server_name}"
            made(invited)
            room = http.post("/_matrix/client/v3/createRoom", json={"preset": "private_chat"}).raise_for_status()
            path = f"/_matrix/client/v3/rooms/{quote(room.json()['room_id'])}/invite"
            time.sleep(0.15)
            start = time.perf_counter()
            http.post(path, json={"user_id": invited}).raise_for_status()
            times.append(time.perf_counter() - start)
    return times[WARM_UP:]


BENCH = Bench("callback", "Decisions inside Synapse, whole invitations with and without the module beside.", _measure)
