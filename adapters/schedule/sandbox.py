"""A small clinic's schedule over HTTP: it takes our webhooks and tells us its own changes.

The production adapters run against it unchanged. `clinic_schedule_app` takes signed webhooks,
checks them against the schedule's own state, and answers 409 with the newest appointment when it
changed meanwhile; it tells when its doctors are free, and moves visits to a time that is. What the
staff does (`put`, `move`, `set_status`, `remove`) goes to Callahead's own API, with a bearer key,
until it is taken. The demo page shows the schedule live.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from urllib.parse import quote

from aiohttp import web

from adapters.changes import Changes
from adapters.http import HttpClient, HttpRequest
from adapters.json_values import Json, object_of, objects, read_json
from adapters.schedule.sandbox_times import VISIT, free_starts, moment_of
from adapters.standard_webhooks import key_of, verify
from gateway.clock import Clock
from gateway.core.model import Status
from gateway.errors import Forbidden, NotFound, Unauthenticated
from gateway.ports.messaging import SendError

RETRY_FIRST_S = 1.0
RETRY_MAX_S = 60.0
SIGNIFICANT_DIGITS = 10
"""Numbers are compared by their last digits: schedules write +7, 8 or nothing before them."""

_MOVABLE = frozenset(
    {Status.UNCONFIRMED.value, Status.CONFIRMED.value, Status.RESCHEDULE_REQUESTED.value}
)


@dataclass(frozen=True, slots=True)
class Api:
    """Where Callahead is, as this clinic knows it."""

    url: str
    clinic: str
    key: str = field(repr=False)


@dataclass(slots=True)
class Faults:
    """What goes wrong with the schedule."""

    down: bool = False
    slow_s: float = 0.0
    cut_next: int = 0  # changes to be taken whose connection then breaks
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """One change that came from Callahead, and how it was answered."""

    at: datetime
    status: int
    change: Json


class Book(Protocol):
    """Where records are written that outlive the process."""

    def write(self, record: Json, *, durable: bool = True) -> None:
        """Append a record."""
        ...


class ClinicWorld:
    """The schedule. `run` must be running for the staff's changes to reach Callahead.

    With a `book` the schedule survives its process: `recall` brings back what stands in it.
    """

    def __init__(
        self,
        clock: Clock,
        client: HttpClient,
        secrets: Sequence[str],
        api: Api | None = None,
        book: Book | None = None,
    ) -> None:
        self.changes = Changes()
        self.faults = Faults()
        self.api = api
        self.taken: list[Taken] = []
        self.problems: dict[str, int] = {}
        self._keys = [key_of(secret) for secret in secrets]
        self._clock = clock
        self._client = client
        self._book = book
        self._appointments: dict[str, Json] = {}
        self._unsent: dict[str, None] = {}  # in the order in which they changed
        self._done_ids: set[str] = set()

    def recall(self, records: Iterable[Json]) -> None:
        """Go on after an earlier life; changes that Callahead had not taken are told again."""
        for record in records:
            appointment_id = str(record.get("id"))
            match record.get("what"):
                case "put":
                    self._appointments[appointment_id] = object_of(record.get("appointment"))
                    self._tell(appointment_id)
                case "removed":
                    self._appointments.pop(appointment_id, None)
                    self._tell(appointment_id)
                case "told":
                    self._unsent.pop(appointment_id, None)
                case "taken":
                    self._done_ids.add(appointment_id)
                    changed = objects(record.get("appointments"))
                    self._appointments |= {str(item["id"]): item for item in changed}

    def _write(self, record: Json) -> None:
        if self._book is not None:
            self._book.write(record)

    # What the staff sees and does

    @property
    def appointments(self) -> tuple[Json, ...]:
        """All appointments, by start."""
        return tuple(sorted(self._appointments.values(), key=lambda item: str(item["start"])))

    def appointment(self, appointment_id: str) -> Json:
        """Return one appointment; raise `NotFound`."""
        try:
            return self._appointments[appointment_id]
        except KeyError:
            raise NotFound("no such appointment") from None

    def put(self, appointment: Json) -> None:
        """Write an appointment, new or changed."""
        appointment_id = str(appointment["id"])
        self._write({"what": "put", "id": appointment_id, "appointment": appointment})
        self._appointments[appointment_id] = dict(appointment)
        self._tell(appointment_id)

    def move(self, appointment_id: str, start: str) -> None:
        """Move an appointment to another time (ISO 8601 with offset)."""
        moved = {**self.appointment(appointment_id), "start": start}
        self.put({**moved, "status": Status.UNCONFIRMED.value})

    def set_status(self, appointment_id: str, status: Status) -> None:
        """Confirm, cancel or otherwise mark an appointment."""
        self.put({**self.appointment(appointment_id), "status": status.value})

    def remove(self, appointment_id: str) -> None:
        """Take an appointment out of the schedule."""
        self.appointment(appointment_id)
        self._write({"what": "removed", "id": appointment_id})
        del self._appointments[appointment_id]
        self._tell(appointment_id)

    def _tell(self, appointment_id: str) -> None:
        self._unsent.pop(appointment_id, None)
        self._unsent[appointment_id] = None
        self.changes.note()

    # What Callahead is told

    async def run(self) -> None:
        """Send every change of the staff, in order, until it is taken."""
        pause = RETRY_FIRST_S
        while True:
            seen = self.changes.count
            if not self._unsent or self.api is None:
                await self.changes.after(seen)
                continue
            appointment_id = next(iter(self._unsent))
            if await self._send(self.api, appointment_id):
                pause = RETRY_FIRST_S
            else:
                await self._clock.sleep(pause)
                pause = min(pause * 2, RETRY_MAX_S)

    async def idle(self) -> None:
        """Wait until everything was told."""
        while self._unsent:
            await self.changes.after(self.changes.count)

    async def _send(self, api: Api, appointment_id: str) -> bool:
        """Tell one appointment as it is now; False: try again later."""
        snapshot = self._appointments.get(appointment_id)
        body = b"" if snapshot is None else json.dumps(snapshot).encode()
        method = "DELETE" if snapshot is None else "PUT"
        path = f"appointments/{quote(appointment_id, safe='')}"
        status = await self._call(api, method, path, body, "application/json")
        if status is None or status >= 500 or status == 429:
            return False
        if self._appointments.get(appointment_id) is snapshot:
            self._write({"what": "told", "id": appointment_id})
            self._unsent.pop(appointment_id, None)
        gone_already = method == "DELETE" and status == 404
        if status >= 400 and not gone_already:
            self.problems[appointment_id] = status  # repeating the same would not help
        else:
            self.problems.pop(appointment_id, None)
        self.changes.note()
        return True

    async def load(self, appointments: Iterable[Json]) -> bool:
        """Write many appointments and tell them as one batch; return whether it was taken."""
        found = {str(item["id"]): dict(item) for item in appointments}
        self._appointments |= found
        self.changes.note()
        if self.api is None:
            return False
        lines = b"".join(json.dumps(item).encode() + b"\n" for item in found.values())
        path, kind = "appointments:batch", "application/x-ndjson"
        return await self._call(self.api, "POST", path, lines, kind) == 200

    async def _call(self, api: Api, method: str, path: str, body: bytes, kind: str) -> int | None:
        url = f"{api.url}/v1/clinics/{quote(api.clinic, safe='')}/{path}"
        headers = {"Authorization": f"Bearer {api.key}", "Content-Type": kind}
        try:
            answer = await self._client.send(HttpRequest(method, url, headers, body))
        except SendError:
            return None
        return answer.status

    # What Callahead tells

    def take(self, headers: dict[str, str], body: bytes) -> tuple[int, Json | None]:
        """Answer a webhook: HTTP status and body. A repeated one is answered 200 and not done."""
        now = self._clock.now()
        webhook_id = verify(self._keys, headers, body, now)
        if webhook_id in self._done_ids:
            return 200, None
        change = object_of(object_of(read_json(body)).get("data"))
        before = dict(self._appointments)
        status, answer = self._apply(change)
        if status == 200:
            self._done(webhook_id, before)
        self.taken.append(Taken(now, status, change))
        self.changes.note()
        return status, answer

    def _done(self, webhook_id: str, before: dict[str, Json]) -> None:
        """Keep what a webhook has changed, together with its id: it is done once."""
        changed = [a for key, a in self._appointments.items() if a is not before.get(key)]
        self._write({"what": "taken", "id": webhook_id, "appointments": changed})
        self._done_ids.add(webhook_id)

    # What Callahead asks

    def ask(self, headers: dict[str, str], body: bytes) -> tuple[int, Json | None]:
        """Answer a question for free times, or move a visit: HTTP status and body."""
        webhook_id = verify(self._keys, headers, body, self._clock.now())
        document = object_of(read_json(body))
        data = object_of(document.get("data"))
        current = self._appointments.get(str(data.get("appointment")))
        if document.get("type") == "free_times.wanted":
            since, until = moment_of(data.get("from")), moment_of(data.get("until"))
            if current is None or since is None or until is None:
                return 200, {"times": []}
            free = free_starts(current, self.appointments, since, until)
            return 200, {"times": [start.isoformat() for start in free]}
        if document.get("type") != "appointment.move_wanted":
            return 422, None
        if current is None:
            return 409, {"removed": True}
        return self._reschedule(webhook_id, current, data)

    def _reschedule(self, webhook_id: str, current: Json, wanted: Json) -> tuple[int, Json]:
        """Move a visit once; a repeated request finds it where it was moved to."""
        start = moment_of(wanted.get("to"))
        if webhook_id in self._done_ids and moment_of(current["start"]) == start:
            return 200, current
        status = current.get("status", Status.UNCONFIRMED.value)
        here = moment_of(current["start"]) == moment_of(wanted.get("from"))
        if not here or status not in _MOVABLE:
            return 409, current
        now = self._clock.now()
        if start is None or start not in free_starts(
            current, self.appointments, now, start + VISIT
        ):
            return 409, {"taken": True}
        before = dict(self._appointments)
        own = moment_of(current["start"])
        shown = start.astimezone(own.tzinfo if own is not None else None)
        moved = {**current, "start": shown.isoformat(), "status": Status.UNCONFIRMED.value}
        self._appointments[str(current["id"])] = moved
        self._done(webhook_id, before)
        self.changes.note()
        return 200, moved

    def _apply(self, change: Json) -> tuple[int, Json | None]:
        if change.get("kind") == "notifications":
            return self._allow(str(change.get("number", "")), change.get("allowed") is True), None
        if change.get("kind") != "status" or change.get("to") not in set(Status):
            return 422, None
        current = self._appointments.get(str(change.get("appointment")))
        if current is None:
            return 409, {"removed": True}
        same_visit = moment_of(current["start"]) == moment_of(change.get("start"))
        status = current.get("status", Status.UNCONFIRMED.value)
        if same_visit and status == change["to"]:
            return 200, None
        if not same_visit or status != change.get("from"):
            return 409, current
        # A new object: one that is just being told counts as changed and is told again.
        self._appointments[str(current["id"])] = {**current, "status": change["to"]}
        return 200, None

    def _allow(self, number: str, allowed: bool) -> int:
        """Note for everyone with this number whether messages are welcome."""
        for appointment_id, known in self._appointments.items():
            item = copy.deepcopy(known)
            patient = object_of(item.get("patient"))
            for person in (patient, object_of(patient.get("guardian"))):
                if _digits(number) in map(_digits, _phones(person)):
                    person["notifications_refused"] = not allowed
            if item != known:
                self._appointments[appointment_id] = item
        return 200


def _phones(person: Json) -> list[object]:
    phones = person.get("phones")
    return phones if isinstance(phones, list) else []


def _digits(number: object) -> str:
    return "".join(char for char in str(number) if char.isdigit())[-SIGNIFICANT_DIGITS:]


Take = Callable[[dict[str, str], bytes], tuple[int, Json | None]]


def clinic_schedule_app(world: ClinicWorld, clock: Clock) -> web.Application:
    """Return the schedule's side of the webhooks: POST /changes and POST /free-times."""

    async def changes(request: web.Request) -> web.StreamResponse:
        return await _answered(request, world, clock, world.take)

    async def free_times(request: web.Request) -> web.StreamResponse:
        return await _answered(request, world, clock, world.ask)

    app = web.Application()
    app.router.add_post("/changes", changes)
    app.router.add_post("/free-times", free_times)
    return app


async def _answered(
    request: web.Request, world: ClinicWorld, clock: Clock, take: Take
) -> web.StreamResponse:
    """Answer a webhook with everything that is wrong with the schedule at present."""
    faults = world.faults
    if faults.down:
        pause = faults.retry_after_s
        headers = {} if pause is None else {"Retry-After": str(pause)}
        return web.Response(status=503, headers=headers)
    names = {name.lower(): value for name, value in request.headers.items()}
    try:
        status, answer = take(names, await request.read())
    except Unauthenticated:
        return web.Response(status=401)
    except Forbidden:
        return web.Response(status=403)
    await clock.sleep(faults.slow_s)
    if faults.cut_next > 0 and request.transport is not None:
        faults.cut_next -= 1
        request.transport.close()
    if answer is None:
        return web.Response(status=status)
    return web.json_response(answer, status=status)
