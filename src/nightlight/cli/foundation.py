"""What every part of a running Nightlight stands on: settings, clock, ids, store."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from nightlight.adapters.case_seal import CaseKeys
from nightlight.cli.master_key import master_key_of
from nightlight.cli.secrets import secret
from nightlight.errors import RefusedError
from nightlight.settings import Settings
from nightlight.store.database import Database


class SystemClock:
    def now(self) -> int:
        return time.time_ns() // 1_000_000


def load_settings(data_dir: Path | None = None) -> Settings:
    """The settings from the environment, or ``RefusedError`` that names the one that does not fit."""
    try:
        return Settings(data_dir=data_dir) if data_dir else Settings()
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False)[0]
        name = f"NIGHTLIGHT_{'_'.join(str(part) for part in first['loc']).upper()}"
        raise RefusedError("settings_malformed", f"{name}: {first['msg']}.", "See `nightlight settings`.") from None


def new_id(prefix: str) -> str:
    """An id that nobody can guess, with a word in front that says of what."""
    return f"{prefix}_{secrets.token_hex(12)}"


@dataclass(frozen=True)
class Foundation:
    """Parts are made when they are first asked for."""

    settings: Settings

    @cached_property
    def clock(self) -> SystemClock:
        return SystemClock()

    @cached_property
    def store(self) -> Database:
        return Database(self.settings.resolved_database_url, secret(self.settings.data_dir, "log"), self.case_keys)

    def master_key_name(self) -> str:
        """Raises what reading the master key raises."""
        return self.case_keys.master.name

    @cached_property
    def case_keys(self) -> CaseKeys:
        return CaseKeys(master_key_of(self.settings), self.clock)
