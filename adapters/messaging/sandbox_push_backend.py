"""The backend of a small clinic app: it takes our signed requests and reports on its phones.

The production adapter runs against it unchanged. A request with an id that was seen before is
answered as the first time and nothing is shown twice. `notifications` is its own book.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from adapters.http import HttpClient, HttpRequest
from adapters.json_values import Json, object_of, read_json, text_of
from adapters.messaging.sandbox_traffic import Deliveries, answer_late
from adapters.messaging.sandbox_world import Chance, Faults, State
from adapters.standard_webhooks import headers_of, key_of, verify
from gateway.clock import Clock
from gateway.errors import Forbidden, NotFound, Unauthenticated


class BackendError(Exception):
    """The request is refused with this status and code."""

    def __init__(self, status: int, code: str = "", retry_after_s: int | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s


@dataclass(slots=True)
class Device:
    """A patient's phone with the app."""

    push_on: bool = True
    gone: bool = False  # the app was removed, and nobody has noticed yet


@dataclass(slots=True)
class Notification:
    """One notification that the backend took."""

    id: str
    at: datetime
    request: Json
    state: State = State.ACCEPTED


class AppBackend:
    """The app of one clinic. `run` must be running for reports to reach the gateway."""

    def __init__(
        self,
        clock: Clock,
        client: HttpClient,
        secrets: Sequence[str],
        *,
        hook: str = "",
        delivered_s: float = 0.5,
        seed: int = 0,
    ) -> None:
        self.faults = Faults()
        self.hook = hook
        self.devices: dict[str, Device] = {}
        self.notifications: dict[str, Notification] = {}
        self._keys = [key_of(secret) for secret in secrets]
        self._clock = clock
        self._chance = Chance(seed)
        self._delivered_s = delivered_s
        self._deliveries = Deliveries(clock, client, self.faults, self._chance)

    async def run(self) -> None:
        """Let reports arrive, until cancelled."""
        await self._deliveries.run()

    async def idle(self) -> None:
        """Wait until nothing is on its way any more."""
        await self._deliveries.idle()

    def install(self, number: str, *, push_on: bool = True) -> Device:
        """Give a patient the app."""
        self.devices[number] = device = Device(push_on)
        return device

    def read(self, name: str) -> None:
        """Open a notification on its phone."""
        self._report(self._notification(name), State.READ)

    def _notification(self, name: str) -> Notification:
        try:
            return self.notifications[name]
        except KeyError:
            raise NotFound("no such notification") from None

    def take(self, headers: dict[str, str], body: bytes) -> Json:
        """Take a request; raise `BackendError`, or what is wrong with the signature."""
        name = verify(self._keys, headers, body, self._clock.now())
        planned = self.faults.take_planned("")
        if planned is not None:
            raise BackendError(planned.code, retry_after_s=planned.retry_after_s)
        if name in self.notifications:
            return {"id": name}
        document = object_of(read_json(body))
        request = object_of(document.get("data"))
        if document.get("type") != "notification.requested" or request.get("id") != name:
            raise BackendError(400)
        device = self.devices.get(text_of(request.get("number")) or "")
        if device is None:
            raise BackendError(422, "no_device")
        if not device.push_on:
            raise BackendError(422, "push_off")
        taken = Notification(name, self._clock.now(), request)
        self.notifications[name] = taken
        if device.gone:
            self._report(taken, State.FAILED, "no_device")
        else:
            self._report(taken, State.SENT)
            self._report(taken, State.DELIVERED, after_s=self._delivered_s)
        return {"id": name}

    def _report(
        self, taken: Notification, state: State, code: str | None = None, after_s: float = 0.0
    ) -> None:
        report = f"rpt_{self._chance.fresh(24)}"
        if not self.hook:
            taken.state = state
            return

        def build() -> HttpRequest:
            now = self._clock.now()
            taken.state = state
            data = {"id": taken.id, "reference": taken.request.get("reference")}
            data |= {"status": state.value, "code": code}
            document = {"type": "notification.status", "timestamp": now.isoformat(), "data": data}
            body = json.dumps(document).encode()
            headers = headers_of(self._keys, report, now, body)
            return HttpRequest(
                "POST", self.hook, {"Content-Type": "application/json", **headers}, body
            )

        self._deliveries.send(taken.id, build, after_s=after_s)


def app_backend_app(world: AppBackend, clock: Clock) -> web.Application:
    """Return the backend as an application: POST /notifications."""

    async def take(request: web.Request) -> web.StreamResponse:
        if world.faults.down:
            return web.Response(status=503)
        names = {name.lower(): value for name, value in request.headers.items()}
        try:
            answer = world.take(names, await request.read())
        except Unauthenticated:
            return web.Response(status=401)
        except Forbidden:
            return web.Response(status=403)
        except BackendError as error:
            return _refusal(error)
        await answer_late(world.faults, clock, request)
        return web.json_response(answer, status=202)

    app = web.Application()
    app.router.add_post("/notifications", take)
    return app


def _refusal(error: BackendError) -> web.Response:
    pause = error.retry_after_s
    headers = {} if pause is None else {"Retry-After": str(pause)}
    return web.json_response({"code": error.code}, status=error.status, headers=headers)
