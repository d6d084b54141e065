"""Access tokens of a Google service account: a signed JWT is exchanged for a token of an hour.

https://developers.google.com/identity/protocols/oauth2/service-account#httprest (RFC 7523)

One exchange serves everybody who waits for it, and a failed one is not repeated by each of them.
"""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from adapters.http import HttpClient, HttpRequest, HttpResponse, retry_after_s
from adapters.json_values import Json, integer_of, object_of, read_json, text_of
from gateway.clock import Clock
from gateway.core.events import Failure
from gateway.errors import InvalidInput, Problem
from gateway.ports.messaging import SendError

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 (an address)

ASSERTED_FOR = timedelta(hours=1)
"""The longest life of an assertion that Google takes."""

RENEWED_BEFORE = timedelta(minutes=5)
"""A token is renewed this long before it ends: requests under way must still hold it."""

FAILED_FOR = timedelta(seconds=5)
"""How long a failed exchange speaks for everybody who asks meanwhile."""


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """What stands in the key file that Google hands out."""

    project_id: str
    client_email: str
    private_key_id: str
    token_uri: str
    key: rsa.RSAPrivateKey = field(repr=False)


def read_service_account(text: str, place: str = "service_account") -> ServiceAccount:
    """Read a key file (JSON); raise `InvalidInput` without a word of what stands in it."""
    document = object_of(read_json(text))
    names = ("project_id", "client_email", "private_key_id", "private_key")
    found = {name: text_of(document.get(name)) or "" for name in names}
    missing = [name for name in names if not found[name]]
    if missing:
        raise InvalidInput(
            Problem(place, f"must be a service account's JSON; it lacks {', '.join(missing)}")
        )
    try:
        key = load_pem_private_key(found["private_key"].encode(), None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise InvalidInput(Problem(place, "its private_key is not an RSA key in PEM"))
    return ServiceAccount(
        project_id=found["project_id"],
        client_email=found["client_email"],
        private_key_id=found["private_key_id"],
        token_uri=text_of(document.get("token_uri")) or TOKEN_URI,
        key=key,
    )


def assertion(account: ServiceAccount, now: datetime) -> str:
    """Return the signed JWT (RFC 7515, RS256) that stands for the account."""
    header: Json = {"alg": "RS256", "typ": "JWT", "kid": account.private_key_id}
    claims: Json = {
        "iss": account.client_email,
        "scope": SCOPE,
        "aud": account.token_uri,
        "iat": int(now.timestamp()),
        "exp": int((now + ASSERTED_FOR).timestamp()),
    }
    content = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
    signature = account.key.sign(content.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{content}.{_base64url(signature)}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def build(account: ServiceAccount, now: datetime) -> HttpRequest:
    """Return the request that asks for a token."""
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": assertion(account, now),
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return HttpRequest("POST", account.token_uri, headers, urlencode(form).encode())


def read(response: HttpResponse) -> tuple[str, timedelta]:
    """Return the token and how long it holds, or raise what the answer means."""
    document = object_of(read_json(response.body))
    if response.status == 200:
        token, seconds = text_of(document.get("access_token")), document.get("expires_in")
        life = integer_of(seconds)
        if token is not None and life is not None and life > 0:
            return token, timedelta(seconds=life)
        raise SendError(Failure.TEMPORARY, "token_unreadable")
    if response.status == 429 or response.status >= 500:
        pause = retry_after_s(response.headers)
        raise SendError(Failure.TEMPORARY, f"token_http_{response.status}", retry_after_s=pause)
    word = text_of(document.get("error")) or f"http_{response.status}"
    raise SendError(Failure.REJECTED, f"token_{word[:40]}", alert=True)


class AccessTokens:
    """The account's present token. The client belongs to whoever made it."""

    def __init__(self, account: ServiceAccount, client: HttpClient, clock: Clock) -> None:
        self._account = account
        self._client = client
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token = ""
        self._until: datetime | None = None
        self._failure: SendError | None = None
        self._failed_until: datetime | None = None

    async def get(self) -> str:
        """Return a token that holds for some minutes more; raise `SendError`, never unknown."""
        async with self._lock:
            now = self._clock.now()
            if self._until is not None and now < self._until:
                return self._token
            if self._failure is not None and self._failed_until and now < self._failed_until:
                raise _copy(self._failure)
            try:
                self._token, life = read(await self._client.send(build(self._account, now)))
            except SendError as error:
                # Asking for a token twice does no harm, so nothing here is unknown.
                self._failure = SendError(
                    error.failure or Failure.TEMPORARY,
                    error.code,
                    retry_after_s=error.retry_after_s,
                    alert=error.alert,
                )
                self._failed_until = self._clock.now() + FAILED_FOR
                raise _copy(self._failure) from None
            self._until = now + max(life - RENEWED_BEFORE, life / 2)
            return self._token

    def forget(self, token: str) -> None:
        """Give up a token that was refused, unless there is a newer one already."""
        if token == self._token:
            self._until = None


def _copy(error: SendError) -> SendError:
    """An exception that is raised twice would collect the tracebacks of everybody."""
    return SendError(
        error.failure, error.code, retry_after_s=error.retry_after_s, alert=error.alert
    )
