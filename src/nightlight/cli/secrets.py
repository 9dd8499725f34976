"""The installation's own secrets: made once, kept in files that only the service may read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from nightlight.errors import RefusedError

_BYTES = 32


def secret(folder: Path, name: str) -> bytes:
    """The 32-byte secret ``name``; made on first use. Safe when several processes start at once."""
    try:
        return _secret(folder, name)
    except OSError as e:
        raise RefusedError(
            "data_dir", f"The data folder {folder} cannot be used: {e.strerror}.", "Set NIGHTLIGHT_DATA_DIR."
        ) from None


def _secret(folder: Path, name: str) -> bytes:
    path = folder / f"{name}.key"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = folder / f".{name}.{secrets.token_hex(8)}"
    if not path.exists():
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link appears whole or not at all, and never replaces what another process made.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    try:
        key = bytes.fromhex(path.read_text().strip())
    except ValueError:
        key = b""
    if len(key) != _BYTES:
        raise RefusedError(
            "secret_damaged", f"{path} does not hold {_BYTES} bytes in hexadecimal.", "Restore it from a backup."
        )
    return key
