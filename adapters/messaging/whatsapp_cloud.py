"""WhatsApp through Meta's Cloud API.

Webhooks   https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview
Messages   https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages
Statuses   https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/status
Errors     https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes
User ids   https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids

The API has no idempotency key: a request that timed out may have sent its message. What proves it
is a receipt that carries `biz_opaque_callback_data`, where our id of the attempt travels.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from adapters.http import HttpClient, HttpRequest, HttpResponse, retry_after_s, scope_of
from adapters.json_values import (
    Json,
    integer_of,
    object_of,
    objects,
    read_json,
    text_of,
    unix_moment,
)
from adapters.messaging.capabilities import Capabilities
from adapters.messaging.senders import sender_of
from adapters.messaging.whatsapp_codes import NO_FAILURE, WINDOW_CLOSED_CODE, Meaning, meaning_of
from adapters.messaging.whatsapp_settings import Config, Sender, Template
from gateway.core.case import Content
from gateway.core.events import Failure, Receipt
from gateway.core.model import Channel
from gateway.errors import Forbidden, Unauthenticated
from gateway.ports.messaging import (
    Inbound,
    InboundMessage,
    InboundReceipt,
    OutgoingMessage,
    SenderLimits,
    SendError,
)
from gateway.ports.webhook import RawRequest, RawResponse

# --- Capabilities ---------------------------------------------------------------------------------

CAPABILITIES = Capabilities(
    channel=Channel.WHATSAPP,
    text_max=4096,
    free_text=False,
    buttons_max=3,
    button_title_max=20,
    button_payload_max=128,
    opaque_max=512,
    quotes=True,
    receives=True,
    receipts=frozenset(Receipt),
)
INTERACTIVE_TEXT_MAX = 1024
PARAMETER_MAX = 1024

# --- Vocabulary -----------------------------------------------------------------------------------


RECEIPTS: Mapping[str, Receipt] = {
    "sent": Receipt.SENT,
    "delivered": Receipt.DELIVERED,
    "read": Receipt.READ,
    "played": Receipt.READ,
    "failed": Receipt.FAILED,
}
"""`deleted` and words that are not known say nothing about a message of ours."""

_GAP = re.compile(r"[^\S ]+| {4,}")
_BSUID = re.compile(r"^[A-Z]{2}\.[A-Za-z0-9.]{1,134}$")
_NUMBER = re.compile(r"^\+?[0-9]{5,15}$")


# --- Verify ---------------------------------------------------------------------------------------


def verify(config: Config, request: RawRequest) -> None:
    """Check `X-Hub-Signature-256`: HMAC-SHA256 of the raw body with the app secret, in hex."""
    header = request.headers.get("x-hub-signature-256")
    if not header:
        raise Unauthenticated("the webhook carries no signature")
    given = header.encode("utf-8", "replace")
    matches = False
    for secret in config.app_secrets:
        digest = hmac.new(secret.get_secret_value().encode(), request.body, hashlib.sha256)
        matches |= hmac.compare_digest(b"sha256=" + digest.hexdigest().encode(), given)
    if not matches:
        raise Forbidden("the webhook's signature does not match")


def handshake(config: Config, request: RawRequest) -> RawResponse | None:
    """Answer `hub.mode=subscribe` with the challenge, as plain text because it is reflected."""
    if request.method != "GET" or "hub.mode" not in request.query:
        return None
    token = request.query.get("hub.verify_token", "").encode("utf-8", "replace")
    expected = config.verify_token.get_secret_value().encode()
    if request.query["hub.mode"] == "subscribe" and hmac.compare_digest(token, expected):
        return RawResponse(200, request.query.get("hub.challenge", ""))
    return RawResponse(403)


# --- Parse ----------------------------------------------------------------------------------------


def parse(request: RawRequest) -> list[Inbound]:
    """Return every message and receipt of every entry and change; leave out the unreadable."""
    found: list[Inbound] = []
    for entry in objects(object_of(read_json(request.body)).get("entry")):
        for change in objects(entry.get("changes")):
            if change.get("field") == "messages":
                found += _parse_value(object_of(change.get("value")))
    return found


def _parse_value(value: Json) -> Iterator[Inbound]:
    sender = text_of(object_of(value.get("metadata")).get("phone_number_id"))
    if not sender:
        return
    contacts = objects(value.get("contacts"))
    for item in objects(value.get("messages")):
        message = _parse_message(sender, contacts, item)
        if message is not None:
            yield message
    for item in objects(value.get("statuses")):
        receipt = _parse_status(sender, item)
        if receipt is not None:
            yield receipt


def _parse_message(sender: str, contacts: list[Json], item: Json) -> InboundMessage | None:
    wamid, at = text_of(item.get("id")), unix_moment(item.get("timestamp"))
    number, account = _person(contacts, item.get("from"), item.get("from_user_id"))
    said = _said(item)
    if not wamid or at is None or item.get("group_id") or said is None:
        return None
    if number is None and account is None:
        return None
    return InboundMessage(
        id=wamid,
        channel=Channel.WHATSAPP,
        sender=sender,
        at=at,
        number=number,
        account=account,
        kind=said.kind,
        text=said.text,
        payload=said.payload,
        quoted=said.quoted,
    )


@dataclass(frozen=True, slots=True)
class _Said:
    kind: str
    text: str | None = None
    payload: str | None = None
    quoted: str | None = None


def _said(item: Json) -> _Said | None:
    """Return what a message says; None when it is no message: deleted, taken back, news."""
    kind = text_of(item.get("type")) or "unknown"
    body = object_of(item.get(kind))
    context = object_of(item.get("context"))
    quoted = text_of(context.get("id"))
    if context.get("forwarded") or context.get("frequently_forwarded"):
        return _Said("forwarded")  # somebody else's words are no answer
    if kind == "text":
        return _Said(kind, text_of(body.get("body")), quoted=quoted)
    if kind == "button":
        return _Said(kind, text_of(body.get("text")), text_of(body.get("payload")), quoted)
    if kind == "interactive":
        return _said_by_tap(body, quoted)
    if kind == "reaction":  # no quote either: it must not say which visit an answer is about
        return _Said(kind) if text_of(body.get("emoji")) else None
    if kind == "edit":
        inner = object_of(object_of(body.get("message")).get("text"))
        return _Said(kind, text_of(inner.get("body")))
    return None if kind in ("revoke", "system") else _Said(kind, quoted=quoted)


def _said_by_tap(body: Json, quoted: str | None) -> _Said:
    """A tap may come without what was tapped, together with error 131000."""
    for kind in ("button_reply", "list_reply"):
        reply = object_of(body.get(kind))
        if reply:
            return _Said(kind, text_of(reply.get("title")), text_of(reply.get("id")), quoted)
    return _Said("interactive", quoted=quoted)


def _parse_status(sender: str, item: Json) -> InboundReceipt | None:
    wamid, at = text_of(item.get("id")), unix_moment(item.get("timestamp"))
    receipt = RECEIPTS.get(text_of(item.get("status")) or "")
    if not wamid or at is None or receipt is None:
        return None
    number, account = _person([], item.get("recipient_id"), item.get("recipient_user_id"))
    errors = objects(item.get("errors"))
    code = integer_of(errors[0].get("code")) if errors else None
    meaning = meaning_of(code) if receipt is Receipt.FAILED else NO_FAILURE
    return InboundReceipt(
        channel=Channel.WHATSAPP,
        sender=sender,
        provider_id=wamid,
        opaque=text_of(item.get("biz_opaque_callback_data")),
        receipt=receipt,
        at=at,
        failure=meaning.failure,
        code="" if code is None else str(code),
        alert=meaning.alert,
        number=number,
        account=account,
    )


def _person(contacts: list[Json], wa_id: object, user_id: object) -> tuple[str | None, str | None]:
    """Return number and account; either may be absent, and `from` may hold the account."""
    first, account = text_of(wa_id), text_of(user_id)
    number = first if first and _NUMBER.match(first) else None
    if number is None:
        account = account or first
    for contact in contacts:
        known, opaque = text_of(contact.get("wa_id")), text_of(contact.get("user_id"))
        if (number is not None and known == number) or (account is not None and opaque == account):
            account = account or opaque
            number = number or (known if known and _NUMBER.match(known) else None)
    return (f"+{number.lstrip('+')}" if number else None), account


# --- Build ----------------------------------------------------------------------------------------


def build(config: Config, sender: Sender, message: OutgoingMessage) -> HttpRequest:
    """Return the request that says exactly this message, or raise `SendError` and say why not."""
    if len(message.opaque) > CAPABILITIES.opaque_max:
        raise _refused("opaque_too_long")
    body: Json = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **_recipient(message),
        "biz_opaque_callback_data": message.opaque,
    }
    if message.reply_to:
        body["context"] = {"message_id": message.reply_to}
    body |= _free(message.content) if message.session_open else _template(config, message.content)
    return HttpRequest(
        "POST",
        f"{config.api_base}/{config.graph_version}/{sender.phone_number_id}/messages",
        {
            "Authorization": f"Bearer {sender.access_token.get_secret_value()}",
            "Content-Type": "application/json",
        },
        json.dumps(body).encode(),
    )


def _recipient(message: OutgoingMessage) -> Json:
    """The schedule's number is the truth; an account is used only towards whoever just wrote."""
    account = message.account or ""
    if _BSUID.match(account) and (message.session_open or not message.to):
        return {"recipient": account}
    if not _NUMBER.match(message.to):
        raise _refused("no_recipient")
    return {"to": message.to.lstrip("+")}


