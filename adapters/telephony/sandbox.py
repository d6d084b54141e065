"""A small Twilio of our own: Voice's REST API and callbacks over a world of patients' telephones.

The production adapter runs against it unchanged: point `api_base` at where `twilio_app` is
mounted. It answers with the API's errors, queues calls beyond an account's calls a second, sends
signed callbacks, carries out TwiML as strictly as it can, and goes wrong on demand (`Faults`). A
phone rings until somebody answers, declines, or the time is up: a person through `answer`,
`press` and `hang_up`, or the patient's own `Habit`. The demo page shows the phones; tests and load
runs use the same world without it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Protocol
from urllib.parse import parse_qsl

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from adapters.changes import Changes
from adapters.http import HttpClient
from adapters.json_values import Json
from adapters.telephony.sandbox_audio import AudioShelf
from adapters.telephony.sandbox_call import Deed, Did, LiveCall, Network
from adapters.telephony.sandbox_callbacks import Callbacks
from adapters.telephony.sandbox_memory import Book, Memory, of_call, of_state, of_told
from adapters.telephony.sandbox_phone import (
    ON_THE_PHONE,
    By,
    Call,
    CallState,
    Faults,
    Pace,
    Phone,
)
from adapters.telephony.sandbox_reports import API_VERSION, Reports
from adapters.telephony.sandbox_rest import Order, TwilioError, read_order
from gateway.clock import Clock
from gateway.errors import NotFound

KEYS = frozenset("0123456789*#")


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """An account of the sandbox: its secrets and the numbers it may call from."""

    sid: str = field(repr=False)
    auth_token: str = field(repr=False)
    numbers: frozenset[str]
    api_keys: frozenset[tuple[str, str]] = field(default=frozenset(), repr=False)
    calls_per_second: float = 1.0


class Live(Protocol):
    """A call that goes on, over whatever it came."""

    @property
    def call(self) -> Call:
        """What is shown of it."""
        ...

    def do(self, did: Did) -> None:
        """Let somebody do something about it."""
        ...


class World:
    """All telephones and calls. `run` must be running for anything to ring.

    With a `book` the world survives its process: `recall` brings back what stands in it. `real`
    sleeps by the machine's own clock.
    """

    def __init__(
        self,
        clock: Clock,
        client: HttpClient,
        accounts: Iterable[TwilioAccount],
        *,
        pace: Pace | None = None,
        book: Book | None = None,
        real: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.changes = Changes()
        self.faults = Faults()
        self.accounts = {account.sid: account for account in accounts}
        self._clock = clock
        self._callbacks = Callbacks(client, real)
        self._pace = pace or Pace()
        self._book = book
        self._real = real
        self._shelf = AudioShelf()
        self._phones: dict[str, Phone] = {}
        self._calls: dict[str, Call] = {}
        self._going_on: dict[str, Live] = {}
        self._queues: dict[str, asyncio.Queue[Call]] = {
            sid: asyncio.Queue() for sid in self.accounts
        }
        self._untold: list[Call] = []
        self._under_way = 0

    # What is there

    @property
    def calls(self) -> tuple[Call, ...]:
        """All calls, oldest first."""
        return tuple(self._calls.values())

    def phones(self) -> tuple[Phone, ...]:
        """All telephones that were ever asked for or called."""
        return tuple(self._phones.values())

    def phone(self, number: str) -> Phone:
        """Return a patient's telephone; it exists as soon as it is asked for."""
        return self._phones.setdefault(number, Phone(number))

    def call(self, sid: str) -> Call:
        """Return a call; raise `NotFound`."""
        try:
            return self._calls[sid]
        except KeyError:
            raise NotFound("no such call") from None

    def audio(self, name: str) -> bytes:
        """Return the bytes of an audio file that a call was told to play; raise `NotFound`."""
        found = self._shelf.get(name)
        if found is None:
            raise NotFound("no such audio")
        return found

    def recall(self, records: Iterable[Json]) -> None:
        """Go on after an earlier life of this world: whoever was on the phone then is not now."""
        memory = Memory.of(records)
        for call in memory.calls.values():
            self._calls[call.sid] = call
            self.phone(call.order.to)
            if call.account_sid not in self.accounts:
                if call.live:
                    call.end(CallState.FAILED, By.NETWORK, None, self._clock.now())
                continue
            if call.state is CallState.QUEUED:
                self._enqueue(call)
            elif not memory.end_was_told(call):
                self._under_way += 1
                self._untold.append(call)
        self.changes.note()

    async def idle(self) -> None:
        """Wait until no call is under way and everything is reported."""
        while self._under_way:
            await self.changes.after(self.changes.count)

    # What patients do

    def answer(self, number: str) -> str:
        """Pick up a phone that rings; return the call's sid. Raises `NotFound`."""
        live = self._ringing(number)
        live.do(Did(Deed.ANSWER, by_hand=True))
        return live.call.sid

    def decline(self, number: str) -> None:
        """Press a call away; raise `NotFound`."""
        self._ringing(number).do(Did(Deed.DECLINE, by_hand=True))

    def ignore(self, number: str) -> None:
        """Silence a phone and let it ring; raise `NotFound`."""
        live = self._ringing(number)
        live.call.silenced = True
        self.changes.note()

    def press(self, sid: str, key: str) -> None:
        """Press a key during a call; raise `NotFound`, also for a key that phones do not have."""
        if key not in KEYS:
            raise NotFound("no such key")
        self._talking(sid).do(Did(Deed.KEY, key, by_hand=True))

    def hang_up(self, sid: str) -> None:
        """End a call; raise `NotFound`."""
        self._talking(sid).do(Did(Deed.HANG_UP, by_hand=True))

    def _ringing(self, number: str) -> Live:
        for live in self._going_on.values():
            if live.call.order.to == number and live.call.state is CallState.RINGING:
                return live
        raise NotFound("this phone does not ring")

    def _talking(self, sid: str) -> Live:
        live = self._going_on.get(sid)
        if live is None or live.call.state is not CallState.IN_PROGRESS:
            raise NotFound("no such call going on")
        return live

    # What the business asks for

    def create(self, account: TwilioAccount, order: Order) -> Call:
        """Take a call into the account's queue, or raise `TwilioError`."""
        planned = self.faults.take_planned(order.to)
        if planned is not None:
            raise TwilioError(planned)
        call = Call(f"CA{secrets.token_hex(16)}", account.sid, order, self._clock.now())
        self._note_call(call)
        self._enqueue(call)
        return call

    @contextmanager
    def held(self, live: Live) -> Iterator[None]:
        """Let a call that comes over another line than Twilio's go on, to its end."""
        self._note_call(live.call)
        self._going_on[live.call.sid] = live
        self._under_way += 1
        try:
            yield
        finally:
            del self._going_on[live.call.sid]
            self._done()

    def _note_call(self, call: Call) -> None:
        self._calls[call.sid] = call
        self.phone(call.order.to)
        self._write(of_call(call))
        self.changes.note()

    def _enqueue(self, call: Call) -> None:
        self._under_way += 1
        self._queues[call.account_sid].put_nowait(call)

    # What happens

    async def run(self) -> None:
        """Let calls happen, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            network = Network(
                self._clock,
                self._real,
                self._callbacks,
                self._pace,
                self._shelf,
                tasks,
                self._token_of,
                self.changes.note,
                self.moved,
                self.engaged,
            )
            untold, self._untold = self._untold, []
            for call in untold:
                tasks.create_task(self._tell_end(call))
            for account in self.accounts.values():
                tasks.create_task(self._dial(account, network))

    async def _dial(self, account: TwilioAccount, network: Network) -> None:
        """Let the queue go at the account's pace."""
        while True:
            call = await self._queues[account.sid].get()
            live = LiveCall(call, self.phone(call.order.to), self._reports(call), network)
            self._going_on[call.sid] = live
            network.tasks.create_task(self._hold(live))
            await self._clock.sleep(1 / account.calls_per_second)

    async def _hold(self, live: LiveCall) -> None:
        try:
            await live.run()
        finally:
            del self._going_on[live.call.sid]
            self._done()

    async def _tell_end(self, call: Call) -> None:
        if call.live:
            talked = call.state is CallState.IN_PROGRESS
            state = CallState.COMPLETED if talked else CallState.FAILED
            call.end(state, By.NETWORK, None, self._clock.now())
        reports = self._reports(call)
        reports.add("completed")
        self.moved(call)
        reports.close()
        await reports.send_all()
        self._done()

    def _reports(self, call: Call) -> Reports:
        token = self._token_of(call)
        return Reports(call, token, self._callbacks, self.faults, self._clock, self._told)

    def _token_of(self, call: Call) -> str:
        return self.accounts[call.account_sid].auth_token

    def _done(self) -> None:
        self._under_way -= 1
        self.changes.note()

    def engaged(self, call: Call) -> bool:
        """Tell whether the telephone is on another call."""
        return any(
            other.call is not call
            and other.call.order.to == call.order.to
            and other.call.state in ON_THE_PHONE
            for other in self._going_on.values()
        )

    def moved(self, call: Call) -> None:
        """Write down how a call stands, and note that a page looks different."""
        self._write(of_state(call), durable=not call.live)
        self.changes.note()

    def _told(self, call: Call, state: CallState) -> None:
        self._write(of_told(call, state), durable=False)

    def _write(self, record: Json, *, durable: bool = True) -> None:
        if self._book is not None:
            self._book.write(record, durable=durable)


