"""The feed of changes for clinics that fetch them (rules S-1 to S-3, Z-9).

A change stands in the feed until the clinic accepts or refuses it. One that was settled in
another way meanwhile, say because the visit was moved, is taken out before anybody sees it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic import Field, TypeAdapter

from gateway.core.case import OPEN_PUSHES, Case, Contact, Notice, PushState, StatusPush
from gateway.core.events import PushAccepted, PushConflicted
from gateway.core.model import Appointment, Source, Status
from gateway.errors import InvalidInput, NotFound
from gateway.ports.schema_problems import StrictModel, show_path
from gateway.ports.store import FeedItem, Kind
from gateway.service.assembly import Service
from gateway.service.engine import Decided
from gateway.web.appointments import checked_appointment
from gateway.web.bodies import below, checked, json_response, read_json, whole_number
from gateway.web.endpoints import (
    COUNT,
    MAYBE_TEXT,
    TEXT,
    WHEN,
    Content,
    Endpoint,
    Parameter,
    Response,
    list_of,
    shape,
    words,
)
from gateway.web.problems import invalid

LIMIT, LIMIT_MAX = 100, 500
WAIT_S_MAX = 30
SEQ_MAX = 2**53 - 1  # what every JSON reader holds exactly
ACK_BYTES_MAX = 4096
PATH = "/v1/clinics/{clinic}/changes"


class AckModel(StrictModel):
    """All changes up to this one were taken."""

    through: int = Field(ge=0, le=SEQ_MAX)


_ACK = TypeAdapter(AckModel)

_CHANGE = shape(
    {
        "seq": COUNT,
        "id": TEXT,
        "kind": words(("status", "notifications")),
        "appointment": MAYBE_TEXT,
        "start": WHEN,
        "from": words(Status),
        "to": words(Status),
        "number": TEXT,
        "allowed": {"type": "boolean"},
        "source": words(Source),
        "evidence": TEXT,
        "at": WHEN,
    },
    optional=("start", "from", "to", "number", "allowed"),
)


class Bell:
    """Wakes the long polls of a clinic: rung by whoever publishes a change in this process."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}

    def ring(self, clinic: str) -> None:
        """Wake everybody who waits for this clinic's feed."""
        for event in self._waiting.get(clinic, ()):
            event.set()

    def ring_all(self) -> None:
        """Wake everybody: the server stops."""
        for clinic in self._waiting:
            self.ring(clinic)

    def enter(self, clinic: str) -> asyncio.Event:
        """Begin to wait; what is rung from here on is not missed."""
        event = asyncio.Event()
        self._waiting.setdefault(clinic, set()).add(event)
        return event

    def leave(self, clinic: str, event: asyncio.Event) -> None:
        """Wait no longer."""
        waiting = self._waiting[clinic]
        waiting.discard(event)
        if not waiting:
            del self._waiting[clinic]


