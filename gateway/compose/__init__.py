"""The composition root: the only place that knows which adapters there are."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from adapters import registry
from gateway import rehearse as rehearsal
from gateway.clock import Clock, SystemClock
from gateway.compose.adapters import (
    PROMPTS_FOLDER,
    Adapters,
    build_adapters,
    prompts_of,
    read_path,
)
from gateway.core import wording
from gateway.core.case import Entry
from gateway.core.clinic import Branch, Clinic
from gateway.core.model import Appointment, Channel
from gateway.core.spoken import call_facts, speech
from gateway.core.texts import warnings_of as dear_texts
from gateway.core.wording import Texts
from gateway.errors import InvalidInput, StoreUnusable
from gateway.ivr.script import Scripts
from gateway.ports.schema import read_appointment, warnings_of
from gateway.ports.schema_scenario import read_scenario
from gateway.ports.store import Duty, Outcome, Ref, Store
from gateway.ports.yaml_lines import Document
from gateway.scripts import load_scripts, load_texts, read_folder, read_scripts
from gateway.service.assembly import Parts, Service, assemble
from gateway.service.prompts import Prompts
from gateway.service.supervisor import DRAIN_S, Supervisor
from gateway.service.voice import Voice
from gateway.settings import Loaded, Settings
from gateway.web.calls import PROMPT_PATH, CallHooks
from gateway.web.changes import Bell
from gateway.web.client_address import networks
from gateway.web.health import Ping, running, until_set
from gateway.web.join import JoinPages
from gateway.web.metrics import Metrics
from gateway.web.patient import PatientPages
from gateway.web.server import build_app, serve

log = logging.getLogger("callahead")

LINK_KEY_FILE = "link_secret"

CALL_DRAIN_S = 150.0
"""How long a stop waits for calls, on our own lines or a provider's: nobody is cut off in the
middle of a menu."""

PRUNE_EVERY_S = 86_400.0


def rehearse(text: str, source: str) -> list[rehearsal.Line]:
    """Rehearse a scenario; raise `InvalidInput` when it is not valid."""
    scenario = read_scenario(text, source)
    return rehearsal.run(scenario, registry.memory_store, load_texts(), load_scripts())


def call_samples(loaded: Loaded, words: wording.Words, branch: Branch) -> Iterator[tuple[str, str]]:
    """Return what the robot says in each state of a call, with example facts (rule W-2)."""
    language = words.language
    _, visit = wording.sample_visit(words, branch)
    script = scripts_of(loaded).by_language[language]
    facts = call_facts(visit, branch, language)
    for state in script.states:
        sentences = (speech(text, language) for text in script.words(state, facts))
        yield f"call.{state}", " ".join(sentences)


@dataclass(frozen=True, slots=True)
class Gateway:
    """The service with the adapters that were built for it."""

    settings: Settings
    service: Service
    supervisor: Supervisor
    adapters: Adapters
    listening: list[asyncio.Task[None]] = field(default_factory=list)

    def listen(self) -> None:
        """Serve what message channels do all the time, from now on until `close`."""
        for run in self.adapters.listeners:
            self.listening.append(self.supervisor.serve(run(self.service.inbox.take)))

    async def close(self) -> None:
        """Let go of the adapters, once nobody opens their connections again."""
        for task in self.listening:
            task.cancel()
        if self.listening:
            await asyncio.wait(self.listening)
        await self.adapters.close()


def appointment_of(data: object) -> Appointment:
    """Read an appointment that a clinic sends; consent has to be stated."""
    return read_appointment(data, consent_default=None)


def with_lines(error: InvalidInput, document: Document, source: str) -> InvalidInput:
    """Return an error about a document's data with the lines of the text it came from."""
    lines = document.lines([read_path(problem.field) for problem in error.problems])
    return InvalidInput(
        *(replace(p, line=line) for p, line in zip(error.problems, lines, strict=True)),
        source=source,
    )


@contextlib.asynccontextmanager
async def store_of(settings: Settings, data: Path, supervisor: Supervisor) -> AsyncIterator[Store]:
    """Open the store: the configured one, or the embedded server of the data folder."""
    partitions = settings.store.partitions
    retention = timedelta(days=settings.store.retention_days)
    if settings.store.url is not None:
        store = await registry.open_store(
            settings.store.url, partitions=partitions, retention=retention
        )
        try:
            yield store
        finally:
            await store.close()
        return
    server = await registry.open_server(data)
    if getattr(server, "pid", None) is None:
        log.info("joined the store of another process; it ends with that process")
    watch = supervisor.serve(server.watch())
    try:
        store = await registry.open_store(server.url, partitions=partitions, retention=retention)
        try:
            yield store
        finally:
            await store.close()
    finally:
        watch.cancel()
        await server.close()


