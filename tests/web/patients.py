"""Somebody who got a link, in front of a whole edge."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from gateway.core.case import EntryKind
from gateway.core.model import Status
from gateway.web.patient import PatientPages
from tests.service.support import case_ref
from tests.web.support import Edge, appointment, edge


@dataclass
class Page:
    """One response of the page; `path` is where redirects have led."""

    status: int
    text: str
    headers: Any
    path: str

    @property
    def buttons(self) -> list[str]:
        """What can be done, in order: answers to be sent, and steps to other pages."""
        found = re.findall(r'name="answer" value="(\w+)"|href="\?step=(\w+)"', self.text)
        return [answer or f"?{step}" for answer, step in found]

    @property
    def shown(self) -> str:
        """What the forms of this page carry."""
        found = re.search(r'name="shown" value="([^"]*)"', self.text)
        assert found is not None
        return found[1]

    @property
    def times(self) -> list[str]:
        """The values of the free times."""
        return re.findall(r'name="start" value="([^"]+)"', self.text)

    @property
    def says(self) -> str:
        """The text without markup."""
        body = self.text.partition("<body>")[2]
        return " ".join(re.sub(r"<[^>]+>", " ", body).split())


class Late:
    """The page, whose service is known only after the application is made."""

    pages: PatientPages

    def add_to(self, app: web.Application) -> None:
        async def show(request: web.Request) -> web.Response:
            return await self.pages.show(request)

        async def answer(request: web.Request) -> web.Response:
            return await self.pages.answer(request)

        app.router.add_get("/v/{token}", show)
        app.router.add_post("/v/{token}", answer)


@dataclass
class Patient:
    """Somebody who got a link."""

    edge: Edge
    late: Late
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    async def asked(self, **more: Any) -> None:
        """Let a confirmation go out and take its link."""
        await self.edge.put(appointment(**more))
        await self.edge.work()
        link = self.edge.channel.sent[-1].content.link
        assert link is not None
        self.path = link.removeprefix("https://visits.example")

    async def request(self, method: str, path: str | None = None, **more: Any) -> Page:
        more["headers"] = {**self.headers, **more.get("headers", {})}
        async with self.edge.client.request(method, path or self.path, **more) as got:
            return Page(got.status, await got.text(), got.headers, got.url.path_qs)

    async def opens(self, query: str = "") -> Page:
        return await self.request("GET", f"{self.path}{query}")

    async def presses(self, answer: str, **more: str) -> Page:
        return await self.request("POST", data={"answer": answer, **more})

    async def chooses(self, time: str, **more: str) -> Page:
        return await self.request("POST", data={"start": time, **more})

    async def status(self) -> Status:
        return (await self.edge.case()).status

    async def entries(self, kind: EntryKind) -> list[dict[str, Any]]:
        timeline = await self.edge.store.timeline(case_ref())
        return [dict(entry.data) for entry in timeline if entry.kind is kind]


@asynccontextmanager
async def patient_of(**options: Any) -> AsyncIterator[Patient]:
    """Run an edge with the page; `rows` and `proxies` are the page's own options."""
    late = Late()
    own = {name: options.pop(name) for name in ("rows", "proxies") if name in options}
    async with edge(extra=[late.add_to], **options) as running:
        late.pages = PatientPages(running.service, **own)
        yield Patient(running, late)
