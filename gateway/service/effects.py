"""Carries out what was committed: messages, calls, status changes; the outcome is an event.

Each effect is one attempt with an id. It runs in the supervisor's TaskGroup; a worker that dies
leaves an attempt in state `started`, and whoever gets its lease reconciles it (rule G-6).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from itertools import chain, repeat
from typing import Protocol, TypeVar

from gateway.clock import Clock
from gateway.core import policy
from gateway.core.case import Attempt, Case, Contact, Notice, StatusPush
from gateway.core.events import (
    CallNotPlaced,
    Event,
    Failure,
    MessageAccepted,
    MessageFailed,
    MessageLost,
    PushAccepted,
    PushConflicted,
    PushFailed,
    PushRefused,
)
from gateway.core.model import Channel
from gateway.errors import StoreUnavailable
from gateway.ports.messaging import Messaging, OutgoingMessage, SendError, opaque_of
from gateway.ports.schedule import (
    Accepted,
    Conflicted,
    PushOutcome,
    Refused,
    Schedule,
)
from gateway.ports.store import Ref, Store
from gateway.ports.telephony import CallOrder, CallProvider, Trunk
from gateway.service.calls import hold_call
from gateway.service.engine import Effect, Engine
from gateway.service.lines import Lines
from gateway.service.provider_calls import language_of, place_call, watch_call
from gateway.service.records import change_of
from gateway.service.voice import Voice

log = logging.getLogger("callahead.effects")

R = TypeVar("R")

HINT_FOR = timedelta(days=8)
"""How long a provider's message id leads to its case: receipts repeat for up to 7 days."""

LINK_FOR = timedelta(days=400)
"""How long a link's token leads to its case: as long as cases are kept; the page itself says
when a link is no longer valid."""

REPORT_PAUSES_S = (0.1, 0.5, 2.0, 5.0)
"""Pauses before an outcome is reported again while the store does not answer; the last one
repeats."""

REPORT_FOR = timedelta(seconds=90)
"""How long an outcome is kept for a store that does not answer. Shorter than `SEND_LEASE`: after
that the attempt is reconciled, and a late outcome would come between."""


class Spawn(Protocol):
    """Starts a task in the supervisor's TaskGroup."""

    def __call__(self, coroutine: Coroutine[object, object, None]) -> None:
        """Start it."""
        ...


class Attend(Protocol):
    """Starts a task that ends with the supervisor at the latest."""

    def __call__(self, coroutine: Coroutine[object, object, None]) -> object:
        """Start it."""
        ...


