"""The wire part of bench_ledger.py: Redis, HTTP, and the sandbox's own books.

A Redis or Valkey server with fsync always, the production WhatsApp adapter, the sandbox that
speaks Meta's API, and the gateway's web server for its signed webhooks, which come twice and in
any order. Some requests are refused for a while, some connections break after the message was
taken, some numbers have no account, which the sandbox tells after it has accepted the message.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiohttp import web

from adapters.http import HttpClient
from adapters.messaging.sandbox import World, templates_of, whatsapp_cloud_app
from adapters.messaging.sandbox_world import Business, Callback, ChatMessage, Pace
from adapters.messaging.whatsapp_cloud import Config, WhatsAppCloud
from adapters.registry import open_server, open_store
from gateway.clock import SystemClock
from gateway.core.model import Channel
from gateway.ports.schema import read_appointment
from gateway.scripts import load_scripts, load_texts
from gateway.service.assembly import Parts, Service, assemble
from gateway.service.reports import branches_of
from gateway.service.reports_check import check
from gateway.service.reports_table import Query
from gateway.service.supervisor import Supervisor
from gateway.service.voice import Voice
from gateway.web.server import build_app

CLINIC, BRANCH, SENDER = "zdorovie", "lenina", "106540352242920"
SECRET, TOKEN = "app-secret-of-the-benchmark", "token-of-the-benchmark"
PRICE = Decimal("2.05")
AT_ONCE = 50
QUIET_S = 5.0
PATIENCE_S = 900.0


class Books(World):
    """The sandbox, which keeps what it has taken, and fails at random."""

    chance = random.Random(1)
    taken: list[ChatMessage]

    def take(self, sender: str, body: Any) -> tuple[ChatMessage, Any]:
        fate = self.chance.random()
        if fate < 0.02:
            self.faults.fail_next(131000)
        elif fate < 0.04:
            self.faults.cut_next += 1
        message, phone = super().take(sender, body)
        self.taken.append(message)
        return message, phone

    def owed(self) -> Decimal:
        """What the sandbox would charge: everything it took, but what it could not deliver."""
        return PRICE * sum(message.error is None for message in self.taken)


def clinic(now: datetime) -> dict[str, Any]:
    east = 12 - now.hour
    branch = {
        "id": BRANCH, "name": "Клиника «Здоровье»", "phone": "+73433000000",
        "timezone": f"Etc/GMT{-east:+d}" if east else "Etc/GMT",
        "per_minute": 100_000, "channels": ["whatsapp"], "tariff": {"whatsapp": str(PRICE)},
        "functions": {"confirmation": {"enabled": False}, "reminder": {"enabled": False}},
    }  # fmt: skip
    return {"id": CLINIC, "name": "Здоровье", "branches": [branch]}


def visit(number: int, now: datetime) -> dict[str, Any]:
    return {
        "id": f"A-{number}", "branch": BRANCH,
        "start": (now + timedelta(days=2)).isoformat(), "created": now.isoformat(),
        "doctor": {"name": "Петров Иван Сергеевич", "specialty": "терапевт"},
        "patient": {
            "id": f"P-{number}", "first_name": "Мария", "phones": [f"+7916{number:07}"],
            "consent": True,
        },
    }  # fmt: skip


async def serve(stack: AsyncExitStack, app: web.Application) -> str:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


async def play(messages: int) -> int:
    """Send so many messages and compare the books; return the exit code."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        server = await open_server(Path(folder))
        stack.push_async_callback(server.close)
        store = await open_store(server.url, partitions=64, retention=timedelta(days=400))
        stack.push_async_callback(store.close)
        clock, client = SystemClock(), HttpClient()
        stack.push_async_callback(client.close)
        templates = templates_of(load_texts(), "callahead_{template}_{language}")
        world = Books(
            clock, client, [Business(SENDER, TOKEN)], templates=templates, pace=Pace(0.1, 0.3, 1.0)
        )
        world.taken = []
        world.faults.repeat_webhooks = world.faults.reorder_webhooks = 0.2
        api = web.Application()
        api.add_subapp("/meta", whatsapp_cloud_app(world, clock))
        config = Config.model_validate({
            "app_secrets": [SECRET], "verify_token": "v",
            "api_base": f"{await serve(stack, api)}/meta",
            "senders": [{"phone_number_id": SENDER, "access_token": TOKEN, "clinic": CLINIC}],
        })  # fmt: skip
        adapter = WhatsAppCloud(config, client)
        supervisor = await stack.enter_async_context(Supervisor())
        service = assemble(
            Parts(
                store=store,
                clock=clock,
                texts=load_texts(),
                channels=(adapter,),
                trunks=(),
                voice=Voice(load_scripts(), load_texts(), None),
                schedule=lambda _: None,
                senders={(Channel.WHATSAPP, SENDER): CLINIC},
                link_base="https://visits.example/v/",
                link_secret=b"a secret of the benchmark",
                spawn=supervisor.spawn,
            )
        )
        app = build_app(service, webhooks={"/hooks/whatsapp": adapter}, public_url="http://here")
        world.callback = Callback(f"{await serve(stack, app)}/hooks/whatsapp", SECRET)
        supervisor.serve(world.run())
        supervisor.serve(service.workers.run())
        began = time.monotonic()
        await fill(service, world, messages)
        await settled(service, world, messages)
        seconds = time.monotonic() - began - QUIET_S
        code = await compared(service, world, seconds)
        service.workers.stop()
        return code


async def fill(service: Service, world: Books, messages: int) -> None:
    now = datetime.now(UTC)
    await service.clinics.save(clinic(now))

    async def one(number: int) -> None:
        if world.chance.random() < 0.05:
            world.set_account(f"+7916{number:07}", has_account=False)
        document = visit(number, datetime.now(UTC))
        await service.engine.snapshot(CLINIC, read_appointment(document, consent_default=None))

    for first in range(0, messages, AT_ONCE):
        await asyncio.gather(*(one(n) for n in range(first, min(messages, first + AT_ONCE))))


async def settled(service: Service, world: Books, messages: int) -> None:
    """Wait until every message has got through and nothing has happened for a while."""
    until = time.monotonic() + PATIENCE_S
    before, quiet_since = -1, time.monotonic()
    while time.monotonic() < until:
        seen = service.inbox.taken + len(world.taken)
        if seen != before:
            before, quiet_since = seen, time.monotonic()
        through = len({message.opaque for message in world.taken})
        if through == messages and time.monotonic() - quiet_since > QUIET_S:
            return
        await asyncio.sleep(0.2)
    raise SystemExit(f"not settled after {PATIENCE_S:.0f} s: {through} of {messages}")


async def compared(service: Service, world: Books, seconds: float) -> int:
    store, known = service.store, await service.clinics.clinic(CLINIC)
    zone_day = datetime.now(UTC).date()
    days = [zone_day + timedelta(days=n) for n in (-2, -1, 0, 1, 2)]
    found = [(await store.ledger(CLINIC, BRANCH, day)).charges for day in days]
    ledger = sum((charge.amount for day in found for charge in day), Decimal(0))
    query = Query(known, branches_of(known, None), days[0], days[-1])
    proof = await check(store, query)
    failed = sum(message.error is not None for message in world.taken)
    print(
        f"over the wire: {len(world.taken)} messages taken in {seconds:.0f} s, {failed} of them "
        f"undelivered; sandbox {world.owed()}, ledger {ledger}, check: "
        f"{len(proof.differences)} differences in {proof.entries} timeline entries"
    )
    return 0 if ledger == world.owed() and not proof.differences else 1
