"""The routes of a person's own page. Reading help and what Nightlight does needs no sign-in; all else does."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from nightlight.web.safe.coming import Coming
from nightlight.web.safe.contact import Contact
from nightlight.web.safe.pages import MATRIX, Files, SafePage
from nightlight.web.safe.protecting import Protecting
from nightlight.web.safe.session import OwnSessions
from nightlight.web.safe.site import Rooms


def safe_routes(rooms: Rooms, config: SafePage, *, cookie_secure: bool, session_seconds: int) -> list[BaseRoute]:
    """Every route of the page."""
    sessions = OwnSessions(rooms.door, cookie_secure, session_seconds)
    coming, contact = Coming(rooms, config, sessions), Contact(rooms, config, sessions)
    protecting = Protecting(rooms, config, sessions)
    read, signed_in = coming.open, coming.signed_in

    def matrix(_request: Request) -> Response:
        headers = {**config.headers(signing_in=True), "Cache-Control": "no-cache"}
        return Response(MATRIX.read_bytes(), 200, headers, "text/javascript")

    return [
        Route("/safe", read(coming.home), methods=["GET"]),
        Route("/safe/sign-in", read(coming.sign_in), methods=["POST"]),
        Route("/safe/link", coming.ask_for_link, methods=["POST"]),
        Route("/safe/link/{token}", read(coming.link), methods=["GET"]),
        Route("/safe/link/{token}", read(coming.open_link), methods=["POST"]),
        Route("/safe/sign-out", signed_in(coming.sign_out), methods=["POST"]),
        Route("/safe/leave", read(coming.leave), methods=["GET"]),
        Route("/safe/language", read(coming.set_language), methods=["POST"]),
        Route("/safe/help", read(coming.helplines), methods=["GET"]),
        Route("/safe/about", read(coming.about), methods=["GET"]),
        Route("/safe/requests/{request_id}", signed_in(contact.request), methods=["GET"]),
        Route("/safe/requests/{request_id}/accept", signed_in(contact.before_accepting), methods=["GET"]),
        Route("/safe/requests/{request_id}", signed_in(contact.answer), methods=["POST"]),
        Route("/safe/done/{what}", signed_in(contact.done), methods=["GET"]),
        Route("/safe/somebody", signed_in(contact.somebody), methods=["GET"]),
        Route("/safe/report", signed_in(contact.report), methods=["GET"]),
        Route("/safe/report", signed_in(contact.send_report), methods=["POST"]),
        Route("/safe/birth-month", signed_in(protecting.birth_month), methods=["GET"]),
        Route("/safe/birth-month", signed_in(protecting.declare), methods=["POST"]),
        Route("/safe/protections", signed_in(protecting.protections), methods=["GET"]),
        Route("/safe/protections/{protection_id}", signed_in(protecting.protection), methods=["GET"]),
        Route("/safe/protections/{protection_id}", signed_in(protecting.change_protection), methods=["POST"]),
        Route("/safe/blocked", signed_in(contact.blocked), methods=["GET"]),
        Route("/safe/unblock", signed_in(contact.before_unblocking), methods=["GET"]),
        Route("/safe/unblock", signed_in(contact.unblock), methods=["POST"]),
        Route("/safe/static/matrix.js", matrix, methods=["GET"]),
        Mount("/safe/static", Files(config.headers(signing_in=True)), name="safe-static"),
    ]
