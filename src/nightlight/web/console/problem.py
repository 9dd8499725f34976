"""Refusals as pages: what happened, and what to do."""

from __future__ import annotations

from starlette.responses import Response

from nightlight.errors import NightlightError, RefusedError, UnavailableError
from nightlight.web.console.pages import page
from nightlight.web.console.session import Session

_STATUS = {
    "case_not_found": 404,
    "ask_not_found": 404,
    "referral_not_found": 404,
    "agency_not_found": 404,
    "message_not_found": 404,
    "already_drafted": 409,
    "draft_changed": 409,
    "not_a_draft": 409,
    "not_urgent": 409,
    "already_filed": 409,
    "already_retracted": 409,
    "already_submitted": 409,
    "not_by_hand": 409,
    "not_signed": 409,
    "not_handed_over": 409,
    "not_in_doubt": 409,
    "attachment_not_found": 404,
    "media_gone": 404,
    "media_quarantined": 409,
    "not_checked_yet": 409,
    "already_decided": 409,
    "already_overturned": 409,
    "overturned": 409,
    "ask_decided": 409,
    "protection_fixed": 409,
    "not_failed": 409,
    "policy_change_unknown": 404,
    "policy_unknown": 404,
    "rule_unknown": 404,
    "alert_not_found": 404,
    "rule_live": 409,
    "rule_unchanged": 409,
    "not_proposed": 409,
    "rules_meanwhile": 409,
    "policy_change_ended": 409,
    "policy_signature": 409,
    "erased": 410,
    "hold_not_found": 404,
    "hold_released": 409,
    "release_not_proposed": 409,
    "csrf": 403,
    "body_too_large": 413,
    "form_malformed": 400,
    "sign_in_failed": 401,
    "signed_out": 401,
    "sign_in_blocked": 429,
    # Nothing is shown or done that cannot be logged: for the operator to mend, not for the reviewer.
    "log_broken": 503,
}

#: A heading, and what to do where the error itself does not say.
_SAID = {
    400: ("This form could not be read", "Go back, reload the page and try again."),
    401: ("You are signed out", "Sign in again."),
    403: ("This was not accepted", "Reload the page and try again."),
    404: ("Not here", "It may have been mistyped. Every case is in the queue."),
    409: ("Somebody was faster", "Reload the page to see how it is now."),
    410: ("This was erased", "The case says when, and by which rule."),
    413: ("Too much at once", "Write less and try again."),
    429: ("Please wait", "Try again later."),
    503: ("Not possible right now", "Try again in a moment. Reload the page to see what was done."),
}


def status_of(error: NightlightError) -> int:
    return 503 if isinstance(error, UnavailableError) else _STATUS.get(error.code, 422)


def problem(error: NightlightError, session: Session | None, *, part: bool) -> Response:
    """``part``: for htmx, an alert in the page's own place for it; what was typed elsewhere stays."""
    status = status_of(error)
    title, hint = _SAID.get(status, ("That did not work", "Go back and try again."))
    hint = (error.hint if isinstance(error, RefusedError) else "") or hint
    headers = {"Retry-After": "30"} if status == 503 else {}
    if part:
        headers |= {"HX-Retarget": "#notice", "HX-Reswap": "innerHTML"}
    template = "problem_part.html" if part else "problem.html"
    values = {"title": title, "message": error.message, "hint": hint, "number": status}
    return page(template, status, headers, **values, session=session)