def _free(content: Content) -> Json:
    if len(content.text) > CAPABILITIES.text_max or not content.text.strip():
        raise _refused("text_length")
    # The text names the options too, so a long one goes whole and without buttons.
    if not content.buttons or len(content.text) > INTERACTIVE_TEXT_MAX:
        return {"type": "text", "text": {"preview_url": False, "body": content.text}}
    _check_buttons(content)
    replies = [
        {"type": "reply", "reply": {"id": button.payload, "title": button.title}}
        for button in content.buttons
    ]
    return {
        "type": "interactive",
        "interactive": {
            "type": "button",
            "body": {"text": content.text},
            "action": {"buttons": replies},
        },
    }


def _check_buttons(content: Content) -> None:
    limits = CAPABILITIES
    if len(content.buttons) > limits.buttons_max:
        raise _refused("too_many_buttons")
    for button in content.buttons:
        if not 0 < len(button.title) <= limits.button_title_max:
            raise _refused("button_title_length")
        if not 0 < len(button.payload) <= limits.button_payload_max:
            raise _refused("button_payload_length")


def _template(config: Config, content: Content) -> Json:
    template = template_of(config, content)
    body = range(len(content.parameters)) if template.body is None else template.body
    components: list[Json] = []
    for kind, positions in (("header", template.header), ("body", body)):
        if positions:
            parameters = [_parameter(content, position) for position in positions]
            components.append({"type": kind, "parameters": parameters})
    if template.buttons and content.buttons:
        _check_buttons(content)
        for index, button in enumerate(content.buttons):
            payload = {"type": "payload", "payload": button.payload}
            place = {"type": "button", "sub_type": "quick_reply", "index": str(index)}
            components.append({**place, "parameters": [payload]})
    shown: Json = {"name": template.name, "language": {"code": template.language}}
    if components:
        shown["components"] = components
    return {"type": "template", "template": shown}


