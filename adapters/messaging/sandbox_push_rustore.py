"""A small RuStore of our own: push tokens, notifications, and the errors that senders report.

The production adapter runs against it unchanged. What was accepted stands in `Phone.shown`, to be
compared with the gateway's own books.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from aiohttp import web

from adapters.json_values import Json, object_of, read_json, text_of
from adapters.messaging.sandbox_traffic import answer_late
from adapters.messaging.sandbox_world import Faults
from gateway.clock import Clock

STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


class RustoreError(Exception):
    """The request is refused with this HTTP status."""

    def __init__(self, status: int, retry_after_s: int | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def document(self) -> Json:
        """The body of the answer."""
        word = STATUSES.get(self.status, "UNKNOWN")
        return {"error": {"code": self.status, "message": "Sandbox", "status": word}}


@dataclass(slots=True)
class Phone:
    """A phone with the app, by its push token."""

    token: str
    registered: bool = True
    shown: list[Json] = field(default_factory=list)


class RustoreWorld:
    """One project and its phones."""

    def __init__(self, *, project: str, service_token: str) -> None:
        self.faults = Faults()
        self.project = project
        self.phones: dict[str, Phone] = {}
        self._service_token = service_token

    def phone(self, token: str) -> Phone:
        """Return a phone; it has the app as soon as it is asked for."""
        return self.phones.setdefault(token, Phone(token))

    def take(self, project: str, authorization: str, body: Json) -> None:
        """Accept a message, or raise `RustoreError`."""
        expected = f"Bearer {self._service_token}".encode()
        if not hmac.compare_digest(authorization.encode(), expected):
            raise RustoreError(401)
        if project != self.project:
            raise RustoreError(403)
        planned = self.faults.take_planned("")
        if planned is not None:
            raise RustoreError(planned.code, planned.retry_after_s)
        message = object_of(body.get("message"))
        data, shown = object_of(message.get("data")), object_of(message.get("notification"))
        if not text_of(shown.get("body")) or not all(isinstance(v, str) for v in data.values()):
            raise RustoreError(400)
        phone = self.phones.get(text_of(message.get("token")) or "")
        if phone is None or not phone.registered:
            raise RustoreError(404)
        phone.shown.append(message)


def rustore_app(world: RustoreWorld, clock: Clock) -> web.Application:
    """Return the API as an application to be mounted anywhere, e.g. under /sandbox/rustore."""

    async def send(request: web.Request) -> web.StreamResponse:
        if world.faults.down:
            return web.Response(status=502)
        body = object_of(read_json(await request.read()))
        try:
            authorization = request.headers.get("Authorization", "")
            world.take(request.match_info["project"], authorization, body)
        except RustoreError as error:
            pause = error.retry_after_s
            headers = {} if pause is None else {"Retry-After": str(pause)}
            return web.json_response(error.document, status=error.status, headers=headers)
        await answer_late(world.faults, clock, request)
        return web.json_response({})

    app = web.Application()
    app.router.add_post("/v1/projects/{project}/messages:send", send)
    return app
