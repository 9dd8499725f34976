"""Templates to answers, with the headers that keep a page to itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from nightlight.model.action import CHOOSABLE
from nightlight.model.case import POLICY_TITLES, Outcome, Policy
from nightlight.prevent import policy_words
from nightlight.respond.visible import visible
from nightlight.web.console import (
    assets,
    attachments,
    detection_words,
    policy_sheets,
    proof,
    referral_words,
    retention_words,
    second_look_words,
    words,
)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("nightlight.web.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        visible=visible,
        short=words.short,
        clock=words.clock,
        ago=words.ago,
        until=words.until,
        log_words=words.log_words,
    )
    environment.globals.update(
        words=words,
        proof=proof,
        attachments=attachments,
        policy_sheets=policy_sheets,
        detection_words=detection_words,
        referral_words=referral_words,
        retention_words=retention_words,
        second_look_words=second_look_words,
        policy_words=policy_words,
        static=assets.ADDRESSES,
        policies=[(policy, POLICY_TITLES[policy]) for policy in Policy],
        outcomes=list(Outcome),
        choosable=CHOOSABLE,
    )
    return environment


_templates = _environment()


def page(template: str, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any) -> HTMLResponse:
    """A rendered template. Everything in ``values`` is escaped."""
    return HTMLResponse(_templates.get_template(template).render(**values), status, {**HEADERS, **(headers or {})})
