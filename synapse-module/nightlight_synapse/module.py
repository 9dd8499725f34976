# SPDX-License-Identifier: AGPL-3.0-or-later
"""What Synapse loads (Synapse, "Writing a module")."""

from __future__ import annotations

from typing import Any

from synapse.module_api import ModuleApi

from nightlight_synapse.config import NightlightConfig, parse
from nightlight_synapse.contact import ContactCallbacks
from nightlight_synapse.encryption import RoomRules
from nightlight_synapse.hiding import Hider
from nightlight_synapse.invitation import Invitations
from nightlight_synapse.redaction import Redactor
from nightlight_synapse.resource import NightlightResource
from nightlight_synapse.service import Service
from nightlight_synapse.state import State

#: Under ``/_synapse/client``, where Synapse lets modules put resources of their own.
PATH = "/_synapse/client/nightlight"
_CATCH_UP_MS = 2_000


class NightlightModule:
    def __init__(self, config: NightlightConfig, api: ModuleApi) -> None:
        contact = invitations = None
        if config.url:
            state = State(config.state_path, config.secret)
            hider = Hider(api, state)
            service = Service(api, config.url, config.secret, config.deadline_ms)
            contact = ContactCallbacks(api, config, service, hider, state)
            invitations = Invitations(api, hider)
            api.register_spam_checker_callbacks(
                user_may_create_room=contact.user_may_create_room,
                user_may_invite=contact.user_may_invite,
                federated_user_may_invite=contact.federated_user_may_invite,
                user_may_send_3pid_invite=contact.user_may_send_3pid_invite,
                user_may_join_room=contact.user_may_join_room,
                check_username_for_spam=contact.check_username_for_spam,
            )
            api.register_account_data_callbacks(on_account_data_updated=contact.account_data_updated)
            api.looping_background_call(contact.catch_up, _CATCH_UP_MS, desc="nightlight_catch_up")
        rules = RoomRules(api, contact, keep_encrypted=config.keep_encrypted)
        if contact is not None:
            api.register_third_party_rules_callbacks(check_event_allowed=rules.check_event_allowed)
        api.register_web_resource(PATH, NightlightResource(config, Redactor(api), invitations, contact))

    @staticmethod
    def parse_config(config: dict[str, Any] | None) -> NightlightConfig:
        """The module's part of Synapse's configuration; ``ConfigError`` says what to set."""
        return parse(config)
