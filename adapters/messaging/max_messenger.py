"""MAX through its Bot API.

Reference  https://dev.max.ru/docs-api
Messages   https://dev.max.ru/docs-api/methods/POST/messages
Webhooks   https://dev.max.ru/docs-api/methods/POST/subscriptions

A bot can write only to somebody who has started it, so a patient is known by an opaque id
(`account`), which comes in with a deep link. The API has neither an idempotency key nor receipts:
whether a request that timed out was carried out, nobody can tell.

Our ids are those of the messages (`mid`); an edited message and a tap on a button, which have none
of their own, add after a `~` what tells them apart.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote, urlencode

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
from adapters.messaging.max_settings import Bot, Config, check, webhook_secrets
from adapters.messaging.senders import sender_of
from adapters.messaging.taps import data_of, said_by
from gateway.clock import Clock
from gateway.core.case import Button
from gateway.core.events import Failure
from gateway.core.model import Channel
from gateway.errors import Forbidden, Unauthenticated
from gateway.ports.messaging import (
    Inbound,
    InboundLink,
    InboundMessage,
    LinkStep,
    OutgoingMessage,
    SenderLimits,
    SendError,
)
from gateway.ports.webhook import RawRequest, RawResponse

log = logging.getLogger("callahead.max")

# --- Capabilities ---------------------------------------------------------------------------------

CAPABILITIES = Capabilities(
    channel=Channel.MAX,
    text_max=4000,
    free_text=True,
    by_account=True,
    rich_text=True,
    buttons_max=30,
    button_title_max=120,
    button_payload_max=128,  # bytes; sources differ (256, 1024), so the smallest is kept to
    quotes=True,
    receives=True,
)

# --- Vocabulary -----------------------------------------------------------------------------------

UPDATES = (
    *("message_created", "message_edited", "message_callback"),
    *("bot_started", "bot_stopped", "dialog_removed"),
)
"""What a webhook has to be subscribed to."""

TEMPORARY_CODES = frozenset({"attachment.not.ready"})

WATCH_S = 300.0
"""How often the subscription is looked at: MAX drops one that failed for eight hours, silently."""

_NOTED = "✓"
"""What a tapped button shows for a moment; the answer in words is a message of its own."""

_MEDIA = frozenset({"image", "video", "audio", "file", "sticker", "contact", "location"})
_ENDED = frozenset({"bot_stopped", "dialog_removed"})
_LINK_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TEL = re.compile(r"^TEL[^:\r\n]*:\s*(\+?[0-9 ()-]{5,24})\s*$", re.MULTILINE | re.IGNORECASE)
_ACCOUNT = re.compile(r"[1-9][0-9]{0,18}")

# --- Verify ---------------------------------------------------------------------------------------


def verify(config: Config, request: RawRequest) -> None:
    """Check the secret of the subscription, which comes back with every update."""
    if not request.headers.get("x-max-bot-api-secret"):
        raise Unauthenticated("the webhook carries no secret")
    if bot_of(config, request) is None:
        raise Forbidden("the webhook's secret does not match")


def bot_of(config: Config, request: RawRequest) -> Bot | None:
    """Return the bot of an update, which only its secret names."""
    given = request.headers.get("x-max-bot-api-secret", "").encode("utf-8", "replace")
    found = None
    for bot in config.senders:
        for secret in webhook_secrets(bot):
            if hmac.compare_digest(secret.encode(), given):
                found = bot
    return found


# --- Parse ----------------------------------------------------------------------------------------


def parse(config: Config, request: RawRequest) -> list[Inbound]:
    """Return what an update says; leave out what cannot be read and what is not in a dialogue."""
    bot = bot_of(config, request)
    if bot is None:
        return []
    update = object_of(read_json(request.body))
    kind, at = text_of(update.get("update_type")), unix_moment(update.get("timestamp"))
    found: Inbound | None = None
    if at is None or kind is None:
        return []
    if kind in ("message_created", "message_edited"):
        found = _parse_message(config, bot, at, update, edited=kind == "message_edited")
    elif kind == "message_callback":
        found = _parse_tap(bot, at, update)
    elif kind == "bot_started":
        found = _parse_start(bot, at, update)
    elif kind in _ENDED:
        found = _link_of(bot, at, update, LinkStep.ENDED)
    return [] if found is None else [found]


def _account(person: object) -> str | None:
    """Return a person's id; bots have none of interest."""
    item = object_of(person)
    account = integer_of(item.get("user_id"))
    if account is None or account <= 0 or item.get("is_bot") is True:
        return None
    return str(account)


