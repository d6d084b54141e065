"""Many appointments in one request: a line of JSON each, and a line about each in return.

Lines are read as they come and answered in their order; a bad one never stops the good ones. The
results wait in memory for clients that send everything before they read anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from gateway.core.clinic import Clinic
from gateway.core.model import Appointment
from gateway.errors import InvalidInput, Problem, StoreError
from gateway.service.assembly import Service
from gateway.web.appointments import APPOINTMENT_BYTES_MAX, checked_appointment
from gateway.web.bodies import BROKEN, too_large
from gateway.web.endpoints import (
    COUNT,
    MAYBE_TEXT,
    TEXT,
    Content,
    Endpoint,
    Response,
    list_of,
    shape,
    words,
)
from gateway.web.problems import Refused, fields

log = logging.getLogger("callahead.batch")

BATCH_BYTES_MAX = 64 * 1024 * 1024
"""A clinic with 50,000 visits ahead fits; its results (one short line each) fit into memory."""

LINES_MAX = 200_000
"""The shortest lines would otherwise ask for more results than memory holds."""

AT_ONCE = 16
"""Lines under way at once. Visits of one number get into each other's way, one wins each round,
and a decision is tried 20 times: so even 16 visits of one number all get through."""

RECEIVE_S = 60.0
"""How long a batch may be silent."""

ID_SHOWN_MAX = 64

BOM = b"\xef\xbb\xbf"
"""Programs that write files put this mark before the first line."""

NDJSON = "application/x-ndjson"


class Lines:
    """Cuts a stream of bytes into numbered lines; one that is too long comes as None."""

    def __init__(self, line_max: int) -> None:
        self._line_max = line_max
        self._rest = b""
        self._overlong = False
        self.number = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes | None]]:
        """Yield the lines that are now complete, without the empty ones."""
        *whole, rest = (self._rest + data).split(b"\n")
        for line in whole:
            yield from self._line(line)
        self._rest = rest
        if len(rest) > self._line_max:
            self._rest, self._overlong = b"", True

    def end(self) -> Iterator[tuple[int, bytes | None]]:
        """Yield the last line, which needs no line break."""
        yield from self._line(self._rest)
        self._rest = b""

    def _line(self, line: bytes) -> Iterator[tuple[int, bytes | None]]:
        self.number += 1
        overlong = self._overlong or len(line) > self._line_max
        self._overlong = False
        if overlong:
            yield self.number, None
        elif line.strip():
            yield self.number, line


@dataclass(slots=True)
class _Line:
    """One line on its way: read, then stored, then answered."""

    number: int
    id: str | None = None
    snapshot: Appointment | None = None
    status: str = "error"
    problems: tuple[Problem, ...] = ()

    def answer(self) -> bytes:
        return orjson.dumps(
            {
                "line": self.number,
                "id": self.id,
                "status": self.status,
                "errors": fields(self.problems),
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )


@dataclass(slots=True)
class _Reading:
    """What a batch remembers between its lines."""

    clinic: Clinic
    seen: set[str] = field(default_factory=set)

    def line(self, number: int, text: bytes | None, line_max: int) -> _Line:
        """Read one line; `snapshot` stays None when it cannot be taken."""
        if text is None:
            return _wrong(number, "", f"the line is longer than {line_max} bytes")
        try:
            data = orjson.loads(text.removeprefix(BOM) if number == 1 else text)
        except orjson.JSONDecodeError:
            return _wrong(number, "", "the line is not JSON in UTF-8")
        shown = _shown_id(data)
        try:
            snapshot = checked_appointment(data, self.clinic)
        except InvalidInput as error:
            return _Line(number, shown, problems=error.problems)
        if snapshot.id in self.seen:
            return _wrong(number, "id", "an earlier line of this batch has this id", shown)
        self.seen.add(snapshot.id)
        return _Line(number, shown, snapshot)


def _wrong(number: int, where: str, message: str, shown: str | None = None) -> _Line:
    return _Line(number, shown, problems=(Problem(where, message),))


def _shown_id(data: Any) -> str | None:
    """Return the line's id as it was written, if it could be one."""
    found = data.get("id") if isinstance(data, dict) else None
    return found if isinstance(found, str) and len(found) <= ID_SHOWN_MAX else None


