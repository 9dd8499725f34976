"""Work in the background: the outbox, pending reports, attachments, requests, retention, the anchor and more."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from nightlight.cli.compose import House
from nightlight.errors import NightlightError

#: How often every process looks for what has been kept long enough.
RETENTION_SECONDS = 600.0
#: How often it lets go of decisions that are no longer repeated.
TIDY_SECONDS = 60.0

#: How often kept files are looked for whose check is due.
VAULT_SECONDS = 300.0

_log = logging.getLogger(__name__)


class Background:
    """One thread for each kind of work, so that a slow homeserver in one does not hold up another."""

    def __init__(self, house: House) -> None:
        settings = house.settings
        self._stop = threading.Event()
        self._house = house
        self._threads = [
            self._thread("outbox", settings.outbox_seconds, house.enforcer.run_due),
            self._thread("pending reports", settings.outbox_seconds, house.intake.check_pending),
            self._thread("attachments", settings.outbox_seconds, house.attachment_checker.run_due),
            self._thread("homeserver reports", settings.poll_seconds, house.collector.collect),
            self._thread("contact requests", settings.outbox_seconds, house.request_desk.sweep),
            self._thread("retention", RETENTION_SECONDS, house.retention.run),
            self._thread("repeated decisions", TIDY_SECONDS, house.contact_desk.tidy),
            self._thread("asks", 600.0, house.ask_desk.sweep),
            self._thread("evidence vault", VAULT_SECONDS, house.vault_checker.run_due),
            self._thread("log anchor", 1.0, self._anchor),
        ]
        if house.submitter is not None:
            self._threads.append(self._thread("submissions", settings.outbox_seconds, house.submitter.run_due))
            self._threads.append(self._thread("agency's schema", 86_400.0, house.fetch_tipline_schema))
        if settings.erasure:
            self._threads.append(self._thread("erasure", RETENTION_SECONDS, house.eraser.run))
        if house.detection is not None:
            self._threads.append(self._thread("detection", 1.0, house.detection.keep_up))
            self._threads.append(self._thread("rule guard", 300.0, house.rule_guard.run))
        if house.ring_watch is not None:
            self._threads.append(self._thread("rings", 15.0, house.ring_watch.run))

    def start(self) -> None:
        # Reading all relations takes a while: nobody who asks first is to wait for it.
        threading.Thread(target=self._attempt, args=("relations", self._house.relations.follow), daemon=True).start()
        if self._house.submitter is not None:
            fetch = ("agency's schema", self._house.fetch_tipline_schema)
            threading.Thread(target=self._attempt, args=fetch, daemon=True).start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Lets every thread finish what it is at."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=30)
        self._anchor()

    def _anchor(self) -> None:
        self._house.anchor.note(self._house.store.log_head())

    def _thread(self, name: str, seconds: float, work: Callable[[], object]) -> threading.Thread:
        return threading.Thread(target=self._loop, args=(name, seconds, work), name=name, daemon=True)

    def _loop(self, name: str, seconds: float, work: Callable[[], object]) -> None:
        quiet = ""
        while not self._stop.wait(seconds):
            quiet = self._attempt(name, work, quiet)

    def _attempt(self, name: str, work: Callable[[], object], quiet: str = "") -> str:
        """The code of an error that was not unexpected, or nothing. ``quiet``: an error that was said before."""
        try:
            work()
        except NightlightError as e:
            if e.code != quiet:  # once for each outage, not once a second
                _log.warning("%s: %s", name, e.message)
            return e.code
        except Exception:  # noqa: BLE001
            # A defect in one piece of work must not end the thread: the next round is a new try.
            _log.exception("%s: unexpected error", name)
        return ""
