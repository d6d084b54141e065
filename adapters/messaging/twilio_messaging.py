"""SMS and WhatsApp through Twilio.

Sending    https://www.twilio.com/docs/messaging/api/message-resource
Statuses   https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
Incoming   https://www.twilio.com/docs/messaging/guides/webhook-request
Templates  https://www.twilio.com/docs/content
Opt-out    https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out

The API has no idempotency key: a request that timed out may have sent its message. What proves it
is a status callback: its address, which Twilio signs, names the attempt (rule G-6). Callbacks tell
no time of their own, so the moment at which they come in stands for it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from adapters.http import HttpClient, HttpRequest, HttpResponse, retry_after_s, scope_of
from adapters.json_values import integer_of, object_of, read_json, text_of
from adapters.messaging.capabilities import Capabilities
from adapters.messaging.senders import sender_of
from adapters.messaging.sms_settings import clinics_of, refused
from adapters.messaging.twilio_messaging_codes import NO_FAILURE, WINDOW_CLOSED_CODE, meaning_of
from adapters.messaging.twilio_messaging_settings import Account, Config, Sender, check
from adapters.twilio_signature import Form, SigningKeys, read_form, signed_by
from gateway.clock import Clock
from gateway.core.case import Content
from gateway.core.events import Failure, Receipt
from gateway.core.model import Channel
from gateway.core.reply import Meaning, read_reply
from gateway.errors import Forbidden, Unauthenticated
from gateway.ports.messaging import (
    Inbound,
    InboundMessage,
    InboundReceipt,
    OutgoingMessage,
    SenderLimits,
    SendError,
    attempt_of,
)
from gateway.ports.webhook import RawRequest, RawResponse

API_VERSION = "2010-04-01"
INBOUND_PATH = "/hooks/twilio/messages"
STATUS_PATH = "/hooks/twilio/messages/status"

# --- Capabilities ---------------------------------------------------------------------------------

SMS_CAPABILITIES = Capabilities(
    channel=Channel.SMS,
    text_max=1600,
    free_text=True,
    opaque_max=512,
    receives=True,
    receipts=frozenset({Receipt.SENT, Receipt.DELIVERED, Receipt.FAILED}),
)
WHATSAPP_CAPABILITIES = Capabilities(
    channel=Channel.WHATSAPP,
    text_max=1600,
    free_text=False,
    rich_text=True,
    buttons_max=3,
    button_title_max=20,
    button_payload_max=128,
    opaque_max=512,
    quotes=True,
    receives=True,
    receipts=frozenset(Receipt),
)
PARAMETER_MAX = 1024
URL_MAX = 2000
"""Of a status callback's address, where the attempt is named in the query."""

# --- Vocabulary -----------------------------------------------------------------------------------

RECEIPTS: Mapping[str, Receipt] = {
    "sent": Receipt.SENT,
    "delivered": Receipt.DELIVERED,
    "read": Receipt.READ,
    "failed": Receipt.FAILED,
    "undelivered": Receipt.FAILED,
    "canceled": Receipt.FAILED,
}
"""queued, accepted, scheduled and sending say nothing that the answer to the request did not."""

_WORDS = frozenset({"", "text", "button", "interactive"})
"""Values of MessageType whose Body are the patient's own words."""

_OPTS = frozenset({"STOP", "START"})
"""Values of OptOutType that Twilio has carried out and answered; HELP it has only answered."""

_TELL_AGAIN = "#rc=5&rp=ct,rt,5xx"
"""Twilio tries a callback once; this lets it try again while we restart."""

_GAP = re.compile(r"[^\S ]+| {4,}")
_BSUID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]{1,134}").fullmatch
_NUMBER = re.compile(r"\+[0-9]{5,15}").fullmatch


# --- Verify ---------------------------------------------------------------------------------------


def verify(config: Config, request: RawRequest) -> None:
    """Check `X-Twilio-Signature` with the secrets of the account that the form names."""
    given = request.headers.get("x-twilio-signature")
    if not given:
        raise Unauthenticated("the webhook carries no signature")
    form = _form(request)
    account = _account_of(config, form)
    if form is None or account is None:
        raise Forbidden("the webhook is of no account of ours")
    keys = SigningKeys(
        [secret.get_secret_value() for secret in account.auth_tokens],
        [secret.get_secret_value() for secret in account.shared_keys],
    )
    if not signed_by(keys, request.url, form, given):
        raise Forbidden("the webhook's signature does not match")


