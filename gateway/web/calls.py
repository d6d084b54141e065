"""Callbacks of providers that phone by themselves, and the prompts that they fetch.

A callback is answered with what to do next once everything it told is committed. 503 while the
store does not answer: the provider asks again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from aiohttp import web

from gateway.errors import Forbidden, InvalidInput, NotFound, StoreError, Unauthenticated
from gateway.ports.store import Kind, Ref
from gateway.ports.telephony import CallProvider
from gateway.service.provider_calls import ProviderCalls
from gateway.web.bodies import raw_request
from gateway.web.metrics import Metrics
from gateway.web.problems import Handler, Refused, problem_response, unavailable

log = logging.getLogger("callahead.hooks")

CALLBACK_BYTES_MAX = 64 * 1024
"""Callbacks about calls are short forms."""

PROMPT_PATH = "/hooks/calls/audio/"
"""The address before the token of a prompt; not logged, it names a visit."""

_NOBODY = Ref(Kind.CASE, "", "")


class CallHooks:
    """Serves the callbacks of every provider, by path."""

    def __init__(
        self,
        providers: Mapping[str, CallProvider],
        calls: ProviderCalls,
        metrics: Metrics,
        *,
        public_url: str,
    ) -> None:
        self._providers = providers
        self._calls = calls
        self._metrics = metrics
        self._public_url = public_url.rstrip("/")

    def add_to(self, app: web.Application) -> None:
        """Route the callbacks and the prompts."""
        for path, provider in self._providers.items():
            app.router.add_post(path, self._post(path, provider))
        if self._providers:
            app.router.add_get(PROMPT_PATH + "{token}", self.prompt)

    def _post(self, path: str, provider: CallProvider) -> Handler:
        async def post(request: web.Request) -> web.Response:
            loop = asyncio.get_running_loop()
            started = loop.time()
            word, response = await self._taken(path, provider, request)
            self._metrics.hook(path, word)
            self._metrics.request("POST", path, response.status, loop.time() - started)
            return response

        return post

    async def _taken(
        self, path: str, provider: CallProvider, request: web.Request
    ) -> tuple[str, web.Response]:
        """Return a word for what came of a callback, and the response."""
        try:
            raw = await raw_request(request, self._public_url, CALLBACK_BYTES_MAX)
            provider.verify(raw)
            news = provider.parse(raw)
            then = await self._calls.take(provider, news)
        except (Unauthenticated, Forbidden) as error:
            log.warning("a callback is not authentic", extra={"hook": path})
            status = 401 if isinstance(error, Unauthenticated) else 403
            return "unauthenticated", web.Response(status=status)
        except InvalidInput as error:
            fields = ", ".join(problem.field for problem in error.problems)
            log.warning("a callback could not be read", extra={"hook": path, "fields": fields})
            return "unreadable", _response(provider.render(_NOBODY, "", None))
        except StoreError:
            return "unavailable", problem_response(unavailable())
        except Refused as error:
            return "refused", problem_response(error)
        return "taken", _response(provider.render(news.ref, news.attempt, then))

    async def prompt(self, request: web.Request) -> web.StreamResponse:
        """Give a provider the audio whose address it was told."""
        try:
            path = await self._calls.prompt(request.match_info["token"])
        except (Forbidden, NotFound):
            return problem_response(Refused(404, "There is nothing at this address."))
        except StoreError:
            return problem_response(unavailable())
        headers = {"Content-Type": "audio/wav", "Cache-Control": "private, no-store"}
        return web.FileResponse(path, headers=headers)


def _response(rendered: tuple[str, bytes]) -> web.Response:
    content_type, body = rendered
    return web.Response(body=body, headers={"Content-Type": content_type})
