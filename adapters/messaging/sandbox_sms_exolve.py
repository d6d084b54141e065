"""A small Exolve of our own: SendSMS and its callbacks, as far as they are known.

The production adapter runs against it unchanged: point `api_base` at where `exolve_app` is mounted.
Exolve's words for delivery and refusals are not known, so the sandbox has its own
(`DELIVERY_STATUSES`, `REFUSALS`), which show how the settings of the adapter translate them.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from adapters.http import HttpClient, HttpRequest
from adapters.json_values import Json, object_of, read_json
from adapters.messaging.sandbox_memory import Book
from adapters.messaging.sandbox_sms import SmsWorld
from adapters.messaging.sandbox_traffic import answer_late
from adapters.messaging.sandbox_world import ChatMessage, Pace, State
from gateway.clock import Clock

DELIVERY_STATUSES: Mapping[str, str] = {
    "SANDBOX_SENT": "sent",
    "SANDBOX_DELIVERED": "delivered",
    "SANDBOX_FAILED": "unreachable",
}
REFUSALS: Mapping[str, str] = {"sandbox_unreachable": "unreachable"}

_DIGITS = re.compile(r"[1-9][0-9]{6,14}").fullmatch
_WORDS = {404: "sandbox_unreachable"}


class ExolveError(Exception):
    """The request is refused with this HTTP status."""

    def __init__(self, status: int, message: str = "", retry_after_s: int | None = None) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
        self.document: Json = {"error": message or _WORDS.get(status, "sandbox_error")}


@dataclass(frozen=True, slots=True)
class Application:
    """An application of Exolve: its key, its senders, and where its callbacks go."""

    api_key: str = field(repr=False)
    senders: frozenset[str]  # digits without plus, or a name
    callback: str = field(default="", repr=False)


class ExolveMessages:
    """The Messaging API of some applications. Phones and the book are in `world`."""

    def __init__(
        self,
        clock: Clock,
        client: HttpClient,
        applications: Iterable[Application],
        *,
        pace: Pace | None = None,
        seed: int = 0,
        book: Book | None = None,
    ) -> None:
        self.applications = tuple(applications)
        self.world = SmsWorld(clock, client, self, pace=pace, seed=seed, book=book)
        self.asked = 0

    def take(self, application: Application, body: Json) -> ChatMessage:
        """Accept a message, or raise `ExolveError`."""
        self.asked += 1
        if set(body) != {"number", "destination", "text"}:
            raise ExolveError(400, "number, destination and text are needed, nothing else")
        number, destination, text = (body[key] for key in ("number", "destination", "text"))
        if not isinstance(number, str) or number not in application.senders:
            raise ExolveError(403, "number")
        if not isinstance(destination, str) or not _DIGITS(destination):
            raise ExolveError(400, "destination")
        if not isinstance(text, str) or not text:
            raise ExolveError(400, "text")
        planned = self.world.faults.take_planned(f"+{destination}")
        if planned is not None:
            raise ExolveError(planned.code, retry_after_s=planned.retry_after_s)
        if self.world.too_fast(number, destination):
            raise ExolveError(429)
        return self.world.accept(self._id(), number, f"+{destination}", text)

    def write(self, number: str, sender: str, text: str) -> ChatMessage:
        """Write to a number of the clinic, in digits."""
        return self.world.write(number, sender, text, message_id=self._id())

    def _id(self) -> str:
        return str(int(self.world.chance.fresh(14), 16))

    def receipt(self, message: ChatMessage, state: State) -> HttpRequest:
        """Return the callback of a message of the clinic's."""
        return self._callback(
            message.sender,
            {
                "direction": "DIRECTION_OUTGOING",
                "sender": message.sender,
                "receiver": message.number.lstrip("+"),
                "text": message.text,
                "message_id": message.id,
                "delivery_status": f"SANDBOX_{state.value.upper()}",
                "billing_status": "BILLING_STATUS_BILLED",
            },
        )

    def inbound(self, message: ChatMessage) -> HttpRequest:
        """Return the callback of a patient's message."""
        return self._callback(
            message.sender,
            {
                "direction": "DIRECTION_INCOMING",
                "sender": message.number.lstrip("+"),
                "receiver": message.sender,
                "text": message.text,
                "message_id": message.id,
                "billing_status": "BILLING_STATUS_BILLED",
            },
        )

    def _callback(self, sender: str, body: Json) -> HttpRequest:
        application = next(a for a in self.applications if sender in a.senders)
        document = {**body, "event_id": self.world.chance.fresh(16)}
        headers = {"Content-Type": "application/json"}
        return HttpRequest("POST", application.callback, headers, json.dumps(document).encode())


def exolve_app(messages: ExolveMessages, clock: Clock) -> web.Application:
    """Return the API as an application to be mounted anywhere, e.g. under /sandbox/exolve."""

    async def send(request: web.Request) -> web.StreamResponse:
        faults = messages.world.faults
        if faults.down:
            return web.Response(status=503, text="Service Unavailable")
        try:
            application = _authorised(messages, request)
            message = messages.take(application, object_of(read_json(await request.read())))
        except ExolveError as error:
            return web.json_response(error.document, status=error.status, headers=error.headers)
        await answer_late(faults, clock, request)
        return web.json_response({"message_id": message.id})

    app = web.Application()
    app.router.add_post("/messaging/v1/SendSMS", send)
    return app


def _authorised(messages: ExolveMessages, request: web.Request) -> Application:
    given = request.headers.get("Authorization", "").encode()
    for application in messages.applications:
        if hmac.compare_digest(given, f"Bearer {application.api_key}".encode()):
            return application
    raise ExolveError(401)
