"""Putting the house together from the settings."""

from __future__ import annotations

import logging
import random
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nightlight import __version__
from nightlight.adapters.age import seal
from nightlight.adapters.matrix.homeserver import MatrixHomeserver
from nightlight.adapters.matrix.inspector import MatrixInspector
from nightlight.adapters.sealed.process import SealedWorker
from nightlight.adapters.timestamp import TimestampAuthority
from nightlight.cli.anchor import Anchor
from nightlight.cli.data import shipped_duties
from nightlight.cli.files import read_bytes, read_line, write_private
from nightlight.cli.foundation import new_id
from nightlight.cli.matrix import as_token
from nightlight.cli.retention_rooms import RetentionRooms
from nightlight.cli.secrets import secret
from nightlight.errors import RefusedError
from nightlight.evidence.checkpoint import LogSigner
from nightlight.evidence.hash_list import parse_hash_list
from nightlight.flows.attachments import AttachmentPolicy
from nightlight.flows.check_attachments import AttachmentChecker, AttachmentLimits
from nightlight.flows.check_vault import examine_vault
from nightlight.flows.collect_reports import Collector
from nightlight.flows.draft_referral import ReferralDesk
from nightlight.flows.enforce import Enforcer
from nightlight.flows.examine import Examination, Installation
from nightlight.flows.examine_detection import DetectionExamination
from nightlight.flows.examine_referrals import ReferralExamination
from nightlight.flows.fill_draft import DraftFiller
from nightlight.flows.hand_over import HandOverDesk, Outgoing
from nightlight.flows.keep_attachment import AttachmentKeeper
from nightlight.flows.not_taken import examined, not_taken
from nightlight.flows.own_door import OwnDoor, OwnDoorLimits
from nightlight.flows.prepare_report import Preparation, Prepared
from nightlight.flows.preview_referral import Previewer, PreviewRow
from nightlight.flows.refer import Operator, Referrer
from nightlight.flows.referral_people import ReferralPeople
from nightlight.flows.review import Desk
from nightlight.flows.second_look import SecondLook
from nightlight.flows.send_referral import Alarms, Sender, filed, prior_reports, taken_back
from nightlight.flows.sign_in import Door
from nightlight.flows.submit import Submitter
from nightlight.flows.take_report import Intake, IntakeLimits
from nightlight.flows.transparency import Transparency
from nightlight.model.draft import AgencyKind
from nightlight.model.health import Finding
from nightlight.model.referral import Referral
from nightlight.model.report import Report
from nightlight.model.reporter import ReportingOperator
from nightlight.model.submission import Submission
from nightlight.ports import ReportDocuments, Sink
from nightlight.respond.country import country
from nightlight.respond.duties import read_duties
from nightlight.respond.referral_clock import ReferralClock
from nightlight.settings import Attachments
from nightlight.web.api.routes import BodyLimits
from nightlight.web.api.status import StatusLinks, how_to_prove
from nightlight.web.disclose.routes import DisclosurePage
from nightlight.web.safe.site import Rooms

_log = logging.getLogger(__name__)
_HOUR_MS = 3_600_000

if TYPE_CHECKING:  # lxml and httpx are read by whoever reports only
    from nightlight.adapters.cybertipline.client import TiplineClient
    from nightlight.adapters.cybertipline.schema import Schema


