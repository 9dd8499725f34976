"""The primitive beside decisions over HTTP: the same server, which answers with what it was sent and does nothing."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)


@app.post("/v1/contacts/decide")
async def echo(request: Request) -> JSONResponse:
    return JSONResponse(await request.json())


@app.get("/health")
async def health() -> JSONResponse:
    return JSONResponse({"status": "ok"})
