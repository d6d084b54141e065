"""Whoever comes by a patient's link: the visit is found, or a friendly page says why not."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from aiohttp import web

from gateway.errors import StoreUnavailable
from gateway.service.assembly import Service
from gateway.web.client_address import Network, client_of
from gateway.web.patient_html import HEADERS, Page, dead_page, error_page
from gateway.web.patient_limits import PatientLimits
from gateway.web.patient_texts import accepted
from gateway.web.patient_visit import Visit, find_visit

log = logging.getLogger("callahead.patient")

BUSY_S: Final = 60

Handle = Callable[[web.Request, Visit], Awaitable[web.Response]]


class PatientEntry:
    """Finds visits by the tokens of links, within the limits of rule P-4."""

    def __init__(self, service: Service, proxies: Sequence[Network]) -> None:
        self._service = service
        self._proxies = proxies
        self.limits = PatientLimits(service.store, service.clock)

    async def with_visit(self, request: web.Request, handle: Handle) -> web.Response:
        """Have the visit of the address's token handled; a dead or wrong link is none."""
        words = accepted(request.headers.get("Accept-Language", ""))
        address = client_of(request, self._proxies)
        try:
            pause = self.limits.blocked(address)
            if pause is not None:
                return too_often(error_page(words, words.too_often), pause)
            visit = await find_visit(self._service, request.match_info["token"])
            if visit is None:
                pause = await self.limits.wrong_link(address)
                if pause is not None:
                    log.warning("an address asks for too many links that are none")
                    return too_often(error_page(words, words.too_often), pause)
                return page_response(404, error_page(words, words.unknown))
            words = visit.words
            dead = visit.dead(self._service.clock.now())
            if dead is not None:
                return page_response(410, dead_page(visit, dead))
            return await handle(request, visit)
        except StoreUnavailable:
            again = {"Retry-After": str(BUSY_S)}
            return page_response(503, error_page(words, words.busy), again)


def page_response(status: int, page: Page, more: Mapping[str, str] | None = None) -> web.Response:
    """Return a page in its language, with the headers of every patient page."""
    return web.Response(
        status=status,
        text=page.html(),
        content_type="text/html",
        charset="utf-8",
        headers={**HEADERS, "Content-Language": page.words.language, **(more or {})},
    )


def too_often(page: Page, pause: int) -> web.Response:
    """Return a page that asks to come back after `pause` seconds."""
    return page_response(429, page, {"Retry-After": str(pause)})


def see_other(address: str) -> web.Response:
    """Lead to the page that tells what is true now (RFC 9110, 15.4.4)."""
    return web.Response(status=303, headers={**HEADERS, "Location": address})
