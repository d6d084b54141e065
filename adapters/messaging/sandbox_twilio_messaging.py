"""A small Twilio of our own: SMS and WhatsApp over the Messages API and its signed callbacks.

The production adapter runs against it unchanged: point `api_base` at where `twilio_messaging_app`
is mounted. Written from the API's reference alone and apart from the adapter, and stricter than
Twilio: a parameter that it does not know is refused, where Twilio would ignore it.
https://www.twilio.com/docs/messaging/api/message-resource
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NoReturn
from urllib.parse import urldefrag, urlencode

from aiohttp import web

from adapters.http import HttpClient, HttpRequest
from adapters.json_values import Json, object_of, read_json
from adapters.messaging.sandbox_sms import ON_THE_WAY, SmsWorld
from adapters.messaging.sandbox_traffic import answer_late
from adapters.messaging.sandbox_world import ChatButton, ChatMessage, Pace, State
from gateway.clock import Clock

SESSION = timedelta(hours=24)
VERSION = "2010-04-01"

ERRORS: Mapping[int, tuple[int, str]] = {
    20003: (401, "Authenticate"),
    20422: (400, "Invalid parameter"),
    20429: (429, "Too many requests"),
    20503: (503, "Service unavailable"),
    21211: (400, "Invalid 'To' Phone Number"),
    21602: (400, "Message body is required"),
    21604: (400, "'To' phone number is required"),
    21606: (400, "The 'From' phone number provided is not a valid message-capable number"),
    21609: (400, "Invalid 'StatusCallback' URL"),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit"),
    21655: (400, "Content SID is invalid"),
    63016: (400, "Failed to send freeform message because you are outside the allowed window"),
}
_KNOWN = frozenset(
    {
        "To",
        "From",
        "MessagingServiceSid",
        "Body",
        "ContentSid",
        "ContentVariables",
        "StatusCallback",
        "ValidityPeriod",
    }
)
_STATUS = {State.FAILED: "undelivered"}
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}").fullmatch
_URL = re.compile(r"https?://[^\s/_]+/\S*").fullmatch
_VARIABLE = re.compile(r"\{\{(\w+)\}\}")


class TwilioError(Exception):
    """What the API answers in place of a result."""

    def __init__(self, code: int, detail: str = "", retry_after_s: int | None = None) -> None:
        status, message = ERRORS.get(code, (400, "Error"))
        super().__init__(f"{code}: {message}")
        self.status = status
        self.headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
        self.document: Json = {
            "code": code,
            "message": f"{message}: {detail}" if detail else message,
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": status,
        }


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """An account: its secrets, and its senders as addresses or messaging services."""

    sid: str
    auth_token: str = field(repr=False)
    addresses: frozenset[str]  # "+1555…", "Clinic", "whatsapp:+1555…"
    services: Mapping[str, str] = field(default_factory=dict)  # sid -> address that it chooses
    callback: str = ""  # where patients' messages go


@dataclass(frozen=True, slots=True)
class ContentSpec:
    """An approved content template; ids of its quick replies may be variables."""

    body: str
    quick_replies: tuple[tuple[str, str], ...] = ()  # title, id


class TwilioMessages:
    """The Messages API of some accounts. Phones and the book are in `world`."""

    def __init__(
        self,
        clock: Clock,
        client: HttpClient,
        accounts: Iterable[TwilioAccount],
        *,
        contents: Mapping[str, ContentSpec] | None = None,
        pace: Pace | None = None,
        seed: int = 0,
    ) -> None:
        self.accounts = {account.sid: account for account in accounts}
        self.contents = dict(contents or {})
        self.opted_out: set[tuple[str, str]] = set()  # address, number
        self.world = SmsWorld(clock, client, self, pace=pace, seed=seed)
        self.asked = 0
        self._clock = clock

    # What the clinic asks for

    def take(self, account: TwilioAccount, form: Mapping[str, str]) -> ChatMessage:
        """Accept a message, or raise `TwilioError`."""
        self.asked += 1
        unknown = sorted(set(form) - _KNOWN)
        if unknown:
            raise TwilioError(20422, unknown[0])
        sender, number = _sender(account, form), form.get("To", "")
        channel, person = _split(number)
        self._check_person(channel, person, sender)
        self._fail_as_planned(sender, person)
        text, buttons, template = self._content(form, channel, sender, person)
        callback = form.get("StatusCallback", "")
        if callback and not _URL(callback):
            raise TwilioError(21609)
        validity = form.get("ValidityPeriod", "36000")
        if not validity.isdigit() or not 1 <= int(validity) <= 36_000:
            raise TwilioError(20422, "ValidityPeriod")
        return self.world.accept(
            f"SM{self.world.chance.fresh(32)}",
            sender,
            person,
            text,
            buttons=buttons,
            template=template,
            opaque=callback,
            states=ON_THE_WAY if callback else (),
        )

    def _check_person(self, channel: str, person: str, sender: str) -> None:
        if not person:
            raise TwilioError(21604)
        if not _NUMBER(person) and not (channel and re.fullmatch(r"[A-Z]{2}\.\w+", person)):
            raise TwilioError(21211)
        if channel != _split(sender)[0]:
            raise TwilioError(21606, "another channel")
        if (sender, person) in self.opted_out:
            raise TwilioError(21610)

    def _fail_as_planned(self, sender: str, person: str) -> None:
        planned = self.world.faults.take_planned(person)
        if planned is not None:
            raise TwilioError(planned.code, retry_after_s=planned.retry_after_s)
        if self.world.too_fast(sender, person):
            raise TwilioError(20429)

    def _content(
        self, form: Mapping[str, str], channel: str, sender: str, person: str
    ) -> tuple[str, tuple[ChatButton, ...], str | None]:
        if "ContentSid" in form:
            if "Body" in form:
                raise TwilioError(20422, "Body")
            return self._filled(form)
        body = form.get("Body", "")
        if not body:
            raise TwilioError(21602)
        if len(body) > 1600:
            raise TwilioError(21617)
        wrote_at = self.world.wrote_at(sender, person)
        if channel and (wrote_at is None or self._clock.now() >= wrote_at + SESSION):
            raise TwilioError(63016)
        return body, (), None

    def _filled(self, form: Mapping[str, str]) -> tuple[str, tuple[ChatButton, ...], str]:
        sid = form["ContentSid"]
        spec = self.contents.get(sid)
        if spec is None:
            raise TwilioError(21655)
        variables = object_of(read_json(form.get("ContentVariables", "{}")))
        used: set[str] = set()

        def fill(pattern: str) -> str:
            def value(found: re.Match[str]) -> str:
                used.add(found[1])
                text = variables.get(found[1])
                return text if isinstance(text, str) and text else _wrong_variables()

            return _VARIABLE.sub(value, pattern)

        text = fill(spec.body)
        buttons = tuple(ChatButton(title, fill(reply)) for title, reply in spec.quick_replies)
        if set(variables) != used:
            _wrong_variables()
        return text, buttons, sid

    # What patients do

    def write(
        self, number: str, address: str, text: str, *, kind: str = "text", quote: str | None = None
    ) -> ChatMessage:
        """Write to an address of the clinic; STOP and its like are kept as Twilio keeps them."""
        if not address.startswith("whatsapp:"):
            if text.strip().upper() in ("STOP", "CANCEL", "END", "QUIT", "UNSUBSCRIBE"):
                self.opted_out.add((address, number))
            elif text.strip().upper() in ("START", "YES", "UNSTOP"):
                self.opted_out.discard((address, number))
        sid = self._sid()
        return self.world.write(number, address, text, message_id=sid, kind=kind, quote=quote)

    def tap(self, number: str, message_id: str, index: int) -> ChatMessage:
        """Tap a quick reply of a message."""
        message = self.world.message(message_id)
        button = message.buttons[index]
        return self.world.write(
            number,
            message.sender,
            button.title,
            message_id=self._sid(),
            kind="button",
            button=button,
            quote=message_id,
        )

    def _sid(self) -> str:
        return f"SM{self.world.chance.fresh(32)}"

    # What is told

    def receipt(self, message: ChatMessage, state: State) -> HttpRequest:
        """Return a status callback."""
        account = self._account_of(message.sender)
        channel, _ = _split(message.sender)
        status = _STATUS.get(state, state.value)
        form = {
            "AccountSid": account.sid,
            "ApiVersion": VERSION,
            "From": message.sender,
            "To": f"{channel}{message.number}",
            "MessageSid": message.id,
            "SmsSid": message.id,
            "MessageStatus": status,
            "SmsStatus": status,
        }
        if state is State.FAILED:
            form["ErrorCode"] = str(message.error)
        if state is State.READ:
            form["EventType"] = "READ"
        return self._signed(account, message.opaque or "", form)

    def inbound(self, message: ChatMessage) -> HttpRequest:
        """Return the callback of a patient's message."""
        account = self._account_of(message.sender)
        channel, _ = _split(message.sender)
        form = {
            "AccountSid": account.sid,
            "ApiVersion": VERSION,
            "From": f"{channel}{message.number}",
            "To": message.sender,
            "Body": message.text,
            "MessageSid": message.id,
            "SmsMessageSid": message.id,
            "SmsSid": message.id,
            "SmsStatus": "received",
            "NumMedia": "1" if message.kind == "media" else "0",
            "NumSegments": "1",
        }
        if channel:
            form |= {"MessageType": "text", "WaId": message.number.lstrip("+"), "ProfileName": "А"}
        elif (message.sender, message.number) in self.opted_out:
            form["OptOutType"] = "STOP"
        if message.buttons:
            [button] = message.buttons
            form |= {"ButtonText": button.title, "ButtonPayload": button.payload}
            form["MessageType"] = "button"
        if message.quote is not None:
            form["OriginalRepliedMessageSid"] = message.quote
        return self._signed(account, account.callback, form)

    def _signed(self, account: TwilioAccount, address: str, form: Mapping[str, str]) -> HttpRequest:
        url, _ = urldefrag(address)
        signed = url + "".join(name + form[name] for name in sorted(form))
        digest = hmac.new(account.auth_token.encode(), signed.encode(), hashlib.sha1).digest()
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "X-Twilio-Signature": base64.b64encode(digest).decode(),
            "I-Twilio-Idempotency-Token": self.world.chance.fresh(32),
        }
        return HttpRequest("POST", url, headers, urlencode(form).encode())

    def _account_of(self, address: str) -> TwilioAccount:
        return next(a for a in self.accounts.values() if address in a.addresses)


