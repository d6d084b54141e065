"""Push through the backend of the clinic's own app: a signed request, and signed reports back.

Both directions follow Standard Webhooks 1.0.0. What we ask for:

    {"type": "notification.requested", "timestamp": …, "data": {"id": …, "reference": …,
     "number": …, "account": …, "appointment": …, "branch": …, "kind": "confirmation",
     "language": "ru", "text": …, "link": …, "actions": [{"answer", "title", "payload"}]}}

`webhook-id` is the same for every try of one message, so a backend that sees it twice sends once.
It answers:

    2xx             accepted; a body {"id": …} gives the backend's own id for its reports
    422             not for this patient; {"code": "no_device" | "push_off" | "unknown_patient"}
                    means that there is no phone to push to
    429, 5xx        tried again later; `Retry-After` is honoured, redirects are not followed
    anything else   refused, and told to the operator

What becomes of it comes to /hooks/push?sender=NAME, signed with the same secret:

    {"type": "notification.status", "timestamp": …, "data": {"id": …, "reference": …,
     "status": "sent" | "delivered" | "read" | "failed", "code": …}}

Answers come by the API (`POST …/answers`), which tells the app at once what became of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import Field, SecretStr

from adapters.addresses import checked_url
from adapters.http import HttpClient, HttpRequest, HttpResponse, retry_after_s, scope_of
from adapters.json_values import Json, object_of, read_json, text_of, unix_moment
from adapters.messaging.capabilities import Capabilities
from adapters.messaging.senders import RatedSender, Senders, Strict, check_different, sender_of
from adapters.standard_webhooks import headers_of, key_of
from adapters.standard_webhooks import verify as verify_signature
from gateway.clock import Clock
from gateway.core.case import Content
from gateway.core.events import Failure, Receipt
from gateway.core.model import Channel
from gateway.errors import InvalidInput, Problem
from gateway.ports.messaging import (
    Inbound,
    InboundReceipt,
    OutgoingMessage,
    SenderLimits,
    SendError,
    attempt_of,
)
from gateway.ports.store import Kind
from gateway.ports.webhook import RawRequest, RawResponse

# --- Config ---------------------------------------------------------------------------------------


class Backend(RatedSender):
    """One app's backend. Several `secrets` sign at once while they are rotated.

    `name` stands in the address of its reports, so that its own secret is asked for.
    """

    name: str = Field(pattern=r"^[a-z0-9_-]{1,40}$")
    url: str
    secrets: tuple[SecretStr, ...] = Field(min_length=1)


class Config(Strict):
    """The backends of all clinics that have an app."""

    senders: Senders[Backend]


def check(config: Config, *, allow_private: bool) -> None:
    """Raise `InvalidInput` naming the field: addresses, secrets, names that are not alone."""
    check_different(config.senders, "name", lambda sender: (sender.name,))
    for index, sender in enumerate(config.senders):
        checked_url(sender.url, allow_private=allow_private, field=f"senders.{index}.url")
        try:
            _keys(sender)
        except InvalidInput as error:
            problems = [Problem(f"senders.{index}.secrets", p.message) for p in error.problems]
            raise InvalidInput(*problems) from None


def _keys(sender: Backend) -> list[bytes]:
    return [key_of(secret.get_secret_value()) for secret in sender.secrets]


# --- Capabilities ---------------------------------------------------------------------------------

CAPABILITIES = Capabilities(
    channel=Channel.PUSH,
    text_max=2000,
    free_text=True,
    buttons_max=3,
    button_title_max=40,
    button_payload_max=300,
    opaque_max=512,
    receipts=frozenset(Receipt),
)

# --- Vocabulary -----------------------------------------------------------------------------------

NOBODY_THERE = frozenset({"no_device", "push_off", "unknown_patient"})
"""Codes that mean that this patient has no phone to push to."""

RECEIPTS: Mapping[str, Receipt] = {receipt.value: receipt for receipt in Receipt}

REQUESTED = "notification.requested"
STATUS = "notification.status"

# --- Verify ---------------------------------------------------------------------------------------


def verify(config: Config, request: RawRequest, now: datetime) -> None:
    """Check the signature with the secrets of the backend that the address names."""
    sender = _sender_in(config, request)
    keys = _keys(sender) if sender is not None else []  # nobody can sign for an unknown name
    verify_signature(keys, request.headers, request.body, now)


def _sender_in(config: Config, request: RawRequest) -> Backend | None:
    name = request.query.get("sender")
    return next((sender for sender in config.senders if sender.name == name), None)


# --- Parse ----------------------------------------------------------------------------------------


def parse(config: Config, request: RawRequest) -> list[Inbound]:
    """Return what a report says; one about another clinic's message says nothing."""
    sender = _sender_in(config, request)
    document = object_of(read_json(request.body))
    data = object_of(document.get("data"))
    receipt = RECEIPTS.get(text_of(data.get("status")) or "")
    at = _moment(document.get("timestamp")) or unix_moment(request.headers.get("webhook-timestamp"))
    if sender is None or document.get("type") != STATUS or receipt is None or at is None:
        return []
    name, reference = text_of(data.get("id")), text_of(data.get("reference"))
    attempt = attempt_of(reference) if reference else None
    if attempt is not None and attempt[0].clinic != sender.clinic:
        return []
    if name is None and attempt is None:
        return []
    code = text_of(data.get("code")) or ""
    failure = Failure.IMPOSSIBLE if code in NOBODY_THERE else Failure.REJECTED
    return [
        InboundReceipt(
            channel=Channel.PUSH,
            sender=sender.name,
            provider_id=_provider_id(sender, name) if name else "",
            opaque=reference if attempt is not None else None,
            receipt=receipt,
            at=at,
            failure=failure if receipt is Receipt.FAILED else Failure.REJECTED,
            code=code[:40],
        )
    ]


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text_of(value) or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _provider_id(sender: Backend, name: str) -> str:
    """Two backends count on their own, and neither may speak of the other's messages."""
    return f"{sender.name}:{name}"


