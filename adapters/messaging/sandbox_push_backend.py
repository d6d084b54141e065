"""The backend of a small clinic app: it takes our signed requests and reports on its phones.

The production adapter runs against it unchanged. A request with an id that was seen before is
answered as the first time and nothing is shown twice. `notifications` is its own book.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from adapters.http import HttpClient, HttpRequest
from adapters.json_values import Json, object_of, read_json, text_of
from adapters.messaging.sandbox_memory import Book
from adapters.messaging.sandbox_traffic import Deliveries, answer_late
from adapters.messaging.sandbox_world import RANK, Chance, Faults, State
from adapters.standard_webhooks import headers_of, key_of, verify
from gateway.clock import Clock
from gateway.errors import Forbidden, NotFound, Unauthenticated

ACTIONS = {
    "ru": (("confirm", "Подтвердить"), ("reschedule", "Перенести"), ("cancel", "Отменить")),
    "en": (("confirm", "Confirm"), ("reschedule", "Reschedule"), ("cancel", "Cancel")),
}
"""What the app offers for a visit that is to be confirmed: each app has screens of its own."""


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


@dataclass(frozen=True, slots=True)
class Answered:
    """What the patient chose in the app, and what the app showed then."""

    title: str
    result: str
    at: datetime


@dataclass(slots=True)
class Notification:
    """One notification that the backend took."""

    id: str
    at: datetime
    request: Json
    state: State = State.ACCEPTED
    gone: bool = False  # nobody will see it: the app is no longer there
    answered: Answered | None = None

    @property
    def actions(self) -> tuple[tuple[str, str], ...]:
        """What can be chosen in the app: answers and their titles."""
        if self.request.get("kind") != "confirmation" or self.answered is not None:
            return ()
        return ACTIONS[text_of(self.request.get("language")) or "ru"]


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
        book: Book | None = None,
    ) -> None:
        self.faults = Faults()
        self.hook = hook
        self._book = book
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

    def recall(self, records: Iterable[Json]) -> None:
        """Go on after an earlier life; reports that were not taken are told again."""
        told: set[tuple[str, State]] = set()
        for record in records:
            if record["what"] == "told":
                told.add((str(record["id"]), State(str(record["state"]))))
            else:
                self._remember(str(record["id"]), record)
        for taken in self.notifications.values():
            ends = _ends(taken)
            for state in (*ends, State.READ) if taken.state is State.READ else ends:
                if (taken.id, state) not in told:
                    self._report(taken, state)

    def _remember(self, name: str, record: Json) -> None:
        match record["what"]:
            case "notification":
                at, request = _moment(record), object_of(record["request"])
                gone = record["gone"] is True
                self.notifications[name] = Notification(name, at, request, gone=gone)
            case "state":
                self.notifications[name].state = State(str(record["state"]))
            case "answered":
                title, result = str(record["title"]), str(record["result"])
                self.notifications[name].answered = Answered(title, result, _moment(record))

    def _write(self, what: str, taken: Notification, **more: object) -> None:
        if self._book is not None:
            self._book.write({"what": what, "id": taken.id, **more})

    def install(self, number: str, *, push_on: bool = True) -> Device:
        """Give a patient the app."""
        self.devices[number] = device = Device(push_on)
        return device

    def read(self, name: str) -> None:
        """Open a notification on its phone."""
        self._report(self._notification(name), State.READ)

    def answered(self, name: str, title: str, result: str) -> None:
        """Note what was chosen in the app, and what came of it."""
        taken = self._notification(name)
        taken.answered = Answered(title, result, self._clock.now())
        at = taken.answered.at.isoformat()
        self._write("answered", taken, title=title, result=result, at=at)

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
        taken = Notification(name, self._clock.now(), request, gone=device.gone)
        self._write(
            "notification", taken, at=taken.at.isoformat(), request=request, gone=taken.gone
        )
        self.notifications[name] = taken
        for state in _ends(taken):
            self._report(taken, state)
        return {"id": name}

    def _report(self, taken: Notification, state: State) -> None:
        report = f"rpt_{self._chance.fresh(24)}"
        code = "no_device" if state is State.FAILED else None
        if not self.hook:
            taken.state = state
            return

        def told() -> None:
            self._write("told", taken, state=state.value)

        def build() -> HttpRequest:
            now = self._clock.now()
            if RANK[state] > RANK[taken.state]:
                taken.state = state
                self._write("state", taken, state=state.value)
            data = {"id": taken.id, "reference": taken.request.get("reference")}
            data |= {"status": state.value, "code": code}
            document = {"type": "notification.status", "timestamp": now.isoformat(), "data": data}
            body = json.dumps(document).encode()
            headers = headers_of(self._keys, report, now, body)
            return HttpRequest(
                "POST", self.hook, {"Content-Type": "application/json", **headers}, body
            )

        after_s = self._delivered_s if state is State.DELIVERED else 0.0
        self._deliveries.send(taken.id, build, after_s=after_s, taken=told)


def _moment(record: Json) -> datetime:
    return datetime.fromisoformat(str(record["at"]))


def _ends(taken: Notification) -> tuple[State, ...]:
    """Return what will be told about a notification whether or not anyone opens it."""
    return (State.FAILED,) if taken.gone else (State.SENT, State.DELIVERED)


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
