"""The disclosure page with a very large key file, in Chromium: from the click to the list of conversations."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import shutil
import statistics
import struct
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from starlette.applications import Starlette

from nightlight.bench.harness import Bench, Figure, Progress
from nightlight.demo.loopback import free_port
from nightlight.errors import UnavailableError
from nightlight.web.disclose.routes import DisclosurePage, disclosure_routes

_SESSIONS, _ROOMS, _RUNS = 50_000, 500, 3
#: What Element writes into its key files.
_KDF_ROUNDS = 500_000
_PASSPHRASE = "a passphrase"  # noqa: S105 - of a file that is made here and holds nothing
_HOMESERVER = "https://homeserver.invalid"

#: Every 5 ms, how late it is: what runs on the main thread delays it. Beside it the browser's own record (W3C, "Long
#: Tasks"), which begins at 50 ms.
_WATCH = """
window.watched = { late: 0, tasks: [] };
{
  let last = performance.now();
  setInterval(() => {
    const now = performance.now();
    watched.late = Math.max(watched.late, now - last - 5);
    last = now;
  }, 5);
  new PerformanceObserver((list) => watched.tasks.push(...list.getEntries().map((entry) => entry.duration)))
    .observe({ type: "longtask" });
}
"""


def _measure(progress: Progress) -> Sequence[Figure]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise UnavailableError(
            "browser", "This bench drives a browser, and Playwright is not installed: use `make bench`.", retry=False
        ) from None
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise UnavailableError("browser", "No Chromium here; type: sudo apt-get install -y chromium", retry=False)
    progress(f"writing a key file of {_SESSIONS:,} sessions")
    with tempfile.TemporaryDirectory() as folder, _served() as url, sync_playwright() as playwright:
        file = Path(folder) / "keys.txt"
        size = _write_key_file(file)
        start = time.perf_counter()
        hashlib.pbkdf2_hmac("sha512", _PASSPHRASE.encode(), bytes(16), _KDF_ROUNDS, 64)
        derivation = time.perf_counter() - start
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        runs = []
        for number in range(_RUNS):
            progress(f"opening it in Chromium, {number + 1} of {_RUNS}")
            runs.append(_open(browser, url, file))
        browser.close()
    beside = {
        "file_MB": size / 1e6,
        "key_derivation_alone_in_python_s": derivation,
        "tasks_over_50_ms_of_the_worst_run": max(len(tasks) for _, _, tasks in runs),
    }
    listed = statistics.median(seconds for seconds, _, _ in runs)
    # One wait is the worst of thousands: the machine's own pauses are in it. The median of the runs leaves those out.
    blocked = statistics.median(late for _, late, _ in runs)
    worst = {"worst_of_all_runs_ms": max(late for _, late, _ in runs)}
    return [
        Figure("page_key_file", listed, f"s until {_SESSIONS:,} sessions are listed", 10, "lower", beside),
        Figure("page_main_thread", blocked, "ms: longest wait of the main thread", 50, "lower", worst),
    ]


def _open(browser: Any, url: str, file: Path) -> tuple[float, float, list[float]]:
    """Seconds from the click to the list, the longest wait in milliseconds, and the long tasks of one run."""
    context = browser.new_context()
    context.route(f"{_HOMESERVER}/**", _homeserver)
    page = context.new_page()
    page.add_init_script(_WATCH)
    page.goto(f"{url}/report")
    main = page.locator("main")
    main.get_by_role("button").first.click()
    page.fill("#name", "bob")
    page.fill("#password", "any")
    main.locator("form button").first.click()
    main.locator("section").nth(1).get_by_role("button").click()
    page.set_input_files("#file", file)
    page.fill("#passphrase", _PASSPHRASE)
    page.evaluate("() => { watched.late = 0; watched.tasks.length = 0; }")
    start = time.perf_counter()
    main.locator("form button").first.click()
    page.locator("[data-room]").first.wait_for(timeout=120_000)
    seconds = time.perf_counter() - start
    watched = page.evaluate("watched")
    context.close()
    return seconds, float(watched["late"]), watched["tasks"]


def _homeserver(route: Any) -> None:
    """The few answers that the page needs on its way: the homeserver's speed is not what is measured."""
    request = route.request
    answers: dict[str, Any] = {"/sync": _sync(), "/logout": {}}
    path = request.url.partition("?")[0]
    answer = next((value for end, value in answers.items() if path.endswith(end)), None)
    if path.endswith("/login"):
        signed_in = {"access_token": "t", "user_id": "@bob:example.org"}
        answer = {"flows": [{"type": "m.login.password"}]} if request.method == "GET" else signed_in
    allowed = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*"}
    route.fulfill(status=200 if answer is not None else 404, json=answer or {}, headers=allowed)


def _sync() -> dict[str, Any]:
    def room(number: int) -> dict[str, Any]:
        named = {"type": "m.room.name", "state_key": "", "content": {"name": f"Conversation {number}"}}
        newest = {"type": "m.room.encrypted", "origin_server_ts": 1_700_000_000_000 + number, "content": {}}
        return {"state": {"events": [named]}, "timeline": {"events": [newest]}}

    return {"rooms": {"join": {f"!room{number}:example.org": room(number) for number in range(_ROOMS)}}}


def _write_key_file(path: Path) -> int:
    """Matrix client-server API, "Key exports"; returns its size in bytes."""

    def entry(number: int) -> dict[str, Any]:
        secret = secrets.token_bytes(160)
        return {
            "algorithm": "m.megolm.v1.aes-sha2",
            "forwarding_curve25519_key_chain": [],
            "room_id": f"!room{number % _ROOMS}:example.org",
            "sender_claimed_keys": {"ed25519": "A" * 43},
            "sender_key": "B" * 43,
            "session_id": base64.b64encode(secret[128:]).decode().rstrip("="),
            "session_key": base64.b64encode(b"\x01" + bytes(4) + secret).decode().rstrip("="),
        }

    content = json.dumps([entry(number) for number in range(_SESSIONS)]).encode()
    salt, iv = bytes(16), bytes(16)
    keys = hashlib.pbkdf2_hmac("sha512", _PASSPHRASE.encode(), salt, _KDF_ROUNDS, 64)
    encryptor = Cipher(algorithms.AES(keys[:32]), modes.CTR(iv)).encryptor()
    body = b"\x01" + salt + iv + struct.pack(">I", _KDF_ROUNDS) + encryptor.update(content)
    encoded = base64.encodebytes(body + hmac.digest(keys[32:], body, "sha256"))
    path.write_bytes(b"-----BEGIN MEGOLM SESSION DATA-----\n" + encoded + b"-----END MEGOLM SESSION DATA-----\n")
    return path.stat().st_size


@contextmanager
def _served() -> Iterator[str]:
    page = DisclosurePage(_HOMESERVER, "example.org", "https://example.org/", 50, 20, 1000)
    port = free_port()
    app = Starlette(routes=disclosure_routes(page))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        if time.monotonic() > deadline:
            raise UnavailableError("page", "The page could not be served.", retry=False)
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)


BENCH = Bench("page", "Open a key file of 50,000 sessions on the disclosure page, in Chromium.", _measure)