def template_of(config: Config, content: Content) -> Template:
    """Return the approved template of a message: the configured one, else the convention's."""
    template = config.templates.get(content.template, {}).get(content.language)
    if template is None:
        if config.template_convention is None:
            raise _refused("no_template")
        template = Template(
            name=template_name(config.template_convention, content.template, content.language)
        )
    return template.model_copy(update={"language": template.language or content.language})


def template_name(convention: str, template: str, language: str) -> str:
    """Return a convention's name of a template: lower case letters, digits and underscores."""
    name = convention.replace("{template}", template).replace("{language}", language)
    return re.sub("[^a-z0-9_]", "_", name.lower())


def _parameter(content: Content, position: int) -> Json:
    """Fill one variable: no line break, tab or run of spaces may stand in it (error 132018)."""
    if not 0 <= position < len(content.parameters):
        raise _refused("missing_parameter")
    text = _GAP.sub(" ", content.parameters[position])
    if not text.strip() or len(text) > PARAMETER_MAX:
        raise _refused("parameter_length")
    return {"type": "text", "text": text}


def _refused(code: str) -> SendError:
    return SendError(Failure.REJECTED, code, alert=True)


# --- Read -----------------------------------------------------------------------------------------


def read(response: HttpResponse) -> str | None:
    """Return the message's id, or raise what the answer means.

    200 means accepted, not deliverable. A gateway error (502, 504) that does not come from the
    API itself tells nothing about the message, so its outcome is unknown.
    """
    document = object_of(read_json(response.body))
    if response.status == 200:
        if not isinstance(document.get("messages"), list):
            raise SendError(None, "unreadable_response")
        messages = objects(document["messages"])
        return text_of(messages[0].get("id")) if messages else None
    error = object_of(document.get("error"))
    code = integer_of(error.get("code"))
    if code is None and response.status in (502, 504):
        raise SendError(None, f"http_{response.status}")
    meaning = meaning_of(code, response.status)
    raise SendError(
        meaning.failure,
        f"http_{response.status}" if code is None else str(code),
        retry_after_s=_pause_s(response, meaning) if meaning.failure is Failure.TEMPORARY else None,
        alert=meaning.alert,
        scope=meaning.scope or scope_of(response),
    )