class Effects:
    """Knows the adapters and reports what came of each effect."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        channels: tuple[Messaging, ...],
        trunks: tuple[Trunk, ...],
        providers: tuple[CallProvider, ...],
        voice: Voice,
        schedule: Callable[[str], Schedule | None],
        spawn: Spawn,
        attend: Attend,
        raise_faults: bool = False,
    ) -> None:
        self._store = store
        self._clock = clock
        self._channels = channels
        self._trunks = trunks
        self._providers = providers
        self._voice = voice
        self._lines = Lines(store, clock)
        self._schedule = schedule
        self._spawn = spawn
        self._attend = attend
        self._raise_faults = raise_faults
        self._engine: Engine | None = None
        self.under_way = 0

    def report_to(self, engine: Engine) -> None:
        """Name the engine that outcomes go to; effects and engine need each other."""
        self._engine = engine

    def has_sender(self, channel: Channel, clinic: str, branch: str) -> bool:
        """Tell whether some adapter serves this channel for this branch."""
        if channel is Channel.CALL:
            lines: tuple[Trunk | CallProvider, ...] = (*self._trunks, *self._providers)
            return any(line.serves(clinic, branch) for line in lines)
        return self._sender(channel, clinic, branch) is not None

    def carry_out(self, effect: Effect) -> None:
        """Start an effect that has just been committed."""
        self.under_way += 1
        self._spawn(self._run(effect))

    async def _run(self, effect: Effect) -> None:
        try:
            if effect.push is not None:
                await self._push(effect, effect.push)
            elif effect.attempt is not None and effect.attempt.is_call:
                await self._call(effect, effect.attempt)
            elif effect.attempt is not None:
                await self._send(effect, effect.attempt)
        except Exception:
            if self._raise_faults:
                raise
            # Whatever went wrong, the lease runs out and the attempt is reconciled; one poison
            # case must not stop the others.
            log.exception("an effect failed unexpectedly", extra={"kind": effect.ref.kind.value})
        finally:
            self.under_way -= 1

    async def report(self, ref: Ref, event: Event, *, insist: bool = False) -> Case | None:
        """Apply an outcome and return the case as it stands then.

        With `insist` a store that does not answer is waited for as long as a call has its lease.
        """
        engine = self._engine
        if engine is None:
            raise AssertionError("effects have no engine")
        patience = policy.CALL_LEASE if insist else REPORT_FOR
        return (await self._patiently(lambda: engine.apply(ref, event), patience)).case

    async def _patiently(
        self, ask: Callable[[], Awaitable[R]], patience: timedelta = REPORT_FOR
    ) -> R:
        """Ask the store again while it does not answer: what has happened must not be lost
        because the store is restarting."""
        until = self._clock.now() + patience
        for pause in chain(REPORT_PAUSES_S, repeat(REPORT_PAUSES_S[-1])):
            try:
                return await ask()
            except StoreUnavailable:
                if self._clock.now() + timedelta(seconds=pause) > until:
                    raise
                await self._clock.sleep(pause)
        raise AssertionError("pauses never end")

    # -- messages -----------------------------------------------------------------------------

    def _sender(self, channel: Channel, clinic: str, branch: str) -> Messaging | None:
        for adapter in self._channels:
            if adapter.channel is channel and adapter.serves(clinic, branch):
                return adapter
        return None

    async def _send(self, effect: Effect, attempt: Attempt) -> None:
        branch = effect.settings.branch
        adapter = self._sender(attempt.channel, branch.clinic, branch.id)
        if adapter is None or attempt.content is None:
            event: Event = MessageFailed(attempt.id, Failure.REJECTED, "no_sender")
        else:
            await self._remember_link(effect.ref, attempt)
            event = await self._offer(adapter, effect, attempt)
        if isinstance(event, MessageAccepted) and event.provider_id:
            hint = f"msg:{attempt.channel.value}:{event.provider_id}"
            await self._remember(hint, effect.ref, HINT_FOR)
        await self.report(effect.ref, event)

    async def _remember_link(self, ref: Ref, attempt: Attempt) -> None:
        """The patient page finds its visit by the link's token (rule P-2)."""
        link = attempt.content.link if attempt.content is not None else None
        if link is not None:
            await self._remember(f"link:{link.rsplit('/', 1)[-1]}", ref, LINK_FOR)

    async def _remember(self, hint: str, ref: Ref, ttl: timedelta) -> None:
        await self._patiently(lambda: self._store.remember(hint, ref, ttl))

    async def _offer(self, adapter: Messaging, effect: Effect, attempt: Attempt) -> Event:
        branch, contact = effect.settings.branch, effect.contact
        if attempt.content is None:
            raise AssertionError("a started message has content")
        message = OutgoingMessage(
            clinic=branch.clinic,
            branch=branch.id,
            channel=attempt.channel,
            to=attempt.to,
            account=contact.account(attempt.channel) if contact is not None else None,
            content=attempt.content,
            opaque=opaque_of(effect.ref, attempt.id),
            session_open=self._session_open(contact, attempt.channel),
            reply_to=attempt.reply_to,
        )
        try:
            provider_id = await adapter.send(message)
        except SendError as error:
            return self._failed(attempt, error)
        return MessageAccepted(attempt.id, provider_id)

    def _failed(self, attempt: Attempt, error: SendError) -> Event:
        if error.alert:
            log.error(
                "a channel needs an operator",
                extra={"channel": attempt.channel.value, "code": error.code},
            )
        if error.failure is None:
            return MessageLost(attempt.id)
        return MessageFailed(attempt.id, error.failure, error.code, error.retry_after_s)

    def _session_open(self, contact: Contact | None, channel: Channel) -> bool:
        if contact is None:
            return False
        now = self._clock.now()
        return any(
            heard is channel and now - at < policy.SESSION_WINDOW for heard, at in contact.heard_at
        )

    # -- calls --------------------------------------------------------------------------------

    async def _call(self, effect: Effect, attempt: Attempt) -> None:
        if effect.case is None:
            return
        branch, case = effect.settings.branch, effect.case
        order = CallOrder(
            ref=effect.ref,
            attempt=attempt.id,
            branch=branch.id,
            to=attempt.to,
            language=language_of(case, branch),
            snapshot=case.snapshot,
        )
        for trunk in self._trunks:
            if trunk.serves(branch.clinic, branch.id):
                await hold_call(trunk, order, branch, self._voice, self._lines, self.report)
                return
        for provider in self._providers:
            if provider.serves(branch.clinic, branch.id):
                placed = await place_call(
                    provider, order, branch, self._voice, self._lines, self.report
                )
                if placed is not None:
                    self._attend(
                        watch_call(provider, order, placed, self._clock, self._lines, self.report)
                    )
                return
        await self.report(order.ref, CallNotPlaced(order.attempt, "no_trunk"))

    # -- status changes -----------------------------------------------------------------------

    async def _push(self, effect: Effect, push: StatusPush | Notice) -> None:
        schedule = self._schedule(effect.ref.clinic)
        if schedule is None:
            raise AssertionError("the changes of this clinic go into its feed")
        outcome = await schedule.push(change_of(effect.ref, push))
        await self.report(effect.ref, _push_event(push.id, outcome))


def _push_event(push: str, outcome: PushOutcome) -> Event:
    match outcome:
        case Accepted():
            return PushAccepted(push)
        case Conflicted(newest):
            return PushConflicted(push, newest)
        case Refused(code):
            return PushRefused(push, code)
        case _:
            return PushFailed(push, outcome.code)