def twilio_app(world: World, clock: Clock) -> web.Application:
    """Return the API as an application to be mounted anywhere, e.g. under /sandbox/twilio."""

    async def create(request: web.Request) -> web.StreamResponse:
        account = _authorised(world, request)
        pairs = parse_qsl((await request.read()).decode(errors="replace"), keep_blank_values=True)
        call = world.create(account, read_order(pairs, account.numbers))
        await clock.sleep(world.faults.slow_s)
        if world.faults.take_cut() and request.transport is not None:
            request.transport.close()
        return web.json_response(_document(call), status=201)

    async def fetch(request: web.Request) -> web.StreamResponse:
        account = _authorised(world, request)
        try:
            call = world.call(request.match_info["sid"])
        except NotFound:
            raise TwilioError(20404) from None
        if call.account_sid != account.sid:
            raise TwilioError(20404)
        return web.json_response(_document(call))

    app = web.Application(middlewares=[_answer_errors(world)])
    calls = f"/{API_VERSION}/Accounts/{{account}}/Calls"
    app.router.add_post(f"{calls}.json", create)
    app.router.add_get(f"{calls}/{{sid}}.json", fetch)
    return app


def _answer_errors(world: World) -> Middleware:
    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        if world.faults.down:
            return web.Response(status=502, text="Bad Gateway")
        try:
            return await handler(request)
        except TwilioError as error:
            return web.json_response(error.document, status=error.status)

    return answer


