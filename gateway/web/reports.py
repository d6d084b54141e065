"""A clinic's reports over HTTP, as JSON, CSV or a workbook (rules Q-1 to Q-5)."""

from __future__ import annotations

import asyncio
from datetime import date

from aiohttp import web

from gateway.core.hours import local_day
from gateway.core.model import Channel, Function
from gateway.service.assembly import Service
from gateway.service.reports import REPORTS, Kind, day_of, query_of, report
from gateway.service.reports_formats import CSV, JSON, WRITERS, XLSX
from gateway.service.reports_table import Report
from gateway.web.bodies import one_of
from gateway.web.endpoints import TEXT, Content, Endpoint, Parameter, Response, words
from gateway.web.problems import Handler, invalid

PATH = "/v1/clinics/{clinic}/reports/"

LANGUAGES = ("ru", "en")

_DATE = {"type": "string", "format": "date"}


class Reports:
    """The addresses of reports."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the addresses, one for each report."""
        return tuple(
            Endpoint(
                "GET",
                PATH + name,
                self._handler(name),
                f"report_{name}",
                kind.english,
                (Response(200, "The report in the format that was asked for.", _CONTENT),),
                query=_parameters(kind),
                problems=(404, 422),
            )
            for name, kind in REPORTS.items()
        )

    def _handler(self, name: str) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            return await self._show(name, request)

        return handle

    async def _show(self, name: str, request: web.Request) -> web.Response:
        clinic = await self._service.clinics.clinic(request.match_info["clinic"])
        today = local_day(self._service.clock.now(), clinic.branches[0].timezone)
        query = query_of(
            name,
            clinic,
            since=_day(request, "from", today.replace(day=1)),
            until=_day(request, "to", today),
            branch=request.query.get("branch"),
            function=request.query.get("function"),
            channel=request.query.get("channel"),
        )
        chosen = one_of(request, "format", tuple(WRITERS), "json")
        language = one_of(request, "lang", LANGUAGES, clinic.language)
        made = await report(self._service.store, name, query)
        media_type, write = WRITERS[chosen]
        # A year of a large clinic takes seconds to write: nobody else waits for it.
        body = await asyncio.to_thread(write, made, language)
        return _file(body, media_type, chosen, made)


def _file(body: bytes, media_type: str, chosen: str, made: Report) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    if media_type != JSON:
        query = made.query
        name = f"{made.name}-{query.since}-{query.until}.{chosen}"
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    charset = "utf-8" if media_type == CSV else None
    return web.Response(body=body, content_type=media_type, charset=charset, headers=headers)


def _day(request: web.Request, name: str, default: date) -> date:
    text = request.query.get(name)
    if text is None:
        return default
    try:
        return day_of(text)
    except ValueError:
        raise invalid(name, "must be a date, YYYY-MM-DD") from None


_CONTENT = Content(
    {
        "type": "object",
        "description": "What was asked, `rows`, and totals under their own names.",
        "properties": {"report": TEXT, "from": _DATE, "to": _DATE},
        "required": ["report", "from", "to", "rows"],
    },
    description=f"JSON; with `format` also {CSV} or {XLSX}.",
)


def _parameters(kind: Kind) -> tuple[Parameter, ...]:
    narrowed = {
        "function": Parameter("function", words(f.value for f in Function), "only this function"),
        "channel": Parameter("channel", words(c.value for c in Channel), "only this channel"),
    }
    return (
        Parameter("from", _DATE, "first day in the branch's own zone; default: of this month"),
        Parameter("to", _DATE, "last day, included; default: today"),
        Parameter("branch", TEXT, "only this branch"),
        *(narrowed[name] for name in narrowed if name in kind.filters),
        Parameter("format", words(WRITERS), "default: json"),
        Parameter("lang", words(LANGUAGES), "language of a workbook's headings"),
    )
