"""A server as a child process: started in a session of its own, waited for, and ended in order."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from nightlight.demo.loopback import NO_TLS
from nightlight.errors import UnavailableError


class ChildServer:
    """``python -m`` with ``arguments``; ``health_url`` answers 200 once it is up; its output goes to ``log_path``."""

    def __init__(self, name: str, arguments: Sequence[str], health_url: str, log_path: Path) -> None:
        self._name = name
        self._arguments = list(arguments)
        self._health_url = health_url
        self._log_path = log_path
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, environment: Mapping[str, str] | None = None, seconds: float = 60) -> None:
        """Starts and waits until it answers; ``UnavailableError`` with the end of its log if it does not.

        Nothing is left running when this raises.
        """
        if self._process is not None:
            return
        with self._log_path.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # A session of its own: Ctrl-C in the terminal reaches it only through us, in order.
                start_new_session=True,
            )
        try:
            self._wait_until_up(self._process, seconds)
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """Of the process that was started."""
        if self._process is None:
            raise UnavailableError("child", f"{self._name} does not run.", retry=False)
        return self._process.pid

    def stop(self) -> None:
        """Ends the process we started: asked first, then made to."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """Ends it as a power cut would: nothing is asked, nothing is tidied up."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _wait_until_up(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if httpx.get(self._health_url, timeout=1, trust_env=False, verify=NO_TLS).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.05)
        tail = self._log_path.read_text(errors="replace")[-2000:]
        raise UnavailableError("server_down", f"{self._name} did not come up. The end of its log:\n{tail}", retry=False)
