# SPDX-License-Identifier: AGPL-3.0-or-later
"""The module's part of Synapse's configuration."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from synapse.module_api.errors import ConfigError

SECRET_CHARS_MIN = 32
WITHOUT_ANSWER = ("hide", "refuse", "allow")


@dataclass(frozen=True)
class NightlightConfig:
    """``secret``: shared with the Nightlight service; whoever has it may redact any local account's messages.

    ``url``: the service; empty: contact is not decided about. ``state_path``: a file of ours for what has to survive a
    restart. Times in milliseconds.
    """

    secret: str = field(repr=False)
    url: str = ""
    state_path: str = ""
    #: Longest wait for the service.
    deadline_ms: int = 1_000
    #: Every decision about an invitation takes at least this long, whatever it is: its time tells nothing.
    answer_after_ms: int = 40
    #: Without an answer of the service: what becomes of an approach where a minor or an unknown age may take part.
    without_answer: str = "hide"
    #: The same between two accounts that were known to be adults.
    without_answer_adults: str = "allow"
    #: Rooms known to be encrypted stay encrypted and take no plain messages from here.
    keep_encrypted: bool = True


_KNOWN = {"secret_path", *(item.name for item in fields(NightlightConfig))} - {"secret"}


def parse(config: dict[str, Any] | None) -> NightlightConfig:
    """``ConfigError`` says what to set."""
    config = config or {}
    if unknown := sorted(config.keys() - _KNOWN):
        raise ConfigError(f"nightlight: there is no setting {', '.join(unknown)}; known: {', '.join(sorted(_KNOWN))}")
    values = {name: value for name, value in config.items() if name != "secret_path"}
    made = NightlightConfig(_secret(config.get("secret_path")), **values)
    for name, kind in (("url", str), ("state_path", str), ("keep_encrypted", bool)):
        if type(getattr(made, name)) is not kind:
            raise ConfigError(f"nightlight: {name} must be a {kind.__name__}")
    for name, most in (("deadline_ms", 10_000), ("answer_after_ms", 5_000)):
        value = getattr(made, name)
        if type(value) is not int or not 0 <= value <= most:
            raise ConfigError(f"nightlight: {name} must be a whole number of milliseconds from 0 to {most}")
    for name in ("without_answer", "without_answer_adults"):
        if getattr(made, name) not in WITHOUT_ANSWER:
            raise ConfigError(f"nightlight: {name} must be one of {', '.join(WITHOUT_ANSWER)}")
    if made.url:
        parts = urlsplit(made.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
            raise ConfigError("nightlight: url must be the address of the service, such as http://127.0.0.1:8420")
        if not made.state_path:
            raise ConfigError("nightlight: with url, set state_path to a file that Synapse may write")
    return made


def _secret(path: object) -> str:
    if not isinstance(path, str):
        raise ConfigError("nightlight: set secret_path to the file that holds the secret shared with Nightlight")
    try:
        data = Path(path).read_bytes()
    except OSError as e:
        raise ConfigError(f"nightlight: the file at secret_path cannot be read: {e.strerror}") from e
    secret = data.decode("ascii", "replace").strip()
    if not (secret.isascii() and secret.isprintable()):
        raise ConfigError("nightlight: the secret must be printable ASCII text on one line")
    if len(secret) < SECRET_CHARS_MIN:
        raise ConfigError(f"nightlight: the secret has fewer than {SECRET_CHARS_MIN} characters")
    return secret
