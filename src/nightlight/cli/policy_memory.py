"""The memory of policy changes: a file beside the database but not in it, like the log's anchor."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nightlight.errors import RefusedError
from nightlight.model.contact_policy import ChangeState, PolicyChange


class PolicyFile:
    """Implements ``nightlight.ports.PolicyMemory``. Several processes may use it at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock_path = path.with_suffix(".lock")

    def recall(self) -> tuple[list[PolicyChange], dict[str, bytes]]:
        if not self.path.exists():
            return [], {}
        try:
            value = json.loads(self.path.read_bytes())
            changes = [_change(dict(item)) for item in value["changes"]]
            texts = {str(digest): str(text).encode() for digest, text in value["texts"].items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            raise RefusedError(
                "policy_memory_damaged",
                f"{self.path} cannot be read, so nothing tells whether the database was put back.",
                "Look at `nightlight policy changes`; if every change is as you know it, remove the file.",
            ) from None
        return changes, texts

    def keep(self, changes: Sequence[PolicyChange], texts: Mapping[str, bytes]) -> None:
        with self._locked():
            before, old_texts = self.recall()
            known = {change.number: change for change in before}
            for change in changes:
                # Another process may have seen a later state meanwhile.
                if change.number not in known or change.may_follow(known[change.number]):
                    known[change.number] = change
            kept = {digest: text for digest, text in {**old_texts, **texts}.items() if _needed(digest, known)}
            if list(known.values()) == before and kept == old_texts:
                return
            try:
                self._write(known.values(), kept)
            except OSError as e:
                raise RefusedError(
                    "data_dir", f"{self.path} cannot be written: {e.strerror}.", "Check NIGHTLIGHT_DATA_DIR."
                ) from None

    def _write(self, changes: Any, texts: Mapping[str, bytes]) -> None:
        listed = [{**asdict(change), "signature": (change.signature or b"").hex()} for change in changes]
        value = {"changes": listed, "texts": {digest: text.decode() for digest, text in texts.items()}}
        draft = self.path.with_suffix(".new")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(value, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, self.path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            handle = os.open(self._lock_path, os.O_WRONLY | os.O_CREAT, 0o600)
        except OSError as e:
            raise RefusedError(
                "data_dir", f"{self._lock_path} cannot be used: {e.strerror}.", "Check NIGHTLIGHT_DATA_DIR."
            ) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _needed(digest: str, known: Mapping[int, PolicyChange]) -> bool:
    """Texts of what was taken back are not needed: it never comes into force again."""
    return any(change.digest == digest and change.state is ChangeState.APPROVED for change in known.values())


def _change(value: dict[str, Any]) -> PolicyChange:
    signature = bytes.fromhex(value.pop("signature"))
    return PolicyChange(**{**value, "state": ChangeState(value["state"])}, signature=signature or None)
