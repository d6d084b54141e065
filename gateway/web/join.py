"""Joining a messenger from the patient page: a row of buttons, and what a pressed one leads to.

    GET  /v/{token}/join/{channel}   back to the visit; nothing changes, previews open links too
    POST /v/{token}/join/{channel}   makes a one-time link and opens the messenger by it

The link is made when the button is pressed and not before, so it is never older than the tap that
uses it. The answer is a page that goes on by itself and has the link as a button too: phones open
an app on a tap where they do not on a redirect, and the page's `form-action` holds for redirects
in some browsers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from aiohttp import web

from gateway.core.model import Channel
from gateway.service.assembly import Service
from gateway.service.links import Offer
from gateway.web.client_address import Network
from gateway.web.patient_entry import PatientEntry, page_response, see_other, too_often
from gateway.web.patient_html import Page, error_page
from gateway.web.patient_visit import Visit

NAMES: Final[Mapping[Channel, str]] = {Channel.MAX: "MAX", Channel.TELEGRAM: "Telegram"}


@dataclass(frozen=True, slots=True)
class Words:
    """What the row and the page in between say."""

    offer: str
    title: str
    open: str
    why: str


TEXTS: Final[Mapping[str, Words]] = {
    "ru": Words(
        offer="Получать сообщения в {name}",
        title="Открываем {name}",
        open="Открыть {name}",
        why="Нажмите «Начать» в чате клиники, и сообщения о записи будут приходить туда.",
    ),
    "en": Words(
        offer="Get messages in {name}",
        title="Opening {name}",
        open="Open {name}",
        why="Press “Start” in the clinic's chat, and messages about your visits will come there.",
    ),
}


class JoinPages:
    """The row of the patient page (`row`) and its two addresses."""

    def __init__(self, service: Service, *, proxies: Sequence[Network] = ()) -> None:
        self._service = service
        self._entry = PatientEntry(service, proxies)

    def add_to(self, app: web.Application) -> None:
        """Add the addresses."""
        app.router.add_get("/v/{token}/join/{channel}", self.back)
        app.router.add_post("/v/{token}/join/{channel}", self.join)

    async def row(self, visit: Visit) -> str:
        """Return a button for every messenger that this patient could still join, as HTML."""
        words = _words(visit)
        return "".join(
            f'<form method="post" action="{visit.token}/join/{offer.channel.value}">'
            f'<button class="button quiet">{escape(words.offer.format(name=NAMES[offer.channel]))}'
            "</button></form>"
            for offer in await self._offers(visit)
        )

    async def _offers(self, visit: Visit) -> list[Offer]:
        number = visit.case.number
        if number is None:
            return []
        contact, _ = await self._service.store.load_contact(visit.case.clinic, number)
        offers = self._service.links.offers(visit.settings.branch, contact)
        return [offer for offer in offers if offer.channel in NAMES]

    async def back(self, request: web.Request) -> web.Response:
        """Lead to the visit: a preview, a reload or a saved address is no button."""
        return _back(request.match_info["token"])

    async def join(self, request: web.Request) -> web.Response:
        """Make a link and open it; what cannot be joined any more leads back to the visit."""
        return await self._entry.with_visit(request, self._join)

    async def _join(self, request: web.Request, visit: Visit) -> web.Response:
        pause = await self._entry.limits.press(visit)
        if pause is not None:
            words = visit.words
            return too_often(error_page(words, words.too_often, visit), pause)
        return await self._joined(visit, request.match_info["channel"])

    async def _joined(self, visit: Visit, wanted: str) -> web.Response:
        case = visit.case
        offers = [offer.channel for offer in await self._offers(visit)]
        channel = next((channel for channel in offers if channel.value == wanted), None)
        if channel is None or case.number is None:
            return _back(visit.token)
        link = await self._service.links.make(case.clinic, case.branch, case.number, channel)
        if link is None:
            return _back(visit.token)
        return page_response(
            200, _opening(visit, channel, link.url), {"Refresh": f"0;url={link.url}"}
        )


def _words(visit: Visit) -> Words:
    return TEXTS.get(visit.words.language, TEXTS["ru"])


def _opening(visit: Visit, channel: Channel, url: str) -> Page:
    words, name = _words(visit), NAMES[channel]
    body = (
        f"<p>{escape(words.why)}</p>"
        f'<a class="button" rel="noreferrer" href="{escape(url)}">'
        f"{escape(words.open.format(name=name))}</a>"
        f'<a class="button quiet" href="../../{visit.token}">{escape(visit.words.back)}</a>'
    )
    return Page(visit.words, words.title.format(name=name), body)


def _back(token: str) -> web.Response:
    """Lead back to the visit, wherever the page is mounted."""
    name = token if token.isascii() and token.isalnum() else ""
    return see_other(f"../../{name}")
