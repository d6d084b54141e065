"""Push through Firebase Cloud Messaging, HTTP v1.

Requests   https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send
Errors     https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
Life span  https://firebase.google.com/docs/cloud-messaging/customize-messages/setting-message-lifespan

A patient's phone is known by its registration token (`account`). An answer means accepted, no
more: there are no receipts, and answers come from the app by the API (`POST …/answers`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import Field, SecretStr

from adapters.http import HttpClient, HttpRequest, HttpResponse, retry_after_s, scope_of
from adapters.json_values import Json, object_of, objects, read_json, text_of
from adapters.messaging.capabilities import Capabilities
from adapters.messaging.push_fcm_token import AccessTokens, ServiceAccount, read_service_account
from adapters.messaging.push_notification import TEXT_MAX, notification_of, refused
from adapters.messaging.senders import RatedSender, Senders, Strict, sender_of
from gateway.clock import Clock
from gateway.core.events import Failure
from gateway.core.model import Channel
from gateway.errors import InvalidInput, Problem
from gateway.ports.messaging import (
    OutgoingMessage,
    SenderLimits,
    SendError,
    attempt_of,
)

# --- Config ---------------------------------------------------------------------------------------


class App(RatedSender):
    """One app. `service_account` is the text of the key file: `file:secrets/firebase.json`.

    `title` stands above the text; without one the phone shows the app's name alone. After `ttl_s`
    a notification that has not reached the phone is dropped: two hours, as a reminder is of use.
    """

    service_account: SecretStr
    title: str | None = Field(None, min_length=1, max_length=100)
    ttl_s: int = Field(7200, ge=60, le=28 * 24 * 3600)


class Config(Strict):
    """The apps of all clinics that have one."""

    senders: Senders[App]
    api_base: str = Field("https://fcm.googleapis.com", pattern=r"^https?://[^/?#@]+[^?#@]*$")


# --- Capabilities ---------------------------------------------------------------------------------

CAPABILITIES = Capabilities(
    channel=Channel.PUSH, text_max=TEXT_MAX, free_text=True, by_account=True, rich_text=True
)

# --- Vocabulary -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an error code means, and how long to wait at least."""

    failure: Failure
    alert: bool = False
    pause_s: int | None = None


_TEMPORARY = Meaning(Failure.TEMPORARY)
_REFUSED = Meaning(Failure.REJECTED, alert=True)

MEANING: Mapping[str, Meaning] = {
    "UNREGISTERED": Meaning(Failure.IMPOSSIBLE),
    # The token is of another project: the app or our key is wrong, and not for this phone alone.
    "SENDER_ID_MISMATCH": Meaning(Failure.IMPOSSIBLE, alert=True),
    "QUOTA_EXCEEDED": _TEMPORARY,
    "UNAVAILABLE": Meaning(Failure.TEMPORARY, pause_s=10),
    "INTERNAL": _TEMPORARY,
    "THIRD_PARTY_AUTH_ERROR": _REFUSED,
}

_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_TOKEN_FIELD = "message.token"  # noqa: S105 (the name of a field)

# --- Build ----------------------------------------------------------------------------------------


def build(
    config: Config, app: App, project: str, access: str, message: OutgoingMessage, now: datetime
) -> HttpRequest:
    """Return the request that says exactly this message, or raise `SendError` and say why not."""
    account, shown = notification_of(message, app.title)
    tag = collapse_key(message)
    expires = int((now + timedelta(seconds=app.ttl_s)).timestamp())
    apns = {"apns-priority": "10", "apns-expiration": str(expires), "apns-collapse-id": tag}
    shown |= {
        "token": account,
        "android": {"priority": "HIGH", "ttl": f"{app.ttl_s}s", "collapse_key": tag},
        "apns": {"headers": apns},
    }
    return HttpRequest(
        "POST",
        f"{config.api_base}/v1/projects/{project}/messages:send",
        {"Authorization": f"Bearer {access}", "Content-Type": "application/json"},
        json.dumps({"message": shown}).encode(),
    )


def collapse_key(message: OutgoingMessage) -> str:
    """Return a name of the visit: a newer notification takes the place of an older one."""
    attempt = attempt_of(message.opaque)
    name = f"{message.clinic}\0{attempt[0].key if attempt is not None else message.opaque}"
    return "visit-" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:24]


