"""Push through RuStore, for phones without Google's services.

https://www.rustore.ru/help/sdk/push-notifications/send-push-notifications

The request is that of Firebase's HTTP v1 with a service token of RuStore's own. A patient's phone
is known by its push token (`account`). An answer means accepted, no more: there are no receipts,
and answers come from the app by the API (`POST …/answers`).
"""

from __future__ import annotations

import json

from pydantic import Field, SecretStr

from adapters.http import HttpClient, HttpRequest, HttpResponse, retry_after_s, scope_of
from adapters.json_values import object_of, read_json, text_of
from adapters.messaging.capabilities import Capabilities
from adapters.messaging.push_notification import TEXT_MAX, notification_of, refused
from adapters.messaging.senders import RatedSender, Senders, Strict, sender_of
from gateway.core.events import Failure
from gateway.core.model import Channel
from gateway.ports.messaging import (
    OutgoingMessage,
    SenderLimits,
    SendError,
)

# --- Config ---------------------------------------------------------------------------------------


class App(RatedSender):
    """One app: its project and service token of the developer's console.

    `title` stands above the text; None sends no title. After `ttl_s` a notification that has not
    reached the phone is dropped: two hours, as a reminder is of use. Without it RuStore would keep
    one for four weeks.
    """

    project_id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    service_token: SecretStr = Field(min_length=1)
    title: str | None = Field(None, min_length=1, max_length=100)
    ttl_s: int = Field(7200, ge=60, le=28 * 24 * 3600)


class Config(Strict):
    """The apps of all clinics that have one."""

    senders: Senders[App]
    api_base: str = Field("https://vkpns.rustore.ru", pattern=r"^https?://[^/?#@]+[^?#@]*$")


# --- Capabilities ---------------------------------------------------------------------------------

CAPABILITIES = Capabilities(
    channel=Channel.PUSH, text_max=TEXT_MAX, free_text=True, by_account=True, rich_text=True
)

# --- Vocabulary -----------------------------------------------------------------------------------

GONE = frozenset({404, 410})
"""Statuses of a push token that is no longer valid; both are seen, so both are believed where the
body speaks RuStore's format."""


# --- Build ----------------------------------------------------------------------------------------


def build(config: Config, app: App, message: OutgoingMessage) -> HttpRequest:
    """Return the request that says exactly this message, or raise `SendError` and say why not."""
    account, shown = notification_of(message, app.title)
    shown |= {"token": account, "android": {"ttl": f"{app.ttl_s}s"}}
    return HttpRequest(
        "POST",
        f"{config.api_base}/v1/projects/{app.project_id}/messages:send",
        {
            "Authorization": f"Bearer {app.service_token.get_secret_value()}",
            "Content-Type": "application/json",
        },
        json.dumps({"message": shown}).encode(),
    )


# --- Read -----------------------------------------------------------------------------------------


def read(response: HttpResponse) -> str | None:
    """Return the message's name where there is one, or raise what the answer means.

    A gateway's page (502, 504) tells nothing about the message, so its outcome is unknown.
    """
    document = object_of(read_json(response.body))
    status = response.status
    if 200 <= status < 300:
        return text_of(document.get("name"))
    speaks = isinstance(document.get("error"), dict)
    code = text_of(object_of(document.get("error")).get("status")) or f"http_{status}"
    if status in GONE and speaks:
        raise SendError(Failure.IMPOSSIBLE, code)
    if status in (502, 504) and not speaks:
        raise SendError(None, code)
    if status == 429 or status >= 500:
        pause = retry_after_s(response.headers)
        scope = scope_of(response)
        raise SendError(Failure.TEMPORARY, code, retry_after_s=pause, scope=scope)
    raise refused(code)


# --- The channel ----------------------------------------------------------------------------------


class PushRustore:
    """The channel. The client belongs to whoever made it."""

    channel = Channel.PUSH
    provider = "rustore"

    def __init__(self, config: Config, client: HttpClient) -> None:
        self._config = config
        self._client = client

    def serves(self, clinic: str, branch: str) -> bool:
        """Tell whether there is an app for this branch."""
        return sender_of(self._config.senders, clinic, branch) is not None

    def limits(self, clinic: str, branch: str) -> SenderLimits | None:
        """Return the project's limit, where the settings tell one."""
        app = sender_of(self._config.senders, clinic, branch)
        if app is None:
            return None
        return SenderLimits(f"rustore:{app.project_id}", app.per_second)

    async def send(self, message: OutgoingMessage) -> str | None:
        """Send one notification."""
        app = sender_of(self._config.senders, message.clinic, message.branch)
        if app is None:
            raise refused("no_sender")
        return read(await self._client.send(build(self._config, app, message)))

    async def close(self) -> None:
        """Hold nothing: the shared client is closed by its owner."""
