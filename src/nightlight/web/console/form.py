"""A form's body: bounded before it is parsed, and every field a text or nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from nightlight.errors import RefusedError
from nightlight.model.action import ActionKind
from nightlight.model.case import Outcome, Policy
from nightlight.web.body import read_bytes

FORM_BYTES_MAX = 65_536
FORM_FIELDS_MAX = 1_000

T = TypeVar("T", Outcome, Policy, ActionKind)


async def read_form(request: Request, bytes_max: int = FORM_BYTES_MAX) -> FormData:
    """``RefusedError``: ``form_malformed``, ``body_too_large``. Files are not taken."""
    try:
        data = await read_bytes(request, bytes_max)
    except ClientDisconnect:
        raise RefusedError("form_malformed", "The form did not arrive whole.") from None
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise RefusedError("form_malformed", "The form has a kind that is not taken here.")
    replay = Request({**request.scope}, _once(data))
    try:
        return await replay.form(max_files=0, max_fields=FORM_FIELDS_MAX)
    except (HTTPException, UnicodeDecodeError, ValueError):
        raise RefusedError("form_malformed", "The form cannot be read.") from None


def _once(data: bytes) -> Callable[[], Any]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": data, "more_body": False}

    return receive


def text(form: FormData, name: str) -> str:
    value = form.get(name)
    # PostgreSQL stores no NUL, and nobody means one. Browsers send CRLF, but count a line's end as one character.
    return value.replace("\x00", "").replace("\r\n", "\n") if isinstance(value, str) else ""


def choice(kind: type[T], value: str, what: str) -> T:
    try:
        return kind(value)
    except ValueError:
        raise RefusedError(f"{what}_unknown", f"Choose one of the listed values for {what}.") from None
