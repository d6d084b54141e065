"""The HTTP server: every address on one port, each with its own limit.

There is no middleware: an endpoint that needs a key or a timing is wrapped when it is routed, so
a provider's callback goes straight to its handler.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aiohttp import hdrs, web

from gateway.ports.webhook import Webhook
from gateway.service.assembly import Service
from gateway.web.answers import Answers
from gateway.web.appointments import APPOINTMENT_BYTES_MAX, Appointments
from gateway.web.attention import AttentionQueue
from gateway.web.auth import Keys
from gateway.web.batch import BATCH_BYTES_MAX, Batch
from gateway.web.changes import Bell, Changes
from gateway.web.clinics import Clinics
from gateway.web.contacts import Contacts
from gateway.web.endpoints import Endpoint
from gateway.web.health import Health, Ping
from gateway.web.hooks import HOOK_BYTES_MAX, hooks_of
from gateway.web.metrics import Metrics
from gateway.web.openapi import Description
from gateway.web.problems import Handler, Refused, answered, problem_response
from gateway.web.reports import Reports
from gateway.web.samples import Samples

log = logging.getLogger("callahead.web")

ANY_ID = "{id:[^/]+}"
"""Appointment ids are the clinic's own and may hold braces, which aiohttp's own pattern refuses."""

STOP_S = 30.0
"""How long a stop waits for requests that are being answered; as long as a drain of effects."""

FEED_POLL_S = 1.0
"""How often a waiting client's feed is looked at: another node may have published."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes of bodies in bytes."""

    appointment: int = APPOINTMENT_BYTES_MAX
    batch: int = BATCH_BYTES_MAX
    hook: int = HOOK_BYTES_MAX


def build_app(
    service: Service,
    *,
    webhooks: Mapping[str, Webhook],
    public_url: str,
    metrics: Metrics | None = None,
    bell: Bell | None = None,
    pings: Mapping[str, Ping] | None = None,
    limits: Limits = Limits(),
    feed_poll_s: float = FEED_POLL_S,
    extra: Sequence[Callable[[web.Application], None]] = (),
) -> web.Application:
    """Build the application.

    `webhooks` are the providers' callbacks by path, `public_url` what stands before a path when
    a provider signs it. `bell` wakes long polls when this process publishes a change, `pings`
    are further dependencies for /health/ready. `extra` adds what is not the API: pages, consoles.
    """
    metrics, bell = metrics or Metrics(), bell or Bell()
    app = web.Application()
    health = Health(service, pings or {}, metrics)
    changes = Changes(
        service,
        bell,
        health.draining,
        poll_s=feed_poll_s,
        bytes_max=limits.appointment,
    )
    endpoints = [
        *Appointments(service, bytes_max=limits.appointment).endpoints(),
        *Batch(service, bytes_max=limits.batch, line_max=limits.appointment).endpoints(),
        *Answers(service).endpoints(),
        *AttentionQueue(service).endpoints(),
        *Samples(service).endpoints(),
        *Clinics(service).endpoints(),
        *Contacts(service).endpoints(),
        *changes.endpoints(),
        *Reports(service).endpoints(),
        *health.endpoints(),
        *hooks_of(webhooks, service.inbox, metrics, public_url=public_url, bytes_max=limits.hook),
    ]
    endpoints += Description(endpoints, public_url).endpoints()
    keys = Keys(service.store, service.clock)
    for endpoint in endpoints:
        handler = endpoint.handler
        if endpoint.tag != "providers":
            handler = _guarded(endpoint, keys, metrics)
        path = endpoint.path.replace("{id}", ANY_ID)
        app.router.add_route(endpoint.method, path, handler)
    for add in extra:
        add(app)
    app.router.add_route("*", "/{anything:.*}", _unknown)
    app.on_response_prepare.append(_hide_server)

    async def drain(_app: web.Application) -> None:
        """End the long polls; called when no new connection is taken any more."""
        health.draining.set()
        bell.ring_all()

    app.on_shutdown.append(drain)
    return app


def _guarded(endpoint: Endpoint, keys: Keys, metrics: Metrics) -> Handler:
    """Check the key, turn errors into problems, and time the request."""

    async def authorized(request: web.Request) -> web.StreamResponse:
        if endpoint.keyed:
            given = request.headers.get(hdrs.AUTHORIZATION)
            await keys.authorize(given, request.match_info["clinic"])
        return await endpoint.handler(request)

    async def handle(request: web.Request) -> web.StreamResponse:
        loop = asyncio.get_running_loop()
        started = loop.time()
        response = await answered(authorized, request)
        metrics.request(endpoint.method, endpoint.path, response.status, loop.time() - started)
        return response

    return handle


async def _unknown(request: web.Request) -> web.Response:
    """Answer what no address takes: 405 where another method would be taken, else 404."""
    allowed: set[str] = set()
    for resource in request.app.router.resources():
        if resource is request.match_info.route.resource:
            continue
        allowed |= (await resource.resolve(request))[1]
    if allowed and request.method not in allowed:
        names = ", ".join(sorted(allowed))
        return problem_response(
            Refused(405, f"This address takes {names}.", headers={"Allow": names})
        )
    return problem_response(Refused(404, "There is nothing at this address."))


async def _hide_server(_request: web.Request, response: web.StreamResponse) -> None:
    """Tell nobody which software of which version answers."""
    response.headers.pop(hdrs.SERVER, None)


async def serve(
    app: web.Application,
    host: str,
    port: int,
    *,
    stop: asyncio.Event,
    listening: Callable[[int], None] = lambda _: None,
) -> None:
    """Serve until `stop` is set: then take nothing new and finish what is being answered.

    `listening` is told the port, which the system chooses where `port` is 0.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        bound = runner.addresses[0][1]
        log.info("listening", extra={"host": host, "port": bound})
        listening(int(bound))
        await stop.wait()
    finally:
        await runner.cleanup()
