"""The demo: the gateway beside a small world of its own, on one port, without any account.

Nothing is simulated inside the gateway. The production adapters talk HTTP to the sandbox that is
mounted beside them: messages go to its WhatsApp, its signed webhooks come to /hooks/whatsapp, the
clinic's schedule writes to the API with a key and takes signed changes. Kill it at any moment:
gateway and world both go on where they were.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from adapters.sandbox import (
    Keys,
    Sandbox,
    fresh_keys,
    keys_document,
    last_moment,
    over_sip,
    sections,
)
from gateway.clock import SystemClock
from gateway.compose import Gateway, call_hooks, join_pages, open_gateway, patient_pages
from gateway.compose.demo_clock import DemoClock
from gateway.compose.demo_day import Day
from gateway.compose.demo_script import Script, beginning, read_script, visits_of
from gateway.core.case import Entry
from gateway.errors import CallaheadError
from gateway.ports.store import Ref
from gateway.ports.yaml_lines import read_document
from gateway.scripts import load_texts
from gateway.settings import Loaded, Settings
from gateway.web.auth import digest_of, new_key
from gateway.web.demo.feed import Feed
from gateway.web.demo.pages import DemoPages
from gateway.web.demo.view import View
from gateway.web.health import running
from gateway.web.metrics import Metrics
from gateway.web.server import STOP_S, build_app

DEMO_FOLDER = Path(__file__).resolve().parents[2] / "config" / "demo"
"""Beside the code, in a checkout as in an installed wheel."""

CLINIC = "demo"
HOST = "127.0.0.1"
ZONE = "Europe/Moscow"

FACTOR_WHILE = {"ringing": 4.0, "in-progress": 1.0}
"""How fast the time goes at most while a person's telephone rings, or is talked into."""

LOCK_FILE, KEPT_FILE, CLOCK_FILE = "demo.lock", "demo.json", "clock.json"

NEW_FILES = frozenset({LOCK_FILE})
"""What may stand in a folder in which a demo begins."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the demo made once: its first day and the secrets of its world."""

    begins: datetime
    keys: Keys


