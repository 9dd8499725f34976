"""The application: the JSON interface and the console, behind one set of safe defaults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nightlight import __version__
from nightlight.errors import NightlightError, RefusedError
from nightlight.ports import Store
from nightlight.web.api.routes import OPENAPI_SCHEMAS, OPENAPI_SECURITY
from nightlight.web.problems import on_nightlight_error, problem

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

#: Deny by default; a route that shows a page says what it needs instead.
_DEFAULT_HEADERS = {
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-store",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
}
#: Asked many times a second. Each endpoint takes the request alone and makes the whole answer.
HOT = frozenset({"/v1/contacts/decide", "/v1/module/decide", "/v1/events"})


def build_app(
    apis: Sequence[APIRouter], console: Sequence[BaseRoute], store: Store, lifespan: Lifespan | None = None
) -> FastAPI:
    """Puts the doors together. No documentation pages: they would load scripts from elsewhere."""
    app = FastAPI(
        title="Nightlight",
        version=__version__,
        description="Reports of messages in end-to-end encrypted conversations.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    for api in apis:
        app.include_router(api)
    app.router.routes[:0] = _hot_routes(apis)

    @app.get("/health", tags=["service"], summary="Whether reports can be taken")
    def health() -> dict[str, str]:
        with store.read() as tx:
            tx.pending_count()
        return {"status": "ok", "version": __version__}

    app.router.routes.extend(console)
    app.add_exception_handler(NightlightError, on_nightlight_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_malformed_query)
    app.add_middleware(DefaultHeaders)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # FastAPI, "Extending OpenAPI"
    return app


def _hot_routes(apis: Sequence[APIRouter]) -> list[BaseRoute]:
    """The same endpoints once more, in front: FastAPI describes them, but takes longer than a decision to call one."""
    routes = [route for api in apis for route in api.routes if isinstance(route, APIRoute)]
    return [Route(route.path, route.endpoint, methods=route.methods) for route in routes if route.path in HOT]


def _on_http_exception(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - for the type checker
    if error.status_code == 404:
        return problem(RefusedError("not_found", "There is nothing at this address."))
    if error.status_code == 405:
        answer = problem(RefusedError("method_not_allowed", "This address does not take that method."))
        answer.headers.update(error.headers or {})
        return answer
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


def _on_malformed_query(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - for the type checker
    first = error.errors()[0]
    return problem(RefusedError("query_malformed", f"{first['loc'][-1]}: {first['msg']}.", "See /openapi.json."))


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
        )
        _, extra = models_json_schema(
            [(model, "validation") for model in OPENAPI_SCHEMAS], ref_template="#/components/schemas/{model}"
        )
        components = schema.setdefault("components", {})
        components.setdefault("schemas", {}).update(extra["$defs"])
        components["securitySchemes"] = OPENAPI_SECURITY
        app.openapi_schema = schema
    return app.openapi_schema


class DefaultHeaders:
    """Adds each default header that the answer does not carry itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"] = list(message.get("headers", []))
                present = {name.lower() for name, _ in headers}
                headers.extend(item for item in _DEFAULT_HEADERS.items() if item[0] not in present)
            await send(message)

        await self._app(scope, receive, send_with_headers)
