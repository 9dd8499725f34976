"""A small world for tests: a simulated homeserver, a store, and Nightlight's own parts around them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nightlight.adapters.age import seal
from nightlight.adapters.case_seal import CaseKeys
from nightlight.adapters.matrix.homeserver import MatrixHomeserver
from nightlight.adapters.objects import FolderObjects
from nightlight.adapters.people_seal import PeopleSeal
from nightlight.adapters.sealed.process import SealedWorker
from nightlight.adapters.vault import CaseVault, FlatFolder
from nightlight.cli.data import retention_file
from nightlight.evidence.checkpoint import LogSigner
from nightlight.flows.attachments import AttachmentPolicy
from nightlight.flows.audit import AuditResult, audit
from nightlight.flows.check_attachments import AttachmentChecker, AttachmentLimits
from nightlight.flows.check_vault import VaultChecker
from nightlight.flows.collect_reports import Collector
from nightlight.flows.enforce import Enforcer
from nightlight.flows.erase import Eraser
from nightlight.flows.file_identity import FileIdentity
from nightlight.flows.holds import HoldDesk
from nightlight.flows.keep_attachment import AttachmentKeeper
from nightlight.flows.kept_files import KeptFiles
from nightlight.flows.people import People
from nightlight.flows.refer import Operator, Referrer
from nightlight.flows.referral_people import ReferralPeople
from nightlight.flows.review import CaseFile, Desk
from nightlight.flows.seal_evidence import Sealer
from nightlight.flows.second_look import SecondLook
from nightlight.flows.shred_case import CaseShredder
from nightlight.flows.sign_in import Door
from nightlight.flows.take_events import EventIntake, EventLimits
from nightlight.flows.take_report import Intake, IntakeLimits, Receipt
from nightlight.flows.transparency import Transparency
from nightlight.model.case import Case, CaseState
from nightlight.model.report import Category, Disclosure, ReportRequest
from nightlight.ports import Digester, TimeStamper
from nightlight.prevent.names import NameKey
from nightlight.respond.retention_rules import RetentionRules, read_retention_rules
from nightlight.store.database import Database
from nightlight.store.relation_view import MemoryRelations
from tests.databases import case_keys
from tests.simulators.homeserver import ADMIN_TOKEN, MODULE_SECRET, SERVER_NAME, SimulatedHomeserver

#: How long before it goes something is announced to go.
NOTICE_MS = 7 * 86_400_000


@dataclass
class SetClock:
    """A clock that stands still until it is moved. Milliseconds."""

    at: int = 1_790_000_000_000

    def now(self) -> int:
        return self.at


@dataclass
class World:
    """Bob and Mallory share an encrypted room; Eve is in none."""

    homeserver: SimulatedHomeserver
    store: Database
    homeserver_url: str
    clock: SetClock = field(default_factory=SetClock)
    stamper: TimeStamper | None = None
    limits: IntakeLimits = field(default_factory=lambda: IntakeLimits(300, 100, 3_600_000))

    policy: AttachmentPolicy = field(default_factory=AttachmentPolicy)
    digester: Digester = field(default_factory=lambda: SealedWorker(30))
    folder: TemporaryDirectory[str] = field(default_factory=lambda: TemporaryDirectory(prefix="nightlight-test-"))

    def __post_init__(self) -> None:
        sim = self.homeserver
        sim.clock = self.clock.now
        self.bob, self.mallory, self.eve = (sim.account(name) for name in ("bob", "mallory", "eve"))
        self.room = sim.room(self.bob, self.mallory)
        self.opening = sim.say(self.room, self.mallory, "[opening]")
        self.abusive = sim.say(self.room, self.mallory, "[abusive message 1]")
        self.reply = sim.say(self.room, self.bob, "[a reply]")
        self._numbers = itertools.count(1)

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{next(self._numbers):06x}"

    @cached_property
    def matrix(self) -> MatrixHomeserver:
        return MatrixHomeserver(self.homeserver_url, SERVER_NAME, ADMIN_TOKEN, MODULE_SECRET, 5)

    @cached_property
    def prevention_people(self) -> People:
        return People(NameKey(bytes(32)), PeopleSeal(bytes(32)))

    @cached_property
    def relations(self) -> MemoryRelations:
        return MemoryRelations(self.store, self.prevention_people.open_age)

    @cached_property
    def events(self) -> EventIntake:
        return EventIntake(self.store, self.clock, self.prevention_people, self.relations, EventLimits())

    @property
    def intake(self) -> Intake:
        return Intake(self.store, self.matrix, self.clock, self.new_id, self.limits, self.events)

    @property
    def desk(self) -> Desk:
        keeper = AttachmentKeeper(self.store, self.matrix, self.vault, self.clock)
        parts = (self.store, self.clock, self.new_id, self.events, self.policy, keeper)
        return Desk(*parts, rules=self.retention_rules)

    @property
    def second_look(self) -> SecondLook:
        return SecondLook(self.store, self.clock, self.new_id, self.events)

    @cached_property
    def case_keys(self) -> CaseKeys:
        return case_keys()

    @property
    def vault(self) -> CaseVault:
        folder = Path(self.folder.name)
        identity = FileIdentity(self.store, self.case_keys)
        return CaseVault(FolderObjects(folder / "vault"), identity, FlatFolder(folder / "attachments"))

    def kept_paths(self) -> list[Path]:
        """The objects of the vault, in the order of cases and files."""
        return sorted(path for path in (Path(self.folder.name) / "vault").rglob("*") if path.is_file())

    @property
    def vault_checker(self) -> VaultChecker:
        return VaultChecker(self.store, self.vault, self.clock, 30)

    @property
    def kept_files(self) -> KeptFiles:
        return KeptFiles(self.store, self.vault, self.clock)

    @property
    def sealer(self) -> Sealer:
        return Sealer(self.store, self.vault, self.clock)

    @cached_property
    def retention_rules(self) -> RetentionRules:
        return read_retention_rules(retention_file())

    @property
    def eraser(self) -> Eraser:
        shredder = CaseShredder(self.store, self.vault, self.case_keys)
        return Eraser(self.store, self.clock, self.retention_rules, shredder, NOTICE_MS, lambda: None)

    @property
    def hold_desk(self) -> HoldDesk:
        return HoldDesk(self.store, self.clock, self.new_id)

    @property
    def checker(self) -> AttachmentChecker:
        limits = AttachmentLimits(1_000_000, 4, 120_000)
        parts = (self.store, self.matrix, self.digester, self.vault, self.clock, self.policy, limits)
        return AttachmentChecker(*parts, jitter=lambda: 1.0)

    @property
    def enforcer(self) -> Enforcer:
        return Enforcer(self.store, self.matrix, self.clock, 4, lambda: 1.0, self.events)

    @property
    def collector(self) -> Collector:
        tell = lambda report: f"prove {report.report_id}"  # noqa: E731
        return Collector(self.store, self.matrix, self.clock, self.new_id, 4000, tell, self.events)

    @property
    def referrer(self) -> Referrer:
        key = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
        operator = Operator("Safety team of the test", SERVER_NAME, key, self.transparency.signer, 2, "test")
        return Referrer(self.store, self.matrix, self.clock, self.new_id, operator, seal, self.stamper, self.vault)

    @property
    def people(self) -> ReferralPeople:
        return ReferralPeople(self.store, self.clock)

    @cached_property
    def transparency(self) -> Transparency:
        return Transparency(
            self.store, LogSigner("nightlight.test/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
        )

    @cached_property
    def door(self) -> Door:
        hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        decoy = hasher.hash("nobody has this password")
        return Door(self.store, self.clock, lambda: self.new_id("token"), 3_600_000, 5, hasher, decoy)

    def key(self, event_id: str) -> bytes:
        return self.homeserver.message_keys[event_id]

    def request(self, *event_ids: str, keys: bool = True, **changes: Any) -> ReportRequest:
        values: dict[str, Any] = {
            "room_id": self.room,
            "category": Category.GROOMING,
            "note": "a note",
            "language": "en",
            "messages": tuple(Disclosure(e, self.key(e) if keys else None) for e in event_ids),
        }
        return ReportRequest(**{**values, **changes})

    def report(self, *event_ids: str, by: str | None = None, key: str | None = None, **changes: Any) -> Receipt:
        """Bob (or ``by``) reports messages."""
        token = self.homeserver.token_for(by or self.bob)
        return self.intake.take(self.request(*event_ids, **changes), token, key)

    def codes(self, receipt: Receipt) -> list[str]:
        return [message.verdict.code.value for message in receipt.report.messages]

    def only_case(self) -> CaseFile:
        (case,) = self.open_cases()
        return self.desk.case(case.case_id, "robin")

    def open_cases(self) -> list[Case]:
        return self.desk.queue(CaseState.OPEN).cases

    def audit(self) -> AuditResult:
        return audit(self.store, [])
