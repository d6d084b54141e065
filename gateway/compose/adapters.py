"""Builds the adapters that the configuration names; what is wrong is told by file and line."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from adapters import registry
from gateway.clock import Clock
from gateway.compose.speech import build_engines
from gateway.core.events import Receipt
from gateway.core.model import Channel
from gateway.core.spoken import speech
from gateway.errors import InvalidInput
from gateway.ivr.script import Scripts
from gateway.ports.messaging import Messaging
from gateway.ports.schedule import FreeTimes, Schedule
from gateway.ports.speech import Speech
from gateway.ports.telephony import CallProvider, Trunk
from gateway.ports.webhook import Webhook
from gateway.service.prompts import Prompts
from gateway.settings import Loaded

_Built = TypeVar("_Built")

CHANNELS: Mapping[str, str] = {
    "whatsapp": "whatsapp_cloud",
    "telegram": "telegram",
    "max": "max",
    "push_backend": "push_backend",
    "push_fcm": "push_fcm",
    "push_rustore": "push_rustore",
    "twilio_messaging": "twilio_messaging",
    "sms_exolve": "sms_exolve",
    "sms_smsc": "sms_smsc",
    "sms_smpp": "sms_smpp",
}
"""Sections of the settings and their adapters. Where two of them could send a branch's messages on
the same channel, the one that stands first here does."""

PROMPTS_FOLDER = "prompts"
"""In the data folder: the robot's sentences as audio. It may be emptied at any time."""


@dataclass(frozen=True, slots=True)
class Telephone:
    """Ways to phone: trunks of our own, providers, and the callbacks of providers by path."""

    trunks: tuple[Trunk, ...] = ()
    providers: tuple[CallProvider, ...] = ()
    hooks: Mapping[str, CallProvider] = field(default_factory=dict)
    services: tuple[Callable[[], Coroutine[object, object, None]], ...] = ()
    closers: tuple[Callable[[], Coroutine[object, object, None]], ...] = ()

    async def close(self) -> None:
        """Hang up and let go."""
        for closer in self.closers:
            await closer()

    def __bool__(self) -> bool:
        """Tell whether there is any way to phone."""
        return bool(self.trunks or self.providers)


@dataclass(frozen=True, slots=True)
class Adapters:
    """What the configuration names, built. Without a telephone there is no speech.

    `listeners` are what channels do all the time: each takes what commits the news. `silent` names
    the channels whose capability card has no receipt of delivery.
    """

    channels: tuple[Messaging, ...]
    hooks: Mapping[str, Webhook]
    senders: Mapping[tuple[Channel, str], str]
    listeners: tuple[registry.Run, ...]
    schedules: Mapping[str, Schedule]
    telephone: Telephone
    speech: tuple[Speech, ...]
    silent: tuple[Messaging, ...] = ()
    desks: Mapping[str, FreeTimes] = field(default_factory=dict)

    def free_times(self, clinic: str) -> FreeTimes | None:
        """Return who tells a clinic's free times; None: its schedule offers none."""
        return self.desks.get(clinic)

    def reports_delivery(self, channel: Channel, clinic: str, branch: str) -> bool:
        """Tell whether the senders of this channel tell what became of an accepted message."""
        return not any(
            adapter.channel is channel and adapter.serves(clinic, branch) for adapter in self.silent
        )

    def schedule(self, clinic: str) -> Schedule | None:
        """Return the way back into a clinic's schedule; None: it takes changes from the feed."""
        return self.schedules.get(clinic)

    async def close(self) -> None:
        """End calls, channels and speech; what `listeners` made has been cancelled before."""
        await self.telephone.close()
        for channel in self.channels:
            await channel.close()
        for engine in self.speech:
            await engine.close()


def build_adapters(loaded: Loaded, tools: registry.Tools) -> Adapters:
    """Build every adapter of the configuration; raise `InvalidInput` with file and line."""
    messaging = tuple(_messaging(loaded, tools))
    telephone = _telephone(loaded, tools)
    speech: tuple[Speech, ...] = ()
    if telephone:
        build = _bound(build_engines, loaded.settings.speech, tools, loaded.folder)
        speech = tuple(_built(loaded, ("speech",), build))
    schedules = dict(_schedules(loaded, tools))
    return Adapters(
        channels=tuple(channel for _, built in messaging for channel in built.channels),
        hooks=_hooks(built for _, built in messaging),
        senders=_senders(loaded, messaging),
        listeners=tuple(built.run for _, built in messaging if built.run is not None),
        schedules=schedules,
        telephone=telephone,
        speech=speech,
        silent=tuple(item for section, built in messaging for item in _silent(section, built)),
        desks=dict(_desks(loaded, tools)),
    )


def _silent(section: str, built: registry.BuiltMessaging) -> Iterator[Messaging]:
    """Yield the channels of a section that never report a delivery."""
    cards = {card.channel: card for card in registry.CAPABILITIES[CHANNELS[section]]}
    for channel in built.channels:
        if Receipt.DELIVERED not in cards[channel.channel].receipts:
            yield channel


def _messaging(
    loaded: Loaded, tools: registry.Tools
) -> Iterator[tuple[str, registry.BuiltMessaging]]:
    """Yield every configured section and what it brings."""
    for section, name in CHANNELS.items():
        options = getattr(loaded.settings, section)
        if options is not None:
            options = with_files(name, options, loaded.folder)
            build = _bound(registry.build_messaging, name, options, tools)
            yield section, _built(loaded, (section,), build)


