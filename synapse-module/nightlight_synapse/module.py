# SPDX-License-Identifier: AGPL-3.0-or-later
"""What Synapse loads (Synapse, "Writing a module")."""

from __future__ import annotations

from typing import Any

from synapse.module_api import ModuleApi

from nightlight_synapse.about import About
from nightlight_synapse.background import Background
from nightlight_synapse.config import NightlightConfig, parse
from nightlight_synapse.contact import ContactCallbacks
from nightlight_synapse.deciding import Decider
from nightlight_synapse.encryption import RoomRules
from nightlight_synapse.hiding import Hider
from nightlight_synapse.history import HistoryKeeper
from nightlight_synapse.invitation import Invitations
from nightlight_synapse.redaction import Redactor
from nightlight_synapse.resource import NightlightResource
from nightlight_synapse.rooms import RoomCallbacks
from nightlight_synapse.service import Service
from nightlight_synapse.state import State

#: Under ``/_synapse/client``, where Synapse lets modules put resources of their own.
PATH = "/_synapse/client/nightlight"
_CATCH_UP_MS = 2_000


class NightlightModule:
    def __init__(self, config: NightlightConfig, api: ModuleApi) -> None:
        invitations = None
        about = About(api, config)
        if config.url:
            state = State(config.state_path, config.secret)
            hider = Hider(api, state)
            service = Service(api, config.url, config.secret, config.deadline_ms)
            decider = Decider(api, config, service, state)
            contact = ContactCallbacks(api, config, service, decider, hider, state)
            rooms = RoomCallbacks(api, config, decider, state)
            background = Background(api, service, decider, hider, state)
            rules = RoomRules(api, contact, rooms, background, keep_encrypted=config.keep_encrypted)
            invitations = Invitations(api, hider)
            about = About(api, config, contact, service, state)
            api.register_spam_checker_callbacks(
                user_may_create_room=contact.user_may_create_room,
                user_may_invite=contact.user_may_invite,
                federated_user_may_invite=contact.federated_user_may_invite,
                user_may_send_3pid_invite=contact.user_may_send_3pid_invite,
                user_may_join_room=rooms.user_may_join_room,
                check_username_for_spam=contact.check_username_for_spam,
            )
            api.register_account_data_callbacks(on_account_data_updated=contact.account_data_updated)
            api.register_third_party_rules_callbacks(check_event_allowed=rules.check_event_allowed)
            api.looping_background_call(background.run, _CATCH_UP_MS, desc="nightlight_background")
            # Whichever process of Synapse sends to application services: only that one knows what it has not sent.
            history = HistoryKeeper(api, state)
            api.looping_background_call(history.run, _CATCH_UP_MS, desc="nightlight_history", run_on_all_instances=True)
        api.register_web_resource(PATH, NightlightResource(config.secret, Redactor(api), invitations, about))

    @staticmethod
    def parse_config(config: dict[str, Any] | None) -> NightlightConfig:
        """The module's part of Synapse's configuration; ``ConfigError`` says what to set."""
        return parse(config)