def _form(request: RawRequest) -> Form | None:
    try:
        return read_form(request.body)
    except ValueError:
        return None


def _account_of(config: Config, form: Form | None) -> Account | None:
    sid = form.one("AccountSid") if form is not None else ""
    return next((account for account in config.accounts if account.account_sid == sid), None)


# --- Parse ----------------------------------------------------------------------------------------


def parse(config: Config, request: RawRequest, now: datetime) -> list[Inbound]:
    """Return the message or receipt of a callback; an unreadable one says nothing."""
    form = _form(request)
    account = _account_of(config, form)
    if form is None or account is None:
        return []
    status = RECEIPTS.get(form.one("MessageStatus"))
    found: Inbound | None
    if status is not None:
        found = _receipt(config, account, form, request, status, now)
    else:
        found = None if form.one("MessageStatus") else _message(config, account, form, now)
    return [found] if found is not None else []


def _receipt(
    config: Config,
    account: Account,
    form: Form,
    request: RawRequest,
    receipt: Receipt,
    now: datetime,
) -> InboundReceipt | None:
    sid = form.one("MessageSid")
    if not sid:
        return None
    channel, ours = _address(form.one("From"))
    number, opaque_id = _person(form.one("To"), "")
    code = integer_of(form.one("ErrorCode"))
    meaning = meaning_of(code) if receipt is Receipt.FAILED else NO_FAILURE
    return InboundReceipt(
        channel=channel,
        sender=_sender_id(config, account, channel, form, ours),
        provider_id=sid,
        opaque=_attempt_in(config, account, request.url),
        receipt=receipt,
        at=now,
        failure=meaning.failure,
        code="" if code is None else str(code),
        alert=meaning.alert,
        number=number,
        account=opaque_id,
    )


def _message(config: Config, account: Account, form: Form, now: datetime) -> InboundMessage | None:
    sid = form.one("MessageSid") or form.one("SmsSid")
    channel, ours = _address(form.one("To"))
    number, opaque_id = _person(form.one("From"), form.one("ExternalUserId"))
    if not sid or (number is None and opaque_id is None):
        return None
    kind = _kind(form)
    says = kind in ("text", "button")
    text = _words(form) if says else None
    return InboundMessage(
        id=sid,
        channel=channel,
        sender=_sender_id(config, account, channel, form, ours),
        at=now,
        number=number,
        account=opaque_id,
        kind=kind,
        text=text,
        payload=text_of(form.one("ButtonPayload")) if says else None,
        quoted=text_of(form.one("OriginalRepliedMessageSid")) if says else None,
        by_provider=form.one("OptOutType") in _OPTS and _is_opt(text),
    )


def _kind(form: Form) -> str:
    """A picture with a caption, a place, somebody else's words: none of them is an answer."""
    if "true" in (form.one("Forwarded"), form.one("FrequentlyForwarded")):
        return "forwarded"
    if form.one("MessageType") not in _WORDS:
        return form.one("MessageType")
    if form.one("NumMedia") not in ("", "0"):
        return "media"
    if form.one("Latitude"):
        return "location"
    return "button" if form.one("ButtonPayload") else "text"


def _words(form: Form) -> str | None:
    """Return what was written. `OptOutType` tells that Twilio took it as an opt-out already.

    Its list has words that are not ours (END, QUIT): those become its own keyword. A word that
    answers the question stays what it is (rule C-15: menu words never double as opt-out words).
    """
    text, opt = text_of(form.one("Body")), form.one("OptOutType")
    if opt not in _OPTS or text is None:
        return text
    unclear = read_reply(text).meaning in (Meaning.UNKNOWN, Meaning.AMBIGUOUS)
    return opt if unclear else text


def _is_opt(text: str | None) -> bool:
    """Tell a word by which messages are refused or allowed from an answer to the question."""
    return text is not None and read_reply(text).meaning in (Meaning.OPT_OUT, Meaning.OPT_IN)


def _address(text: str) -> tuple[Channel, str]:
    if text.startswith("whatsapp:"):
        return Channel.WHATSAPP, text.removeprefix("whatsapp:")
    return Channel.SMS, text


