"""What requests carry: bodies with a limit, JSON, and parameters of the query."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import orjson
from aiohttp import ClientError, web
from aiohttp.http import HttpProcessingError
from pydantic import TypeAdapter

from gateway.errors import InvalidInput, Problem
from gateway.ports.schema_problems import FieldsError, validate
from gateway.ports.webhook import RawRequest
from gateway.web.problems import Refused, invalid, malformed

BODY_S = 30.0
"""How long a body may take to arrive; a client that is slower holds a connection for nothing."""

BROKEN = (ClientError, HttpProcessingError, ConnectionError, web.RequestPayloadError)
"""What reading a body raises when the client is gone or its encoding is not what it says."""

_Read = TypeVar("_Read")

_NOT_JSON = "must be JSON (UTF-8, no byte order mark, no NaN)"


async def raw_request(request: web.Request, public_url: str, limit: int) -> RawRequest:
    """Return a provider's request as it came in, for its adapter; refuse a body over `limit`."""
    return RawRequest(
        method=request.method,
        url=public_url + request.raw_path,
        query=request.query,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await read_body(request, limit),
    )


async def read_body(request: web.Request, limit: int) -> bytes:
    """Return a body of at most `limit` bytes; refuse a longer or slower one."""
    if (request.content_length or 0) > limit:
        raise too_large(limit)
    try:
        if request.content.is_eof():  # it came with the headers: nothing to wait for
            body = request.content.read_nowait()
        else:
            async with asyncio.timeout(BODY_S):
                body = await _gathered(request, limit)
    except TimeoutError:
        raise Refused(408, "The body did not arrive in time.") from None
    except BROKEN:
        raise malformed("The body broke off or is not encoded as it says.") from None
    if len(body) > limit:
        raise too_large(limit)
    return body


async def _gathered(request: web.Request, limit: int) -> bytes:
    body = bytearray()
    while len(body) <= limit and (chunk := await request.content.readany()):
        body += chunk
    return bytes(body)


def too_large(limit: int) -> Refused:
    """Return the refusal of a body that exceeds its route's limit (413)."""
    return Refused(413, f"The body may have at most {limit} bytes.")


def parse_json(body: bytes) -> Any:
    """Return the data of a JSON text; malformed text is refused with 400."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise malformed(f"The body {_NOT_JSON}.") from None


async def read_json(request: web.Request, limit: int) -> Any:
    """Return the data of a JSON body."""
    return parse_json(await read_body(request, limit))


def json_response(data: object, status: int = 200) -> web.Response:
    """Return data as a JSON response; nothing of it may be kept by caches on the way."""
    return web.Response(
        status=status,
        body=orjson.dumps(data),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def checked(adapter: TypeAdapter[_Read], data: object) -> _Read:
    """Read data with a schema, or raise `InvalidInput` naming every bad field."""
    try:
        return validate(adapter, data)
    except FieldsError as error:
        raise error.invalid() from None


def below(prefix: str, error: InvalidInput) -> InvalidInput:
    """Return the same error, seen from the object that holds the input at `prefix`."""
    return InvalidInput(
        *(Problem(_joined(prefix, item.field), item.message) for item in error.problems)
    )


def _joined(prefix: str, field: str) -> str:
    return f"{prefix}.{field}" if field and not field.startswith("[") else f"{prefix}{field}"


def whole_number(
    request: web.Request, name: str, *, default: int, most: int, least: int = 0
) -> int:
    """Return a parameter of the query as a whole number within its limits."""
    text = request.query.get(name)
    if text is None:
        return default
    known = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    if not known or not least <= int(text) <= most:
        raise invalid(name, f"must be a whole number from {least} to {most}")
    return int(text)


def one_of(request: web.Request, name: str, choices: tuple[str, ...], default: str) -> str:
    """Return a parameter of the query that is one of a few words."""
    text = request.query.get(name, default)
    if text not in choices:
        raise invalid(name, f"must be one of {', '.join(choices)}")
    return text
