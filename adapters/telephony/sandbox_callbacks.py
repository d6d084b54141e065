"""The sandbox's requests to the gateway: signed as Twilio signs, tried again as an address asks.

The signature is computed here from its description, apart from the library that checks it.
https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urldefrag, urlencode

from adapters.http import HttpClient, HttpRequest, HttpResponse
from gateway.core.events import Failure
from gateway.ports.messaging import SendError

TOTAL_S = 15.0
"""Twilio's own limit for a callback with all its repetitions."""

AGAIN_AFTER_S = 1.0
"""Between two tries. Twilio does not say how long it waits."""

_RETRIES_MAX = 5
_POLICIES = ("ct", "rt", "4xx", "5xx")


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the fragment of an address asks for: `rc` repetitions, and after what (`rp`)."""

    retries: int = 1
    policy: frozenset[str] = frozenset({"ct"})


def overrides_of(fragment: str) -> Overrides:
    """Read the fragment of a callback's address; raise ValueError."""
    given = {name: values[0] for name, values in parse_qs(fragment, strict_parsing=True).items()}
    if unknown := given.keys() - {"rc", "rp"}:
        raise ValueError(f"#{min(unknown)} is not carried out")
    retries = int(given.get("rc", "1"))
    policy = frozenset(given.get("rp", "ct").split(","))
    if not 0 <= retries <= _RETRIES_MAX:
        raise ValueError("#rc must be from 0 to 5")
    if "all" in policy:
        policy = frozenset(_POLICIES)
    if not policy <= set(_POLICIES):
        raise ValueError("#rp names an unknown reason")
    return Overrides(retries, policy)


def signature(auth_token: str, url: str, form: Mapping[str, str]) -> str:
    """Return X-Twilio-Signature: HMAC-SHA1 over the address and the sorted parameters."""
    text = url + "".join(name + form[name] for name in sorted(form))
    digest = hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


class Callbacks:
    """Sends one callback after the other; `pause` waits in the machine's own time."""

    def __init__(
        self, client: HttpClient, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._client = client
        self._pause = pause

    async def post(self, auth_token: str, address: str, form: Mapping[str, str]) -> HttpResponse:
        """Return the last answer, whatever its status; raise ValueError or `SendError`."""
        url, fragment = urldefrag(address)
        overrides = overrides_of(fragment) if fragment else Overrides()
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "X-Twilio-Signature": signature(auth_token, url, form),
            "I-Twilio-Idempotency-Token": secrets.token_hex(16),
        }
        request = HttpRequest("POST", url, headers, urlencode(form).encode())
        try:
            async with asyncio.timeout(TOTAL_S):
                return await self._tried(request, overrides)
        except TimeoutError:
            raise SendError(None, "timeout") from None

    async def get(self, url: str) -> HttpResponse:
        """Fetch a file; raise `SendError`."""
        return await self._client.send(HttpRequest("GET", url))

    async def _tried(self, request: HttpRequest, overrides: Overrides) -> HttpResponse:
        for _ in range(overrides.retries):
            try:
                response = await self._client.send(request)
            except SendError as error:
                # Nothing written: no connection. Otherwise the answer did not come.
                reason = "ct" if error.failure is Failure.TEMPORARY else "rt"
                if reason not in overrides.policy:
                    raise
            else:
                if f"{response.status // 100}xx" not in overrides.policy:
                    return response
            await self._pause(AGAIN_AFTER_S)
        return await self._client.send(request)
