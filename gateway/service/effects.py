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
    MessageHeld,
    MessageLost,
    MessageReceipt,
    PushAccepted,
    PushConflicted,
    PushFailed,
    PushRefused,
)
from gateway.core.model import Channel
from gateway.core.recheck import may_leave
from gateway.errors import StoreUnavailable
from gateway.ports.messaging import (
    Messaging,
    OutgoingMessage,
    Scope,
    SenderLimits,
    SendError,
    TokenPush,
    opaque_of,
)
from gateway.ports.schedule import (
    Accepted,
    Conflicted,
    PushOutcome,
    Refused,
    Schedule,
)
from gateway.ports.store import Kind, Ref, Store
from gateway.ports.telephony import CallOrder, CallProvider, Trunk
from gateway.service.calls import hold_call
from gateway.service.calls_under_way import CallsUnderWay
from gateway.service.early_receipts import EarlyReceipts
from gateway.service.engine import Effect, Engine
from gateway.service.last_look import LastLook, SettingsOf
from gateway.service.lines import Lines
from gateway.service.provider_calls import language_of, look_up_call, place_call
from gateway.service.records import change_of
from gateway.service.token_bucket import Held, TokenBuckets
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


SEND_FOR = timedelta(seconds=25)
"""How much of its lease a message needs to be sent: longer than any adapter's own time-out."""

LOOK_FOR = timedelta(seconds=20)
"""How long a store that does not answer is asked whether a message may still leave."""


