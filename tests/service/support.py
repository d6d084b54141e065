"""A small world around the service: virtual time, scripted adapters, any number of nodes.

Time is the loop's own and jumps from one timer to the next (`on_virtual_time`); nothing sleeps.
Every node is a whole service; nodes that share a store are what several machines would be.
"""

from __future__ import annotations

import asyncio
import copy
import functools
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ParamSpec

from adapters.store.memory_store import MemoryStore
from gateway.clock import LoopClock
from gateway.core.case import Case, Contact, Entry, EntryKind
from gateway.core.events import Receipt
from gateway.core.model import Appointment, Channel, Function
from gateway.ivr.menu import Heard, Silence, Turn
from gateway.ports.messaging import (
    InboundMessage,
    InboundReceipt,
    OutgoingMessage,
    SenderLimits,
    SendError,
)
from gateway.ports.schedule import Accepted, Change, PushOutcome, Schedule, StatusChange
from gateway.ports.schema import read_appointment
from gateway.ports.store import EVERY_DUTY, Duty, Kind, Ref, Store
from gateway.ports.telephony import CallOrder, CallProvider, Limits
from gateway.rehearse.loop import VirtualLoop
from gateway.scripts import load_scripts, load_texts
from gateway.service.assembly import Parts, Service, assemble
from gateway.service.supervisor import Supervisor
from gateway.service.voice import Voice

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
"""13:00 in Yekaterinburg, so all hours are open and confirmations for tomorrow are due."""

NUMBER = "+79161234567"
OTHER = "+79031234568"
SENDER = "106540350000001"
PROMPT_BASE = "https://visits.example/hooks/calls/audio/"
LINK_BASE = "https://visits.example/v/"
LINK_SECRET = b"a secret of the tests"
SILENT = Voice(load_scripts(), load_texts(), None)
"""A robot whose calls have no sound."""

CLINIC: dict[str, Any] = {
    "id": "zdorovie",
    "name": "Здоровье",
    "branches": [
        {
            "id": "lenina",
            "name": "Клиника «Здоровье» на Ленина",
            "name_in_messages": "Здоровье",
            "timezone": "Asia/Yekaterinburg",
            "phone": "+73433000000",
            "functions": {"confirmation": {"method": "message"}},
            "channels": ["whatsapp", "sms"],
        }
    ],
}

P = ParamSpec("P")


def on_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test on a loop whose time jumps; a wait for nothing is an error."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


def clinic(**branch: Any) -> dict[str, Any]:
    """Return the clinic's settings with fields of its branch replaced."""
    document = copy.deepcopy(CLINIC)
    document["branches"][0] |= branch
    return document


def by_call(**more: Any) -> dict[str, Any]:
    """Return the clinic's settings with confirmation by call."""
    return clinic(functions={"confirmation": {"method": "call", **more}})


def appointment(appointment_id: str = "A-1", **more: Any) -> Appointment:
    """Return tomorrow's visit, made three days ago: its confirmation is due now."""
    phones = more.pop("phones", [NUMBER])
    person = {"phones": phones, **more.pop("person", {})}
    document = {
        "id": appointment_id,
        "branch": "lenina",
        "start": "2026-11-24T14:30:00+05:00",
        "created": "2026-11-20T12:00:00+05:00",
        "doctor": {"name": "Петров Иван Сергеевич", "specialty": "терапевт"},
        "patient": {
            "id": "P-1",
            "first_name": "Мария",
            "middle_name": "Ивановна",
            "last_name": "Сидорова",
            "consent": True,
            **person,
        },
        **more,
    }
    return read_appointment(document, consent_default=None)


def case_ref(appointment_id: str = "A-1") -> Ref:
    return Ref(Kind.CASE, "zdorovie", appointment_id)


def contact_ref(number: str = NUMBER) -> Ref:
    return Ref(Kind.CONTACT, "zdorovie", number)


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Let time pass until something holds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not condition():
        assert loop.time() < end, "it never came true"
        await asyncio.sleep(0.01)


# -- adapters -------------------------------------------------------------------------------------

Reply = str | SendError | Callable[[OutgoingMessage], Awaitable[str | None]]


