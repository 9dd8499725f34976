"""Looking for texts in everything that the servers stored or logged, byte by byte."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path


def encodings(secret: bytes) -> set[bytes]:
    """The forms in which a server might have kept ``secret``: raw, hex, and base64 at each of three alignments."""
    forms = {secret, secret.hex().encode(), secret.hex().upper().encode()}
    for shift in range(3):
        # The characters that the bytes before and after would change are cut away.
        encoded = base64.b64encode(b"\x00" * shift + secret)
        core = encoded[(shift * 8 + 5) // 6 : len(encoded) - 4]
        if len(core) >= 8:
            forms |= {core, core.translate(bytes.maketrans(b"+/", b"-_"))}
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        return forms
    return forms | {json.dumps(text)[1:-1].encode(), text.encode("utf-16-le"), text.encode("utf-16-be")}


def found_in(folders: Iterable[Path], secrets: Iterable[bytes]) -> dict[bytes, Path]:
    """Which of the secrets stand in any file below the folders, and where: database pages, journals, logs, all."""
    wanted = {form: secret for secret in secrets for form in encodings(secret)}
    found: dict[bytes, Path] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                data = path.read_bytes()
                for form, secret in wanted.items():
                    if form in data:
                        found.setdefault(secret, path)
    return found


def count_encrypted(synapse_database: Path) -> int:
    """How many encrypted messages the homeserver stored."""
    with sqlite3.connect(f"file:{synapse_database}?mode=ro", uri=True) as connection:
        row = connection.execute("SELECT count(*) FROM events WHERE type = 'm.room.encrypted'").fetchone()
    count: int = row[0]
    return count
