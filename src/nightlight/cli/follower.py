"""What a follower of a log remembers between two looks."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import time
from pathlib import Path

from nightlight.adapters.transparency.client import LogClient
from nightlight.errors import RefusedError
from nightlight.evidence.checkpoint import LogKey, open_checkpoint
from nightlight.evidence.follow import PROVEN, verify_growth
from nightlight.hazmat import strict_json


def state_path(url: str) -> Path:
    """Where the state of a log is kept unless a file is named (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    name = hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:16]
    return Path(base) / "nightlight" / f"log-{name}.json"


class Follower:
    """``key``: the log's key if it is known; else the first one that the log shows is kept."""

    def __init__(self, log: LogClient, path: Path, key: LogKey | None) -> None:
        self._log = log
        self._path = path
        self._key, self._note = self._read()
        if key and self._key and key != self._key:
            raise RefusedError(
                "log_key_changed",
                f"{path} remembers another key of this log: {self._key.text}",
                "If the operator really changed it, say so with a new --state file and keep the old one.",
            )
        self._key = key or self._key

    def close(self) -> None:
        self._log.close()

    def look(self) -> str:
        """One look; what was seen, in words. ``RefusedError`` with a code in ``PROVEN`` if the log is caught."""
        first = self._key is None
        key = self._key or LogKey.parse(self._log.key())
        note = self._log.checkpoint()
        new = open_checkpoint(note, [key])
        if self._note is None:
            self._remember(key, note)
            trust = f"Its key, taken on trust: {key.text}" if first else "Signed by the key you named."
            return f"{new.origin}: {new.size} entries, seen for the first time. {trust}"
        seen = open_checkpoint(self._note, [key])
        proof = self._log.consistency(seen.size, new.size) if new.size > seen.size else []
        try:
            verify_growth(seen, new, proof)
        except RefusedError as e:
            if e.code in PROVEN:
                kept = self._keep(e, key, note, proof)
                raise RefusedError(e.code, e.message, f"Both signed checkpoints are kept in {kept}.") from None
            raise
        self._remember(key, note)
        grown = f"{new.size - seen.size} more, nothing rewritten" if new.size > seen.size else "unchanged"
        return f"{new.origin}: {new.size} entries, {grown}."

    def _read(self) -> tuple[LogKey | None, bytes | None]:
        try:
            value = strict_json.loads(self._path.read_bytes(), depth_max=4)
            return LogKey.parse(value["key"]), value["checkpoint"].encode()
        except FileNotFoundError:
            return None, None
        except (OSError, RefusedError, KeyError, TypeError, AttributeError):
            raise RefusedError(
                "state_damaged",
                f"{self._path} cannot be read as the state of a followed log.",
                "Keep it, and name another file with --state: what it remembered is lost.",
            ) from None

    def _remember(self, key: LogKey, note: bytes) -> None:
        _write(self._path, {"key": key.text, "checkpoint": note.decode()})
        self._key, self._note = key, note

    def _keep(self, error: RefusedError, key: LogKey, note: bytes, proof: list[bytes]) -> Path:
        path = self._path.with_name(f"{self._path.stem}-caught-{time.time_ns() // 1_000_000}.json")
        seen = (self._note or b"").decode()
        proven = [base64.b64encode(step).decode() for step in proof]
        said = {"what": error.code, "why": error.message, "key": key.text, "seen": seen, "new": note.decode()}
        _write(path, {**said, "consistency_proof": proven})
        return path


def _write(path: Path, value: dict[str, object]) -> None:
    """Whole or not at all, and on the disk before this returns."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with draft.open("x", encoding="utf-8") as file:
            json.dump(value, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as e:
        raise RefusedError(
            "state_unwritable", f"{path} cannot be written: {e.strerror}.", "Name another --state."
        ) from None