@dataclass(frozen=True)
class House(RetentionRooms):
    """Every part of a running Nightlight, made when it is first asked for."""

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
    def reporting_operator(self) -> ReportingOperator:
        settings = self.settings
        return ReportingOperator(
            service=settings.server_name,
            first_name=settings.reporting_first_name,
            last_name=settings.reporting_last_name,
            email=settings.reporting_email,
            phone=settings.reporting_phone,
            about=settings.reporting_about or settings.operator_name,
            terms_url=settings.terms_url,
            legal_url=settings.legal_url,
        )

    @cached_property
    def preparation(self) -> Preparation:
        return Preparation(self.store, self.vault, self.settings.attachment_bytes_max)

    @cached_property
    def referral_desk(self) -> ReferralDesk:
        records = self.homeserver.account_records if self.settings.homeserver_url else None
        filler = DraftFiller(self.people, self.settings.server_name, records)
        settings = self.settings
        duties = read_duties(read_bytes(settings.duties_file) if settings.duties_file else shipped_duties())
        established = frozenset(country(code.strip()) for code in settings.established.split(",") if code.strip())
        sender = Sender(lambda: self.submitter, self._referral_clock, new_id)
        parts = (self.store, self.clock, new_id, filler, sender.send, prior_reports)
        return ReferralDesk(*parts, duties, established)

    @property
    def _referral_clock(self) -> ReferralClock:
        settings = self.settings
        hours = {"P1": settings.nca_p1_hours, "P2": settings.nca_p2_hours, "P3": settings.nca_p3_hours}
        return ReferralClock(
            int(settings.referral_hours * _HOUR_MS),
            int(settings.urgent_referral_hours * _HOUR_MS),
            {priority: int(given * _HOUR_MS) for priority, given in hours.items()},
        )

    @cached_property
    def hand_over_desk(self) -> HandOverDesk:
        return HandOverDesk(self.store, self.clock, new_id, self.preparation, self.referrer, self._pack)

    def _pack(self, outgoing: Outgoing, out: Sink) -> list[tuple[str, bytes]]:
        from nightlight.adapters.packages.archive import write_package
        from nightlight.adapters.packages.package import Package

        package = Package(
            outgoing.referral, outgoing.prepared, self.reporting_operator, outgoing.decision, outgoing.bundle
        )
        return [(member.name, member.sha256) for member in write_package(package, outgoing.read, out)]

    @cached_property
    def alarms(self) -> Alarms:
        return Alarms(self.store, self.clock, int(self.settings.urgent_review_hours * 3_600_000))

    @cached_property
    def tipline(self) -> TiplineClient | None:
        """The connection to the CyberTipline; None where there is none."""
        settings = self.settings
        if not settings.ncmec_url:
            return None
        if settings.ncmec_credentials_file is None:
            raise RefusedError(
                "settings_missing",
                "NIGHTLIGHT_NCMEC_URL is set, and NIGHTLIGHT_NCMEC_CREDENTIALS_FILE is not.",
                "NCMEC issues a user name and a password; they go into a file, a line each.",
            )
        from nightlight.adapters.cybertipline.client import CredentialsFile, TiplineClient

        return TiplineClient(settings.ncmec_url, CredentialsFile(settings.ncmec_credentials_file))

    @cached_property
    def submitter(self) -> Submitter | None:
        """None where this installation is not connected to the CyberTipline."""
        if self.tipline is None:
            return None
        jitter = lambda: random.uniform(0.8, 1.2)  # noqa: E731, S311 - spreads load, guards nothing
        return Submitter(self.store, self.tipline, self._documents, self.clock, new_id, filed, taken_back, jitter)

    def _documents(self, submission: Submission) -> ReportDocuments:
        from nightlight.adapters.cybertipline.documents import TiplineDocuments

        with self.store.read() as tx:
            referral = tx.referral(submission.referral_id)
        if referral is None:
            raise RefusedError("referral_not_found", "There is no such referral.")
        prepared = self.preparation.prepare(referral)
        return TiplineDocuments(prepared, self.reporting_operator, self.tipline_schema(), self.preparation.content)

    def tipline_schema(self) -> Schema:
        """The agency's own schema as it was last fetched, else ours."""
        from nightlight.adapters.cybertipline.schema import XSD_BYTES_MAX, Schema

        fetched = self.settings.data_dir / "cybertipline.xsd"
        return Schema.read(read_bytes(fetched, XSD_BYTES_MAX)) if fetched.exists() else Schema.own()

    def fetch_tipline_schema(self) -> bytes:
        """Fetches the agency's schema and keeps it, if it can be used. ``RefusedError``, ``UnavailableError``."""
        from nightlight.adapters.cybertipline.drift import Effect, drift
        from nightlight.adapters.cybertipline.schema import Schema

        if self.tipline is None:
            raise RefusedError("settings_missing", "NIGHTLIGHT_NCMEC_URL is not set.", "Set it, or name a file.")
        xsd = self.tipline.schema()
        for difference in drift(Schema.own(), Schema.read(xsd)):
            if difference.effect is Effect.BREAKS:
                _log.warning("the CyberTipline's schema changed: %s", difference.message)
        draft = self.settings.data_dir / f".cybertipline.{secrets.token_hex(8)}"
        write_private(draft, xsd)
        draft.replace(self.settings.data_dir / "cybertipline.xsd")
        return xsd

    @cached_property
    def previewer(self) -> Previewer:
        from nightlight.adapters.cybertipline.preview import tipline_preview

        def ncmec(prepared: Prepared) -> Sequence[PreviewRow]:
            return tipline_preview(prepared, self.reporting_operator, self.tipline_schema())

        from nightlight.adapters.packages.package import KINDS
        from nightlight.adapters.packages.preview import package_form

        forms = {kind: package_form(kind, self.reporting_operator) for kind in KINDS}
        return Previewer(self.store, self.clock, self.preparation, {**forms, AgencyKind.NCMEC: ncmec})

    def drafted_referrals(self) -> list[Referral]:
        """Every referral with a draft, the newest first."""
        with self.store.read() as tx:
            found = [referral for referral in tx.referrals() if referral.draft is not None]
        return sorted(found, key=lambda referral: -referral.proposed_at)

    @cached_property
    def referral_people(self) -> ReferralPeople:
        return ReferralPeople(self.store, self.clock)

    @cached_property
    def homeserver(self) -> MatrixHomeserver:
        settings = self.settings
        token, module_secret = self._homeserver_secrets()
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

    def _homeserver_secrets(self) -> tuple[str, str]:
        """Our admin token, and the secret shared with the module; empty where none is set."""
        settings = self.settings
        token_file, secret_file = settings.homeserver_token_file, settings.module_secret_file
        token = read_line(token_file).strip() if token_file else settings.homeserver_token.get_secret_value()
        return token, read_line(secret_file).strip() if secret_file else ""

    @cached_property
    def inspector(self) -> MatrixInspector:
        return MatrixInspector(
            self.settings.homeserver_url, *self._homeserver_secrets(), self.settings.homeserver_timeout
        )

    @cached_property
    def examination(self) -> Examination:
        settings = self.settings
        in_force = self.policy_book.in_force()
        here = Installation(
            homeserver_url=settings.homeserver_url,
            public_url=settings.resolved_public_url,
            as_token=as_token(read_bytes(settings.appservice_file, 65_536)) if settings.appservice_file else "",
            has_service_token=settings.service_token_file is not None,
            cookie_secure=settings.cookie_secure,
            country=settings.country,
            helplines=self.catalogue.helplines(settings.country),
            policy=f"{in_force.newest.policy.reference} for {in_force.share} of 100 accounts",
            policy_problems=self.policy_book.problems(),
        )
        detection = DetectionExamination(self.store, self.rule_report, self.rule_guard)
        ask = self.tipline.status if self.tipline is not None else None
        referrals = ReferralExamination(self.alarms, self.reporting_operator, ask)

        def inside() -> Iterator[Finding]:
            with self.store.read() as tx:
                found = not_taken(tx, self.clock.now())
                vault = list(examine_vault(tx, self.clock.now(), settings.vault_check_days, self.master_key_name))
            yield from vault
            yield from examined(found)
            yield from detection.run()
            yield from referrals.run()

        return Examination(self.inspector if settings.homeserver_url else None, self.clock, here, inside)

    @cached_property
    def links(self) -> StatusLinks:
        settings = self.settings
        return StatusLinks(settings.resolved_public_url, secret(settings.data_dir, "status"), settings.disclosure_page)

    @cached_property
    def intake(self) -> Intake:
        limits = IntakeLimits(
            self.settings.reports_per_hour, self.settings.pending_max, int(self.settings.pending_hours * 3_600_000)
        )
        return Intake(self.store, self.homeserver, self.clock, new_id, limits, self.events, self.notifier.tell)

    @cached_property
    def collector(self) -> Collector:
        tell = self._how_to_prove if self.settings.reporter_notices else None
        chars = self.settings.note_chars_max
        parts = (self.store, self.homeserver, self.clock, new_id, chars, tell, self.events)
        return Collector(*parts, tell=self.notifier.tell)

    @cached_property
    def enforcer(self) -> Enforcer:
        return Enforcer(
            self.store,
            self.homeserver,
            self.clock,
            self.settings.action_attempts_max,
            lambda: random.uniform(0.8, 1.2),  # noqa: S311 - spreads load, guards nothing
            self.events,
            lambda action: self.link_text(self.own_door, action),
        )

    @cached_property
    def own_door(self) -> OwnDoor:
        settings = self.settings
        limits = OwnDoorLimits(
            int(settings.own_page_minutes * 60_000), settings.sign_in_links_of_one, settings.sign_in_links_per_hour
        )
        return OwnDoor(
            self.store,
            self.clock,
            self.homeserver,
            self.people,
            settings.server_name,
            new_id,
            lambda: secrets.token_urlsafe(32),
            self.link_token,
            limits,
        )

    @cached_property
    def safe_rooms(self) -> Rooms:
        return Rooms(
            self.own_door,
            self.own_page,
            self.request_desk,
            self.birth_months,
            self.protection_desk,
            self.help,
            self.catalogue,
        )

    @cached_property
    def desk(self) -> Desk:
        keeper = AttachmentKeeper(self.store, self.homeserver, self.vault, self.clock)
        parts = (self.store, self.clock, new_id, self.events, self.attachment_policy, keeper, self.alerts)
        return Desk(*parts, rules=self.retention_rules)

    @cached_property
    def second_look(self) -> SecondLook:
        return SecondLook(self.store, self.clock, new_id, self.events, self.alerts)

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
        return Door(
            self.store,
            self.clock,
            lambda: secrets.token_urlsafe(32),
            int(self.settings.session_hours * 3_600_000),
            self.settings.sign_in_attempts,
            PasswordHasher(),
            _decoy_hash(),
            alarms=lambda: len(self.alarms.all()),
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
        for name in ("homeserver", "inspector", "tipline", "store"):
            if self.__dict__.get(name) is not None:
                self.__dict__[name].close()


@cache
def _decoy_hash() -> str:
    """The hash of a password that nobody has; one for all doors of a process."""
    return PasswordHasher().hash(secrets.token_urlsafe(16))