def with_files(name: str, options: registry.Options, folder: Path) -> registry.Options:
    """Return an adapter's settings with the files that they name beginning in `folder`."""
    for path in registry.PATHS.get(name, ()):
        options = located(options, path.split("."), folder)
    return options


def located(value: Any, path: Sequence[str], folder: Path) -> Any:
    """Return settings in which the file at `path` begins in `folder`; `*` is every item.

    What has another shape is left as it is: the adapter says what is wrong with it.
    """
    if not path:
        return str(folder / value) if isinstance(value, str) else value
    step, rest = path[0], path[1:]
    if step == "*" and isinstance(value, list):
        return [located(item, rest, folder) for item in value]
    if isinstance(value, Mapping) and step in value:
        return {**value, step: located(value[step], rest, folder)}
    return value


def _hooks(messaging: Iterable[registry.BuiltMessaging]) -> dict[str, Webhook]:
    return {
        f"/hooks/{hook}": built.webhook
        for built in messaging
        if built.webhook is not None
        for hook in built.hooks
    }


def _senders(
    loaded: Loaded, messaging: Sequence[tuple[str, registry.BuiltMessaging]]
) -> dict[tuple[Channel, str], str]:
    """Return the clinic of every sender: answers are routed by it, so it must be one."""
    found: dict[tuple[Channel, str], str] = {}
    for section, built in messaging:
        for sender, clinic in built.senders.items():
            if found.setdefault(sender, clinic) != clinic:
                message = "another section has one of these senders for another clinic"
                raise loaded.invalid([((section, "senders"), message)])
    return found


def _schedules(loaded: Loaded, tools: registry.Tools) -> list[tuple[str, Schedule]]:
    found = []
    for clinic, schedule in loaded.settings.schedules.items():
        options = {"url": schedule.webhook.url, "secrets": [schedule.webhook.secret]}
        build = _bound(registry.build_schedule, "webhook", options, tools)
        found.append((clinic, _built(loaded, ("schedules", clinic, "webhook"), build)))
    return found


def _desks(loaded: Loaded, tools: registry.Tools) -> Iterator[tuple[str, FreeTimes]]:
    """Yield the clinics whose schedules offer free times; one secret signs for both addresses."""
    for clinic, schedule in loaded.settings.schedules.items():
        url, secret = schedule.webhook.free_times, schedule.webhook.secret
        if url is not None:
            options = {"url": url, "secrets": [secret]}
            try:
                yield clinic, registry.build_free_times("webhook", options, tools)
            except InvalidInput as error:  # about its only own setting: the secret was taken before
                place = ("schedules", clinic, "webhook", "free_times")
                raise loaded.invalid([(place, p.message) for p in error.problems]) from None


def _telephone(loaded: Loaded, tools: registry.Tools) -> Telephone:
    settings = loaded.settings
    wanted = {"sip": settings.sip, "twilio_voice": settings.twilio_voice}
    trunks: list[Trunk] = []
    providers: list[CallProvider] = []
    hooks: dict[str, CallProvider] = {}
    services: list[Callable[[], Coroutine[object, object, None]]] = []
    closers: list[Callable[[], Coroutine[object, object, None]]] = []
    for name, options in wanted.items():
        if options is None:
            continue
        options = with_files(name, options, loaded.folder)
        build = _bound(registry.build_telephony, name, options, tools)
        built = _built(loaded, (name,), build)
        trunks += built.trunks
        if built.provider is not None:
            providers.append(built.provider)
            hooks |= {f"/hooks/{hook}": built.provider for hook in built.hooks}
        if built.run is not None:
            services.append(built.run)
        if built.close is not None:
            closers.append(built.close)
    return Telephone(tuple(trunks), tuple(providers), hooks, tuple(services), tuple(closers))


def prompts_of(
    loaded: Loaded, engines: tuple[Speech, ...], scripts: Scripts, data: Path, clock: Clock
) -> Prompts:
    """Return what makes the robot's sentences; raise `InvalidInput` about recordings."""
    settings = loaded.settings.speech
    recordings = loaded.folder / settings.recordings if settings.recordings is not None else None
    keep = timedelta(days=settings.keep_days)
    folder, fixed = data / PROMPTS_FOLDER, fixed_sentences(scripts)
    return Prompts(engines, folder, clock, recordings=recordings, keep=keep, fixed=fixed)


def fixed_sentences(scripts: Scripts) -> Iterator[str]:
    """Yield the sentences that are the same for everybody, in words."""
    for script in scripts.by_language.values():
        for state in script.states.values():
            for pattern in state.say:
                if not pattern.facts:
                    yield speech(pattern.fill({})[0], script.language)


def _bound(build: Callable[..., _Built], *arguments: Any) -> Callable[[], _Built]:
    return lambda: build(*arguments)


def _built(loaded: Loaded, path: tuple[str | int, ...], build: Callable[[], _Built]) -> _Built:
    """Build an adapter; what it says of its own settings gets the place in the file."""
    try:
        return build()
    except InvalidInput as error:
        findings = [((*path, *read_path(p.field)), p.message) for p in error.problems]
        raise loaded.invalid(findings) from None


def read_path(field: str) -> tuple[str | int, ...]:
    """Return a written path such as `branches[0].functions.details.hours` step by step."""
    steps = re.findall(r"[^.\[\]]+", field)
    return tuple(int(step) if step.isdigit() else step for step in steps)