def _person(address: str, external: str) -> tuple[str | None, str | None]:
    """Return number and opaque id of a patient; either may be missing."""
    texts = [_address(text)[1] for text in (address, external)]
    number = next((text for text in texts if _NUMBER(text)), None)
    return number, next((text for text in texts if _BSUID(text)), None)


def _sender_id(config: Config, account: Account, channel: Channel, form: Form, address: str) -> str:
    """Return the id of the account's sender that a callback speaks of, else its address."""
    service = form.one("MessagingServiceSid")
    own = [s for s in config.senders if s.account == account.name and s.channel == channel.value]
    for sender in own:
        if address and sender.number == address:
            return sender.id
    for sender in own:
        if service and sender.messaging_service_sid == service:
            return sender.id
    return f"{account.name}:{address}"


def _attempt_in(config: Config, account: Account, url: str) -> str | None:
    """Return the attempt that a callback's address names, if this account sends for its clinic."""
    opaque = parse_qs(urlsplit(url).query).get("attempt", [""])[0]
    found = attempt_of(opaque)
    if found is None:
        return None
    clinics = {s.clinic for s in config.senders if s.account == account.name}
    return opaque if found[0].clinic in clinics else None


# --- Build ----------------------------------------------------------------------------------------


def build(config: Config, sender: Sender, message: OutgoingMessage, public_url: str) -> HttpRequest:
    """Return the request that says exactly this message, or raise `SendError` and say why not."""
    account = config.account(sender.account)
    fields = {"To": _recipient(message), **_from(sender), **_said(config, message)}
    fields["StatusCallback"] = _callback(public_url, message.opaque)
    if message.channel is Channel.SMS:
        fields["ValidityPeriod"] = str(config.validity_s)
    return HttpRequest(
        "POST",
        f"{config.api_base}/{API_VERSION}/Accounts/{account.account_sid}/Messages.json",
        {
            "Authorization": _authorisation(account),
            "Content-Type": "application/x-www-form-urlencoded",
        },
        urlencode(fields).encode(),
    )


def _authorisation(account: Account) -> str:
    user, secret = account.account_sid, account.auth_tokens[0]
    if account.api_key_sid is not None and account.api_key_secret is not None:
        user, secret = account.api_key_sid, account.api_key_secret
    pair = f"{user}:{secret.get_secret_value()}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def _recipient(message: OutgoingMessage) -> str:
    """The schedule's number is the truth; an opaque id is used towards whoever just wrote."""
    if message.channel is Channel.SMS:
        if not _NUMBER(message.to):
            raise refused("no_recipient")
        return message.to
    account = message.account or ""
    if _BSUID(account) and (message.session_open or not message.to):
        return f"whatsapp:{account}"
    if not _NUMBER(message.to):
        raise refused("no_recipient")
    return f"whatsapp:{message.to}"


def _from(sender: Sender) -> dict[str, str]:
    if sender.messaging_service_sid is not None:
        return {"MessagingServiceSid": sender.messaging_service_sid}
    prefix = "whatsapp:" if sender.channel == "whatsapp" else ""
    return {"From": f"{prefix}{sender.number}"}


def _callback(public_url: str, opaque: str) -> str:
    query = urlencode({"attempt": opaque}, quote_via=quote, safe="")
    url = f"{public_url}{STATUS_PATH}?{query}"
    if len(opaque) > SMS_CAPABILITIES.opaque_max or len(url) > URL_MAX:
        raise refused("opaque_too_long")
    return url + _TELL_AGAIN


def _said(config: Config, message: OutgoingMessage) -> dict[str, str]:
    content, can = message.content, SMS_CAPABILITIES
    if message.channel is Channel.WHATSAPP:
        can = WHATSAPP_CAPABILITIES
        _check_buttons(content)
        if not message.session_open:
            return _template(config, content)
    # Inside a conversation the text names the options: free text has no buttons at Twilio.
    if not content.text.strip() or len(content.text) > can.text_max:
        raise refused("text_length")
    return {"Body": content.text}


def _check_buttons(content: Content) -> None:
    can = WHATSAPP_CAPABILITIES
    if len(content.buttons) > can.buttons_max:
        raise refused("too_many_buttons")
    for button in content.buttons:
        if not 0 < len(button.title) <= can.button_title_max:
            raise refused("button_title_length")
        if not 0 < len(button.payload) <= can.button_payload_max:
            raise refused("button_payload_length")


