"""The parts behind keeping, erasing, and what is counted of it all."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property, lru_cache

from nightlight.cli.data import retention_file
from nightlight.cli.evidence_vault import VaultRooms
from nightlight.cli.foundation import new_id
from nightlight.cli.own_page import OwnPageRooms
from nightlight.errors import RefusedError
from nightlight.flows.erase import Eraser
from nightlight.flows.holds import HoldDesk
from nightlight.flows.record import RecordKeeper
from nightlight.flows.shred_case import CaseShredder
from nightlight.hazmat.strict_yaml import MalformedError
from nightlight.insight.record import RecordTargets
from nightlight.insight.waits import read_targets
from nightlight.ports import Shredder
from nightlight.respond.retention_rules import RetentionRules, read_retention_rules

_DAY_MS = 86_400_000
#: Checked once for a process, however many houses it builds.
_read = lru_cache(maxsize=4)(read_retention_rules)


@dataclass(frozen=True)
class RetentionRooms(OwnPageRooms, VaultRooms):
    """Made when they are first asked for."""

    @cached_property
    def retention_rules(self) -> RetentionRules:
        name = self.settings.retention_rules
        try:
            return _read(retention_file(name))
        except MalformedError as e:
            hint = f"`nightlight retention rules {name}` shows every mistake."
            raise RefusedError(e.code, f"NIGHTLIGHT_RETENTION_RULES: {e.message}", hint) from None

    @cached_property
    def shredder(self) -> Shredder:
        return CaseShredder(self.store, self.vault, self.case_keys)

    @cached_property
    def eraser(self) -> Eraser:
        notice_ms = self.settings.erasure_notice_days * _DAY_MS
        pause = lambda: time.sleep(0.01)  # noqa: E731
        return Eraser(self.store, self.clock, self.retention_rules, self.shredder, notice_ms, pause)

    @cached_property
    def hold_desk(self) -> HoldDesk:
        return HoldDesk(self.store, self.clock, new_id)

    @cached_property
    def record_keeper(self) -> RecordKeeper:
        settings = self.settings
        targets = RecordTargets(
            read_targets(settings.target_first_look, "NIGHTLIGHT_TARGET_FIRST_LOOK"),
            read_targets(settings.target_decision, "NIGHTLIGHT_TARGET_DECISION"),
            read_targets(settings.target_referral, "NIGHTLIGHT_TARGET_REFERRAL"),
        )
        return RecordKeeper(self.store, self.clock, targets, settings.events_days)
