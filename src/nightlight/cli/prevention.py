"""The parts of a running Nightlight that decide who may reach whom."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from nightlight.adapters.engines import LiveEngines, SnapshotFile, can_detect, column_reader
from nightlight.adapters.matrix.history import History
from nightlight.adapters.people_seal import PeopleSeal, derived
from nightlight.adapters.policy_signer import PolicySigner
from nightlight.cli.data import PRESETS, catalogue, pack_file, policy_file, preset
from nightlight.cli.files import long_secret, read_bytes
from nightlight.cli.foundation import Foundation, new_id
from nightlight.cli.matrix import hs_token
from nightlight.cli.policy_memory import PolicyFile
from nightlight.cli.secrets import secret
from nightlight.flows.accounts import AccountBook
from nightlight.flows.alerts import Alerts
from nightlight.flows.answer_request import RequestDesk
from nightlight.flows.change_policy import PolicyDesk
from nightlight.flows.change_rules import RuleDesk
from nightlight.flows.check_events import EventCheck
from nightlight.flows.decide_contact import ContactDesk
from nightlight.flows.detect import Detection
from nightlight.flows.notice_box import NoticeBox
from nightlight.flows.people import People
from nightlight.flows.policy_book import PolicyBook
from nightlight.flows.replay_policy import PolicyReplay
from nightlight.flows.retention import Retention
from nightlight.flows.rule_book import RuleBook
from nightlight.flows.rule_guard import RuleGuard
from nightlight.flows.rule_report import RuleReport
from nightlight.flows.signal_report import SignalReport
from nightlight.flows.take_events import EventIntake, EventLimits
from nightlight.flows.take_history import HistoryIntake
from nightlight.flows.tell import Notifier
from nightlight.model.signal import RuleMode
from nightlight.prevent.names import NameKey
from nightlight.prevent.notices import Catalogue
from nightlight.settings import Detect
from nightlight.store.relation_view import MemoryRelations
from nightlight.web.api.prevention import Prevention, ServiceLimits
from nightlight.web.api.service import Scope, ServiceTokens
from nightlight.web.console.policies import Policies

if TYPE_CHECKING:
    from nightlight.flows.watch_rings import RingWatch


@dataclass(frozen=True)
class PreventionRooms(Foundation):
    """Made when they are first asked for."""

    @cached_property
    def people(self) -> People:
        key = secret(self.settings.data_dir, "people")
        return People(NameKey(derived(key, "names")), PeopleSeal(key))

    @cached_property
    def relations(self) -> MemoryRelations:
        return MemoryRelations(self.store, self.people.open_age, forgotten=self._forgotten)

    def _forgotten(self, one: int) -> None:
        if self.detection is not None:
            self.detection.forget(one)
        if self.ring_watch is not None:
            self.ring_watch.forget(one)

    @cached_property
    def rule_book(self) -> RuleBook:
        start = RuleMode.LIVE if self.settings.detection is Detect.LIVE else RuleMode.SHADOW
        return RuleBook(self.store, pack_file(self.settings.rules), start)

    @cached_property
    def rule_desk(self) -> RuleDesk:
        return RuleDesk(self.store, self.clock, self.rule_book)

    @cached_property
    def rule_guard(self) -> RuleGuard:
        return RuleGuard(self.store, self.rule_desk)

    @cached_property
    def alerts(self) -> Alerts:
        return Alerts(new_id, self.people.number, self.settings.detection_cases)

    @cached_property
    def engines(self) -> LiveEngines:
        return LiveEngines(code=self.settings.data_dir / "machine-code", most=self.settings.detection_values_max)

    @cached_property
    def detection(self) -> Detection | None:
        """None where it is switched off, or where what it needs is not installed."""
        if self.settings.detection is Detect.OFF or not can_detect():
            return None
        memory = SnapshotFile(self.settings.data_dir / "detection.snapshot")
        parts = (self.store, self.people, self.relations, self.rule_book, self.alerts, self.engines)
        return Detection(*parts, memory)

    @cached_property
    def ring_watch(self) -> RingWatch | None:
        """None where it is switched off, or detection is."""
        detection, mode = self.detection, self.settings.rings
        if detection is None or mode is Detect.OFF:
            return None
        alerts = replace(self.alerts, cases=self.alerts.cases and mode is Detect.LIVE)
        from nightlight.flows.watch_rings import RingWatch  # numba comes with it, which takes a second

        memory = SnapshotFile(self.settings.data_dir / "rings.snapshot")
        return RingWatch(self.store, self.clock, self.people, self.relations, detection.judged, alerts, memory)

    @cached_property
    def rule_report(self) -> RuleReport:
        return RuleReport(self.rule_desk, self.detection, can_detect() or self.settings.detection is Detect.OFF)

    @cached_property
    def signal_report(self) -> SignalReport:
        return SignalReport(self.store, self.clock, self.people, self.rule_book)

    @cached_property
    def events(self) -> EventIntake:
        return EventIntake(self.store, self.clock, self.people, self.relations, self.event_limits, self.detection)

    @cached_property
    def event_limits(self) -> EventLimits:
        return EventLimits(age_ms=int(self.settings.events_days * 86_400_000))

    @cached_property
    def event_check(self) -> EventCheck:
        return EventCheck(self.store, self.clock, self.people, self.event_limits)

    @cached_property
    def policy_signer(self) -> PolicySigner:
        return PolicySigner(secret(self.settings.data_dir, "policy"))

    @cached_property
    def policy_book(self) -> PolicyBook:
        memory = PolicyFile(self.settings.data_dir / "policy-memory.json")
        return PolicyBook(self.store, policy_file(self.settings.contact_policy), self.policy_signer.verify, memory)

    @cached_property
    def policy_desk(self) -> PolicyDesk:
        signer = self.policy_signer
        return PolicyDesk(self.store, self.clock, signer.sign, signer.verify, self.policy_book.in_force)

    @cached_property
    def policy_replay(self) -> PolicyReplay:
        return PolicyReplay(self.store, self.people, self.policy_book)

    @cached_property
    def policies(self) -> Policies:
        presets = {name: preset(name) for name in PRESETS}
        return Policies(self.policy_desk, self.policy_book, self.policy_replay, presets)

    @cached_property
    def contact_desk(self) -> ContactDesk:
        return ContactDesk(
            self.store,
            self.clock,
            new_id,
            self.people,
            self.relations,
            self.events,
            self.policy_book,
            lambda account: not self.is_local(account),
            self.notifier.tell,
        )

    def is_local(self, account: str) -> bool:
        """Whether an account lives on our homeserver; where none is set, every account is ours."""
        server = self.settings.server_name
        return not server or account.partition(":")[2] == server

    @cached_property
    def catalogue(self) -> Catalogue:
        return catalogue(self.settings.catalogue_dir)

    @cached_property
    def notifier(self) -> Notifier:
        settings = self.settings
        page = f"{settings.resolved_public_url}/safe"
        return Notifier(
            self.people,
            self.catalogue,
            settings.notice_language,
            settings.country,
            page,
            new_id,
            self.is_local,
            by_homeserver=bool(settings.homeserver_url),
        )

    @cached_property
    def request_desk(self) -> RequestDesk:
        return RequestDesk(self.store, self.clock, new_id, self.events, self.relations, self.notifier)

    @cached_property
    def account_book(self) -> AccountBook:
        return AccountBook(self.store, self.clock, self.people, self.events, self.relations)

    @cached_property
    def retention(self) -> Retention:
        kept_ms = int(self.settings.events_days * 86_400_000)
        return Retention(self.store, self.clock, self.relations, kept_ms, lambda: time.sleep(0.01))

    @cached_property
    def notice_box(self) -> NoticeBox:
        return NoticeBox(self.store, self.clock, self.people, self.catalogue)

    @cached_property
    def prevention(self) -> Prevention:
        return Prevention(
            self.events,
            self.account_book,
            self.contact_desk,
            self.request_desk,
            self.catalogue,
            self.notice_box,
            column_reader(),
        )

    @cached_property
    def history(self) -> HistoryIntake:
        translate = History(self.settings.server_name).translate
        return HistoryIntake(self.store, self.clock, self.people, self.relations, self.events, translate)

    @cached_property
    def homeserver_token(self) -> str:
        """What the homeserver shows us with room history; empty: that door is closed."""
        path = self.settings.appservice_file
        return hs_token(read_bytes(path, 65_536)) if path else ""

    @cached_property
    def service_tokens(self) -> ServiceTokens:
        settings = self.settings
        scopes: dict[str, frozenset[Scope]] = {}
        for path, allowed in (
            (settings.module_secret_file, frozenset({Scope.MODULE})),
            (settings.service_token_file, frozenset(Scope) - {Scope.MODULE}),
        ):
            if path is not None:
                scopes[long_secret(path)] = allowed
        return ServiceTokens(scopes)

    @cached_property
    def service_limits(self) -> ServiceLimits:
        settings = self.settings
        return ServiceLimits(
            settings.service_body_bytes_max, settings.json_depth_max, settings.events_max, settings.approaches_max
        )