class Changes:
    """The addresses of a clinic's feed."""

    def __init__(
        self,
        service: Service,
        bell: Bell,
        draining: asyncio.Event,
        *,
        poll_s: float,
        bytes_max: int,
    ) -> None:
        self._service = service
        self._bell = bell
        self._draining = draining
        self._poll_s = poll_s
        self._bytes_max = bytes_max

    async def get(self, request: web.Request) -> web.Response:
        """Show the changes after `after`; with none, wait up to `wait` seconds for the first."""
        clinic = request.match_info["clinic"]
        await self._service.clinics.clinic(clinic)
        after = whole_number(request, "after", default=0, most=SEQ_MAX)
        limit = whole_number(request, "limit", default=LIMIT, least=1, most=LIMIT_MAX)
        wait_s = whole_number(request, "wait", default=0, most=WAIT_S_MAX)
        items = await self._wait(request, clinic, after, limit, wait_s)
        return json_response(
            {
                "changes": [{**item.document, "seq": item.seq} for item in items],
                "after": items[-1].seq if items else after,
            }
        )

    async def _wait(
        self, request: web.Request, clinic: str, after: int, limit: int, wait_s: int
    ) -> tuple[FeedItem, ...]:
        """Wait in the machine's time, which is the client's, whatever the service's clock shows."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        rung = self._bell.enter(clinic)
        try:
            while True:
                rung.clear()
                items = await self._open(clinic, after, limit)
                left = until - loop.time()
                if items or left <= 0 or self._draining.is_set() or request.transport is None:
                    return items
                await _sleep(min(left, self._poll_s), rung)
        finally:
            self._bell.leave(clinic, rung)

    async def _open(self, clinic: str, after: int, limit: int) -> tuple[FeedItem, ...]:
        """Return the changes that still wait for the clinic, and drop those that no longer do."""
        items = await self._service.store.feed(clinic, after, limit)
        pushes = await asyncio.gather(*(self._push(item) for item in items))
        found = []
        for item, push in zip(items, pushes, strict=True):
            if push is not None and push.state in OPEN_PUSHES:
                found.append(item)
            else:
                await self._service.store.take_from_feed(clinic, item.seq)
        return tuple(found)

    async def _push(self, item: FeedItem) -> StatusPush | Notice | None:
        store, ref = self._service.store, item.ref
        if ref.kind is Kind.CASE:
            case, _ = await store.load_case(ref.clinic, ref.key)
            return _find(item, case, None)
        contact, _ = await store.load_contact(ref.clinic, ref.key)
        return _find(item, None, contact)

    async def ack(self, request: web.Request) -> web.Response:
        """Accept every change up to `through`; once more changes nothing."""
        clinic = request.match_info["clinic"]
        given = checked(_ACK, await read_json(request, ACK_BYTES_MAX))
        accepted, after = 0, 0
        while items := await self._service.store.feed(clinic, after, LIMIT):
            for item in items:
                if item.seq > given.through:
                    break
                # Dying between the two lines leaves a change that is dropped when it is next seen.
                await self._service.engine.apply(item.ref, PushAccepted(item.push))
                await self._service.store.take_from_feed(clinic, item.seq)
                accepted += 1
            after = items[-1].seq
            if after >= given.through:
                break
        return json_response({"accepted": accepted})

    async def refuse(self, request: web.Request) -> web.Response:
        """The appointment changed meanwhile: look at the newest one (rule S-2)."""
        clinic = request.match_info["clinic"]
        seq = _seq(request)
        data = await read_json(request, self._bytes_max)
        item = await self._item(clinic, seq)
        newest = await self._newest(item, data)
        branch = newest.branch if newest is not None else None
        event = PushConflicted(item.push, newest)
        decided = await self._service.engine.apply(item.ref, event, branch=branch)
        state = _state_after(item, decided)
        if state not in OPEN_PUSHES:
            await self._service.store.take_from_feed(clinic, item.seq)
        shown = "open" if state in OPEN_PUSHES else state.value
        return json_response({"seq": item.seq, "state": shown})

    async def _item(self, clinic: str, seq: int) -> FeedItem:
        for item in await self._service.store.feed(clinic, seq - 1, 1):
            if item.seq == seq:
                return item
        raise NotFound

    async def _newest(self, item: FeedItem, data: Any) -> Appointment | None:
        if not isinstance(data, Mapping) or "appointment" not in data:
            raise invalid("appointment", "required, but missing: the newest one, or null")
        for name in data:
            if name != "appointment":
                raise invalid(show_path((str(name),)), "unknown field")
        if data["appointment"] is None:
            return None
        if item.ref.kind is not Kind.CASE:
            raise invalid("appointment", "must be null: the change is about a number")
        clinic = await self._service.clinics.clinic(item.ref.clinic)
        try:
            newest = checked_appointment(data["appointment"], clinic)
        except InvalidInput as error:
            raise below("appointment", error) from None
        if newest.id != item.ref.key:
            raise invalid("appointment.id", "is not the appointment that the change is about")
        return newest

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the addresses."""
        seen = shape({"changes": list_of(_CHANGE), "after": COUNT})
        refusal = shape(
            {"appointment": {"oneOf": [{"$ref": "#/components/schemas/Appointment"}, _NULL]}}
        )
        states = ("open", *(s.value for s in PushState if s not in OPEN_PUSHES))
        return (
            Endpoint(
                "GET",
                PATH,
                self.get,
                "get_changes",
                "Fetch changes for the schedule, waiting for the first one",
                (Response(200, "Changes that are not taken yet, oldest first.", Content(seen)),),
                query=(
                    Parameter("after", COUNT, "Only changes with a greater `seq`; default 0."),
                    Parameter("limit", _between(1, LIMIT_MAX), f"How many; default {LIMIT}."),
                    Parameter("wait", _between(0, WAIT_S_MAX), "Seconds to wait; default 0."),
                ),
                problems=(404, 422),
            ),
            Endpoint(
                "POST",
                f"{PATH}:ack",
                self.ack,
                "ack_changes",
                "Accept all changes up to one",
                (Response(200, "How many were accepted.", Content(shape({"accepted": COUNT}))),),
                body=Content(AckModel.model_json_schema()),
                problems=(400, 413, 422),
            ),
            Endpoint(
                "POST",
                f"{PATH}/{{seq}}:refuse",
                self.refuse,
                "refuse_change",
                "Refuse a change: the appointment changed meanwhile",
                (
                    Response(
                        200,
                        "`open`: it still fits and stands in the feed; else what became of it.",
                        Content(shape({"seq": COUNT, "state": words(states)})),
                    ),
                ),
                body=Content(refusal),
                problems=(400, 404, 413, 422),
            ),
        )


_NULL = {"type": "null"}


def _between(least: int, most: int) -> dict[str, object]:
    return {"type": "integer", "minimum": least, "maximum": most}


def _seq(request: web.Request) -> int:
    text = request.match_info["seq"]
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(SEQ_MAX))):
        raise NotFound
    return int(text)


def _find(item: FeedItem, case: Case | None, contact: Contact | None) -> StatusPush | Notice | None:
    pushes: tuple[StatusPush | Notice, ...] = ()
    if case is not None:
        pushes = case.pushes
    elif contact is not None:
        pushes = contact.notices
    return next((push for push in pushes if push.id == item.push), None)


def _state_after(item: FeedItem, decided: Decided) -> PushState:
    case = decided.case if item.ref.kind is Kind.CASE else None
    push = _find(item, case, decided.contact)
    return push.state if push is not None else PushState.REFUSED


async def _sleep(seconds: float, rung: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await rung.wait()
    except TimeoutError:
        return
