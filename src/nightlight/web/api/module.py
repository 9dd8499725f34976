"""What our module in Synapse asks of the service, with the secret that the two share."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from nightlight.errors import RefusedError
from nightlight.flows.answer_request import RequestDesk
from nightlight.flows.decide_contact import ContactDesk
from nightlight.model.account import AgeBand
from nightlight.model.contact import Approach, Direction, RequestState
from nightlight.prevent.deliver import delivery
from nightlight.prevent.event_reader import TIME_MAX, account_name
from nightlight.web.api.prevention import ServiceLimits, approach_from
from nightlight.web.api.service import Scope, ServiceTokens
from nightlight.web.body import read_json

_ENDS = (RequestState.ACCEPTED.value, RequestState.DECLINED.value, RequestState.WITHDRAWN.value)


def module_router(
    contacts: ContactDesk, requests: RequestDesk, tokens: ServiceTokens, limits: ServiceLimits
) -> APIRouter:
    """``/v1/module/…``"""
    router = APIRouter(include_in_schema=False)

    async def body_of(request: Request, *names: str) -> dict[str, Any]:
        tokens.require(request, Scope.MODULE)
        value = await read_json(request, bytes_max=limits.body_bytes, depth_max=limits.json_depth)
        if not isinstance(value, dict) or value.keys() != set(names):
            raise RefusedError("body_malformed", f"The body is a JSON object with {' and '.join(names)}.")
        return value

    @router.post("/v1/module/decide")
    async def decide(request: Request) -> JSONResponse:
        body = await body_of(request, "approaches")
        asked = body["approaches"]
        if not isinstance(asked, list) or len(asked) > limits.approaches:
            raise RefusedError("body_malformed", f"approaches: a list of at most {limits.approaches:,}.")
        since: dict[str, int] = {}
        approaches = []
        for item in asked:
            if isinstance(item, dict) and "since" in item:
                made_at = item.pop("since")
                if type(made_at) is not int or not 0 <= made_at <= TIME_MAX:
                    raise RefusedError("body_malformed", "since: milliseconds since 1970, as a whole number.")
                since[account_name(item.get("actor"), "actor")] = made_at
            approaches.append(approach_from(item))
        answers = await run_in_threadpool(contacts.decide, approaches, since)
        adults: set[str] = set()
        for answer in answers:
            approach, facts = answer.decided.approach, answer.facts
            bands = ((approach.actor, facts.from_band), (approach.target, facts.to_band))
            adults.update(account for account, band in bands if band is AgeBand.ADULT)
        decisions = [
            {
                "decision_id": answer.decided.decision_id,
                "deliver": delivery(
                    answer.decided.approach.direction, answer.decided.outcome, answer.denied_looks
                ).value,
            }
            for answer in answers
        ]
        return JSONResponse({"decisions": decisions, "adults": sorted(adults)})

    @router.post("/v1/module/room")
    async def room(request: Request) -> JSONResponse:
        body = await body_of(request, "decision_id", "room")
        decision_id, name = account_name(body["decision_id"], "decision_id"), account_name(body["room"], "room")
        try:
            await run_in_threadpool(contacts.attach_room, decision_id, name)
        except RefusedError as e:
            if e.code != "decision_not_found":
                raise
            return JSONResponse({"known": False})  # it is too old to matter; the module need not ask again
        return JSONResponse({"known": True})

    @router.post("/v1/module/ended")
    async def ended(request: Request) -> JSONResponse:
        body = await body_of(request, "account", "inviter", "room", "end")
        if body["end"] not in _ENDS:
            raise RefusedError("body_malformed", f"end: one of {', '.join(_ENDS)}.")
        account, inviter = account_name(body["account"], "account"), account_name(body["inviter"], "inviter")
        approach = Approach(inviter, account, Direction.DIRECT, account_name(body["room"], "room"))
        known = await run_in_threadpool(requests.ended, approach, RequestState(body["end"]))
        return JSONResponse({"known": known})

    @router.post("/v1/module/block")
    async def block(request: Request) -> JSONResponse:
        body = await body_of(request, "account", "other")
        account, other = account_name(body["account"], "account"), account_name(body["other"], "other")
        await run_in_threadpool(partial(requests.block, account, other, listed=True))
        return JSONResponse({})

    return router