async def demo(
    data: Path,
    *,
    port: int,
    stop: asyncio.Event,
    fresh: bool = False,
    factor: float | None = None,
    sip: bool = False,
    ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve the demo until `stop`; `ready` is told the page's address.

    With `sip` the clinic phones over a trunk of its own to the world's telephone exchange.

    Raises `CallaheadError` when the port or the folder is taken.
    """
    with folder_of(data, fresh=fresh), listener(port) as listening:
        url = f"http://{HOST}:{listening.getsockname()[1]}"
        script = load_script()
        kept = kept_in(data / KEPT_FILE, script)
        begin = max(kept.begins, last_moment(data) or kept.begins)
        clock = DemoClock(data / CLOCK_FILE, begin, factor)
        town = Sandbox(clock, load_texts(), data, url=url, clinic=CLINIC, keys=kept.keys)
        try:
            exchange = await town.exchange.bind() if sip else None
            settings = settings_of(url, kept.keys, exchange)
            await _serve(data, listening, settings, script, kept, clock, town, stop, ready)
        finally:
            await town.close()


async def _serve(
    data: Path,
    listening: socket.socket,
    settings: Settings,
    script: Script,
    kept: Kept,
    clock: DemoClock,
    town: Sandbox,
    stop: asyncio.Event,
    ready: Callable[[str], None],
) -> None:
    metrics = Metrics()
    pokes: list[Callable[[], None]] = []

    def observe(ref: Ref, branch: str, entries: tuple[Entry, ...]) -> None:
        metrics.observe(ref, branch, entries)
        for poke in pokes:
            poke()

    url = settings.public_url
    loaded = Loaded(settings, "the demo's settings", None)
    async with open_gateway(loaded, data, clock=clock, observe=observe) as gateway:
        service, serve = gateway.service, gateway.supervisor.serve
        await settle(gateway, kept.keys)
        feed = Feed(View(service, town, CLINIC).items)
        pokes.append(feed.poke)
        pages = DemoPages(service, town, clock, feed, CLINIC)
        for serve_lines in gateway.adapters.telephone.services:
            serve(serve_lines())
        workers = serve(service.workers.run())
        app = build_app(
            service,
            webhooks=gateway.adapters.hooks,
            public_url=url,
            metrics=metrics,
            pings={"workers": running(workers)},
            extra=[
                patient_pages(gateway).add_to,
                join_pages(gateway).add_to,
                call_hooks(gateway, metrics).add_to,
                town.add_to,
                pages.add_to,
            ],
        )
        async with served(app, listening):
            prepare_phones(town, script)
            day = Day(script, visits_of(script, kept.begins.date(), ZONE), town, clock)
            await day.step()
            works = (
                town.run(),
                day.run(),
                clock.keep(),
                feed.run(),
                poked(town, feed),
                patience(town, clock),
            )
            tasks = [serve(work) for work in works]
            ready(f"{url}/demo")
            await stop.wait()
            # What was started is finished while the world that it goes to is still there.
            service.workers.stop()
            await gateway.supervisor.drain()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)  # the world lets go of its connections before they end


async def poked(town: Sandbox, feed: Feed) -> None:
    """Let the page know of everything that happens outside the gateway."""
    count = 0
    while True:
        count = await town.changed(count)
        feed.poke()


async def patience(town: Sandbox, clock: DemoClock) -> None:
    """Let the time go no faster than a person can answer while a person's telephone is in use."""
    count = 0
    while True:
        clock.hold(min((FACTOR_WHILE[state] for state in town.in_hand()), default=None))
        count = await town.changed(count)


@contextlib.contextmanager
def folder_of(data: Path, *, fresh: bool) -> Iterator[None]:
    """Hold the demo's folder for this process alone, emptied first if that is wished.

    A folder that holds anything but a demo is never touched.
    """
    data.mkdir(parents=True, exist_ok=True)
    foreign = {item.name for item in data.iterdir()} - NEW_FILES
    if foreign and not (data / KEPT_FILE).exists():
        raise CallaheadError(f"{data} holds other data than a demo's; name a folder with --data")
    lock = os.open(data / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CallaheadError(f"a demo is already running on {data}") from None
        if fresh:
            empty(data)
        yield
    finally:
        os.close(lock)


def empty(data: Path) -> None:
    """Remove everything of an earlier demo."""
    for item in data.iterdir():
        if item.is_dir():
            shutil.rmtree(item)
        elif item.name not in NEW_FILES:
            item.unlink()


@contextlib.contextmanager
def listener(port: int) -> Iterator[socket.socket]:
    """Take the port before anything else is done, so that its address is known."""
    try:
        listening = socket.create_server((HOST, port))
    except OSError:
        raise CallaheadError(
            f"port {port} is taken by another program; choose one with --port, as in "
            f"`callahead demo --port {port + 1 if port < 65535 else 8081}`"
        ) from None
    with listening:
        yield listening


@contextlib.asynccontextmanager
async def served(app: web.Application, listening: socket.socket) -> Any:
    """Serve an application on a socket that is already listening."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_S)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        yield
    finally:
        await runner.cleanup()


def load_script() -> Script:
    """Read the people and visits that come with the product."""
    source = "config/demo/patients.yaml"
    text = (DEMO_FOLDER / "patients.yaml").read_text(encoding="utf-8")
    return read_script(text, source)


def kept_in(file: Path, script: Script) -> Kept:
    """Return what an earlier start made, or make it: a demo begins on the clinic's today."""
    if file.exists():
        kept = json.loads(file.read_text(encoding="utf-8"))
        begins, known = datetime.fromisoformat(kept["begins"]), kept["keys"]
        keys = Keys(**keys_document(fresh_keys(known["api_key"])) | known)
        if keys_document(keys) != known:  # it was begun by a version that had fewer
            _keep(file, Kept(begins, keys))
        return Kept(begins, keys)
    today = SystemClock().now().astimezone(ZoneInfo(ZONE)).date()
    made = Kept(beginning(script, today, ZONE), fresh_keys(new_key()[0]))
    _keep(file, made)
    return made


def _keep(file: Path, made: Kept) -> None:
    """Write what has to outlive the process, whole or not at all."""
    document = {"begins": made.begins.isoformat(), "keys": keys_document(made.keys)}
    written = file.with_suffix(".new")
    with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        json.dump(document, opened)
        opened.flush()
        os.fsync(opened.fileno())
    os.replace(written, file)


def settings_of(url: str, keys: Keys, exchange: int | None = None) -> Settings:
    """Return settings under which the gateway finds its small world.

    `exchange`: the port of the telephone exchange to phone over; None: over Twilio.
    """
    found = sections(url, CLINIC, keys)
    if exchange is not None:
        found = over_sip(found, exchange, CLINIC)
    return Settings.model_validate(
        {
            "public_url": url,
            "store": {"partitions": 1},
            "webhooks": {"allow_private": True},
            **found,
        }
    )


async def settle(gateway: Gateway, keys: Keys) -> None:
    """Let the clinic be known, with the key that its schedule uses; a second time does nothing."""
    service = gateway.service
    await service.store.save_key(
        digest_of(keys.api_key), CLINIC, service.clock.now(), "the demo's schedule"
    )
    if await service.store.load_clinic(CLINIC) is None:
        await service.clinics.save(clinic_document())


def clinic_document() -> Mapping[str, Any]:
    """Read the settings of the demo's clinic."""
    text = (DEMO_FOLDER / "clinic.yaml").read_text(encoding="utf-8")
    document: Mapping[str, Any] = read_document(text, "config/demo/clinic.yaml").data
    return document


def prepare_phones(town: Sandbox, script: Script) -> None:
    """Give the people of the script their phones."""
    for patient in script.patients.values():
        if patient.number is not None:
            town.set_up(
                patient.number,
                whatsapp=patient.whatsapp,
                max=patient.max,
                telegram=patient.telegram,
                app=patient.phone_app,
                reads_at_once=patient.answers is not None,
            )
            if patient.telephone is not None:
                habit = patient.telephone
                town.let_answer(
                    patient.number, habit.keys, after_s=habit.after, declines=habit.declines
                )
