"""Free times of a clinic's own schedule, asked for and booked at one address of the clinic.

Both requests are POSTs signed after Standard Webhooks 1.0.0, as status changes are
(`adapters.schedule.webhook`); docs/api.md, "Free times", is the contract for clinics.

`{"type": "free_times.wanted", "timestamp": …, "data": {"appointment", "branch", "start", "doctor",
"from", "until"}}` is answered 200 with `{"times": ["2026-11-26T10:00:00+03:00", …]}`.

`{"type": "appointment.move_wanted", "timestamp": …, "data": {"id", "appointment", "from", "to",
"source", "at"}}` moves the appointment from one start to the other:

    200             moved; the body is the appointment as it is now
    409             `{"taken": true}`: the time is no longer free; the newest appointment, or
                    nothing when it is gone: it does not start at `from` any more
    410, 422        refused for good
    other 4xx, 503  nothing was moved, now
    anything else   nobody knows; asked once more

All tries of one move share its `webhook-id`: a clinic that sees it twice moves once and answers as
it did before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from adapters.addresses import checked_url
from adapters.http import HttpClient, HttpRequest, HttpResponse, retry_after_s
from adapters.json_values import object_of, read_json
from adapters.schedule.webhook import Config, ReadAppointment, newest_of
from adapters.standard_webhooks import headers_of, key_of
from gateway.clock import Clock, fresh_id
from gateway.core.model import Appointment, Source
from gateway.ports.messaging import SendError
from gateway.ports.schedule import (
    Booked,
    Conflicted,
    MoveOutcome,
    MoveRequest,
    Refused,
    Taken,
    Unavailable,
    Unknown,
)

TIMES_READ_MAX = 2000
"""A month of a schedule in steps of a quarter of an hour is less."""


def move_id(request: MoveRequest) -> str:
    """Return the id that all tries of a move share; it tells nothing about the patient."""
    name = "\0".join((request.clinic, request.visit.id, request.id))
    return "mov_" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def build_question(
    config: Config, visit: Appointment, since: datetime, until: datetime, now: datetime
) -> HttpRequest:
    """Return the request for free times."""
    data = {
        "appointment": visit.id,
        "branch": visit.branch,
        "start": visit.start.isoformat(),
        "doctor": {"name": visit.doctor.name, "specialty": visit.doctor.specialty},
        "from": since.isoformat(),
        "until": until.isoformat(),
    }
    return _signed(config, fresh_id("free"), "free_times.wanted", data, now, now)


def build_move(config: Config, request: MoveRequest, now: datetime) -> HttpRequest:
    """Return this try of a move."""
    name = move_id(request)
    data = {
        "id": name,
        "appointment": request.visit.id,
        "from": request.visit.start.isoformat(),
        "to": request.start.isoformat(),
        "source": Source.LINK.value,
        "at": request.at.isoformat(),
    }
    return _signed(config, name, "appointment.move_wanted", data, request.at, now)


def _signed(
    config: Config,
    webhook_id: str,
    kind: str,
    data: Mapping[str, object],
    at: datetime,
    now: datetime,
) -> HttpRequest:
    document = {"type": kind, "timestamp": at.isoformat(), "data": data}
    body = json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode()
    keys = [key_of(secret.get_secret_value()) for secret in config.secrets]
    headers = headers_of(keys, webhook_id, now, body)
    return HttpRequest("POST", config.url, {"content-type": "application/json", **headers}, body)


def read_times(
    response: HttpResponse, since: datetime, until: datetime, now: datetime
) -> tuple[datetime, ...] | Unavailable:
    """Return the times of an answer; those without an offset or out of range are left out."""
    if response.status == 204:
        return ()
    if response.status != 200:
        code = f"http_{response.status}"
        return Unavailable(code, retry_after_s(response.headers, now))
    told = object_of(read_json(response.body)).get("times")
    if not isinstance(told, list):
        return Unavailable("http_200_unreadable")
    found = {moment for item in told[:TIMES_READ_MAX] if (moment := _moment(item)) is not None}
    return tuple(sorted(moment for moment in found if since <= moment < until))


def _moment(text: object) -> datetime | None:
    if not isinstance(text, str) or len(text) > 40:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def read_move(
    response: HttpResponse, request: MoveRequest, read_appointment: ReadAppointment, now: datetime
) -> MoveOutcome:
    """Return what the clinic's answer to a move means."""
    status = response.status
    code = f"http_{status}"
    if status == 409 and object_of(read_json(response.body)).get("taken") is True:
        return Taken()
    if status in (200, 409):
        newest = newest_of(response.body, request.visit.id, read_appointment)
        if status == 409:
            # It was certainly not moved; how it stands now, the schedule will tell by itself.
            return Unavailable(code) if isinstance(newest, str) else Conflicted(newest)
        if isinstance(newest, Appointment) and newest.start == request.start:
            return Booked(newest)
        return Unknown(f"{code}_unreadable")
    if status in (410, 422):
        return Refused(code)
    if status == 503 or 400 <= status < 500:
        return Unavailable(code, retry_after_s(response.headers, now))
    return Unknown(code)


class WebhookFreeTimes:
    """One clinic's free times. The client belongs to whoever made it."""

    def __init__(
        self,
        config: Config,
        client: HttpClient,
        read_appointment: ReadAppointment,
        clock: Clock,
        *,
        allow_private: bool = False,
    ) -> None:
        checked_url(config.url, allow_private=allow_private)
        for secret in config.secrets:
            key_of(secret.get_secret_value())
        self._config = config
        self._client = client
        self._read_appointment = read_appointment
        self._clock = clock

    async def free_times(
        self, visit: Appointment, since: datetime, until: datetime
    ) -> tuple[datetime, ...] | Unavailable:
        """Ask for the times to which a visit could be moved."""
        request = build_question(self._config, visit, since, until, self._clock.now())
        try:
            response = await self._client.send(request)
        except SendError as error:
            return Unavailable(error.code, error.retry_after_s)
        return read_times(response, since, until, self._clock.now())

    async def book(self, request: MoveRequest) -> MoveOutcome:
        """Ask the clinic to move a visit; what went wrong on the way is an outcome too."""
        try:
            response = await self._client.send(build_move(self._config, request, self._clock.now()))
        except SendError as error:
            # Before the request was written nothing can have happened, afterwards nobody knows.
            return Unknown(error.code) if error.failure is None else Unavailable(error.code)
        return read_move(response, request, self._read_appointment, self._clock.now())
