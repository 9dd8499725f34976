"""The master key that the settings name."""

from __future__ import annotations

from pathlib import Path

from nightlight.adapters.master_key import KEY_BYTES, CommandMasterKey, HeldMasterKey
from nightlight.cli.files import read_line
from nightlight.cli.secrets import secret
from nightlight.errors import RefusedError
from nightlight.ports import MasterKey
from nightlight.settings import Settings


def master_key_of(settings: Settings) -> MasterKey:
    """The key is read, or its command started, when it is first needed.

    ``RefusedError``: ``settings_conflict``, ``master_key_command``; later, of a key that is held here,
    ``master_key_malformed``, ``file_unreadable``.
    """
    named = {
        "NIGHTLIGHT_MASTER_KEY_FILE": settings.master_key_file is not None,
        "NIGHTLIGHT_MASTER_KEY": bool(settings.master_key.get_secret_value()),
        "NIGHTLIGHT_MASTER_KEY_COMMAND": bool(settings.master_key_command),
    }
    given = [name for name, is_given in named.items() if is_given]
    if len(given) > 1:
        raise RefusedError(
            "settings_conflict",
            f"There is one master key, and {' and '.join(given)} each name one.",
            "Unset all but one.",
        )
    if settings.master_key_command:
        return CommandMasterKey(settings.master_key_command)
    if settings.master_key_file is not None:
        return held_in(settings.master_key_file)
    if settings.master_key.get_secret_value():
        return HeldMasterKey(lambda: _from_hex(settings.master_key.get_secret_value(), "NIGHTLIGHT_MASTER_KEY"))
    return HeldMasterKey(lambda: secret(settings.data_dir, "master"))


def held_in(path: Path) -> HeldMasterKey:
    """The master key in a file, which is never made here: a wrong path must not look like a new key."""
    return HeldMasterKey(lambda: _from_hex(read_line(path), str(path)))


def _from_hex(text: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise RefusedError(
            "master_key_malformed",
            f"{where} does not hold a master key of {KEY_BYTES} bytes in hexadecimal.",
            "Make one: openssl rand -hex 32",
        )
    return key