class Spawn(Protocol):
    """Starts a task in the supervisor's TaskGroup."""

    def __call__(self, coroutine: Coroutine[object, object, None]) -> None:
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
        settings: SettingsOf,
        spawn: Spawn,
        hungry: Callable[[str], None] = lambda _: None,
        raise_faults: bool = False,
    ) -> None:
        """`hungry` is told of a clinic whose senders can do with more messages on this node."""
        self._store = store
        self._clock = clock
        self._channels = channels
        self._trunks = trunks
        self._providers = providers
        self._voice = voice
        self._lines = Lines(store, clock)
        self._look = LastLook(store, settings, clock)
        self._buckets = TokenBuckets(store, clock, spawn, hungry)
        self.calls_under_way = CallsUnderWay(store, clock)
        self._schedule = schedule
        self._spawn = spawn
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

    @property
    def sated(self) -> frozenset[tuple[str, str]]:
        """Branches (clinic, branch) of whose messages enough wait here for their senders."""
        return self._buckets.sated

    def carry_out(self, effect: Effect) -> None:
        """Start an effect that has just been committed."""
        self.under_way += 1
        self._spawn(self._run(effect))

    async def _run(self, effect: Effect) -> None:
        try:
            if effect.push is not None:
                await self._push(effect, effect.push)
            elif effect.attempt is not None and effect.look_up:
                await self._look_up(effect, effect.attempt)
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

    def _sender(
        self, channel: Channel, clinic: str, branch: str, provider: str = ""
    ) -> Messaging | None:
        """The first that serves the branch; a phone's token is understood by its own service."""
        for adapter in self._channels:
            if adapter.channel is not channel or not adapter.serves(clinic, branch):
                continue
            if not provider or provider_of(adapter) == provider:
                return adapter
        return None

    def push_providers(self, clinic: str, branch: str) -> tuple[str, ...]:
        """Return the names of the services that push to phones of this branch by their tokens."""
        found = [
            provider_of(adapter)
            for adapter in self._channels
            if adapter.channel is Channel.PUSH and adapter.serves(clinic, branch)
        ]
        return tuple(name for name in found if name)

    async def _send(self, effect: Effect, attempt: Attempt) -> None:
        branch = effect.settings.branch
        adapter = self._sender(
            attempt.channel, branch.clinic, branch.id, _provider(effect.contact, attempt.channel)
        )
        if adapter is None or attempt.content is None:
            event: Event = MessageFailed(attempt.id, Failure.REJECTED, "no_sender")
        else:
            await self._remember_link(effect.ref, attempt)
            event = await self._in_turn(adapter, effect, attempt)
        early = None
        if isinstance(event, MessageAccepted) and event.provider_id:
            early = await self._known_as(event.provider_id, effect.ref, attempt)
        await self.report(effect.ref, event)
        if early is not None:
            await self.report(effect.ref, early)

    async def _known_as(
        self, provider_id: str, ref: Ref, attempt: Attempt
    ) -> MessageReceipt | None:
        """Remember whose id this is; return what was reported about it before (rule G-6)."""
        await self._remember(f"msg:{attempt.channel.value}:{provider_id}", ref, HINT_FOR)
        early = EarlyReceipts(self._store)
        return await self._patiently(lambda: early.of(attempt.channel, provider_id, attempt.id))

    async def _remember_link(self, ref: Ref, attempt: Attempt) -> None:
        """The patient page finds its visit by the link's token (rule P-2)."""
        link = attempt.content.link if attempt.content is not None else None
        if link is not None:
            await self._remember(f"link:{link.rsplit('/', 1)[-1]}", ref, LINK_FOR)

    async def _remember(self, hint: str, ref: Ref, ttl: timedelta) -> None:
        await self._patiently(lambda: self._store.remember(hint, ref, ttl))

    async def _in_turn(self, adapter: Messaging, effect: Effect, attempt: Attempt) -> Event:
        """Offer the message when its sender's turn comes, if it may still leave then (H-3, H-7)."""
        branch = effect.settings.branch
        limits = adapter.limits(branch.clinic, branch.id)
        if limits is None:
            return await self._offer(adapter, effect, attempt)

        async def look() -> bool:
            return await self._may_leave(effect, attempt)

        place = branch.clinic, branch.id
        async with self._buckets.turn(limits, place, look, first=attempt.is_free) as turn:
            if isinstance(turn, Held):
                return MessageHeld(attempt.id, attempt.started_at, turn.until, turn.paused)
            return await self._offer(adapter, effect, attempt, limits)

    async def _may_leave(self, effect: Effect, attempt: Attempt) -> bool:
        """Look once more; a store that answers when the lease is nearly over answers too late."""
        before = effect.case, effect.contact
        now = await self._patiently(lambda: self._documents(effect.ref), LOOK_FOR)
        started_at = attempt.started_at or self._clock.now()
        in_time = self._clock.now() < started_at + policy.SEND_LEASE - SEND_FOR
        branch = effect.settings.branch
        return in_time and may_leave(attempt, before, now, branch, self._clock.now())

    async def _documents(self, ref: Ref) -> tuple[Case | None, Contact | None]:
        if ref.kind is Kind.CASE:
            return await self._store.load_case(ref.clinic, ref.key)
        return None, (await self._store.load_contact(ref.clinic, ref.key))[0]

    async def _offer(
        self,
        adapter: Messaging,
        effect: Effect,
        attempt: Attempt,
        limits: SenderLimits | None = None,
    ) -> Event:
        branch, contact = effect.settings.branch, effect.contact
        if attempt.content is None:
            raise AssertionError("a started message has content")
        message = OutgoingMessage(
            clinic=branch.clinic,
            branch=branch.id,
            channel=attempt.channel,
            to=attempt.to,
            account=_account(contact, attempt),
            content=attempt.content,
            opaque=opaque_of(effect.ref, attempt.id),
            session_open=self._session_open(contact, attempt.channel),
            reply_to=attempt.reply_to,
        )
        try:
            provider_id = await adapter.send(message)
        except SendError as error:
            if limits is not None and error.scope is Scope.SENDER and _may_pass(error):
                await self._buckets.pause(limits, error.retry_after_s)
            return self._failed(attempt, error)
        return MessageAccepted(attempt.id, provider_id)

    async def say(self, adapter: Messaging, message: OutgoingMessage) -> None:
        """Send what is no attempt, in its sender's turn (rule H-7); raise `SendError`."""
        limits = adapter.limits(message.clinic, message.branch)
        if limits is None:
            await adapter.send(message)
            return

        async def look() -> bool:
            return True

        place = message.clinic, message.branch
        async with self._buckets.turn(limits, place, look) as turn:
            if isinstance(turn, Held):
                raise SendError(Failure.TEMPORARY, "no_turn")
            await adapter.send(message)

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
        trunks = [trunk for trunk in self._trunks if trunk.serves(branch.clinic, branch.id)]
        if trunks:
            await hold_call(
                trunks, order, branch, self._voice, self._lines, self._look, self.report
            )
            return
        for provider in self._providers:
            if provider.serves(branch.clinic, branch.id):
                self.calls_under_way.note(order.ref, order.attempt)
                await place_call(
                    provider, order, branch, self._voice, self._lines, self._look, self.report
                )
                return
        await self.report(order.ref, CallNotPlaced(order.attempt, "no_trunk"))

    async def _look_up(self, effect: Effect, attempt: Attempt) -> None:
        branch = effect.settings.branch
        for provider in self._providers:
            if provider.serves(branch.clinic, branch.id):
                await look_up_call(provider, effect.ref, branch, attempt, self._lines, self.report)
                return

    # -- status changes -----------------------------------------------------------------------

    async def _push(self, effect: Effect, push: StatusPush | Notice) -> None:
        schedule = self._schedule(effect.ref.clinic)
        if schedule is None:
            raise AssertionError("the changes of this clinic go into its feed")
        outcome = await schedule.push(change_of(effect.ref, push))
        await self.report(effect.ref, _push_event(push.id, outcome))


def provider_of(adapter: Messaging) -> str:
    """Return the name of a push service that needs a phone's token; empty for any other."""
    return adapter.provider if isinstance(adapter, TokenPush) else ""


def _account(contact: Contact | None, attempt: Attempt) -> str | None:
    """Return whom the channel knows the number as. An answer to a number that the visit no longer
    has must not go to the account of the one that it has now."""
    if contact is None or contact.number != attempt.to:
        return None
    return contact.account(attempt.channel)


def _provider(contact: Contact | None, channel: Channel) -> str:
    known = contact.record(channel) if contact is not None else None
    return known.provider if known is not None and known.ended is None else ""


def _may_pass(error: SendError) -> bool:
    return error.failure is Failure.TEMPORARY


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
