"""SMS through MTS Exolve.

Sending    https://docs.exolve.ru/docs/ru/api-reference/sms-api/sending-sms
SMS API    https://docs.exolve.ru/docs/ru/api-reference/sms-api

A mobile number of Exolve takes patients' answers, a sender's name does not. Callbacks are not
signed: a secret key in their address stands for a signature, one for each sender. The same message
comes several times while its billing moves on; its id is the same. Neither a message id of ours
nor an idempotency key can be given, so nothing proves what became of a request that timed out.

Which words Exolve uses for delivery, and for refusals, is not published in a form that could be
relied on: `delivery_statuses` and `refusals` are settings, empty until an operator has seen them.
Words that are not listed are logged.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from adapters.http import HttpClient, HttpRequest, HttpResponse, retry_after_s, scope_of
from adapters.json_values import Json, object_of, read_json, text_of
from adapters.messaging.capabilities import Capabilities
from adapters.messaging.senders import RatedSender, Senders, Strict, sender_of
from adapters.messaging.sms_settings import (
    ADDRESS,
    Secret,
    SenderName,
    Some,
    UrlSecret,
    check_key,
    clinics_of,
    has_key,
    number_of,
    refused,
    sms_text,
)
from gateway.clock import Clock
from gateway.core.events import Failure, Receipt
from gateway.core.model import Channel
from gateway.ports.messaging import (
    Inbound,
    InboundMessage,
    InboundReceipt,
    OutgoingMessage,
    SenderLimits,
    SendError,
)
from gateway.ports.webhook import RawRequest, RawResponse

_log = logging.getLogger("callahead.sms_exolve")

# --- Config ---------------------------------------------------------------------------------------

Delivery: TypeAlias = Literal["sent", "delivered", "failed", "unreachable"]
Refusal: TypeAlias = Literal["unreachable", "temporary", "rejected"]


class Sender(RatedSender):
    """A number or name of an Exolve application, and the application's key.

    `callback_keys` are ours: the callback's address at Exolve ends in `?key=…`; several hold
    while one is being replaced.
    """

    number: SenderName
    api_key: Secret
    callback_keys: Some[UrlSecret]


class Config(Strict):
    """The senders, and what Exolve's words for delivery and refusals mean."""

    senders: Senders[Sender]
    api_base: Annotated[str, Field(pattern=ADDRESS)] = "https://api.exolve.ru"
    delivery_statuses: Mapping[str, Delivery] = Field(default_factory=dict)
    refusals: Mapping[str, Refusal] = Field(default_factory=dict)


# --- Capabilities ---------------------------------------------------------------------------------

CAPABILITIES = Capabilities(
    channel=Channel.SMS,
    text_max=1000,  # a bound of ours: some fifteen parts in Cyrillic
    free_text=True,
    receives=True,
    receipts=frozenset({Receipt.SENT, Receipt.DELIVERED, Receipt.FAILED}),  # as settings say
)

# --- Vocabulary -----------------------------------------------------------------------------------

INCOMING, OUTGOING = "DIRECTION_INCOMING", "DIRECTION_OUTGOING"

_RECEIPTS: Mapping[Delivery, tuple[Receipt, Failure]] = {
    "sent": (Receipt.SENT, Failure.REJECTED),
    "delivered": (Receipt.DELIVERED, Failure.REJECTED),
    "failed": (Receipt.FAILED, Failure.REJECTED),
    "unreachable": (Receipt.FAILED, Failure.IMPOSSIBLE),
}
_FAILURES: Mapping[Refusal, Failure] = {
    "unreachable": Failure.IMPOSSIBLE,
    "temporary": Failure.TEMPORARY,
    "rejected": Failure.REJECTED,
}
_WORD = re.compile(r"[A-Za-z_]{1,60}").fullmatch
"""What may be logged of a word that is not known: no number, no sentence."""

# --- Verify ---------------------------------------------------------------------------------------


def verify(config: Config, request: RawRequest) -> None:
    """Check the key in the callback's address."""
    check_key(request, (key for sender in config.senders for key in sender.callback_keys))


# --- Parse ----------------------------------------------------------------------------------------


def parse(config: Config, request: RawRequest, now: datetime) -> list[Inbound]:
    """Return the message or receipt of a callback; its key must be that of its sender."""
    body = object_of(read_json(request.body))
    found: Inbound | None = None
    if body.get("direction") == INCOMING:
        found = _message(config, request, body, now)
    elif body.get("direction") == OUTGOING:
        found = _receipt(config, request, body, now)
    return [found] if found is not None else []


def _message(
    config: Config, request: RawRequest, body: Json, now: datetime
) -> InboundMessage | None:
    message_id = _text(body.get("message_id"))
    ours, number = _address(body.get("receiver")), number_of(_text(body.get("sender")))
    if message_id is None or number is None or not _is_from(config, request, ours):
        return None
    return InboundMessage(
        id=message_id,
        channel=Channel.SMS,
        sender=ours,
        at=now,
        number=number,
        account=None,
        kind="text",
        text=text_of(body.get("text")),
    )


