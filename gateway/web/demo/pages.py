"""The demo's addresses: the page, its live updates, and what patients and staff do on it.

Only this machine may ask: requests must come from a loopback address and name one as their host,
so that no page elsewhere can reach the demo through a browser. What changes something must carry
a header as well that a form on another site cannot send.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from importlib.resources import files
from ipaddress import ip_address
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import orjson
from aiohttp import web
from pydantic import Field, TypeAdapter

from gateway.core.clinic import Branch
from gateway.errors import Forbidden, NotFound, StoreUnavailable
from gateway.ports.schema_problems import StrictModel
from gateway.service.assembly import Service
from gateway.web.appointments import Appointments, checked_appointment
from gateway.web.bodies import checked, json_response, read_json
from gateway.web.clinics import merge_clinic
from gateway.web.demo.feed import Feed, Update
from gateway.web.demo.sound import sound_of
from gateway.web.demo.town import Json, Town, TownClock
from gateway.web.problems import Handler, answered, invalid

HEADER = "X-Callahead-Demo"
BODY_BYTES_MAX = 32 * 1024
TEXT_CHARS_MAX = 4096  # as many as WhatsApp takes
FACTOR_MAX = 600.0
"""A day in less than three minutes. Faster, and a lease of a minute would end within an
ordinary pause of the machine."""

BEAT_S = 10.0
"""How often an idle connection is told the time, so that a broken one is noticed."""

PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
STATIC = {
    "demo.css": "text/css",
    "apps.css": "text/css",
    "demo.js": "text/javascript",
    "dom.js": "text/javascript",
    "calls.js": "text/javascript",
    "live.js": "text/javascript",
    "money.js": "text/javascript",
    "ring.js": "text/javascript",
    "apps.js": "text/javascript",
    "chats.js": "text/javascript",
    "schedule.js": "text/javascript",
    "words.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}

_LocalTime = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d$")]
_Text = Annotated[str, Field(max_length=100)]


MessageChannel = Literal["push", "whatsapp", "max", "telegram", "sms"]


class SayModel(StrictModel):
    """A patient writes; `quote` is the id of the message it answers."""

    text: str = Field(min_length=1, max_length=TEXT_CHARS_MAX)
    quote: str | None = None
    app: MessageChannel | None = None


class ReadModel(StrictModel):
    """A patient looks at one app, or at all of them."""

    app: MessageChannel | None = None


class OrderModel(StrictModel):
    """Which channels every branch tries, and in which order."""

    channels: Annotated[list[MessageChannel], Field(min_length=1, max_length=5)]


class TapModel(StrictModel):
    """A patient taps a button, counted from 0."""

    message: str
    button: int = Field(ge=0, le=9)


class KeyModel(StrictModel):
    """A patient presses a key of the phone."""

    key: Annotated[str, Field(pattern=r"^[0-9*#]$")]


class ActModel(StrictModel):
    """The staff does something to a visit; `start` is local time, for `move` only."""

    action: Literal["confirm", "unconfirm", "cancel", "arrive", "move", "remove"]
    start: _LocalTime | None = None


class VisitModel(StrictModel):
    """A new visit; `start` is the clinic's local time."""

    last_name: _Text = ""
    first_name: Annotated[str, Field(min_length=1, max_length=100)]
    middle_name: _Text = ""
    phone: Annotated[str, Field(max_length=40)]
    doctor: _Text = ""
    specialty: _Text = ""
    start: _LocalTime
    consent: bool = True


class ClockModel(StrictModel):
    """How fast the demo's time goes; 0 stops it."""

    factor: float = Field(ge=0, le=FACTOR_MAX)


_SAY, _TAP, _READ = TypeAdapter(SayModel), TypeAdapter(TapModel), TypeAdapter(ReadModel)
_ORDER = TypeAdapter(OrderModel)
_KEY = TypeAdapter(KeyModel)
_ACT, _VISIT, _CLOCK = TypeAdapter(ActModel), TypeAdapter(VisitModel), TypeAdapter(ClockModel)
_STATUS = {
    "confirm": "confirmed",
    "unconfirm": "unconfirmed",
    "cancel": "cancelled",
    "arrive": "arrived",
}


