# SPDX-License-Identifier: AGPL-3.0-or-later
"""Room history that Synapse would lose when it is killed.

Synapse notes that events were handed to application services before they are in a durable transaction: in between they
are only in memory. A transaction that was under way when it was killed stays unsent until another one fails. So this
notes up to where everything has arrived, or is durable and being retried, and hands the rest to our application service
again at the next start. That one takes each event once; no other application service sees anything twice.
"""

from __future__ import annotations

import logging
from typing import Any

from synapse.appservice import ApplicationServiceState
from synapse.module_api import ModuleApi

from nightlight_synapse.state import State

_log = logging.getLogger(__name__)

#: As ``nightlight matrix registration`` writes it.
APPSERVICE_ID = "nightlight"
_AT_ONCE = 100
_PAUSE_SECONDS = 0.1


class HistoryKeeper:
    """``run`` is called over and over, in the one process of Synapse that sends to application services."""

    def __init__(self, api: ModuleApi, state: State) -> None:
        self._api = api
        self._store = api._hs.get_datastores().main
        self._state = state
        self._begun = False
        self._noted = -1
        self._unsent = -1

    async def run(self) -> None:
        hs = self._api._hs
        service = next((one for one in self._store.get_app_services() if one.id == APPSERVICE_ID), None)
        if service is None or not hs.config.worker.should_notify_appservices:
            return
        handler = hs.get_application_service_handler()
        if not self._begun:
            await self._begin(handler)
            await self._send_again(handler, service)
            self._begun = True
        await self._note(handler.scheduler, service)

    async def _begin(self, handler: Any) -> None:
        """Synapse would begin to retry what is unsent with the next event only."""
        if not handler.started_scheduler:
            handler.started_scheduler = True
            await handler.scheduler.start()

    async def _send_again(self, handler: Any, service: Any) -> None:
        position = self._state.history_position()
        end = await self._store.get_appservice_last_pos()
        if position is None or position >= end:
            return
        _log.info("Room history from %d to %d may not have reached Nightlight: sending it again", position, end)
        queuer = handler.scheduler.queuer
        while position < end:
            position, received = await self._store.get_all_new_event_ids_stream(position, end, limit=_AT_ONCE)
            events = await self._store.get_events_as_list(received.keys(), get_prev_content=True)
            handler.scheduler.enqueue_for_appservice(service, events=events)
            while len(queuer.queued_events.get(service.id, ())) >= _AT_ONCE:
                await self._api.sleep(_PAUSE_SECONDS)

    async def _note(self, scheduler: Any, service: Any) -> None:
        """Notes the position where nothing before it is in memory alone. The order of the looks matters."""
        position = await self._store.get_appservice_last_pos()
        queuer = scheduler.queuer
        if queuer.queued_events.get(service.id) or service.id in queuer.requests_in_flight:
            return
        unsent = await self._store.get_oldest_unsent_txn(service)
        if unsent is not None and service.id not in scheduler.txn_ctrl.recoverers:
            if unsent.id == self._unsent and service.id not in queuer.requests_in_flight:
                _log.info("Transaction %d was left behind: retrying it", unsent.id)
                await self._store.set_appservice_state(service, ApplicationServiceState.DOWN)
                scheduler.txn_ctrl.start_recoverer(service)
            self._unsent = unsent.id
            return
        self._unsent = -1
        if position != self._noted:
            await self._in_thread(self._state.note_history_position, position)
            self._noted = position

    async def _in_thread(self, call: Any, *arguments: Any) -> Any:
        return await self._api.defer_to_thread(call, *arguments)
