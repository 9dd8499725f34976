"""Putting the house together from the settings."""

from __future__ import annotations

import random
import secrets
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from nightlight import __version__
from nightlight.adapters.age import seal
from nightlight.adapters.matrix.history import History
from nightlight.adapters.matrix.homeserver import MatrixHomeserver
from nightlight.adapters.people_seal import PeopleSeal, derived
from nightlight.adapters.policy_signer import PolicySigner
from nightlight.adapters.sealed.process import SealedWorker
from nightlight.adapters.timestamp import TimestampAuthority
from nightlight.adapters.vault import FileVault
from nightlight.cli.anchor import Anchor
from nightlight.cli.data import built_in_catalogue, policy_file
from nightlight.cli.files import long_secret, read_bytes, read_line
from nightlight.cli.matrix import hs_token
from nightlight.cli.secrets import secret
from nightlight.errors import RefusedError
from nightlight.evidence.checkpoint import LogSigner
from nightlight.evidence.hash_list import parse_hash_list
from nightlight.flows.accounts import AccountBook
from nightlight.flows.answer_request import RequestDesk
from nightlight.flows.attachments import AttachmentPolicy
from nightlight.flows.change_policy import PolicyDesk
from nightlight.flows.check_attachments import AttachmentChecker, AttachmentLimits
from nightlight.flows.collect_reports import Collector
from nightlight.flows.decide_contact import ContactDesk
from nightlight.flows.enforce import Enforcer
from nightlight.flows.keep_attachment import AttachmentKeeper
from nightlight.flows.people import People
from nightlight.flows.policy_book import PolicyBook
from nightlight.flows.refer import Operator, Referrer
from nightlight.flows.referral_people import ReferralPeople
from nightlight.flows.review import Desk
from nightlight.flows.sign_in import Door
from nightlight.flows.take_events import EventIntake, EventLimits
from nightlight.flows.take_history import HistoryIntake
from nightlight.flows.take_report import Intake, IntakeLimits
from nightlight.flows.tell import Notifier
from nightlight.flows.transparency import Transparency
from nightlight.model.report import Report
from nightlight.prevent.names import NameKey
from nightlight.prevent.notices import Catalogue
from nightlight.settings import Attachments, Settings
from nightlight.store.database import Database
from nightlight.store.relation_view import MemoryRelations
from nightlight.web.api.prevention import Prevention, ServiceLimits
from nightlight.web.api.routes import BodyLimits
from nightlight.web.api.service import Scope, ServiceTokens
from nightlight.web.api.status import StatusLinks, how_to_prove
from nightlight.web.disclose.routes import DisclosurePage


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
class House:
    """Every part of a running Nightlight, made when it is first asked for."""

    settings: Settings

    @cached_property
    def clock(self) -> SystemClock:
        return SystemClock()

    @cached_property
    def store(self) -> Database:
        return Database(self.settings.resolved_database_url, secret(self.settings.data_dir, "log"))

    @cached_property
    def anchor(self) -> Anchor:
        return Anchor(self.settings.data_dir / "log-anchor.txt")

    @cached_property
    def log_signer(self) -> LogSigner:
        settings = self.settings
        name = (
            settings.log_origin or f"{settings.server_name or urlsplit(settings.resolved_public_url).netloc}/nightlight"
        )
        return LogSigner(name, Ed25519PrivateKey.from_private_bytes(secret(settings.data_dir, "log-signing")))

    @cached_property
    def transparency(self) -> Transparency:
        return Transparency(self.store, self.log_signer)

    @cached_property
    def operator(self) -> Operator:
        settings = self.settings
        return Operator(
            name=settings.operator_name or f"Safety team of {settings.server_name or 'this server'}",
            homeserver=settings.server_name,
            key=Ed25519PrivateKey.from_private_bytes(secret(settings.data_dir, "attestation")),
            log=self.log_signer,
            needed=settings.approvals_needed,
            software=__version__,
        )

    @cached_property
    def referrer(self) -> Referrer:
        settings = self.settings
        roots = (read_bytes(settings.timestamp_root_file),) if settings.timestamp_root_file else ()
        stamper = TimestampAuthority(settings.timestamp_url, roots) if settings.timestamp_url else None
        return Referrer(self.store, self.homeserver, self.clock, new_id, self.operator, seal, stamper, self.vault)

    @cached_property
    def referral_people(self) -> ReferralPeople:
        return ReferralPeople(self.store, self.clock)

    @cached_property
    def homeserver(self) -> MatrixHomeserver:
        settings = self.settings
        token_file, secret_file = settings.homeserver_token_file, settings.module_secret_file
        token = read_line(token_file).strip() if token_file else settings.homeserver_token.get_secret_value()
        module_secret = read_line(secret_file).strip() if secret_file else ""
        missing = [
            name
            for name, value in (
                ("NIGHTLIGHT_HOMESERVER_URL", settings.homeserver_url),
                ("NIGHTLIGHT_SERVER_NAME", settings.server_name),
                ("NIGHTLIGHT_HOMESERVER_TOKEN_FILE", token),
            )
            if not value
        ]
        if missing:
            raise RefusedError(
                "settings_missing",
                f"Not set: {', '.join(missing)}.",
                "Set them in the environment; `nightlight settings` explains every one.",
            )
        return MatrixHomeserver(
            settings.homeserver_url,
            settings.server_name,
            token,
            module_secret,
            settings.homeserver_timeout,
            media_bytes_max=settings.attachment_bytes_max,
            media_seconds_max=settings.attachment_seconds,
        )

    @cached_property
    def links(self) -> StatusLinks:
        settings = self.settings
        return StatusLinks(settings.resolved_public_url, secret(settings.data_dir, "status"), settings.disclosure_page)

    @cached_property
    def intake(self) -> Intake:
        limits = IntakeLimits(
            self.settings.reports_per_hour, self.settings.pending_max, int(self.settings.pending_hours * 3_600_000)
        )
        return Intake(self.store, self.homeserver, self.clock, new_id, limits)

    @cached_property
    def collector(self) -> Collector:
        tell = self._how_to_prove if self.settings.reporter_notices else None
        return Collector(self.store, self.homeserver, self.clock, new_id, self.settings.note_chars_max, tell)

    @cached_property
    def enforcer(self) -> Enforcer:
        return Enforcer(
            self.store,
            self.homeserver,
            self.clock,
            self.settings.action_attempts_max,
            lambda: random.uniform(0.8, 1.2),  # noqa: S311 - spreads load, guards nothing
        )

    @cached_property
    def desk(self) -> Desk:
        keeper = AttachmentKeeper(self.store, self.homeserver, self.vault, self.clock)
        return Desk(self.store, self.clock, new_id, self.attachment_policy, keeper)

    @cached_property
    def vault(self) -> FileVault:
        return FileVault(self.settings.data_dir / "attachments")

    @cached_property
    def attachment_policy(self) -> AttachmentPolicy:
        path = self.settings.hash_list_file
        known = parse_hash_list(read_bytes(path)) if path else None
        return AttachmentPolicy(self.settings.attachments is Attachments.HASH_ONLY, known)

    @cached_property
    def attachment_checker(self) -> AttachmentChecker:
        settings = self.settings
        # A try is over when the download or the worker has used up its time.
        lease_ms = int((2 * settings.attachment_seconds + 60) * 1000)
        return AttachmentChecker(
            self.store,
            self.homeserver,
            SealedWorker(settings.attachment_seconds + 30),
            self.vault,
            self.clock,
            self.attachment_policy,
            AttachmentLimits(settings.attachment_bytes_max, settings.action_attempts_max, lease_ms),
            lambda: random.uniform(0.8, 1.2),  # noqa: S311 - spreads load, guards nothing
        )

    @cached_property
    def door(self) -> Door:
        hasher = PasswordHasher()
        return Door(
            self.store,
            self.clock,
            lambda: secrets.token_urlsafe(32),
            int(self.settings.session_hours * 3_600_000),
            self.settings.sign_in_attempts,
            hasher,
            hasher.hash(secrets.token_urlsafe(16)),
        )

    @cached_property
    def body_limits(self) -> BodyLimits:
        settings = self.settings
        return BodyLimits(
            settings.body_bytes_max,
            settings.note_chars_max,
            settings.messages_max,
            settings.context_max,
            settings.json_depth_max,
        )

    # Prevention

    @cached_property
    def people(self) -> People:
        key = secret(self.settings.data_dir, "people")
        return People(NameKey(derived(key, "names")), PeopleSeal(key))

    @cached_property
    def relations(self) -> MemoryRelations:
        return MemoryRelations(self.store, self.people.open_age)

    @cached_property
    def events(self) -> EventIntake:
        limits = EventLimits(age_ms=int(self.settings.events_days * 86_400_000))
        return EventIntake(self.store, self.clock, self.people, self.relations, limits)

    @cached_property
    def policy_signer(self) -> PolicySigner:
        return PolicySigner(secret(self.settings.data_dir, "policy"))

    @cached_property
    def policy_book(self) -> PolicyBook:
        return PolicyBook(self.store, policy_file(self.settings.contact_policy), self.policy_signer.verify)

    @cached_property
    def policy_desk(self) -> PolicyDesk:
        return PolicyDesk(self.store, self.clock, self.policy_signer.sign)

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
        return built_in_catalogue()

    @cached_property
    def notifier(self) -> Notifier:
        settings = self.settings
        page = f"{settings.resolved_public_url}/safe"
        return Notifier(
            self.people, self.catalogue, settings.notice_language, settings.country, page, new_id, self._has_notices
        )

    def _has_notices(self, account: str) -> bool:
        return bool(self.settings.homeserver_url) and self.is_local(account)

    @cached_property
    def request_desk(self) -> RequestDesk:
        return RequestDesk(self.store, self.clock, new_id, self.events, self.relations, self.notifier)

    @cached_property
    def account_book(self) -> AccountBook:
        return AccountBook(self.store, self.clock, self.people, self.events, self.relations)

    @cached_property
    def prevention(self) -> Prevention:
        return Prevention(self.events, self.account_book, self.contact_desk, self.request_desk, self.catalogue)

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

    @cached_property
    def disclosure_page(self) -> DisclosurePage:
        settings = self.settings
        return DisclosurePage(
            homeserver=settings.homeserver_public_url or settings.homeserver_url,
            server_name=settings.server_name,
            quick_exit=settings.quick_exit_url,
            messages_max=settings.messages_max,
            context_max=settings.context_max,
            note_chars_max=settings.note_chars_max,
        )

    def _how_to_prove(self, report: Report) -> str:
        return (
            "Thank you for your report. A person on the safety team will look at it. "
            f"{how_to_prove(report, self.links)} What became of it: {self.links.url(report.report_id)} "
            "In danger, call the emergency number."
        )

    def close(self) -> None:
        for name in ("homeserver", "store"):
            if name in self.__dict__:
                self.__dict__[name].close()
