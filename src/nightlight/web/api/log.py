"""``/v1/log``: the transparency log, for everybody. Commitments and proofs; what an entry says is never served."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, PlainTextResponse

from nightlight.evidence.checkpoint import SIZE_MAX
from nightlight.flows.transparency import Transparency
from nightlight.web.api.report_body import ProblemBody

#: Anybody's page may check the log; nothing here depends on who asks.
_OPEN = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
_Number = Annotated[int, Query(ge=1, le=SIZE_MAX)]


class InclusionBody(BaseModel):
    number: int = Field(description="The entry, counted from 1; its leaf index is one less.")
    size: int = Field(description="Entries in the tree that the proof leads to.")
    leaf: str = Field(description="The leaf hash (RFC 9162 §2.1.1), base64.")
    proof: list[str] = Field(description="The inclusion path (RFC 9162 §2.1.3), base64.")


class ConsistencyBody(BaseModel):
    old: int = Field(serialization_alias="from")
    new: int = Field(serialization_alias="to")
    proof: list[str] = Field(description="The consistency path (RFC 9162 §2.1.4), base64.")


def log_router(log: Transparency) -> APIRouter:
    router = APIRouter(prefix="/v1/log", tags=["log"])
    refused: dict[int | str, dict[str, Any]] = {
        400: {"model": ProblemBody, "description": "`log_range`: there are no such entries."}
    }

    @router.get(
        "/checkpoint",
        summary="The signed checkpoint of the log",
        description="A C2SP signed note (Ed25519) with origin, size and root, as text.",
        response_class=PlainTextResponse,
    )
    def checkpoint() -> PlainTextResponse:
        return PlainTextResponse(log.checkpoint(), headers=_OPEN)

    @router.get(
        "/key",
        summary="The log's public key",
        description="As C2SP signed-note writes verifier keys. Compare it with the one the operator published "
        "elsewhere: whoever answers here could answer with another key.",
        response_class=PlainTextResponse,
    )
    def key() -> PlainTextResponse:
        return PlainTextResponse(f"{log.key.text}\n", headers=_OPEN)

    @router.get(
        "/inclusion", summary="Proof that an entry is in the log", response_model=InclusionBody, responses=refused
    )
    def inclusion(number: _Number, size: Annotated[int | None, Query(ge=1, le=SIZE_MAX)] = None) -> JSONResponse:
        found = log.inclusion(number, size)
        body = InclusionBody(
            number=found.number, size=found.size, leaf=_text(found.leaf), proof=[_text(step) for step in found.proof]
        )
        return JSONResponse(body.model_dump(), headers=_OPEN)

    @router.get(
        "/consistency", summary="Proof that the log only grew", response_model=ConsistencyBody, responses=refused
    )
    def consistency(
        old: Annotated[int, Query(alias="from", ge=0, le=SIZE_MAX)],
        new: Annotated[int, Query(alias="to", ge=0, le=SIZE_MAX)],
    ) -> JSONResponse:
        body = ConsistencyBody(old=old, new=new, proof=[_text(step) for step in log.consistency(old, new)])
        return JSONResponse(body.model_dump(by_alias=True), headers=_OPEN)

    return router


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