class Channels:
    """A message channel that answers as scripted, then accepts everything."""

    def __init__(self, channel: Channel = Channel.WHATSAPP, *replies: Reply) -> None:
        self.channel = channel
        self.replies = deque(replies)
        self.sent: list[OutgoingMessage] = []
        self.sent_at: list[float] = []
        self.branches: set[str] | None = None
        self.takes_s = 0.0
        self.rate: SenderLimits | None = None

    def serves(self, clinic: str, branch: str) -> bool:
        return self.branches is None or branch in self.branches

    def limits(self, clinic: str, branch: str) -> SenderLimits | None:
        return self.rate

    async def send(self, message: OutgoingMessage) -> str | None:
        self.sent.append(message)
        self.sent_at.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.takes_s)
        reply = self.replies.popleft() if self.replies else f"{self.channel}-{len(self.sent)}"
        if isinstance(reply, SendError):
            raise reply
        return reply if isinstance(reply, str) else await reply(message)

    async def close(self) -> None:
        """Nothing to let go of."""

    @property
    def texts(self) -> list[str]:
        return [message.content.text for message in self.sent]


class ScriptedLine:
    """A call that was picked up; hears what the script says, then silence."""

    def __init__(self, heard: list[Heard | BaseException], *, turn_s: float = 1.0) -> None:
        self._heard = deque(heard)
        self._turn_s = turn_s
        self.played: list[Turn] = []
        self.hung_up = False
        self.before_turn: Callable[[Turn], Awaitable[None]] | None = None

    async def play(self, turn: Turn, prompt: Path | None) -> Heard:
        self.played.append(turn)
        if self.before_turn is not None:
            await self.before_turn(turn)
        await asyncio.sleep(self._turn_s)
        if not turn.listens:
            return Silence()
        heard = self._heard.popleft() if self._heard else Silence()
        if isinstance(heard, BaseException):
            raise heard
        return heard

    async def hang_up(self) -> None:
        self.hung_up = True


class Trunk:
    """A trunk whose calls are scripted one after another."""

    rests = False

    def __init__(self, *calls: ScriptedLine | Exception) -> None:
        self.calls = deque(calls)
        self.dialled: list[CallOrder] = []
        self.busy = 0
        self.busiest = 0
        self.rings_s = 0.0

    def serves(self, clinic: str, branch: str) -> bool:
        return True

    def limits(self, clinic: str, branch: str) -> Limits:
        return Limits("scripted", 1000, 1000.0)

    async def dial(self, order: CallOrder) -> ScriptedLine:
        self.dialled.append(order)
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            await asyncio.sleep(self.rings_s)
        finally:
            self.busy -= 1
        call = self.calls.popleft() if self.calls else ScriptedLine([])
        if isinstance(call, Exception):
            raise call
        return call

    async def close(self) -> None:
        """Nothing to let go of."""


class Diary:
    """A schedule that takes what it is told, once for each change, and answers as scripted."""

    def __init__(self, *outcomes: PushOutcome) -> None:
        self.outcomes = deque(outcomes)
        self.offered: list[Change] = []
        self.taken: dict[tuple[Ref, str], Change] = {}

    async def push(self, change: Change) -> PushOutcome:
        self.offered.append(change)
        outcome = self.outcomes.popleft() if self.outcomes else Accepted()
        if isinstance(outcome, Accepted):
            self.taken.setdefault((change.ref, change.push), change)
        return outcome

    async def close(self) -> None:
        """Nothing to let go of."""

    @property
    def statuses(self) -> list[str]:
        return [c.after.value for c in self.taken.values() if isinstance(c, StatusChange)]


# -- a node ---------------------------------------------------------------------------------------