def _pause_s(response: HttpResponse, meaning: Meaning) -> int | None:
    """Return the longest pause that was asked for; the usage header counts minutes."""
    pauses = [meaning.pause_s or 0, retry_after_s(response.headers) or 0]
    usage = object_of(read_json(response.headers.get("x-business-use-case-usage", "")))
    for items in usage.values():
        for item in objects(items):
            pauses.append(60 * (integer_of(item.get("estimated_time_to_regain_access")) or 0))
    return min(max(pauses), 24 * 3600) or None


# --- The channel ----------------------------------------------------------------------------------


class WhatsAppCloud:
    """The channel and its webhook. The client belongs to whoever made it."""

    channel = Channel.WHATSAPP

    def __init__(self, config: Config, client: HttpClient) -> None:
        self._config = config
        self._client = client

    def serves(self, clinic: str, branch: str) -> bool:
        """Tell whether there is a sender for this branch."""
        return sender_of(self._config.senders, clinic, branch) is not None

    def limits(self, clinic: str, branch: str) -> SenderLimits | None:
        """Return the number's throughput, which Meta counts by phone number."""
        sender = sender_of(self._config.senders, clinic, branch)
        if sender is None:
            return None
        return SenderLimits(f"whatsapp:{sender.phone_number_id}", sender.per_second)

    async def send(self, message: OutgoingMessage) -> str | None:
        """Send; when the conversation turns out to be closed, once more as a template."""
        try:
            return await self._post(message)
        except SendError as error:
            if not message.session_open or error.code != str(WINDOW_CLOSED_CODE):
                raise
        return await self._post(replace(message, session_open=False))

    async def close(self) -> None:
        """Hold nothing: the shared client is closed by its owner."""

    def handshake(self, request: RawRequest) -> RawResponse | None:
        """Answer Meta's verification request."""
        return handshake(self._config, request)

    def verify(self, request: RawRequest) -> None:
        """Check Meta's signature."""
        verify(self._config, request)

    def parse(self, request: RawRequest) -> Sequence[Inbound]:
        """Return the messages and receipts of one webhook."""
        return parse(request)

    async def _post(self, message: OutgoingMessage) -> str | None:
        sender = sender_of(self._config.senders, message.clinic, message.branch)
        if sender is None:
            raise _refused("no_sender")
        return read(await self._client.send(build(self._config, sender, message)))