class Batch:
    """The address that takes many appointments."""

    def __init__(
        self,
        service: Service,
        *,
        bytes_max: int = BATCH_BYTES_MAX,
        line_max: int = APPOINTMENT_BYTES_MAX,
        lines_max: int = LINES_MAX,
    ) -> None:
        self._service = service
        self._bytes_max = bytes_max
        self._line_max = line_max
        self._lines_max = lines_max

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Store the lines, at most `AT_ONCE` at a time, and answer each in its order."""
        if (request.content_length or 0) > self._bytes_max:
            raise too_large(self._bytes_max)
        clinic = await self._service.clinics.clinic(request.match_info["clinic"])
        response = web.StreamResponse(headers={"Content-Type": NDJSON})
        await response.prepare(request)
        if request.transport is not None:
            # A client that does not read yet must not keep us from reading what it sends.
            request.transport.set_write_buffer_limits(high=4 * self._bytes_max)
        try:
            await self._all(request, response, _Reading(clinic))
            await response.write_eof()
        except ConnectionError:
            log.info("a client left during its batch", extra={"clinic": clinic.id})
        return response

    async def _all(
        self, request: web.Request, response: web.StreamResponse, reading: _Reading
    ) -> None:
        lines, taken = Lines(self._line_max), 0
        try:
            while data := await self._more(request):
                taken += len(data)
                if taken > self._bytes_max:
                    raise too_large(self._bytes_max)
                await self._some(response, reading, lines.feed(data))
            await self._some(response, reading, lines.end())
        except Refused as refused:
            # The response has begun, so the end is told in it: as the line that was not read.
            number = min(lines.number, self._lines_max) + 1
            ended = _wrong(number, "", f"{refused.detail} Nothing is read from here on.")
            await response.write(ended.answer())

    async def _more(self, request: web.Request) -> bytes:
        try:
            async with asyncio.timeout(RECEIVE_S):
                return await request.content.readany()
        except TimeoutError:
            raise Refused(408, "The next line did not arrive in time.") from None
        except BROKEN:
            raise Refused(400, "The body broke off.") from None

    async def _some(
        self,
        response: web.StreamResponse,
        reading: _Reading,
        texts: Iterator[tuple[int, bytes | None]],
    ) -> None:
        """Store and answer lines in portions, so that few are under way at once."""
        portion: list[_Line] = []
        last = 0
        for last, text in texts:
            if last > self._lines_max:
                break
            portion.append(reading.line(last, text, self._line_max))
            if len(portion) == AT_ONCE:
                await self._portion(response, reading.clinic.id, portion)
                portion = []
        if portion:
            await self._portion(response, reading.clinic.id, portion)
        if last > self._lines_max:
            raise Refused(413, f"A batch may have at most {self._lines_max} lines.")

    async def _portion(
        self, response: web.StreamResponse, clinic: str, portion: list[_Line]
    ) -> None:
        await asyncio.gather(*(self._store(clinic, line) for line in portion))
        await response.write(b"".join(line.answer() for line in portion))

    async def _store(self, clinic: str, line: _Line) -> None:
        if line.snapshot is None:
            return
        try:
            decided = await self._service.engine.snapshot(clinic, line.snapshot)
        except StoreError:
            line.problems = (Problem("", "the store does not answer; send this line again"),)
        except Exception:
            log.exception("a line of a batch failed unexpectedly", extra={"clinic": clinic})
            line.problems = (Problem("", "could not be stored; send this line again"),)
        else:
            line.status = "stored" if decided.changed else "unchanged"

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the address."""
        result = shape(
            {
                "line": COUNT,
                "id": MAYBE_TEXT,
                "status": words(("stored", "unchanged", "error")),
                "errors": list_of(shape({"field": TEXT, "message": TEXT})),
            }
        )
        return (
            Endpoint(
                "POST",
                "/v1/clinics/{clinic}/appointments:batch",
                self.post,
                "batch_appointments",
                "Record many appointments",
                (Response(200, "A line for each line, in their order.", Content(result, NDJSON)),),
                body=Content("Appointment", NDJSON, "One appointment a line."),
                problems=(404, 413),
            ),
        )
