"""What a person hears whom nobody knows: the way to be known, once a day at most.

There is no document that could carry an attempt, because there is no number. So this answer is
not an attempt: it is sent once, by whoever took the callback, after a limit of the store was
taken for the day. A process that dies in between has not asked; the next day it asks again.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeAlias

from gateway.clock import Clock
from gateway.core.events import Failure
from gateway.core.wording import compose
from gateway.errors import NotFound
from gateway.ports.messaging import (
    InboundLink,
    InboundMessage,
    Linking,
    LinkStep,
    Messaging,
    OutgoingMessage,
    SendError,
)
from gateway.ports.store import Store
from gateway.service.clinics import Clinics
from gateway.service.effects import Spawn
from gateway.service.linking import BY_ACCOUNT

log = logging.getLogger("callahead.strangers")

ASKS_NUMBER: Final = "clarification.number"
"""Wording key of "press the button, so that we know you"."""

NOT_OWN: Final = "clarification.not_own_contact"
"""Wording key of "that was somebody else's contact"."""

NOT_LINKED: Final = "clarification.not_linked"
"""Wording key for a messenger whose contacts prove nothing: the page behind a message's link."""

PER_PERSON_S: Final = 1 / timedelta(days=1).total_seconds()
"""How often one person gets one of these answers, a second."""

PER_SENDER_S: Final = 5.0
"""How many strangers one bot answers a second: far fewer than a bot may send, so that a crowd of
them does not keep patients waiting."""

SENDER_WAIT_MAX: Final = timedelta(seconds=20)
"""A stranger who would wait longer than this is not answered."""

PAUSES_S: Final = (2.0, 10.0)
"""Pauses before it is tried again after a failure that may pass; far shorter than a stop waits."""

Met: TypeAlias = InboundMessage | InboundLink


class Strangers:
    """Tells people whom nobody knows how to be known."""

    def __init__(
        self,
        store: Store,
        clinics: Clinics,
        clock: Clock,
        channels: tuple[Messaging, ...],
        spawn: Spawn,
        say: Callable[[Messaging, OutgoingMessage], Awaitable[None]],
    ) -> None:
        """`say` sends in the sender's turn, or raises `SendError`."""
        self._store = store
        self._clinics = clinics
        self._clock = clock
        self._channels = channels
        self._spawn = spawn
        self._say = say

    async def answer(self, clinic: str, item: Met) -> None:
        """Answer, if there is a way and it was not done today. Sending goes on by itself."""
        if item.channel not in BY_ACCOUNT or not item.account or not _begins(item):
            return
        found = await self._adapter(clinic, item)
        if found is None:
            return
        adapter, branch, about = found
        person = f"stranger:{about}:{item.channel.value}:{item.sender}:{item.account}"
        now = self._clock.now()
        if await self._store.take_turn(person, PER_PERSON_S, now, timedelta(0)) is None:
            return
        sender = f"stranger:{item.channel.value}:{item.sender}"
        wait = await self._store.take_turn(sender, PER_SENDER_S, now, SENDER_WAIT_MAX)
        if wait is None:
            log.warning("too many strangers at once", extra={"channel": item.channel.value})
            return
        message = await self._message(clinic, branch, about, item)
        self._spawn(self._send(adapter, message, wait))

    async def _adapter(self, clinic: str, item: Met) -> tuple[Messaging, str, str] | None:
        """Return who sends, for which branch, and which words."""
        try:
            branches = (await self._clinics.clinic(clinic)).branches
        except NotFound:
            return None
        for adapter in self._channels:
            if adapter.channel is not item.channel or not isinstance(adapter, Linking):
                continue
            for branch in branches:
                if adapter.serves(clinic, branch.id):
                    return adapter, branch.id, _about(adapter, item)
        return None

    async def _message(self, clinic: str, branch: str, about: str, item: Met) -> OutgoingMessage:
        settings = await self._clinics.settings(clinic, branch)
        words = settings.texts.words(settings.branch, None)
        content = compose(
            settings.texts,
            about,
            item.channel,
            branch=settings.branch,
            snapshot=None,
            booking=0,
        )
        return OutgoingMessage(
            clinic=clinic,
            branch=branch,
            channel=item.channel,
            to="",
            account=item.account,
            content=content,
            opaque="",
            session_open=True,
            asks_number=None if about == NOT_LINKED else words.number_button,
        )

    async def _send(self, adapter: Messaging, message: OutgoingMessage, wait: timedelta) -> None:
        if wait:
            await self._clock.sleep(wait.total_seconds())
        for pause in (*PAUSES_S, None):
            try:
                await self._say(adapter, message)
            except SendError as error:
                may_pass = error.failure is Failure.TEMPORARY and pause is not None
                if not may_pass:
                    log.warning(
                        "a stranger could not be answered",
                        extra={"channel": message.channel.value, "code": error.code},
                    )
                    return
                await self._clock.sleep(pause or 0.0)
            except Exception:
                log.exception("an answer to a stranger failed unexpectedly")
                return
            else:
                return


def _begins(item: Met) -> bool:
    """A stop of somebody whom nobody knows wants no answer."""
    return isinstance(item, InboundMessage) or item.step is not LinkStep.ENDED


def _about(adapter: Linking, item: Met) -> str:
    if not adapter.takes_contacts:
        return NOT_LINKED
    if isinstance(item, InboundMessage) and item.kind == "contact":
        return NOT_OWN
    return ASKS_NUMBER