def _parse_message(
    config: Config, bot: Bot, at: datetime, update: Json, *, edited: bool
) -> InboundMessage | InboundLink | None:
    item = object_of(update.get("message"))
    body = object_of(item.get("body"))
    mid, account = text_of(body.get("mid")), _account(item.get("sender"))
    in_dialog = object_of(item.get("recipient")).get("chat_type") == "dialog"
    if mid is None or account is None or not in_dialog:
        return None
    link = object_of(item.get("link"))
    forwarded = link.get("type") == "forward"
    number = None if forwarded or edited else _own_number(config, body, account)
    if number is not None:
        return InboundLink(mid, Channel.MAX, bot.name, at, account, LinkStep.SHARED, number=number)
    media = next((a["type"] for a in objects(body.get("attachments")) if _is_media(a)), None)
    kind, text = ("edit" if edited else "text"), text_of(body.get("text"))
    if forwarded:  # somebody else's words are no answer
        kind, text = "forwarded", None
    elif media is not None or text is None:  # nor are those under a picture
        kind, text = str(media or "unknown"), None
    is_reply = link.get("type") == "reply"
    quoted = text_of(object_of(link.get("message")).get("mid")) if is_reply else None
    return InboundMessage(
        id=f"{mid}~edit~{int(at.timestamp() * 1000)}" if edited else mid,
        channel=Channel.MAX,
        sender=bot.name,
        at=at,
        number=None,
        account=account,
        kind=kind,
        text=text,
        quoted=quoted,
    )


def _is_media(attachment: Json) -> bool:
    kind = attachment.get("type")
    return isinstance(kind, str) and kind in _MEDIA


def _own_number(config: Config, body: Json, account: str) -> str | None:
    """Return the number of a contact that is the sender's own, where those are trusted."""
    for attachment in objects(body.get("attachments")):
        payload = object_of(attachment.get("payload"))
        owner = _account(payload.get("max_info"))
        number = _TEL.search(text_of(payload.get("vcf_info")) or "")
        if attachment.get("type") != "contact" or owner != account or number is None:
            continue
        digits = re.sub(r"\D", "", number[1])
        if config.trust_contacts and 5 <= len(digits) <= 15:
            return f"+{digits}"
    return None


def _parse_tap(bot: Bot, at: datetime, update: Json) -> InboundMessage | None:
    callback, message = object_of(update.get("callback")), object_of(update.get("message"))
    tap, account = text_of(callback.get("callback_id")), _account(callback.get("user"))
    if tap is None or account is None:
        return None
    mid = text_of(object_of(message.get("body")).get("mid"))
    data = text_of(callback.get("payload"))
    text, payload = said_by(data, _title(message, data))
    return InboundMessage(
        id=f"{mid or ''}~tap~{tap}",
        channel=Channel.MAX,
        sender=bot.name,
        at=at,
        number=None,
        account=account,
        kind="button",
        text=text,
        payload=payload,
        quoted=mid,
    )


def _title(message: Json, data: str | None) -> str | None:
    """Return what stands on a tapped button."""
    for attachment in objects(object_of(message.get("body")).get("attachments")):
        rows = object_of(attachment.get("payload")).get("buttons")
        for row in rows if isinstance(rows, list) else []:
            for button in objects(row):
                if data is not None and button.get("payload") == data:
                    return text_of(button.get("text"))
    return None


def _parse_start(bot: Bot, at: datetime, update: Json) -> InboundLink | None:
    token = text_of(update.get("payload"))
    known = token if token is not None and _LINK_TOKEN.fullmatch(token) else None
    return _link_of(bot, at, update, LinkStep.STARTED, known)


