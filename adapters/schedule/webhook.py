"""Status changes as signed webhooks to the clinic's own address.

The body is `{"type": …, "timestamp": …, "data": the change as in the feed}`, signed after
Standard Webhooks 1.0.0. The clinic answers:

    2xx             accepted
    409             it changed meanwhile; the body is the newest appointment, or nothing when gone
    410, 422        refused for good
    anything else   tried again later; `Retry-After` is honoured, redirects are not followed

A change keeps its `webhook-id` over all attempts, so a clinic that sees it twice acts once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from adapters.addresses import PublicResolver, checked_url
from adapters.http import HttpClient, HttpLimits, HttpRequest, HttpResponse, retry_after_s
from adapters.json_values import object_of, read_json
from adapters.standard_webhooks import headers_of, key_of
from gateway.clock import Clock
from gateway.core.model import Appointment
from gateway.errors import InvalidInput
from gateway.ports.messaging import SendError
from gateway.ports.schedule import (
    Accepted,
    Change,
    Conflicted,
    PushOutcome,
    Refused,
    StatusChange,
    Unavailable,
    change_document,
)

ReadAppointment = Callable[[object], Appointment]

LIMITS = HttpLimits(connect_s=5.0, total_s=20.0)
"""The specification asks for 15 to 30 seconds."""


class Config(BaseModel):
    """One clinic's webhook. Several `secrets` sign at once while they are rotated."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str
    secrets: tuple[SecretStr, ...] = Field(min_length=1)


def webhook_client(*, allow_private: bool) -> HttpClient:
    """Return the client for all clinics' webhooks: it connects to public addresses only."""
    return HttpClient(LIMITS, None if allow_private else PublicResolver())


def webhook_id(change: Change) -> str:
    """Return the id that all attempts of a change share; it tells nothing about the patient."""
    ref = change.ref
    name = "\0".join((ref.kind.value, ref.clinic, ref.key, change.push))
    return "chg_" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def build(config: Config, change: Change, now: datetime) -> HttpRequest:
    """Return the request of this attempt."""
    is_status = isinstance(change, StatusChange)
    document = {
        "type": "appointment.status_changed" if is_status else "notifications.changed",
        "timestamp": change.at.isoformat(),
        "data": dict(change_document(change, None)),
    }
    body = json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode()
    keys = [key_of(secret.get_secret_value()) for secret in config.secrets]
    headers = headers_of(keys, webhook_id(change), now, body)
    return HttpRequest("POST", config.url, {"content-type": "application/json", **headers}, body)


def read(
    response: HttpResponse, change: Change, read_appointment: ReadAppointment, now: datetime
) -> PushOutcome:
    """Return what the clinic's answer to a change means."""
    if 200 <= response.status < 300:
        return Accepted()
    code = f"http_{response.status}"
    if response.status in (410, 422):
        return Refused(code)
    if response.status == 409 and isinstance(change, StatusChange):
        return _conflict(response.body, change, read_appointment)
    return Unavailable(code, retry_after_s(response.headers, now))


def _conflict(body: bytes, change: StatusChange, read_appointment: ReadAppointment) -> PushOutcome:
    # Without the newest appointment nobody can say whether the answer still fits.
    newest = newest_of(body, change.appointment, read_appointment)
    return Unavailable(f"http_409_{newest}") if isinstance(newest, str) else Conflicted(newest)


def newest_of(
    body: bytes, appointment: str, read_appointment: ReadAppointment
) -> Appointment | str | None:
    """Return the appointment as it is now, None when it is gone, or a word for what is wrong."""
    document = read_json(body)
    if not body.strip() or (document is None and body.strip() == b"null"):
        return None
    if object_of(document).get("removed") is True:
        return None
    try:
        newest = read_appointment(document)
    except InvalidInput:
        return "unreadable"
    return newest if newest.id == appointment else "another_appointment"


class WebhookSchedule:
    """One clinic's webhook. The client belongs to whoever made it."""

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

    async def push(self, change: Change) -> PushOutcome:
        """Offer one change; whatever happens on the way is an outcome too."""
        try:
            request = build(self._config, change, self._clock.now())
            response = await self._client.send(request)
        except SendError as error:
            return Unavailable(error.code, error.retry_after_s)
        return read(response, change, self._read_appointment, self._clock.now())

    async def close(self) -> None:
        """Hold nothing: the shared client is closed by its owner."""