@contextlib.asynccontextmanager
async def open_gateway(
    loaded: Loaded,
    data: Path,
    *,
    clock: Clock | None = None,
    observe: Callable[[Ref, str, tuple[Entry, ...]], None] = lambda *_: None,
    committed: Callable[[Outcome], None] = lambda _: None,
    published: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[Gateway]:
    """Build everything on the configured store; nothing runs yet but the store's server.

    `observe` is told of every committed journal, `committed` of what came of every commit,
    `published` of the clinic whose feed has something new.
    """
    settings = loaded.settings
    await asyncio.to_thread(data.mkdir, parents=True, exist_ok=True)
    async with Supervisor() as supervisor, store_of(settings, data, supervisor) as store:
        used = clock or SystemClock()
        tools = registry.make_tools(
            used,
            store,
            appointment_of,
            public_url=settings.public_url,
            allow_private=settings.webhooks.allow_private,
        )
        try:
            adapters = build_adapters(loaded, tools)
            texts = texts_of(loaded)
            prompts = renderer_of(loaded, adapters, data)
            if prompts is not None:
                supervisor.serve(keep_prompts(prompts))
            parts = Parts(
                store=store,
                clock=used,
                texts=texts,
                channels=adapters.channels,
                trunks=adapters.telephone.trunks,
                providers=adapters.telephone.providers,
                voice=Voice(scripts_of(loaded), texts, prompts),
                schedule=adapters.schedule,
                free_times=adapters.free_times,
                senders=adapters.senders,
                reports_delivery=adapters.reports_delivery,
                link_base=link_base(settings),
                link_secret=link_secret(settings, data),
                prompt_base=settings.public_url.rstrip("/") + PROMPT_PATH,
                spawn=supervisor.spawn,
            )
            service = assemble(parts, observe=observe, committed=committed, published=published)
            gateway = Gateway(settings, service, supervisor, adapters)
            yield gateway
            patience_s = CALL_DRAIN_S if adapters.telephone.trunks else DRAIN_S
            if not await supervisor.drain(patience_s):
                log.warning("some effects did not end in time; they will be reconciled")
            await gateway.close()
        finally:
            supervisor.abandon()
            await tools.close()


def texts_of(loaded: Loaded) -> Texts:
    """Return what messages say: the clinic's own files before the product's."""
    own = loaded.settings.scripts
    return load_texts() if own is None else read_folder(loaded.folder / own)


def scripts_of(loaded: Loaded) -> Scripts:
    """Return the dialogues: the clinic's own files before the product's."""
    own = loaded.settings.scripts
    return load_scripts() if own is None else read_scripts(loaded.folder / own)


def renderer_of(loaded: Loaded, adapters: Adapters, data: Path) -> Prompts | None:
    """Return what makes prompts; None without a telephone.

    Speech knows no other time than the real one, whatever clock the calls are due by.
    """
    if not adapters.telephone:
        return None
    return prompts_of(loaded, adapters.speech, scripts_of(loaded), data, SystemClock())


async def keep_prompts(prompts: Prompts) -> None:
    """Delete spoken names that were not used lately, once a day, until cancelled."""
    clock = SystemClock()
    while True:
        await prompts.prune(clock.now())
        await clock.sleep(PRUNE_EVERY_S)


def link_base(settings: Settings) -> str:
    """Return the address of patients' pages before the token."""
    return settings.public_url.rstrip("/") + "/v/"


def link_secret(settings: Settings, data: Path) -> bytes:
    """Return the key of patients' links; without one in the settings it is made once."""
    if settings.link_secret is not None:
        return settings.link_secret.encode()
    file = data / LINK_KEY_FILE
    if not file.exists():
        _make_link_key(file)
    kept = file.read_bytes()
    if not kept:
        raise StoreUnusable(
            f"{file} is empty: put back the one that patients' links were made with"
        )
    return kept


def _make_link_key(file: Path) -> None:
    """Write a new key whole or not at all, unless another process was faster."""
    handle, draft = tempfile.mkstemp(prefix=f"{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(secrets.token_hex(32).encode())
            opened.flush()
            os.fsync(opened.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
    finally:
        os.unlink(draft)


async def run(loaded: Loaded, data: Path, roles: frozenset[str]) -> None:
    """Serve until SIGTERM or SIGINT.

    `web` takes requests, `work` the due queue and messages, `voice` places calls.
    """
    stop = stop_on_signals()
    metrics, bell = Metrics(), Bell()
    async with open_gateway(
        loaded,
        data,
        observe=metrics.observe,
        committed=metrics.committed,
        published=bell.ring,
    ) as gateway:
        pings: dict[str, Ping] = {"stopping": until_set(stop)}
        workers: asyncio.Task[None] | None = None
        duties = duties_of(roles)
        if Duty.CALL in duties:
            for serve_line in gateway.adapters.telephone.services:
                gateway.supervisor.serve(serve_line())
        if Duty.MESSAGE in duties:
            gateway.listen()  # who sends needs the connections, and nobody else
        if duties:
            gateway.service.workers.duties = duties
            workers = gateway.supervisor.serve(gateway.service.workers.run())
            pings["workers"] = running(workers)
        app = build_app(
            gateway.service,
            webhooks=gateway.adapters.hooks,
            public_url=gateway.settings.public_url,
            metrics=metrics,
            bell=bell,
            pings=pings,
            extra=[
                patient_pages(gateway).add_to,
                join_pages(gateway).add_to,
                call_hooks(gateway, metrics).add_to,
            ],
        )
        listen, called_out = gateway.settings.listen, asyncio.Event()
        gateway.supervisor.serve(finish_calls(gateway.service, stop, called_out))
        await serve(app, listen.host, listen.port, stop=called_out)
        if workers is not None:
            await asyncio.wait({workers}, timeout=DRAIN_S)


async def finish_calls(service: Service, stop: asyncio.Event, done: asyncio.Event) -> None:
    """After `stop` claim nothing new, and set `done` when no provider's call goes on any more.

    The provider asks over the web what to do next, so until then its questions are answered.
    """
    await stop.wait()
    log.info("stopping: finishing what was started")
    service.workers.stop()
    if not await service.effects.calls_under_way.over(timedelta(seconds=CALL_DRAIN_S)):
        log.warning("some calls did not end in time")
    done.set()


def duties_of(roles: frozenset[str]) -> frozenset[Duty]:
    """Return what a process of these roles claims from the store."""
    duties: set[Duty] = set()
    if "work" in roles:
        duties |= {Duty.DUE, Duty.MESSAGE}
    if "voice" in roles:
        duties.add(Duty.CALL)
    return frozenset(duties)


def patient_pages(gateway: Gateway) -> PatientPages:
    """Return the pages behind patients' links; further rows of the page are added here."""
    proxies = networks(gateway.settings.listen.trusted_proxies)
    return PatientPages(gateway.service, rows=(join_pages(gateway).row,), proxies=proxies)


def join_pages(gateway: Gateway) -> JoinPages:
    """Return the row of messengers that a patient could join, and where its buttons lead."""
    return JoinPages(gateway.service, proxies=networks(gateway.settings.listen.trusted_proxies))


def call_hooks(gateway: Gateway, metrics: Metrics) -> CallHooks:
    """Return the callbacks of the providers that phone."""
    return CallHooks(
        gateway.adapters.telephone.hooks,
        gateway.service.calls,
        metrics,
        public_url=gateway.settings.public_url,
    )


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set: stop cleanly, abandon nothing."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def check(loaded: Loaded) -> None:
    """Build every adapter of the configuration and let go of them; raise `InvalidInput`."""
    tools = registry.make_tools(
        SystemClock(),
        registry.memory_store(),
        appointment_of,
        public_url=loaded.settings.public_url,
        allow_private=loaded.settings.webhooks.allow_private,
    )
    try:
        adapters = build_adapters(loaded, tools)
        texts_of(loaded)
        scripts_of(loaded)
        renderer_of(loaded, adapters, Path(PROMPTS_FOLDER))
        await adapters.close()
    finally:
        await tools.close()


async def warnings(loaded: Loaded, data: Path) -> list[str]:
    """Return what is allowed but probably not meant, of the clinics in the store (rule Z-6)."""
    found = _dear_texts(loaded)
    if loaded.settings.store.url is None and not await asyncio.to_thread(data.exists):
        return found
    async with open_gateway(loaded, data) as gateway:
        for clinic_id in await gateway.service.store.clinics():
            clinic = await gateway.service.clinics.clinic(clinic_id)
            found.extend(f"clinic {clinic_id}: {problem}" for problem in warnings_of(clinic))
            found.extend(_without_sender(gateway.service, clinic))
    return found


def _dear_texts(loaded: Loaded) -> list[str]:
    """Texts of more SMS parts than they should have (rule H-6)."""
    return [
        f"messages.{words.language}.yaml: {problem}"
        for words in texts_of(loaded).by_language.values()
        for problem in dear_texts(words)
    ]


def _without_sender(service: Service, clinic: Clinic) -> list[str]:
    """Channels that a branch wants and nobody serves."""
    found: list[str] = []
    for branch in clinic.branches:
        wanted: list[Channel] = list(branch.channels)
        if branch.confirmation.enabled and branch.confirmation.method == "call":
            wanted.append(Channel.CALL)
        found.extend(
            f"clinic {clinic.id}: branch {branch.id}: nothing is configured that serves {channel}"
            for channel in wanted
            if not service.effects.has_sender(channel, clinic.id, branch.id)
        )
    return found