def _wrong_variables() -> NoReturn:
    raise TwilioError(20422, "ContentVariables")


def _split(address: str) -> tuple[str, str]:
    """Return the channel's prefix and the rest."""
    if address.startswith("whatsapp:"):
        return "whatsapp:", address.removeprefix("whatsapp:")
    return "", address


def _sender(account: TwilioAccount, form: Mapping[str, str]) -> str:
    if ("From" in form) is ("MessagingServiceSid" in form):
        raise TwilioError(20422, "From or MessagingServiceSid")
    address = form.get("From") or account.services.get(form["MessagingServiceSid"], "")
    if address not in account.addresses:
        raise TwilioError(21606)
    return address


def twilio_messaging_app(messages: TwilioMessages, clock: Clock) -> web.Application:
    """Return the API as an application to be mounted anywhere, e.g. under /sandbox/twilio."""

    async def create(request: web.Request) -> web.StreamResponse:
        faults = messages.world.faults
        if faults.down:
            return web.Response(status=503, text="Service Unavailable")
        try:
            account = _authorised(messages, request)
            message = messages.take(account, _once(await request.post()))
        except TwilioError as error:
            return web.json_response(error.document, status=error.status, headers=error.headers)
        await answer_late(faults, clock, request)
        return web.json_response(_created(account, message), status=201)

    app = web.Application()
    app.router.add_post(f"/{VERSION}/Accounts/{{account}}/Messages.json", create)
    return app


def _once(form: Mapping[str, object]) -> dict[str, str]:
    if len(set(form)) != len(list(form)):
        raise TwilioError(20422, "a parameter stands twice")
    return {name: str(value) for name, value in form.items()}


def _authorised(messages: TwilioMessages, request: web.Request) -> TwilioAccount:
    account = messages.accounts.get(request.match_info["account"])
    given = request.headers.get("Authorization", "").encode()
    if account is not None:
        pair = base64.b64encode(f"{account.sid}:{account.auth_token}".encode())
        if hmac.compare_digest(given, b"Basic " + pair):
            return account
    raise TwilioError(20003)


def _created(account: TwilioAccount, message: ChatMessage) -> Json:
    return {
        "sid": message.id,
        "account_sid": account.sid,
        "api_version": VERSION,
        "status": "queued",
        "from": message.sender,
        "to": message.number,
        "body": message.text,
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
    }