def _link_of(
    bot: Bot, at: datetime, update: Json, step: LinkStep, token: str | None = None
) -> InboundLink | None:
    account = _account(update.get("user"))
    if account is None:
        return None
    name = f"~{step.value}~{account}~{int(at.timestamp() * 1000)}"
    return InboundLink(name, Channel.MAX, bot.name, at, account, step, token)


# --- Build ----------------------------------------------------------------------------------------


def build(config: Config, bot: Bot, message: OutgoingMessage) -> HttpRequest:
    """Return the request that says exactly this message, or raise `SendError` and say why not."""
    text = message.content.text
    account = message.account or ""
    if not _ACCOUNT.fullmatch(account):
        raise SendError(Failure.IMPOSSIBLE, "no_account")
    if not text.strip() or len(text) > CAPABILITIES.text_max:
        raise _refused("text_length")
    body: Json = {"text": text, "notify": True}
    rows = _rows(message)
    if rows:
        body["attachments"] = [{"type": "inline_keyboard", "payload": {"buttons": rows}}]
    quote_of = (message.reply_to or "").partition("~")[0]
    if quote_of:
        body["link"] = {"type": "reply", "mid": quote_of}
    return _request(config, bot, "POST", f"/messages?{urlencode({'user_id': account})}", body)


def build_tap_answer(config: Config, bot: Bot, message: OutgoingMessage) -> HttpRequest | None:
    """Return the request that confirms a tapped button, if this message answers a tap."""
    tap = (message.reply_to or "").partition("~tap~")[2]
    if not tap:
        return None
    path = f"/answers?callback_id={quote(tap, safe='')}"
    return _request(config, bot, "POST", path, {"notification": _NOTED})


def _request(
    config: Config, bot: Bot, method: str, path: str, body: Json | None = None
) -> HttpRequest:
    headers = {"Authorization": bot.token.get_secret_value()}  # without "Bearer"
    if body is None:
        return HttpRequest(method, config.api_base + path, headers)
    headers["Content-Type"] = "application/json"
    return HttpRequest(method, config.api_base + path, headers, json.dumps(body).encode())


def _rows(message: OutgoingMessage) -> list[list[Json]]:
    if message.asks_number is not None:
        _check_title(message.asks_number)
        return [[{"type": "request_contact", "text": message.asks_number}]]
    buttons = message.content.buttons
    if len(buttons) > CAPABILITIES.buttons_max:
        raise _refused("too_many_buttons")
    return [
        [{"type": "callback", "text": button.title, "payload": _data(button)}] for button in buttons
    ]


def _data(button: Button) -> str:
    _check_title(button.title)
    data = data_of(button, CAPABILITIES.button_payload_max)
    if data is None:
        raise _refused("button_payload_length")
    return data


def _check_title(title: str) -> None:
    if not 0 < len(title) <= CAPABILITIES.button_title_max:
        raise _refused("button_title_length")


def _refused(code: str) -> SendError:
    return SendError(Failure.REJECTED, code, alert=True)


# --- Read -----------------------------------------------------------------------------------------


def read(config: Config, response: HttpResponse) -> str:
    """Return the message's id, or raise what the answer means.

    A gateway's page (502, 504) tells nothing about the message, so its outcome is unknown.
    """
    document = object_of(read_json(response.body))
    code = text_of(document.get("code"))
    if response.status == 200:
        body = object_of(object_of(document.get("message")).get("body"))
        mid = text_of(body.get("mid"))
        if mid is None:
            raise SendError(None, "unreadable_response")
        return mid
    if code is None and response.status in (502, 504):
        raise SendError(None, f"http_{response.status}")
    word = code if code is not None else f"http_{response.status}"
    if code in config.unreachable:
        raise SendError(Failure.IMPOSSIBLE, word)
    if response.status == 429 or response.status >= 500 or code in TEMPORARY_CODES:
        pause = retry_after_s(response.headers)
        scope = scope_of(response)
        raise SendError(Failure.TEMPORARY, word, retry_after_s=pause, scope=scope)
    raise _refused(word)


# --- The channel ----------------------------------------------------------------------------------


def _is_whole(subscription: Json, url: str) -> bool:
    """Tell whether a subscription is ours and, where it says so, about all that we read."""
    kinds = subscription.get("update_types")
    whole = not isinstance(kinds, list) or not kinds or set(UPDATES) <= set(kinds)
    return subscription.get("url") == url and whole


