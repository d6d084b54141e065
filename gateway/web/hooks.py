"""Providers' callbacks: verify, parse, commit, answer 200. The product's hottest path.

A provider gets 200 once everything it told is committed, 503 while the store does not answer (it
tries again), 401 or 403 without or with a wrong signature, and then nothing has happened. What
cannot be read will not become readable by being sent again: it is counted, logged without its
content, and taken.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import traceback
from collections.abc import Mapping, Sequence

from aiohttp import web

from gateway.errors import Forbidden, StoreError, Unauthenticated
from gateway.ports.messaging import Inbound
from gateway.ports.webhook import Acknowledging, RawRequest, RawResponse, Webhook
from gateway.service.inbox import Inbox
from gateway.web.bodies import raw_request
from gateway.web.endpoints import Content, Endpoint, Response
from gateway.web.metrics import Metrics
from gateway.web.problems import Handler, Refused, problem_response, unavailable

log = logging.getLogger("callahead.hooks")

HOOK_BYTES_MAX = 4 * 1024 * 1024
"""More than any provider sends at once (facts: WhatsApp's batches stay below 3 MB)."""

_ANYTHING = Content({}, "*/*", "As the provider sends it, signed by the provider.")


class Hook:
    """One callback address."""

    def __init__(
        self,
        path: str,
        webhook: Webhook,
        inbox: Inbox,
        metrics: Metrics,
        *,
        public_url: str,
        bytes_max: int = HOOK_BYTES_MAX,
    ) -> None:
        self.path = path
        self._webhook = webhook
        self._inbox = inbox
        self._metrics = metrics
        self._public_url = public_url.rstrip("/")
        self._bytes_max = bytes_max

    async def post(self, request: web.Request) -> web.Response:
        """Take a callback."""
        started = asyncio.get_running_loop().time()
        status, result, response = await self._taken(request)
        self._metrics.hook(self.path, result)
        seconds = asyncio.get_running_loop().time() - started
        self._metrics.request("POST", self.path, status, seconds)
        return response

    async def _taken(self, request: web.Request) -> tuple[int, str, web.Response]:
        """Return the status, a word for it, and the response."""
        try:
            raw = await self._raw(request)
            self._webhook.verify(raw)
            await self._inbox.take(self._parsed(raw))
        except (Unauthenticated, Forbidden) as error:
            status = 401 if isinstance(error, Unauthenticated) else 403
            log.warning("a callback is not authentic", extra={"hook": self.path})
            return status, "unauthenticated", web.Response(status=status)
        except StoreError:
            return 503, "unavailable", problem_response(unavailable())
        except _Unreadable as error:
            response = self._answer(error.request)
            return response.status, "unreadable", response
        except Refused as error:
            return error.status, "refused", problem_response(error)
        except Exception:
            log.exception("a callback could not be taken", extra={"hook": self.path})
            return 500, "failed", web.Response(status=500)
        response = self._answer(raw)
        return response.status, "taken", response

    def _answer(self, raw: RawRequest) -> web.Response:
        """Answer as the provider wants it: with an empty 200, unless it says otherwise."""
        if not isinstance(self._webhook, Acknowledging):
            return web.Response()
        return _response(self._webhook.taken(raw))

    async def get(self, request: web.Request) -> web.Response:
        """Answer a provider that verifies the address."""
        try:
            answer = self._webhook.handshake(await self._raw(request))
        except Refused as error:
            return problem_response(error)
        if answer is None:
            refused = Refused(405, "Only a provider's verification may use GET.")
            return problem_response(refused)
        return _response(answer)

    async def _raw(self, request: web.Request) -> RawRequest:
        return await raw_request(request, self._public_url, self._bytes_max)

    def _parsed(self, raw: RawRequest) -> Sequence[Inbound]:
        try:
            return self._webhook.parse(raw)
        except Exception as error:  # noqa: BLE001 - logged without what it quotes
            # An error's text may quote the body, so only its kind and place are told.
            place = traceback.extract_tb(error.__traceback__)[-1]
            log.error(  # noqa: TRY400 - the trace would show the patient's message
                "a callback could not be read",
                extra={
                    "hook": self.path,
                    "error": type(error).__name__,
                    "place": f"{place.name}:{place.lineno}",
                    "bytes": len(raw.body),
                    "digest": hashlib.sha256(raw.body).hexdigest()[:16],
                },
            )
            raise _Unreadable(raw) from None


def _response(answer: RawResponse) -> web.Response:
    if answer.status == 204:
        return web.Response(status=204)
    return web.Response(
        status=answer.status,
        text=answer.body,
        content_type=answer.content_type,
        headers={"X-Content-Type-Options": "nosniff"},
    )


class _Unreadable(Exception):
    """A callback that is authentic and still cannot be read."""

    def __init__(self, request: RawRequest) -> None:
        super().__init__("a callback cannot be read")
        self.request = request


def hooks_of(
    webhooks: Mapping[str, Webhook],
    inbox: Inbox,
    metrics: Metrics,
    *,
    public_url: str,
    bytes_max: int = HOOK_BYTES_MAX,
) -> tuple[Endpoint, ...]:
    """Return the endpoints of all callback addresses."""
    found: list[Endpoint] = []
    for path, webhook in webhooks.items():
        hook = Hook(path, webhook, inbox, metrics, public_url=public_url, bytes_max=bytes_max)
        name = path.strip("/").replace("/", "_")
        found.append(_endpoint("POST", path, hook.post, name, "Take a provider's callback"))
        found.append(_endpoint("GET", path, hook.get, name, "Answer a provider's verification"))
    return tuple(found)


def _endpoint(method: str, path: str, handler: Handler, name: str, summary: str) -> Endpoint:
    taken = "It is committed." if method == "POST" else "The provider's challenge."
    return Endpoint(
        method,
        path,
        handler,
        f"{name}_{method.lower()}",
        summary,
        (Response(200, taken, None if method == "POST" else Content({}, "text/plain")),),
        keyed=False,
        body=_ANYTHING if method == "POST" else None,
        problems=(401, 403, 413, 503) if method == "POST" else (403, 405),
        tag="providers",
    )
