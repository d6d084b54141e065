"""What adapters there are: one table for each kind, from a name in the settings to a builder.

`gateway.compose` is the only reader. A builder takes the adapter's own part of the settings,
checks it, and connects it to what all adapters share (`Tools`). A new adapter is a new line.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar

from pydantic import BaseModel, TypeAdapter

from adapters.http import HttpClient
from adapters.messaging import whatsapp_cloud
from adapters.messaging.capabilities import Capabilities
from adapters.schedule import webhook
from adapters.store import redis_store
from adapters.store.embedded import open_embedded
from adapters.store.memory_store import MemoryStore
from adapters.telephony import twilio_settings
from adapters.telephony.sip import config as sip
from adapters.telephony.sip.trunk import SipTrunk
from adapters.telephony.twilio_voice import TwilioVoice
from gateway.clock import Clock
from gateway.core.model import Appointment
from gateway.errors import InvalidInput, Problem
from gateway.ports.messaging import Messaging
from gateway.ports.schedule import Schedule
from gateway.ports.schema_problems import FieldsError, validate
from gateway.ports.store import Store
from gateway.ports.telephony import CallProvider, Trunk
from gateway.ports.webhook import Webhook

Options: TypeAlias = Mapping[str, object]
_Config = TypeVar("_Config", bound=BaseModel)


class Server(Protocol):
    """The store's own server: started by us, or another process' that was joined."""

    url: str

    async def watch(self) -> None:
        """Keep it alive until `close`."""
        ...

    async def close(self) -> None:
        """Stop it if it is ours."""
        ...


def memory_store() -> Store:
    """Build the store of a rehearsal."""
    return MemoryStore()


async def open_store(url: str, *, partitions: int, retention: timedelta) -> Store:
    """Connect to a server; raise `StoreUnavailable` or `StoreUnusable`."""
    return await redis_store.open_store(url, partitions=partitions, retention=retention)


async def open_server(data: Path) -> Server:
    """Start the private server of a data folder, or join the one that runs there."""
    return await open_embedded(data)


@dataclass(frozen=True, slots=True)
class Tools:
    """What adapters share. `http` is for providers, `clinics` for addresses that clinics type;
    `public_url` is where providers reach this gateway."""

    http: HttpClient
    clinics: HttpClient
    clock: Clock
    store: Store
    read_appointment: Callable[[object], Appointment]
    public_url: str = ""
    allow_private: bool = False

    async def close(self) -> None:
        """Close what was made for the adapters; the store belongs to its own maker."""
        await self.http.close()
        await self.clinics.close()


def make_tools(
    clock: Clock,
    store: Store,
    read_appointment: Callable[[object], Appointment],
    *,
    public_url: str = "",
    allow_private: bool = False,
) -> Tools:
    """Return the shared tools; connections open with their first request."""
    clinics = webhook.webhook_client(allow_private=allow_private)
    return Tools(HttpClient(), clinics, clock, store, read_appointment, public_url, allow_private)


@dataclass(frozen=True, slots=True)
class BuiltMessaging:
    """A message channel and the clinic of each of its senders, by the provider's own id.

    `webhook` is its callback under /hooks/<hook>, where it has one.
    """

    messaging: Messaging
    senders: Mapping[str, str]
    webhook: Webhook | None = None
    hook: str = ""


@dataclass(frozen=True, slots=True)
class BuiltTelephony:
    """A trunk of our own, or a provider with its callbacks under /hooks/. `run` is what has to
    be served while there are calls."""

    trunk: Trunk | None = None
    provider: CallProvider | None = None
    hooks: tuple[str, ...] = ()
    run: Callable[[], Coroutine[object, object, None]] | None = None


def _whatsapp_cloud(options: Options, tools: Tools) -> BuiltMessaging:
    config = _checked(whatsapp_cloud.Config, options)
    senders: dict[str, str] = {}
    for index, sender in enumerate(config.senders):
        if senders.setdefault(sender.phone_number_id, sender.clinic) != sender.clinic:
            message = "another clinic has the same phone_number_id"
            raise InvalidInput(Problem(f"senders.{index}.clinic", message))
    channel = whatsapp_cloud.WhatsAppCloud(config, tools.http)
    return BuiltMessaging(channel, senders, channel, "whatsapp")


def _webhook(options: Options, tools: Tools) -> Schedule:
    config = _checked(webhook.Config, options)
    return webhook.WebhookSchedule(
        config,
        tools.clinics,
        tools.read_appointment,
        tools.clock,
        allow_private=tools.allow_private,
    )


def _sip(options: Options, _: Tools) -> BuiltTelephony:
    trunk = SipTrunk(_checked(sip.Config, options))
    return BuiltTelephony(trunk=trunk, run=trunk.run)


def _twilio_voice(options: Options, tools: Tools) -> BuiltTelephony:
    config = _checked(twilio_settings.Config, options)
    twilio_settings.check(config)
    provider = TwilioVoice(config, tools.http, tools.public_url)
    return BuiltTelephony(provider=provider, hooks=("twilio/voice", "twilio/voice/status"))


MESSAGING: Mapping[str, Callable[[Options, Tools], BuiltMessaging]] = {
    "whatsapp_cloud": _whatsapp_cloud,
}
SCHEDULES: Mapping[str, Callable[[Options, Tools], Schedule]] = {
    "webhook": _webhook,
}
TELEPHONY: Mapping[str, Callable[[Options, Tools], BuiltTelephony]] = {
    "sip": _sip,
    "twilio_voice": _twilio_voice,
}
CAPABILITIES: Mapping[str, Capabilities] = {
    "whatsapp_cloud": whatsapp_cloud.CAPABILITIES,
}
"""Limits of every message channel, by the same names; docs show them as a table."""


def build_messaging(name: str, options: Options, tools: Tools) -> BuiltMessaging:
    """Return the message channel of that name; raise `InvalidInput`: `senders.0.clinic`."""
    return _named(MESSAGING, name)(options, tools)


def build_schedule(name: str, options: Options, tools: Tools) -> Schedule:
    """Return the way back into a clinic's schedule; raise `InvalidInput`."""
    return _named(SCHEDULES, name)(options, tools)


def build_telephony(name: str, options: Options, tools: Tools) -> BuiltTelephony:
    """Return the trunk or provider of that name; raise `InvalidInput`."""
    return _named(TELEPHONY, name)(options, tools)


_Builder = TypeVar("_Builder")


def _named(table: Mapping[str, _Builder], name: str) -> _Builder:
    if name not in table:
        raise InvalidInput(Problem("adapter", f"must be one of {', '.join(sorted(table))}"))
    return table[name]


def _checked(schema: type[_Config], options: Options) -> _Config:
    """Read an adapter's settings; what is wrong is told by field, never with its value."""
    try:
        return validate(TypeAdapter(schema), dict(options))
    except FieldsError as error:
        problems = [
            Problem(".".join(map(str, finding.path)), finding.message) for finding in error.findings
        ]
    raise InvalidInput(*problems)
