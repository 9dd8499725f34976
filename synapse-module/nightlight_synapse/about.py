# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the module knows of itself and of Synapse's settings: for ``nightlight doctor``, which cannot see them."""

from __future__ import annotations

import time
from typing import Any

from synapse.module_api import ModuleApi

from nightlight_synapse.config import NightlightConfig
from nightlight_synapse.contact import ContactCallbacks
from nightlight_synapse.history import APPSERVICE_ID
from nightlight_synapse.service import NoAnswerError, Service
from nightlight_synapse.state import State

#: Of what this package answers and asks; Nightlight compares it with its own.
INTERFACE = 3


class About:
    def __init__(
        self,
        api: ModuleApi,
        config: NightlightConfig,
        contact: ContactCallbacks | None = None,
        service: Service | None = None,
        state: State | None = None,
    ) -> None:
        self._api = api
        self._config = config
        self._contact = contact
        self._service = service
        self._state = state

    async def tell(self) -> dict[str, Any]:
        """No account and no room stands in it. Times in milliseconds since 1970."""
        config = self._config
        took = sorted(self._contact.took) if self._contact else []
        service = self._service
        return {
            "module": "nightlight",
            "version": INTERFACE,
            "contact": self._contact is not None,
            "url": config.url,
            "keep_encrypted": config.keep_encrypted and self._contact is not None,
            "without_answer": config.without_answer,
            "without_answer_adults": config.without_answer_adults,
            "answer_after_ms": config.answer_after_ms,
            "deadline_ms": config.deadline_ms,
            "decisions": len(took),
            "decision_ms_median": round(took[len(took) // 2], 3) if took else None,
            "decision_ms_p95": round(took[len(took) * 95 // 100], 3) if took else None,
            "time": int(time.time() * 1000),
            "not_reached": await self._reached(),
            "last_answer_at": service.last_answer_at if service else 0,
            "last_failure": service.last_failure if service else "",
            "waiting": await self._api.defer_to_thread(self._state.counts) if self._state else {},
            "synapse": self._synapse(),
        }

    async def _reached(self) -> str:
        """Asks the service about nobody: empty if it answers, else why not."""
        if self._service is None:
            return "no url is set"
        try:
            await self._service.decide([])
        except NoAnswerError as e:
            return str(e)
        return ""

    def _synapse(self) -> dict[str, Any]:
        """Settings of Synapse that decide what strangers learn, by the names that they have in ``homeserver.yaml``."""
        settings = self._api._hs.config
        services = self._api._store.get_app_services()
        return {
            "worker": settings.worker.worker_app or "",
            "msc4155_enabled": settings.experimental.msc4155_enabled,
            "include_profile_data_on_invite": settings.server.include_profile_data_on_invite,
            "require_auth_for_profile_requests": settings.server.require_auth_for_profile_requests,
            "limit_profile_requests_to_users_who_share_rooms": (
                settings.server.limit_profile_requests_to_users_who_share_rooms
            ),
            "allow_profile_lookup_over_federation": settings.federation.allow_profile_lookup_over_federation,
            "search_all_users": settings.userdirectory.user_directory_search_all_users,
            "server_notices": settings.servernotices.server_notices_mxid is not None,
            "server_notices_auto_join": settings.servernotices.server_notices_auto_join,
            "app_service": any(service.id == APPSERVICE_ID for service in services),
        }