# --- Read -----------------------------------------------------------------------------------------


def read(response: HttpResponse, now: datetime) -> str:
    """Return the message's name, or raise what the answer means.

    A gateway's page (502, 504) tells nothing about the message, so its outcome is unknown.
    """
    document = object_of(read_json(response.body))
    if response.status == 200:
        name = text_of(document.get("name"))
        if name is None:
            raise SendError(None, "unreadable_response")
        return name
    error = object_of(document.get("error"))
    if not error and response.status in (502, 504):
        raise SendError(None, f"http_{response.status}")
    details = objects(error.get("details"))
    code = _code(error, details) or f"http_{response.status}"
    meaning = _meaning(code, details, response.status)
    pauses = [meaning.pause_s or 0, retry_after_s(response.headers, now) or 0]
    raise SendError(
        meaning.failure,
        code,
        retry_after_s=(max(pauses) or None) if meaning.failure is Failure.TEMPORARY else None,
        alert=meaning.alert,
        scope=scope_of(response),
    )


def _code(error: Json, details: list[Json]) -> str | None:
    for detail in details:
        if detail.get("@type") == _FCM_ERROR and text_of(detail.get("errorCode")):
            return text_of(detail.get("errorCode"))
    return text_of(error.get("status"))


def _meaning(code: str, details: list[Json], status: int) -> Meaning:
    if code in MEANING:
        return MEANING[code]
    if code == "INVALID_ARGUMENT" and _is_about_the_token(details):
        return Meaning(Failure.IMPOSSIBLE)
    return _TEMPORARY if status == 429 or status >= 500 else _REFUSED


def _is_about_the_token(details: list[Json]) -> bool:
    """A token that is none gives the code alone, or names the field; our own mistakes name
    others."""
    fields = [
        violation.get("field")
        for detail in details
        if detail.get("@type") == _BAD_REQUEST
        for violation in objects(detail.get("fieldViolations"))
    ]
    says_fcm = any(detail.get("@type") == _FCM_ERROR for detail in details)
    return says_fcm and all(field == _TOKEN_FIELD for field in fields)


# --- The channel ----------------------------------------------------------------------------------


class PushFcm:
    """The channel. The client belongs to whoever made it."""

    channel = Channel.PUSH
    provider = "fcm"

    def __init__(self, config: Config, client: HttpClient, clock: Clock) -> None:
        self._config = config
        self._client = client
        self._clock = clock
        self._accounts: dict[App, tuple[ServiceAccount, AccessTokens]] = {}
        problems: list[Problem] = []
        for index, app in enumerate(config.senders):
            try:
                account = read_service_account(
                    app.service_account.get_secret_value(), f"senders.{index}.service_account"
                )
            except InvalidInput as error:
                problems += error.problems
                continue
            self._accounts[app] = (account, AccessTokens(account, client, clock))
        if problems:
            raise InvalidInput(*problems)

    def serves(self, clinic: str, branch: str) -> bool:
        """Tell whether there is an app for this branch."""
        return sender_of(self._config.senders, clinic, branch) is not None

    def limits(self, clinic: str, branch: str) -> SenderLimits | None:
        """Return the project's limit, where the settings tell one."""
        app = sender_of(self._config.senders, clinic, branch)
        if app is None:
            return None
        return SenderLimits(f"fcm:{self._accounts[app][0].project_id}", app.per_second)

    async def send(self, message: OutgoingMessage) -> str | None:
        """Send; with a new access token once more when the present one is refused."""
        app = sender_of(self._config.senders, message.clinic, message.branch)
        if app is None:
            raise refused("no_sender")
        account, tokens = self._accounts[app]
        # What cannot be said is refused before anybody is asked for a token.
        build(self._config, app, account.project_id, "", message, self._clock.now())
        access = await tokens.get()
        try:
            return await self._post(app, account.project_id, access, message)
        except SendError as error:
            if error.code != "UNAUTHENTICATED":
                raise
        tokens.forget(access)
        return await self._post(app, account.project_id, await tokens.get(), message)

    async def _post(self, app: App, project: str, access: str, message: OutgoingMessage) -> str:
        now = self._clock.now()
        request = build(self._config, app, project, access, message, now)
        return read(await self._client.send(request), self._clock.now())

    async def close(self) -> None:
        """Hold nothing: the shared client is closed by its owner."""