class DemoPages:
    """Everything under /demo."""

    def __init__(
        self, service: Service, town: Town, clock: TownClock, feed: Feed, clinic: str
    ) -> None:
        self._service = service
        self._town = town
        self._clock = clock
        self._feed = feed
        self._clinic = clinic
        self._explain = Appointments(service).explain
        folder = files("gateway.web.demo") / "static"
        self._page = (folder / "index.html").read_bytes()
        self._static = {name: (folder / name).read_bytes() for name in STATIC}

    def add_to(self, app: web.Application) -> None:
        """Add the addresses, and the way from / to the page."""
        show, change = self._shown, self._changing
        app.router.add_get("/", show(self.home))
        app.router.add_get("/demo", show(self.page))
        app.router.add_get("/demo/static/{name}", show(self.static))
        app.router.add_get("/demo/state", show(self.state))
        app.router.add_get("/demo/events", show(self.events))
        app.router.add_get(f"/demo/explain/{{clinic:{self._clinic}}}/{{id}}", show(self._explain))
        app.router.add_post("/demo/chats/{number}/messages", change(self.say))
        app.router.add_post("/demo/chats/{number}/taps", change(self.tap))
        app.router.add_post("/demo/chats/{number}/read", change(self.read))
        app.router.add_post(
            "/demo/chats/{number}/bots/{app:max|telegram}/{deed:start|share|stop}",
            change(self.bot),
        )
        app.router.add_post("/demo/channels", change(self.set_order))
        app.router.add_get("/demo/audio/{name:[0-9a-f]+}.wav", show(self.audio))
        app.router.add_get("/demo/calls/{id}/sound", show(sound_of(self._town)))
        app.router.add_post("/demo/phones/{number}/{deed:answer|decline|ignore}", change(self.ring))
        app.router.add_post("/demo/calls/{id}/keys", change(self.press))
        app.router.add_post("/demo/calls/{id}/hang-up", change(self.hang_up))
        app.router.add_post("/demo/schedule", change(self.add_visit))
        app.router.add_post("/demo/schedule/{id}", change(self.act))
        app.router.add_post("/demo/clock", change(self.set_clock))
        app.on_shutdown.append(self._close)

    async def _close(self, _app: web.Application) -> None:
        self._feed.close()

    def _shown(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            _must_be_local(request)
            return await handler(request)

        async def handle(request: web.Request) -> web.StreamResponse:
            return await answered(guarded, request)

        return handle

    def _changing(self, handler: Callable[[web.Request], Awaitable[None]]) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            if HEADER not in request.headers:
                raise Forbidden(f"The header {HEADER} is missing.")
            await handler(request)
            self._feed.poke()
            return json_response({"done": True})

        return self._shown(guarded)

    # What is shown

    async def home(self, _request: web.Request) -> web.StreamResponse:
        """Lead to the page."""
        return web.Response(status=302, headers={"Location": "/demo"})

    async def page(self, _request: web.Request) -> web.StreamResponse:
        """Show the page."""
        return web.Response(
            body=self._page, content_type="text/html", charset="utf-8", headers=PAGE_HEADERS
        )

    async def static(self, request: web.Request) -> web.StreamResponse:
        """Hand out a file of the page."""
        name = request.match_info["name"]
        if name not in self._static:
            raise NotFound
        return web.Response(
            body=self._static[name],
            content_type=STATIC[name],
            charset="utf-8",
            headers=PAGE_HEADERS,
        )

    async def state(self, _request: web.Request) -> web.StreamResponse:
        """Return everything that can be seen now."""
        await self._feed.look()
        return json_response(await self._document(self._feed.since(None)))

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Stream what changes, as server-sent events."""
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        update: Update | None = self._feed.since(request.headers.get("Last-Event-ID"))
        last = update.id if update else ""
        try:
            while not self._feed.closed:
                document = await self._document(update or Update(last, False, {}))
                await response.write(
                    b"id: " + last.encode() + b"\ndata: " + orjson.dumps(document) + b"\n\n"
                )
                update = await self._feed.after(last, BEAT_S)
                last = update.id if update else last
        except (ConnectionError, StoreUnavailable):
            pass  # the browser has gone, or comes again soon
        return response

    async def _document(self, update: Update) -> Json:
        clinic = await self._service.clinics.clinic(self._clinic)
        branch = clinic.branches[0]
        now = self._service.clock.now().astimezone(ZoneInfo(branch.timezone))
        return {
            "id": update.id,
            "whole": update.whole,
            "clock": {
                "now": now.isoformat(timespec="milliseconds"),
                "factor": self._clock.shown_factor,
                "zone": branch.timezone,
            },
            "clinic": {
                "id": clinic.id,
                "name": clinic.name if len(clinic.branches) > 1 else branch.name,
            },
            "items": update.items,
        }

    async def _branch(self) -> Branch:
        return (await self._service.clinics.clinic(self._clinic)).branches[0]

    # What patients do

    async def say(self, request: web.Request) -> None:
        """Write to the clinic."""
        said = checked(_SAY, await read_json(request, BODY_BYTES_MAX))
        await self._town.say(self._number(request), said.text, said.quote, said.app)

    async def tap(self, request: web.Request) -> None:
        """Tap a button."""
        tapped = checked(_TAP, await read_json(request, BODY_BYTES_MAX))
        await self._town.tap(self._number(request), tapped.message, tapped.button)

    async def read(self, request: web.Request) -> None:
        """Look at what has arrived."""
        looked = checked(_READ, await read_json(request, BODY_BYTES_MAX))
        await self._town.read(self._number(request), looked.app)

    async def bot(self, request: web.Request) -> None:
        """Open the clinic's bot in a messenger, show it one's number, or stop it."""
        deeds = {
            "start": self._town.start_bot,
            "share": self._town.share_number,
            "stop": self._town.stop_bot,
        }
        deeds[request.match_info["deed"]](self._number(request), request.match_info["app"])

    def _number(self, request: web.Request) -> str:
        """Return the number of a phone that is there."""
        number = request.match_info["number"]
        if not any(chat["number"] == number for chat in self._town.chats()):
            raise NotFound
        return number

    async def ring(self, request: web.Request) -> None:
        """Pick up a phone that rings, press the call away, or silence it."""
        number = request.match_info["number"]
        deeds = {
            "answer": self._town.answer,
            "decline": self._town.decline,
            "ignore": self._town.ignore,
        }
        deeds[request.match_info["deed"]](number)

    async def press(self, request: web.Request) -> None:
        """Press a key during a call."""
        pressed = checked(_KEY, await read_json(request, BODY_BYTES_MAX))
        self._town.press(request.match_info["id"], pressed.key)

    async def hang_up(self, request: web.Request) -> None:
        """End a call."""
        self._town.hang_up(request.match_info["id"])

    async def audio(self, request: web.Request) -> web.StreamResponse:
        """Hand out what a call is playing, to the letter; some browsers ask for it in parts."""
        body = self._town.audio(request.match_info["name"])
        headers = {
            "Accept-Ranges": "bytes",
            "Cache-Control": "private, max-age=3600",
            "X-Content-Type-Options": "nosniff",
        }
        try:
            start, stop, _ = request.http_range.indices(len(body))
        except ValueError:
            start, stop = 0, len(body)
        whole = (start, stop) == (0, len(body))
        if not whole:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(body)}"
        return web.Response(
            status=200 if whole else 206,
            body=body[start:stop],
            content_type="audio/wav",
            headers=headers,
        )

    # What the staff does

    async def set_order(self, request: web.Request) -> None:
        """Change the channel order of every branch, as a PATCH of the clinic's API does."""
        order = checked(_ORDER, await read_json(request, BODY_BYTES_MAX)).channels

        def merged(stored: Mapping[str, object] | None) -> Mapping[str, object]:
            if stored is None:
                raise NotFound
            branches = [{"id": b.id, "channels": order} for b in clinic.branches]
            return merge_clinic(stored, {"branches": branches})

        clinic = await self._service.clinics.clinic(self._clinic)
        await self._service.clinics.change(self._clinic, merged)

    async def act(self, request: web.Request) -> None:
        """Do something to a visit."""
        visit = request.match_info["id"]
        act = checked(_ACT, await read_json(request, BODY_BYTES_MAX))
        if act.action == "remove":
            self._town.remove(visit)
        elif act.action == "move":
            if act.start is None:
                raise invalid("start", "is needed to move a visit")
            self._town.move(visit, await self._moment(act.start))
        else:
            self._town.mark(visit, _STATUS[act.action])

    async def add_visit(self, request: web.Request) -> None:
        """Write a new visit into the schedule."""
        asked = checked(_VISIT, await read_json(request, BODY_BYTES_MAX))
        branch = await self._branch()
        taken = {str(visit["id"]) for visit in self._town.visits()}
        number = 501
        while f"V-{number}" in taken:
            number += 1
        visit: Json = {
            "id": f"V-{number}",
            "branch": branch.id,
            "start": await self._moment(asked.start),
            "duration": "30m",
            "created": self._service.clock.now().isoformat(),
            "status": "unconfirmed",
            "doctor": {"name": asked.doctor, "specialty": asked.specialty},
            "patient": {
                "id": f"P-{number}",
                "last_name": asked.last_name,
                "first_name": asked.first_name,
                "middle_name": asked.middle_name,
                "phones": [asked.phone] if asked.phone.strip() else [],
                "consent": asked.consent,
            },
        }
        checked_appointment(visit, await self._service.clinics.clinic(self._clinic))
        self._town.put(visit)

    async def _moment(self, text: str) -> str:
        zone = ZoneInfo((await self._branch()).timezone)
        try:
            return datetime.fromisoformat(text).replace(tzinfo=zone).isoformat()
        except ValueError:
            raise invalid("start", "is not a date and time that exists") from None

    async def set_clock(self, request: web.Request) -> None:
        """Let the demo's time go faster or slower."""
        self._clock.change(checked(_CLOCK, await read_json(request, BODY_BYTES_MAX)).factor)
        self._feed.nudge()


def _must_be_local(request: web.Request) -> None:
    host = (request.url.host or "").lower()
    named = host == "localhost" or _is_loopback(host)
    if not named or not _is_loopback(request.remote or ""):
        raise Forbidden("The demo answers only on the machine on which it runs.")


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