def _receipt(
    config: Config, request: RawRequest, body: Json, now: datetime
) -> InboundReceipt | None:
    message_id, status = _text(body.get("message_id")), _text(body.get("delivery_status"))
    ours = _address(body.get("sender"))
    meaning = config.delivery_statuses.get(status or "")
    if message_id is None or meaning is None or not _is_from(config, request, ours):
        return None
    receipt, failure = _RECEIPTS[meaning]
    return InboundReceipt(
        channel=Channel.SMS,
        sender=ours,
        provider_id=message_id,
        opaque=None,
        receipt=receipt,
        at=now,
        failure=failure,
        code=(status or "") if receipt is Receipt.FAILED else "",
        number=number_of(_text(body.get("receiver"))),
    )


def _is_from(config: Config, request: RawRequest, ours: str) -> bool:
    return any(
        sender.number == ours and has_key(request, sender.callback_keys)
        for sender in config.senders
    )


def _address(value: object) -> str:
    text = _text(value) or ""
    return number_of(text) or text


def _text(value: object) -> str | None:
    """Return a text, also of a whole number: ids and numbers come as either."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text_of(value)


def unknown_words(config: Config, request: RawRequest) -> Iterator[str]:
    """Return what a callback calls its delivery, where the settings do not say what that means."""
    word = text_of(object_of(read_json(request.body)).get("delivery_status"))
    if word is not None and word not in config.delivery_statuses and _WORD(word):
        yield word


# --- Build ----------------------------------------------------------------------------------------


def build(config: Config, sender: Sender, message: OutgoingMessage) -> HttpRequest:
    """Return the request that says exactly this message, or raise `SendError` and say why not."""
    body = {
        "number": sender.number.lstrip("+"),
        "destination": message.to.lstrip("+"),
        "text": sms_text(message, CAPABILITIES.text_max),
    }
    return HttpRequest(
        "POST",
        f"{config.api_base}/messaging/v1/SendSMS",
        {
            "Authorization": f"Bearer {sender.api_key.get_secret_value()}",
            "Content-Type": "application/json",
        },
        json.dumps(body).encode(),
    )


# --- Read -----------------------------------------------------------------------------------------


def read(config: Config, response: HttpResponse) -> str:
    """Return the message's id, or raise what the answer means.

    A gateway error (502, 504) without an answer of the API's own leaves the outcome unknown.
    """
    parsed = read_json(response.body)
    document = object_of(parsed)
    if response.status == 200:
        message_id = _text(document.get("message_id"))
        if message_id is None:
            raise SendError(None, "unreadable_response")
        return message_id
    known = next((config.refusals[w] for w in _words(document) if w in config.refusals), None)
    code = f"http_{response.status}"
    if known is not None:
        raise SendError(_FAILURES[known], code, retry_after_s=_pause_s(response, _FAILURES[known]))
    if response.status in (502, 504) and not document:
        raise SendError(None, code)
    may_pass = response.status == 429 or response.status >= 500
    failure = Failure.TEMPORARY if may_pass else Failure.REJECTED
    raise SendError(
        failure,
        code,
        retry_after_s=_pause_s(response, failure),
        alert=not may_pass,
        scope=scope_of(response),
    )


def _pause_s(response: HttpResponse, failure: Failure) -> int | None:
    return retry_after_s(response.headers) if failure is Failure.TEMPORARY else None


def _words(document: Json) -> Iterator[str]:
    """Return what an error is called, wherever that stands."""
    inner = object_of(document.get("error"))
    for value in (document.get("error"), document.get("code"), document.get("message")):
        yield _text(value) or ""
    for value in (inner.get("code"), inner.get("message")):
        yield _text(value) or ""


# --- The channel ----------------------------------------------------------------------------------


class SmsExolve:
    """The channel and its webhook. The client belongs to whoever made it."""

    channel = Channel.SMS

    def __init__(self, config: Config, client: HttpClient, clock: Clock) -> None:
        numbers = ((s.number, s.clinic) for s in config.senders if s.number.startswith("+"))
        self.senders = clinics_of(numbers, "number")
        self._config = config
        self._client = client
        self._clock = clock

    def serves(self, clinic: str, branch: str) -> bool:
        """Tell whether there is a sender for this branch."""
        return sender_of(self._config.senders, clinic, branch) is not None

    def limits(self, clinic: str, branch: str) -> SenderLimits | None:
        """Return the number's limit, where the settings tell one."""
        sender = sender_of(self._config.senders, clinic, branch)
        if sender is None:
            return None
        return SenderLimits(f"exolve:{sender.number}", sender.per_second)

    async def send(self, message: OutgoingMessage) -> str | None:
        """Send and return Exolve's id of the message; raise `SendError`."""
        sender = sender_of(self._config.senders, message.clinic, message.branch)
        if sender is None:
            raise refused("no_sender")
        request = build(self._config, sender, message)
        return read(self._config, await self._client.send(request))

    async def close(self) -> None:
        """Hold nothing: the shared client is closed by its owner."""

    def handshake(self, _request: RawRequest) -> RawResponse | None:
        """Exolve does not verify an address."""
        return None

    def verify(self, request: RawRequest) -> None:
        """Check the key in the callback's address."""
        verify(self._config, request)

    def parse(self, request: RawRequest) -> Sequence[Inbound]:
        """Return the message or receipt of one callback."""
        for word in unknown_words(self._config, request):
            _log.warning("a delivery status is not in the settings", extra={"status": word})
        return parse(self._config, request, self._clock.now())
