"""What adapters there are: one table for each kind, from a name in the settings to a builder.

`gateway.compose` is the only reader. A builder takes the adapter's own part of the settings,
checks it, and connects it to what all adapters share (`Tools`). A new adapter is a new line.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar

from pydantic import BaseModel, TypeAdapter

from adapters.http import HttpClient
from adapters.messaging import (
    max_messenger,
    max_settings,
    push_backend,
    push_fcm,
    push_rustore,
    sms_exolve,
    sms_smpp,
    sms_smsc,
    telegram,
    twilio_messaging,
    twilio_messaging_settings,
    whatsapp_cloud,
    whatsapp_settings,
)
from adapters.messaging.capabilities import Capabilities
from adapters.messaging.sms_settings import clinics_of
from adapters.schedule import free_times, webhook
from adapters.store import redis_store
from adapters.store.embedded import open_embedded
from adapters.store.memory_store import MemoryStore
from adapters.telephony import twilio_settings
from adapters.telephony.sip import config as sip
from adapters.telephony.sip.trunk import SipTrunks
from adapters.telephony.twilio_voice import TwilioVoice
from gateway.clock import Clock
from gateway.core.model import Appointment, Channel
from gateway.errors import InvalidInput, Problem
from gateway.ports.messaging import Inbound, Messaging
from gateway.ports.schedule import FreeTimes, Schedule
from gateway.ports.schema_problems import FieldsError, validate
from gateway.ports.store import Store
from gateway.ports.telephony import CallProvider, Trunk
from gateway.ports.webhook import Webhook

Options: TypeAlias = Mapping[str, object]

Take: TypeAlias = Callable[[Sequence[Inbound]], Awaitable[None]]
"""Commits what came in, or raises `StoreError`."""

Run: TypeAlias = Callable[[Take], Coroutine[object, object, None]]
"""What a channel does beside sending, until it is cancelled: it keeps connections, fetches answers,
renews subscriptions."""

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
    """A provider's message channels and the clinic of each of their senders, by the provider's
    own id.

    `webhook` takes the callbacks under /hooks/ followed by each of `hooks`. `run` is what has to
    be served all the time, where there is such a thing.
    """

    channels: tuple[Messaging, ...]
    senders: Mapping[tuple[Channel, str], str]
    webhook: Webhook | None = None
    hooks: tuple[str, ...] = ()
    run: Run | None = None


@dataclass(frozen=True, slots=True)
class BuiltTelephony:
    """Trunks of our own in the order in which they are tried, or a provider with its callbacks
    under /hooks/. `run` is what has to be served while there are calls, `close` ends them."""

    trunks: tuple[Trunk, ...] = ()
    provider: CallProvider | None = None
    hooks: tuple[str, ...] = ()
    run: Callable[[], Coroutine[object, object, None]] | None = None
    close: Callable[[], Coroutine[object, object, None]] | None = None


def _whatsapp_cloud(options: Options, tools: Tools) -> BuiltMessaging:
    config = _checked(whatsapp_settings.Config, options)
    clinics = clinics_of(((s.phone_number_id, s.clinic) for s in config.senders), "phone_number_id")
    channel = whatsapp_cloud.WhatsAppCloud(config, tools.http)
    return BuiltMessaging((channel,), _on(channel.channel, clinics), channel, ("whatsapp",))


def _telegram(options: Options, tools: Tools) -> BuiltMessaging:
    config = _checked(telegram.Config, options)
    channel = telegram.Telegram(config, tools.http, tools.clock)
    clinics = {bot.id: bot.clinic for bot in config.senders}
    return BuiltMessaging((channel,), _on(channel.channel, clinics), channel, ("telegram",))


def _max(options: Options, tools: Tools) -> BuiltMessaging:
    config = _checked(max_settings.Config, options)
    channel = max_messenger.MaxMessenger(config, max_settings.client_of(config), tools.clock)
    clinics = {bot.name: bot.clinic for bot in config.senders}
    run: Run | None = None
    if config.webhook_url is not None:

        async def run(_take: Take) -> None:
            await channel.watch()

    return BuiltMessaging((channel,), _on(channel.channel, clinics), channel, ("max",), run)


def _push_backend(options: Options, tools: Tools) -> BuiltMessaging:
    config = _checked(push_backend.Config, options)
    channel = push_backend.PushBackend(
        config, tools.clinics, tools.clock, allow_private=tools.allow_private
    )
    clinics = {backend.name: backend.clinic for backend in config.senders}
    return BuiltMessaging((channel,), _on(channel.channel, clinics), channel, ("push",))


def _push_fcm(options: Options, tools: Tools) -> BuiltMessaging:
    config = _checked(push_fcm.Config, options)
    return BuiltMessaging((push_fcm.PushFcm(config, tools.http, tools.clock),), {})


def _push_rustore(options: Options, tools: Tools) -> BuiltMessaging:
    config = _checked(push_rustore.Config, options)
    return BuiltMessaging((push_rustore.PushRustore(config, tools.http),), {})


def _twilio_messaging(options: Options, tools: Tools) -> BuiltMessaging:
    """One webhook takes the callbacks of both channels; a channel without senders is left out."""
    config = _checked(twilio_messaging_settings.Config, options)
    wanted = {sender.channel for sender in config.senders}
    channels = tuple(
        twilio_messaging.TwilioMessaging(channel, config, tools.http, tools.clock, tools.public_url)
        for channel in (Channel.SMS, Channel.WHATSAPP)
        if channel.value in wanted
    )
    senders: dict[tuple[Channel, str], str] = {}
    for channel in channels:
        senders |= _on(channel.channel, channel.senders)
    hooks = ("twilio/messages", "twilio/messages/status")
    return BuiltMessaging(channels, senders, channels[0], hooks)


def _sms_exolve(options: Options, tools: Tools) -> BuiltMessaging:
    config = _checked(sms_exolve.Config, options)
    channel = sms_exolve.SmsExolve(config, tools.http, tools.clock)
    senders = _on(channel.channel, channel.senders)
    return BuiltMessaging((channel,), senders, channel, ("sms/exolve",))


def _sms_smsc(options: Options, tools: Tools) -> BuiltMessaging:
    config = _checked(sms_smsc.Config, options)
    channel = sms_smsc.SmsSmsc(config, tools.http, tools.clock)
    senders = _on(channel.channel, channel.senders)
    run = channel.run if channel.fetches else None
    return BuiltMessaging((channel,), senders, channel, ("sms/smsc",), run)


def _sms_smpp(options: Options, tools: Tools) -> BuiltMessaging:
    channel = sms_smpp.SmsSmpp(_checked(sms_smpp.Config, options), tools.clock)
    return BuiltMessaging((channel,), _on(channel.channel, channel.senders), run=channel.run)


def _on(channel: Channel, clinics: Mapping[str, str]) -> dict[tuple[Channel, str], str]:
    return {(channel, sender): clinic for sender, clinic in clinics.items()}


def _webhook(options: Options, tools: Tools) -> Schedule:
    config = _checked(webhook.Config, options)
    return webhook.WebhookSchedule(
        config,
        tools.clinics,
        tools.read_appointment,
        tools.clock,
        allow_private=tools.allow_private,
    )


def _webhook_free_times(options: Options, tools: Tools) -> FreeTimes:
    config = _checked(webhook.Config, options)
    return free_times.WebhookFreeTimes(
        config,
        tools.clinics,
        tools.read_appointment,
        tools.clock,
        allow_private=tools.allow_private,
    )


def _sip(options: Options, _: Tools) -> BuiltTelephony:
    sip_trunks = SipTrunks(_checked(sip.Config, options))
    return BuiltTelephony(trunks=sip_trunks.trunks, run=sip_trunks.run, close=sip_trunks.close)


def _twilio_voice(options: Options, tools: Tools) -> BuiltTelephony:
    config = _checked(twilio_settings.Config, options)
    twilio_settings.check(config)
    provider = TwilioVoice(config, tools.http, tools.public_url)
    hooks = ("twilio/voice", "twilio/voice/status")
    return BuiltTelephony(provider=provider, hooks=hooks, close=provider.close)


MESSAGING: Mapping[str, Callable[[Options, Tools], BuiltMessaging]] = {
    "whatsapp_cloud": _whatsapp_cloud,
    "telegram": _telegram,
    "max": _max,
    "push_backend": _push_backend,
    "push_fcm": _push_fcm,
    "push_rustore": _push_rustore,
    "twilio_messaging": _twilio_messaging,
    "sms_exolve": _sms_exolve,
    "sms_smsc": _sms_smsc,
    "sms_smpp": _sms_smpp,
}
SCHEDULES: Mapping[str, Callable[[Options, Tools], Schedule]] = {
    "webhook": _webhook,
}
FREE_TIMES: Mapping[str, Callable[[Options, Tools], FreeTimes]] = {
    "webhook": _webhook_free_times,
}
TELEPHONY: Mapping[str, Callable[[Options, Tools], BuiltTelephony]] = {
    "sip": _sip,
    "twilio_voice": _twilio_voice,
}
CAPABILITIES: Mapping[str, tuple[Capabilities, ...]] = {
    "whatsapp_cloud": (whatsapp_cloud.CAPABILITIES,),
    "telegram": (telegram.CAPABILITIES,),
    "max": (max_messenger.CAPABILITIES,),
    "push_backend": (push_backend.CAPABILITIES,),
    "push_fcm": (push_fcm.CAPABILITIES,),
    "push_rustore": (push_rustore.CAPABILITIES,),
    "twilio_messaging": (
        twilio_messaging.SMS_CAPABILITIES,
        twilio_messaging.WHATSAPP_CAPABILITIES,
    ),
    "sms_exolve": (sms_exolve.CAPABILITIES,),
    "sms_smsc": (sms_smsc.CAPABILITIES,),
    "sms_smpp": (sms_smpp.CAPABILITIES,),
}
"""Limits of every message channel, by the same names; docs show them as a table."""

PATHS: Mapping[str, tuple[str, ...]] = {
    "max": ("ca_file",),
    "sms_smpp": ("connections.*.ca_file",),
    "sip": ("trunks.*.tls_ca_file",),
}
"""Settings that name files; `*` stands for every item. Whoever reads the settings knows the
folder in which they begin."""


def build_messaging(name: str, options: Options, tools: Tools) -> BuiltMessaging:
    """Return the message channels of that name; raise `InvalidInput`: `senders.0.clinic`."""
    return _named(MESSAGING, name)(options, tools)


def build_schedule(name: str, options: Options, tools: Tools) -> Schedule:
    """Return the way back into a clinic's schedule; raise `InvalidInput`."""
    return _named(SCHEDULES, name)(options, tools)


def build_free_times(name: str, options: Options, tools: Tools) -> FreeTimes:
    """Return who tells a clinic's free times and books them; raise `InvalidInput`."""
    return _named(FREE_TIMES, name)(options, tools)


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
