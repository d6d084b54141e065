"""Puts the service together from its ports: the same parts for production and rehearsal.

The composition root chooses the adapters and calls `assemble`; a rehearsal calls it with the
memory store, a virtual clock and scripted patients. There is no other way to build the service,
so there is no other path on which a decision could be made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.core.case import Entry
from gateway.core.draft import Settings
from gateway.core.model import Channel
from gateway.core.wording import Texts
from gateway.ports.messaging import Messaging
from gateway.ports.schedule import FreeTimes, Schedule
from gateway.ports.store import EVERY_DUTY, Duty, Outcome, Ref, Store, WriteOff
from gateway.ports.telephony import CallProvider, Trunk
from gateway.service.clinics import Clinics
from gateway.service.effects import Effects, Spawn
from gateway.service.engine import Engine
from gateway.service.inbox import Inbox
from gateway.service.lines import Lines
from gateway.service.linking import Accounts
from gateway.service.links import JoinLinks
from gateway.service.provider_calls import ProviderCalls
from gateway.service.rescheduling import Rescheduling
from gateway.service.strangers import Strangers
from gateway.service.voice import Voice
from gateway.service.workers import Workers
from gateway.service.write_offs import WriteOffs


@dataclass(frozen=True, slots=True)
class Parts:
    """What the world provides."""

    store: Store
    clock: Clock
    texts: Texts
    channels: tuple[Messaging, ...]
    trunks: tuple[Trunk, ...]
    voice: Voice
    schedule: Callable[[str], Schedule | None]  # None: the clinic takes changes from the feed
    senders: Mapping[tuple[Channel, str], str]
    link_base: str
    link_secret: bytes
    spawn: Spawn  # starts what a stop waits for
    providers: tuple[CallProvider, ...] = ()
    free_times: Callable[[str], FreeTimes | None] = lambda _: None  # whose schedule offers them
    reports_delivery: Callable[[Channel, str, str], bool] = lambda *_: True  # by clinic, branch
    prompt_base: str = ""  # address before the token of a prompt, for providers that fetch them


@dataclass(frozen=True, slots=True)
class Service:
    """The running parts."""

    store: Store
    clock: Clock
    clinics: Clinics
    engine: Engine
    effects: Effects
    inbox: Inbox
    calls: ProviderCalls
    workers: Workers
    rescheduling: Rescheduling
    links: JoinLinks


def assemble(
    parts: Parts,
    *,
    observe: Callable[[Ref, str, tuple[Entry, ...]], None] = lambda *_: None,
    observe_write_off: Callable[[str, WriteOff], None] = lambda *_: None,
    committed: Callable[[Outcome], None] = lambda _: None,
    published: Callable[[str], None] = lambda _: None,
    poll_s: float | None = 1.0,
    duties: frozenset[Duty] = EVERY_DUTY,
    one_by_one: bool = False,
    raise_faults: bool = False,
) -> Service:
    """Build the service. `poll_s` None: nobody else commits to this store.

    `raise_faults` ends the run on a fault of the code instead of going on with the other cases:
    a rehearsal must not print what a fault made of it.
    """
    pokes: list[Callable[[str], None]] = []

    def poke(clinic: str) -> None:
        for worker in pokes:
            worker(clinic)

    async def settings(clinic: str, branch: str) -> Settings:
        return await clinics.settings(clinic, branch)

    effects = Effects(
        parts.store,
        parts.clock,
        channels=parts.channels,
        trunks=parts.trunks,
        providers=parts.providers,
        voice=parts.voice,
        schedule=parts.schedule,
        settings=settings,
        spawn=parts.spawn,
        hungry=poke,
        raise_faults=raise_faults,
    )
    clinics = Clinics(
        parts.store,
        parts.clock,
        parts.texts,
        link_base=parts.link_base,
        link_secret=parts.link_secret,
        has_sender=effects.has_sender,
        reports_delivery=parts.reports_delivery,
        publishes=lambda clinic: parts.schedule(clinic) is None,
        poke=poke,
        later=parts.spawn if poll_s is not None else None,
    )
    engine = Engine(
        parts.store,
        clinics,
        parts.clock,
        carry_out=effects.carry_out,
        observe=observe,
        poke=poke,
        committed=committed,
        published=published,
    )
    effects.report_to(engine)
    write_offs = WriteOffs(parts.store, clinics, parts.clock, observe=observe_write_off)
    workers = Workers(
        parts.store,
        engine,
        write_offs,
        parts.clock,
        poll_s=poll_s,
        duties=duties,
        sated=lambda: effects.sated,
        one_by_one=one_by_one,
        raise_faults=raise_faults,
    )
    pokes.append(workers.poke)
    accounts = Accounts(parts.store, engine, parts.clock)
    strangers = Strangers(
        parts.store, clinics, parts.clock, parts.channels, parts.spawn, effects.say
    )
    inbox = Inbox(parts.store, engine, parts.senders, accounts, strangers)
    links = JoinLinks(parts.store, parts.clock, parts.channels)
    calls = ProviderCalls(
        parts.store,
        clinics,
        parts.voice,
        Lines(parts.store, parts.clock),
        effects.calls_under_way,
        effects.report,
        parts.clock,
        base=parts.prompt_base,
        secret=parts.link_secret,
    )
    rescheduling = Rescheduling(parts.store, engine, parts.clock, parts.free_times)
    return Service(
        parts.store,
        parts.clock,
        clinics,
        engine,
        effects,
        inbox,
        calls,
        workers,
        rescheduling,
        links,
    )
