# SPDX-License-Identifier: AGPL-3.0-or-later
"""What Synapse loads (Synapse, "Writing a module")."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synapse.module_api import ModuleApi
from synapse.module_api.errors import ConfigError

from nightlight_synapse.redaction import Redactor
from nightlight_synapse.resource import NightlightResource

#: Under ``/_synapse/client``, where Synapse lets modules put resources of their own.
PATH = "/_synapse/client/nightlight"
SECRET_CHARS_MIN = 32


@dataclass(frozen=True)
class NightlightConfig:
    """``secret``: shared with the Nightlight service; whoever has it may redact any local account's messages."""

    secret: str = field(repr=False)


class NightlightModule:
    def __init__(self, config: NightlightConfig, api: ModuleApi) -> None:
        api.register_web_resource(PATH, NightlightResource(config.secret, Redactor(api)))

    @staticmethod
    def parse_config(config: dict[str, Any] | None) -> NightlightConfig:
        """The module's part of Synapse's configuration; ``ConfigError`` says what to set."""
        config = config or {}
        path = config.get("secret_path")
        if unknown := sorted(config.keys() - {"secret_path"}):
            raise ConfigError(f"nightlight: there is no setting {', '.join(unknown)}; the only one is secret_path")
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
        return NightlightConfig(secret)