# --- Build ----------------------------------------------------------------------------------------


def notification_id(message: OutgoingMessage) -> str:
    """Return the id that all tries of a message share; it tells nothing about the patient."""
    name = f"{message.clinic}\0{message.opaque}".encode("utf-8", "surrogatepass")
    return "ntf_" + hashlib.sha256(name).hexdigest()[:40]


def build(sender: Backend, message: OutgoingMessage, now: datetime) -> HttpRequest:
    """Return the request of this try, or raise `SendError` and say why not."""
    content = message.content
    _check(content, message.opaque)
    attempt = attempt_of(message.opaque)
    is_case = attempt is not None and attempt[0].kind is Kind.CASE
    name = notification_id(message)
    data: Json = {
        "id": name,
        "reference": message.opaque,
        "number": message.to,
        "account": message.account,
        "appointment": attempt[0].key if attempt is not None and is_case else None,
        "branch": message.branch,
        "kind": content.template,
        "language": content.language,
        "text": content.text,
        "link": content.link,
        "actions": [
            {"answer": button.answer.value, "title": button.title, "payload": button.payload}
            for button in content.buttons
        ],
    }
    document = {"type": REQUESTED, "timestamp": now.isoformat(), "data": data}
    body = json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json", **headers_of(_keys(sender), name, now, body)}
    return HttpRequest("POST", sender.url, headers, body)


def _check(content: Content, opaque: str) -> None:
    can = CAPABILITIES
    if len(opaque) > can.opaque_max:
        raise _refused("opaque_too_long")
    if not content.text.strip() or len(content.text) > can.text_max:
        raise _refused("text_length")
    if len(content.buttons) > can.buttons_max:
        raise _refused("too_many_buttons")
    for button in content.buttons:
        if not 0 < len(button.title) <= can.button_title_max:
            raise _refused("button_title_length")
        if not 0 < len(button.payload) <= can.button_payload_max:
            raise _refused("button_payload_length")


def _refused(code: str) -> SendError:
    return SendError(Failure.REJECTED, code, alert=True)


# --- Read -----------------------------------------------------------------------------------------


def read(sender: Backend, name: str, response: HttpResponse, now: datetime) -> str:
    """Return the notification's id, or raise what the answer means.

    A server's error is temporary even if the notification has gone out: its id stays the same.
    """
    document = object_of(read_json(response.body))
    if 200 <= response.status < 300:
        return _provider_id(sender, text_of(document.get("id")) or name)
    code = f"http_{response.status}"
    if response.status == 429 or response.status >= 500:
        pause = retry_after_s(response.headers, now)
        scope = scope_of(response)
        raise SendError(Failure.TEMPORARY, code, retry_after_s=pause, scope=scope)
    if response.status == 422:
        why = text_of(document.get("code"))
        if why in NOBODY_THERE:
            raise SendError(Failure.IMPOSSIBLE, why)
        raise SendError(Failure.REJECTED, code)
    raise _refused(code)


# --- The channel ----------------------------------------------------------------------------------


class PushBackend:
    """The channel and its webhook. The client belongs to whoever made it."""

    channel = Channel.PUSH

    def __init__(
        self, config: Config, client: HttpClient, clock: Clock, *, allow_private: bool = False
    ) -> None:
        check(config, allow_private=allow_private)
        self._config = config
        self._client = client
        self._clock = clock

    def serves(self, clinic: str, branch: str) -> bool:
        """Tell whether there is an app for this branch."""
        return sender_of(self._config.senders, clinic, branch) is not None

    def limits(self, clinic: str, branch: str) -> SenderLimits | None:
        """Return the backend's limit, where the settings tell one."""
        sender = sender_of(self._config.senders, clinic, branch)
        if sender is None:
            return None
        return SenderLimits(f"backend:{sender.name}", sender.per_second)

    async def send(self, message: OutgoingMessage) -> str | None:
        """Ask the app's backend for a notification."""
        sender = sender_of(self._config.senders, message.clinic, message.branch)
        if sender is None:
            raise _refused("no_sender")
        response = await self._client.send(build(sender, message, self._clock.now()))
        return read(sender, notification_id(message), response, self._clock.now())

    async def close(self) -> None:
        """Hold nothing: the shared client is closed by its owner."""

    def handshake(self, request: RawRequest) -> RawResponse | None:
        """A backend does not verify an address."""
        return None

    def verify(self, request: RawRequest) -> None:
        """Check the backend's signature."""
        verify(self._config, request, self._clock.now())

    def parse(self, request: RawRequest) -> Sequence[Inbound]:
        """Return what one report says."""
        return parse(self._config, request)
