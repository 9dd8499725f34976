"""Reading a request body: bounded in size before it is held, strict JSON after."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from nightlight.errors import RefusedError
from nightlight.hazmat import strict_json


def media_type(request: Request) -> str:
    """What the body says that it is, in small letters and without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_json(request: Request, *, bytes_max: int, depth_max: int) -> Any:
    """The JSON body, or ``RefusedError``: ``not_json``, ``body_too_large``, ``json_*``."""
    if media_type(request) != "application/json":
        raise RefusedError("not_json", "The body must be application/json.", "Set Content-Type: application/json.")
    return strict_json.loads(await read_bytes(request, bytes_max), depth_max=depth_max)


async def read_bytes(request: Request, bytes_max: int) -> bytes:
    """The body, read no further than ``bytes_max`` bytes."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > bytes_max:
            raise RefusedError("body_too_large", f"The body is larger than {bytes_max:,} bytes.", "Send less at once.")
        chunks.append(chunk)
    return b"".join(chunks)