def _authorised(world: World, request: web.Request) -> TwilioAccount:
    account = world.accounts.get(request.match_info["account"])
    if account is None:
        raise TwilioError(20003)
    kind, _, coded = request.headers.get("Authorization", "").partition(" ")
    try:
        given = base64.b64decode(coded, validate=True)
    except binascii.Error:
        raise TwilioError(20003) from None
    pairs = {(account.sid, account.auth_token), *account.api_keys}
    matches = [hmac.compare_digest(given, f"{user}:{word}".encode()) for user, word in pairs]
    if kind != "Basic" or not any(matches):
        raise TwilioError(20003)
    return account


def _document(call: Call) -> Json:
    started = format_datetime(call.answered_at) if call.answered_at else None
    ended = format_datetime(call.ended_at) if call.ended_at else None
    return {
        "sid": call.sid,
        "account_sid": call.account_sid,
        "api_version": API_VERSION,
        "to": call.order.to,
        "from": call.order.caller,
        "status": call.state.value if call.state is not CallState.INITIATED else "ringing",
        "answered_by": call.answered_by or None,
        "direction": "outbound-api",
        "date_created": format_datetime(call.created_at),
        "start_time": started,
        "end_time": ended,
        "duration": str(call.duration_s) if call.ended_at else None,
        "uri": f"/{API_VERSION}/Accounts/{call.account_sid}/Calls/{call.sid}.json",
    }
