"""The interface for services: events in, accounts, contact decisions, requests and notices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from nightlight.errors import RefusedError
from nightlight.flows.accounts import AccountBook, AccountLine
from nightlight.flows.answer_request import RequestAnswer, RequestDesk
from nightlight.flows.decide_contact import Answer, ContactDesk
from nightlight.flows.notice_box import NoticeBox, WaitingNotice
from nightlight.flows.take_events import EventIntake, EventReceipt
from nightlight.model.contact import Approach, ContactRequest, Direction
from nightlight.model.event import Event
from nightlight.prevent.event_reader import account_name, event_from
from nightlight.prevent.notices import Catalogue
from nightlight.web.api.gather import Gatherer
from nightlight.web.api.service import Scope, ServiceTokens
from nightlight.web.body import media_type, read_bytes, read_json

NOTICES_MAX = 100
#: A body and how many events it may hold, to events or why one is none.
ColumnReader = Callable[[bytes, int], Sequence[Event | RefusedError]]
COLUMNS_TYPE = "application/vnd.apache.arrow.stream"
_NO_COLUMNS = "Send them as application/json, or ask the operator to install nightlight[detect]."
_APPROACH = frozenset({"actor", "target", "direction", "room"})


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """``body_bytes``: of one request. ``events``, ``approaches``: in one request."""

    body_bytes: int
    json_depth: int
    events: int
    approaches: int


@dataclass(frozen=True, slots=True)
class Prevention:
    """The stories behind the interface. ``read_columns``: reads events in binary form, where that is installed."""

    events: EventIntake
    accounts: AccountBook
    contacts: ContactDesk
    requests: RequestDesk
    catalogue: Catalogue
    notices: NoticeBox
    read_columns: ColumnReader | None = None


def prevention_router(parts: Prevention, tokens: ServiceTokens, limits: ServiceLimits) -> APIRouter:
    """The routes for services."""
    router = APIRouter(tags=["prevention"])
    gatherer = Gatherer(parts.contacts.decide, batch_max=limits.approaches, waiting_max=20 * limits.approaches)
    secured: dict[str, Any] = {"security": [{"ServiceToken": []}]}

    async def body_of(request: Request, scope: Scope) -> dict[str, Any]:
        tokens.require(request, scope)
        value = await read_json(request, bytes_max=limits.body_bytes, depth_max=limits.json_depth)
        if not isinstance(value, dict):
            raise RefusedError("body_malformed", "The body is a JSON object.")
        return value

    def take_columns(read: ColumnReader, body: bytes) -> EventReceipt:
        return parts.events.take(read(body, limits.events))

    def take_rows(rows: Sequence[Any]) -> EventReceipt:
        return parts.events.take([_event_or_refusal(item) for item in rows])

    @router.post(
        "/v1/events",
        summary="Take events",
        description="Metadata of things that happened, never content: docs/events.md has the closed schema. "
        "Idempotent by event id; what is acknowledged is durable. Each refused event is named with its reason. "
        f"As JSON, or in columns as {COLUMNS_TYPE}.",
        openapi_extra=secured,
    )
    async def post_events(request: Request) -> JSONResponse:
        if media_type(request) == COLUMNS_TYPE:
            tokens.require(request, Scope.EVENTS)
            if parts.read_columns is None:
                raise RefusedError("not_json", "Events in columns cannot be read here.", _NO_COLUMNS)
            sent = await read_bytes(request, limits.body_bytes)
            receipt = await run_in_threadpool(take_columns, parts.read_columns, sent)
        else:
            body = await body_of(request, Scope.EVENTS)
            receipt = await run_in_threadpool(take_rows, _list(body, "events", limits.events))
        refused = [
            {"position": one.position, "code": one.code, "detail": one.message, "hint": one.hint}
            for one in receipt.refused
        ]
        return JSONResponse({"accepted": receipt.accepted, "duplicates": receipt.duplicates, "refused": refused})

    @router.put(
        "/v1/accounts/{account:path}",
        summary="Say what is known of an account's age",
        description='Body: {"age_band", "assurance", "birth_month", "created_at"}, each may be left out; with a birth '
        "month (YYYY-MM) the band follows from it and moves by itself. Ages are kept encrypted and never given out.",
        status_code=204,
        response_class=Response,
        openapi_extra=secured,
    )
    async def put_account(account: str, request: Request) -> Response:
        body = await body_of(request, Scope.ACCOUNTS)
        known = {"age_band", "assurance", "birth_month", "created_at"}
        if unknown := body.keys() - known:
            raise RefusedError("body_malformed", f"There is no field {sorted(unknown)[0][:40]!r}.")
        created_at = body.get("created_at")
        if created_at is not None and type(created_at) is not int:
            raise RefusedError("body_malformed", "created_at: milliseconds since 1970, as a whole number.")
        band, assurance, born = (_optional_text(body, name) for name in ("age_band", "assurance", "birth_month"))
        await run_in_threadpool(parts.accounts.put, AccountLine(account, band, assurance, born, created_at))
        return Response(status_code=204)

    @router.delete(
        "/v1/accounts/{account:path}",
        summary="Forget an account",
        description="Removes events, relations, age, decisions and requests of the account.",
        status_code=204,
        response_class=Response,
        openapi_extra=secured,
    )
    async def delete_account(account: str, request: Request) -> Response:
        tokens.require(request, Scope.ACCOUNTS)
        await run_in_threadpool(parts.accounts.forget, [account_name(account)])
        return Response(status_code=204)

    @router.post(
        "/v1/contacts/decide",
        summary="Decide about contact",
        description='One approach {"actor", "target", "direction", "room"}, or {"approaches": […]}. The answer is for '
        "the service alone: reasons and outcomes must not reach the one who asks.",
        openapi_extra=secured,
    )
    async def decide(request: Request) -> JSONResponse:
        body = await body_of(request, Scope.CONTACTS)
        if "approaches" in body:
            if body.keys() != {"approaches"}:
                raise RefusedError("body_malformed", "Beside approaches there is nothing else.")
            approaches = [approach_from(item) for item in _list(body, "approaches", limits.approaches)]
            answers = await run_in_threadpool(parts.contacts.decide, approaches)
            return JSONResponse({"decisions": [_answer(one) for one in answers]})
        approach = approach_from(body)
        if approach.actor == approach.target:  # alone, so that it cannot spoil the batch of others
            raise RefusedError("self_contact", "actor and target are the same account.")
        return JSONResponse(_answer(await gatherer.put(approach)))

    @router.get(
        "/v1/contacts/requests",
        summary="Requests that wait for an account's answer",
        openapi_extra=secured,
    )
    async def get_requests(request: Request, account: str) -> JSONResponse:
        tokens.require(request, Scope.CONTACTS)
        waiting = await run_in_threadpool(parts.requests.waiting, account_name(account))
        return JSONResponse({"requests": [_request(one) for one in waiting]})

    @router.post(
        "/v1/contacts/requests/{request_id}",
        summary="Answer a request",
        description='Body: {"account", "answer"}, the answer being accept, decline or block.',
        openapi_extra=secured,
    )
    async def answer_request(request_id: str, request: Request) -> JSONResponse:
        body = await body_of(request, Scope.CONTACTS)
        if body.keys() != {"account", "answer"} or body["answer"] not in set(RequestAnswer):
            raise RefusedError("body_malformed", "account, and answer: accept, decline or block.")
        answered = await run_in_threadpool(
            parts.requests.answer, account_name(body["account"]), request_id, RequestAnswer(body["answer"])
        )
        return JSONResponse(_request(answered))

    @router.get(
        "/v1/notices",
        summary="Safety notices and helplines, for a messenger's own clients",
        description="The whole catalogue: it names nobody, so anybody may read it.",
    )
    def notices() -> JSONResponse:
        return JSONResponse(_catalogue(parts.catalogue), headers={"cache-control": "public, max-age=3600"})

    @router.get(
        "/v1/notices/pending",
        summary="Notices that an account has still to be shown",
        description="For messengers without a homeserver: their own clients show what waits here, then say so. The "
        "text is written for the account's age, so it is for that account's own client and for nobody else.",
        openapi_extra=secured,
    )
    async def pending_notices(request: Request, account: str) -> JSONResponse:
        tokens.require(request, Scope.CONTACTS)
        waiting = await run_in_threadpool(parts.notices.waiting, account_name(account))
        return JSONResponse({"notices": [_waiting_notice(one) for one in waiting]})

    @router.post(
        "/v1/notices/pending",
        summary="Say that notices were shown",
        description='Body: {"account", "ids"}. Idempotent.',
        openapi_extra=secured,
    )
    async def shown_notices(request: Request) -> JSONResponse:
        body = await body_of(request, Scope.CONTACTS)
        ids = body.get("ids")
        if body.keys() != {"account", "ids"} or not isinstance(ids, list) or len(ids) > NOTICES_MAX:
            raise RefusedError("body_malformed", f"account, and ids: a list of at most {NOTICES_MAX}.")
        if not all(isinstance(one, str) for one in ids):
            raise RefusedError("body_malformed", "ids: every one of them is a text.")
        return JSONResponse({"shown": await run_in_threadpool(parts.notices.shown, account_name(body["account"]), ids)})

    return router


def _waiting_notice(one: WaitingNotice) -> dict[str, Any]:
    return {
        "id": one.notice_id,
        "notice": one.notice,
        "language": one.language,
        "at": one.told_at,
        "title": one.title,
        "text": one.text,
    }


def _event_or_refusal(value: object) -> Event | RefusedError:
    try:
        return event_from(value)
    except RefusedError as e:
        return e


def _list(body: Mapping[str, Any], name: str, most: int) -> list[Any]:
    value = body.get(name)
    if not isinstance(value, list) or body.keys() != {name}:
        raise RefusedError("body_malformed", f"The body is an object with a list named {name}.")
    if len(value) > most:
        raise RefusedError("too_many_at_once", f"{name}: at most {most:,} at once.", "Send them in several requests.")
    return value


def _optional_text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise RefusedError("body_malformed", f"{name}: a text belongs here.")
    return value


def approach_from(value: object) -> Approach:
    if not isinstance(value, dict) or not {"actor", "target", "direction"} <= value.keys() <= _APPROACH:
        raise RefusedError("body_malformed", "An approach has actor, target, direction and perhaps room.")
    try:
        direction = Direction(value["direction"])
    except ValueError:
        raise RefusedError("body_malformed", f"direction: one of {', '.join(Direction)}.") from None
    room = account_name(value["room"], "room") if value.get("room", "") != "" else ""
    return Approach(account_name(value["actor"], "actor"), account_name(value["target"], "target"), direction, room)


def _answer(answer: Answer) -> dict[str, Any]:
    made = answer.decided
    return {
        "decision_id": made.decision_id,
        "outcome": made.outcome.word,
        "denied_looks": answer.denied_looks.value,
        "hold_until": made.hold_until or None,
        "reasons": made.reasons,
        "notices": made.notices,
        "policy": made.policy,
        "request_id": answer.request.request_id if answer.request else None,
    }


def _request(request: ContactRequest) -> dict[str, Any]:
    approach = request.approach
    return {
        "request_id": request.request_id,
        "actor": approach.actor,
        "room": approach.room or None,
        "direction": approach.direction.value,
        "state": request.state.value,
        "asked_at": request.asked_at,
        "expires_at": request.expires_at,
        "notice": request.notice,
    }


def _catalogue(catalogue: Catalogue) -> dict[str, Any]:
    return {
        "notices": {
            language: {
                notice_id: {"title": notice.title, "under_13": notice.younger, "from_13": notice.teen}
                for notice_id, notice in texts.items()
            }
            for language, texts in catalogue.texts.items()
        },
        "helplines": {
            code: {
                "emergency": country.emergency,
                "lines": [
                    {"name": line.name, "phone": line.phone, "url": line.url, "checked": line.checked}
                    for line in country.lines
                ],
            }
            for code, country in catalogue.countries.items()
        },
    }