@dataclass
class Node:
    """One running service and what it talks to."""

    service: Service
    store: Store
    clock: LoopClock
    supervisor: Supervisor
    whatsapp: Channels
    sms: Channels
    trunk: Trunk
    diary: Diary

    def start(self) -> asyncio.Task[None]:
        """Let the workers run."""
        return self.supervisor.serve(self.service.workers.run())

    async def record(self, *visits: Appointment) -> None:
        for visit in visits or (appointment(),):
            await self.service.engine.snapshot("zdorovie", visit)

    async def case(self, appointment_id: str = "A-1") -> Case:
        case, _ = await self.store.load_case("zdorovie", appointment_id)
        assert case is not None
        return case

    async def contact(self, number: str = NUMBER) -> Contact:
        contact, _ = await self.store.load_contact("zdorovie", number)
        assert contact is not None
        return contact

    async def entries(self, kind: EntryKind, ref: Ref | None = None) -> list[Entry]:
        timeline = await self.store.timeline(ref or case_ref())
        return [entry for entry in timeline if entry.kind is kind]

    async def skipped(self, function: Function, appointment_id: str = "A-1") -> list[str]:
        return [r.value for r in (await self.case(appointment_id)).function(function).reasons]

    async def says(self, text: str | None, message_id: str = "in-1", **more: Any) -> None:
        """A patient writes."""
        await self.service.inbox.take([written(text, message_id, self.clock.now(), **more)])

    async def tells(self, message: OutgoingMessage, receipt: Receipt, **more: Any) -> None:
        """A provider reports about a message of ours."""
        await self.service.inbox.take([told(message, receipt, self.clock.now(), **more)])


def written(text: str | None, message_id: str, at: datetime, **more: Any) -> InboundMessage:
    known = InboundMessage(
        id=message_id,
        channel=Channel.WHATSAPP,
        sender=SENDER,
        at=at,
        number=NUMBER,
        account=None,
        kind="text",
        text=text,
    )
    return replace(known, **more)


def told(message: OutgoingMessage, receipt: Receipt, at: datetime, **more: Any) -> InboundReceipt:
    known = InboundReceipt(
        channel=message.channel,
        sender=SENDER,
        provider_id="whatsapp-1",
        opaque=message.opaque,
        receipt=receipt,
        at=at,
    )
    return replace(known, **more)


@asynccontextmanager
async def node(
    store: Store | None = None,
    *,
    settings: dict[str, Any] | None = None,
    whatsapp: Channels | None = None,
    sms: Channels | None = None,
    trunk: Trunk | None = None,
    trunks: tuple[Trunk, ...] = (),
    diary: Diary | None = None,
    clock: LoopClock | None = None,
    poll_s: float | None = 1.0,
    clinic_known: bool = False,
    provider: CallProvider | None = None,
    voice: Voice = SILENT,
    duties: frozenset[Duty] = EVERY_DUTY,
) -> AsyncIterator[Node]:
    """Build a node; its workers stand still until `start`."""
    kept: Store = store or MemoryStore()
    time = clock or LoopClock(NOW, asyncio.get_running_loop().time)
    wa, text = whatsapp or Channels(), sms or Channels(Channel.SMS)
    calls = trunk or Trunk()
    schedule: Schedule = diary or Diary()
    async with Supervisor() as supervisor:
        service = assemble(
            Parts(
                store=kept,
                clock=time,
                texts=load_texts(),
                channels=(wa, text),
                trunks=() if provider else trunks or (calls,),
                providers=(provider,) if provider else (),
                voice=voice,
                prompt_base=PROMPT_BASE,
                schedule=lambda _: schedule,
                senders={(Channel.WHATSAPP, SENDER): "zdorovie"},
                link_base=LINK_BASE,
                link_secret=LINK_SECRET,
                spawn=supervisor.spawn,
            ),
            poll_s=poll_s,
            duties=duties,
        )
        if not clinic_known:
            await service.clinics.save(settings or CLINIC)
        running = Node(
            service,
            kept,
            time,
            supervisor,
            wa,
            text,
            calls,
            schedule,  # type: ignore[arg-type]
        )
        yield running
        service.workers.stop()
        await supervisor.drain()


def ages_ago(store: MemoryStore, days: int = 30) -> None:
    """The branch was connected long ago: visits recorded now are not adopted (rule Z-1)."""
    clinics = store._clinics
    for key, record in clinics.items():
        earlier = {b: at - timedelta(days=days) for b, at in record.connected.items()}
        clinics[key] = replace(record, connected=earlier, version=record.version + 1)