def _template(config: Config, content: Content) -> dict[str, str]:
    template = config.templates.get(content.template, {}).get(content.language)
    if template is None:
        raise refused("no_template")
    body = range(len(content.parameters)) if template.body is None else template.body
    values = [_parameter(content, position) for position in body]
    if template.buttons:
        values += [button.payload for button in content.buttons]
    variables = {str(number): value for number, value in enumerate(values, 1)}
    return {
        "ContentSid": template.content_sid,
        "ContentVariables": json.dumps(variables, ensure_ascii=False),
    }


def _parameter(content: Content, position: int) -> str:
    """Fill one variable: WhatsApp takes no line break, tab or run of spaces in it."""
    if not 0 <= position < len(content.parameters):
        raise refused("missing_parameter")
    text = _GAP.sub(" ", content.parameters[position])
    if not text.strip() or len(text) > PARAMETER_MAX:
        raise refused("parameter_length")
    return text


# --- Read -----------------------------------------------------------------------------------------


def read(response: HttpResponse) -> str:
    """Return the message's sid, or raise what the answer means.

    A gateway error (502, 504) that does not come from the API itself tells nothing about the
    message, so its outcome is unknown.
    """
    document = object_of(read_json(response.body))
    if response.status in (200, 201):
        sid = text_of(document.get("sid"))
        if sid is None:
            raise SendError(None, "unreadable_response")
        return sid
    code = integer_of(document.get("code"))
    if code is None and response.status in (502, 504):
        raise SendError(None, f"http_{response.status}")
    meaning = meaning_of(code, response.status)
    pause = retry_after_s(response.headers) if meaning.failure is Failure.TEMPORARY else None
    raise SendError(
        meaning.failure,
        f"http_{response.status}" if code is None else str(code),
        retry_after_s=pause,
        alert=meaning.alert,
        scope=meaning.scope or scope_of(response),
    )


# --- The channel ----------------------------------------------------------------------------------


class TwilioMessaging:
    """One of Twilio's two channels, and the webhook of both. The client belongs to its maker."""

    def __init__(
        self, channel: Channel, config: Config, client: HttpClient, clock: Clock, public_url: str
    ) -> None:
        check(config)
        self.channel = channel
        self._config = config
        self._own = [sender for sender in config.senders if sender.channel == channel.value]
        self._client = client
        self._clock = clock
        self._public_url = public_url.rstrip("/")

    @property
    def senders(self) -> dict[str, str]:
        """The clinic of each sender that can be answered, by the id that callbacks name."""
        answered = ((s.id, s.clinic) for s in self._own if s.id.startswith(("+", "MG")))
        return clinics_of(answered, "number or service")

    def serves(self, clinic: str, branch: str) -> bool:
        """Tell whether there is a sender for this branch."""
        return sender_of(self._own, clinic, branch) is not None

    def limits(self, clinic: str, branch: str) -> SenderLimits | None:
        """Return the sender's limit, where the settings tell one."""
        sender = sender_of(self._own, clinic, branch)
        if sender is None:
            return None
        return SenderLimits(f"twilio:{self.channel.value}:{sender.id}", sender.per_second)

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

    def handshake(self, _request: RawRequest) -> RawResponse | None:
        """Twilio does not verify an address."""
        return None

    def verify(self, request: RawRequest) -> None:
        """Check Twilio's signature."""
        verify(self._config, request)

    def parse(self, request: RawRequest) -> Sequence[Inbound]:
        """Return the message or receipt of one callback, of either channel."""
        return parse(self._config, request, self._clock.now())

    def taken(self, request: RawRequest) -> RawResponse:
        """Answer a message with TwiML that says nothing, and a status callback with nothing."""
        if urlsplit(request.url).path.endswith(STATUS_PATH):
            return RawResponse(204)
        return RawResponse(200, "<Response/>", "text/xml")

    async def _post(self, message: OutgoingMessage) -> str:
        sender = sender_of(self._own, message.clinic, message.branch)
        if sender is None or message.channel is not self.channel:
            raise refused("no_sender")
        request = build(self._config, sender, message, self._public_url)
        return read(await self._client.send(request))
