"""The parts behind a person's own page, as far as they need no homeserver."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from functools import cached_property

from nightlight.adapters.people_seal import derived
from nightlight.cli.foundation import new_id
from nightlight.cli.prevention import PreventionRooms
from nightlight.cli.secrets import secret
from nightlight.flows.asks import AskBook
from nightlight.flows.birth_month import BirthMonths
from nightlight.flows.decide_ask import AskDesk
from nightlight.flows.own_door import OwnDoor
from nightlight.flows.own_page import OwnPage
from nightlight.flows.protections import ProtectionDesk
from nightlight.flows.seek_help import Help
from nightlight.model.action import Action
from nightlight.web.safe.pages import SafePage
from nightlight.web.safe.words import WORDS


@dataclass(frozen=True)
class OwnPageRooms(PreventionRooms):
    """Made when they are first asked for."""

    @cached_property
    def ask_book(self) -> AskBook:
        return AskBook(self.people, new_id)

    @cached_property
    def protection_desk(self) -> ProtectionDesk:
        return ProtectionDesk(
            self.store,
            self.clock,
            self.people,
            self.policy_book,
            self.events,
            self.relations,
            self.ask_book,
            self.notifier,
        )

    @cached_property
    def birth_months(self) -> BirthMonths:
        return BirthMonths(
            self.store, self.clock, self.people, self.policy_book, self.relations, self.ask_book, self.protection_desk
        )

    @cached_property
    def ask_desk(self) -> AskDesk:
        return AskDesk(self.store, self.clock, self.ask_book, self.birth_months, self.protection_desk, self.relations)

    @cached_property
    def own_page(self) -> OwnPage:
        return OwnPage(self.store, self.clock, self.people, self.request_desk, self.contact_desk)

    @cached_property
    def help(self) -> Help:
        return Help(
            self.store,
            self.clock,
            new_id,
            self.request_desk,
            self.notifier,
            self.relations,
            self.settings.own_page_reports_per_hour,
        )

    @cached_property
    def safe_page(self) -> SafePage:
        settings = self.settings
        return SafePage(
            homeserver=settings.homeserver_public_url or settings.homeserver_url,
            server_name=settings.server_name,
            quick_exit=settings.quick_exit_url,
            language=settings.notice_language,
            country=settings.country,
        )

    @cached_property
    def _link_key(self) -> bytes:
        return derived(secret(self.settings.data_dir, "people"), "sign-in-links")

    def link_token(self, action_id: str) -> str:
        """What a link carries: nobody without the key can make it, and it need not be stored."""
        digest = hmac.digest(self._link_key, action_id.encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def link_text(self, door: OwnDoor, action: Action) -> str:
        """The notice with a link; ``RefusedError('link_expired')`` once it is of no use."""
        url = f"{self.settings.resolved_public_url}/safe/link/{door.link_to_send(action)}"
        words = WORDS.get(action.detail["language"], WORDS["en"])
        return str(words["link"]["notice"]).strip().format(url=url)
