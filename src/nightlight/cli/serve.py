"""``nightlight serve``: the service."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from fastapi import FastAPI
from starlette.routing import BaseRoute

from nightlight.cli.background import Background
from nightlight.cli.compose import House
from nightlight.cli.foundation import load_settings
from nightlight.web.api.application_service import application_service_router
from nightlight.web.api.log import log_router
from nightlight.web.api.module import module_router
from nightlight.web.api.prevention import prevention_router
from nightlight.web.api.routes import api_router
from nightlight.web.app import build_app
from nightlight.web.console.asks import ask_routes
from nightlight.web.console.holds import hold_routes
from nightlight.web.console.policies import policy_routes
from nightlight.web.console.record import record_routes
from nightlight.web.console.referral_desk import ReferralPages, referral_desk_routes
from nightlight.web.console.routes import console_routes
from nightlight.web.console.rules import rule_routes
from nightlight.web.console.second_look import second_look_routes
from nightlight.web.console.signals import signal_routes
from nightlight.web.disclose.routes import disclosure_routes
from nightlight.web.safe.routes import safe_routes


@contextmanager
def _tuned() -> Iterator[None]:
    """The interpreter set for a service that waits for the network, and set back: tests share their process."""
    before = sys.getswitchinterval(), gc.get_threshold()
    # The default of 5 ms lets one busy thread hold all others up.
    sys.setswitchinterval(0.001)
    # A batch of events makes some hundred thousand objects and no cycles; looking for cycles among them, again and
    # again, took a sixth of the time.
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        sys.setswitchinterval(before[0])
        gc.set_threshold(*before[1])


def app_for(house: House) -> FastAPI:
    """The application with its background work."""
    settings = house.settings

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        background = Background(house)
        with _tuned():
            background.start()
            try:
                yield
            finally:
                background.stop()
                house.close()

    return build_app(
        [
            api_router(house.intake, house.store, house.links, house.body_limits),
            log_router(house.transparency),
            prevention_router(house.prevention, house.service_tokens, house.service_limits),
            module_router(house.contact_desk, house.request_desk, house.service_tokens, house.service_limits),
            *([application_service_router(house.history, token)] if (token := house.homeserver_token) else []),
        ],
        [
            *(disclosure_routes(house.disclosure_page) if settings.disclosure_page else []),
            *(_own_pages(house) if settings.own_page else []),
            *ask_routes(
                house.ask_desk,
                house.door,
                cookie_secure=settings.cookie_secure,
                session_seconds=int(settings.session_hours * 3600),
            ),
            *console_routes(
                house.desk,
                house.door,
                house.referrer,
                cookie_secure=settings.cookie_secure,
                session_seconds=int(settings.session_hours * 3600),
            ),
            *referral_desk_routes(
                ReferralPages(
                    house.referral_desk,
                    house.previewer,
                    house.drafted_referrals,
                    house.alarms.all,
                    house.submitter,
                    house.hand_over_desk,
                ),
                house.door,
                cookie_secure=settings.cookie_secure,
                session_seconds=int(settings.session_hours * 3600),
            ),
            *second_look_routes(
                house.desk,
                house.second_look,
                house.door,
                cookie_secure=settings.cookie_secure,
                session_seconds=int(settings.session_hours * 3600),
            ),
            *hold_routes(
                house.desk,
                house.hold_desk,
                house.door,
                cookie_secure=settings.cookie_secure,
                session_seconds=int(settings.session_hours * 3600),
            ),
            *policy_routes(
                house.policies,
                house.door,
                cookie_secure=settings.cookie_secure,
                session_seconds=int(settings.session_hours * 3600),
            ),
            *rule_routes(
                house.rule_report,
                house.door,
                cookie_secure=settings.cookie_secure,
                session_seconds=int(settings.session_hours * 3600),
            ),
            *record_routes(
                house.record_keeper,
                house.door,
                cookie_secure=settings.cookie_secure,
                session_seconds=int(settings.session_hours * 3600),
            ),
            *signal_routes(
                house.signal_report,
                house.door,
                cookie_secure=settings.cookie_secure,
                session_seconds=int(settings.session_hours * 3600),
            ),
        ],
        house.store,
        lifespan,
    )


def _own_pages(house: House) -> list[BaseRoute]:
    settings = house.settings
    seconds = int(settings.own_page_minutes * 60)
    return safe_routes(house.safe_rooms, house.safe_page, cookie_secure=settings.cookie_secure, session_seconds=seconds)


def app_from_environment() -> FastAPI:
    """For servers that start the application by name, in several processes."""
    quiet_logging()
    house = House(load_settings())
    house.store.migrate()
    with house.store.read() as tx:
        house.case_keys.require_master(tx)
    return app_for(house)


def quiet_logging() -> None:
    """What the service says of itself. Addresses of requests may hold status tokens: they are not logged."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("httpx", "httpcore", "alembic", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