class MaxMessenger:
    """The channel and its webhook. The client is its own: it may trust another authority."""

    channel = Channel.MAX

    def __init__(self, config: Config, client: HttpClient, clock: Clock) -> None:
        check(config)
        self.takes_contacts = config.trust_contacts
        self._config = config
        self._client = client
        self._clock = clock

    def serves(self, clinic: str, branch: str) -> bool:
        """Tell whether there is a bot for this branch."""
        return sender_of(self._config.senders, clinic, branch) is not None

    def limits(self, clinic: str, branch: str) -> SenderLimits | None:
        """Return the bot's limit."""
        bot = sender_of(self._config.senders, clinic, branch)
        if bot is None:
            return None
        return SenderLimits(f"max:{bot.name}", bot.per_second)

    def link(self, clinic: str, branch: str, token: str) -> str | None:
        """Return the deep link that starts the bot with a token."""
        if not _LINK_TOKEN.fullmatch(token):
            raise ValueError("a link's token has 1 to 64 characters of A-Z a-z 0-9 _ -")
        bot = sender_of(self._config.senders, clinic, branch)
        return None if bot is None else f"https://max.ru/{bot.name}?start={token}"

    async def send(self, message: OutgoingMessage) -> str | None:
        """Send; a message that cannot be quoted, which may be gone, is answered without."""
        bot = sender_of(self._config.senders, message.clinic, message.branch)
        if bot is None:
            raise _refused("no_sender")
        try:
            sent = await self._post(bot, message)
        except SendError as error:
            if error.failure is not Failure.REJECTED or not message.reply_to:
                raise
            sent = await self._post(bot, replace(message, reply_to=None))
        answer = build_tap_answer(self._config, bot, message)
        if answer is not None:
            with suppress(SendError):  # only the look of a button depends on it
                await self._client.send(answer)
        return sent

    async def _post(self, bot: Bot, message: OutgoingMessage) -> str:
        return read(self._config, await self._client.send(build(self._config, bot, message)))

    async def watch(self) -> None:
        """Keep the bots subscribed to `webhook_url`, until cancelled.

        MAX does not tell the secret of a subscription, so each is made anew at the start: the
        secret may have been replaced since.
        """
        url = self._config.webhook_url
        fresh: set[str] = set()
        while url is not None:
            for bot in self._config.senders:
                if await self._subscribe(bot, url, anew=bot.name not in fresh):
                    fresh.add(bot.name)
            await self._clock.sleep(WATCH_S)

    async def _subscribe(self, bot: Bot, url: str, *, anew: bool) -> bool:
        """Look at a bot's subscription; return whether it has the secret of our settings."""
        try:
            found = await self._client.send(_request(self._config, bot, "GET", "/subscriptions"))
            known = object_of(read_json(found.body)).get("subscriptions")
            if found.status != 200 or not isinstance(known, list):
                log.error("MAX does not tell its subscriptions", extra={"bot": bot.name})
                return False
            if not anew and any(_is_whole(item, url) for item in objects(known)):
                return True
            secret = webhook_secrets(bot)[0]
            body: Json = {"url": url, "update_types": list(UPDATES), "secret": secret}
            request = _request(self._config, bot, "POST", "/subscriptions", body)
            status = (await self._client.send(request)).status
            level = logging.INFO if status == 200 else logging.ERROR
            log.log(level, "subscribed to MAX", extra={"bot": bot.name, "status": status})
        except SendError as error:
            log.warning("MAX cannot be asked", extra={"bot": bot.name, "code": error.code})
            return False
        else:
            return status == 200

    async def close(self) -> None:
        """Close the channel's own connections."""
        await self._client.close()

    def handshake(self, request: RawRequest) -> RawResponse | None:
        """MAX does not verify an address."""
        return None

    def verify(self, request: RawRequest) -> None:
        """Check the webhook's secret."""
        verify(self._config, request)

    def parse(self, request: RawRequest) -> Sequence[Inbound]:
        """Return what one update says."""
        return parse(self._config, request)
