"""Errors as clients see them: problem details of RFC 9457, never more than they may know.

A detail is one of the constant sentences below or comes from a field's check, which never repeats
what an input says about a person. What is unexpected is logged, masked, and told as "500" only.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeAlias

import orjson
from aiohttp import web

from gateway.errors import (
    Forbidden,
    InvalidInput,
    NotFound,
    Problem,
    StoreError,
    Unauthenticated,
)

log = logging.getLogger("callahead.web")

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

RETRY_AFTER_S = 2
"""How soon to ask again when the store does not answer: about as long as its restart takes."""

CHALLENGE = 'Bearer realm="callahead"'

TITLES: Mapping[int, str] = {
    400: "Malformed request",
    401: "API key required",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Request too slow",
    409: "Not possible now",
    413: "Request too large",
    422: "Invalid input",
    500: "Internal error",
    503: "Try again later",
}


class Refused(Exception):
    """A request that is answered with a problem."""

    def __init__(
        self,
        status: int,
        detail: str,
        problems: Iterable[Problem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.problems = tuple(problems)
        self.headers = headers


def malformed(detail: str) -> Refused:
    """Return the refusal of a body that is not what its format says (400)."""
    return Refused(400, detail)


def invalid(field: str, message: str) -> InvalidInput:
    """Return the error of one field (422)."""
    return InvalidInput(Problem(field, message))


def problem_response(refused: Refused) -> web.Response:
    """Write a problem (RFC 9457, media type application/problem+json)."""
    body: dict[str, object] = {
        "type": "about:blank",
        "title": TITLES[refused.status],
        "status": refused.status,
        "detail": refused.detail,
    }
    if refused.problems:
        body["errors"] = fields(refused.problems)
    return web.Response(
        status=refused.status,
        body=orjson.dumps(body),
        content_type="application/problem+json",
        headers=refused.headers,
    )


def fields(problems: Iterable[Problem]) -> list[dict[str, str]]:
    """Return what is wrong with each field, as errors and batch lines show it."""
    return [{"field": problem.field, "message": problem.message} for problem in problems]


def refusal_of(error: Exception) -> Refused:
    """Translate an error of the product; whatever is none of them becomes 500, logged masked."""
    match error:
        case Refused():
            return error
        case InvalidInput():
            return Refused(422, "Some fields cannot be taken; `errors` names them.", error.problems)
        case Unauthenticated():
            return Refused(401, str(error), headers={"WWW-Authenticate": CHALLENGE})
        case Forbidden():
            return Refused(403, str(error))
        case NotFound():
            return Refused(404, "There is no such clinic, branch, appointment or change.")
        case StoreError():
            return unavailable()
    log.error("a request failed unexpectedly", exc_info=error)
    return Refused(500, "Something went wrong here; the request may be sent again.")


def unavailable() -> Refused:
    """Return the refusal while the store does not answer (503)."""
    return Refused(
        503,
        "The store does not answer; send the same request again.",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )


async def answered(handler: Handler, request: web.Request) -> web.StreamResponse:
    """Return the handler's response, or the problem that it raised."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception as error:
        if request.writer.output_size:  # the response has begun: all that is left is to break off
            raise
        return problem_response(refusal_of(error))
