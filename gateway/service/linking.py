"""Whose account it is: a messenger's starts, shared contacts and stops become a number's account.

The contact's document is the truth; look-up hints (`alias:`) only lead to it and are believed
when it agrees. What one account does is taken one at a time; what several do about one number is
settled by versions, and what several do with one token by the store: the first commit has it.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from gateway.clock import Clock, fresh_id
from gateway.core.case import EndedBy
from gateway.core.events import LinkedBy
from gateway.core.model import Channel
from gateway.errors import StoreUnavailable
from gateway.ports.messaging import InboundLink, InboundMessage, LinkStep
from gateway.ports.store import Kind, Ref, Store
from gateway.service.engine import Engine
from gateway.service.links import JOIN_FOR, join_hint
from gateway.service.numbers import as_stored

ALIAS_FOR: Final = timedelta(days=400)
"""How long an opaque sender id leads to its number: as long as cases are kept."""

BY_ACCOUNT: Final = frozenset({Channel.MAX, Channel.TELEGRAM})
"""Only accounts that have been linked are ever written to, and a tap's data is what the patient's
app says (Telegram: the message "can contain no callback buttons with this data"). So a tap proves
nothing about an account that is not known."""

_ALONE_FOR: Final = timedelta(seconds=10)
"""How long a process that died keeps others from an account; far longer than a few commits."""

_ALONE_TRIES_MAX: Final = 100
_ALONE_PAUSE_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Known:
    """The number of an account. `stopped`: the patient had stopped us and may be back."""

    number: str
    stopped: bool = False


class Accounts:
    """Learns and forgets accounts, and knows whose they are."""

    def __init__(self, store: Store, engine: Engine, clock: Clock) -> None:
        self._store = store
        self._engine = engine
        self._clock = clock

    async def take(self, clinic: str, item: InboundLink) -> bool:
        """Take what a patient did about being reachable; tell whether it is known whose it is.

        Repeated, it changes nothing more. Raises `NotFound` for a clinic that is not there.
        """
        async with self._alone(item):
            match item.step:
                case LinkStep.STARTED:
                    return await self._started(clinic, item)
                case LinkStep.SHARED:
                    if item.number is None:
                        return False
                    number, seen = as_stored(item.number), f"{item.channel.value}:{item.id}"
                    return await self._tie(clinic, number, item, LinkedBy.CONTACT, seen)
                case LinkStep.ENDED:
                    return await self._stopped(clinic, item)

    async def known(self, clinic: str, channel: Channel, sender: str, account: str) -> Known | None:
        """Return whose account it is, or None.

        A hint is not enough for a channel on which only a proof counts: the account may speak for
        another number by now, or the clinic may have unlinked it.
        """
        number = await self._behind(clinic, alias_of(channel, sender, account))
        if number is None or channel not in BY_ACCOUNT:
            return Known(number) if number is not None else None
        return await self._known_as(clinic, number, channel, account)

    async def speak_for(self, clinic: str, number: str, item: InboundMessage) -> bool:
        """Tell whether the sender's account is the one that speaks for a number."""
        found = await self._known_as(clinic, number, item.channel, item.account or "")
        return found is not None

    async def _known_as(
        self, clinic: str, number: str, channel: Channel, account: str
    ) -> Known | None:
        contact, _ = await self._store.load_contact(clinic, number)
        record = contact.record(channel) if contact is not None else None
        if record is None or record.id != account:
            return None
        if record.ended not in (None, EndedBy.STOPPED):
            return None
        return Known(number, stopped=record.ended is not None)

    async def wrote(self, clinic: str, number: str, item: InboundMessage) -> None:
        """Who had stopped us writes again, so messages reach them again."""
        if item.account is not None:
            await self._engine.link_account(
                clinic, number, item.channel, item.account, by=LinkedBy.WROTE, at=item.at
            )

    async def _started(self, clinic: str, item: InboundLink) -> bool:
        """A token says whose chat it is, once; who comes back is known by the account."""
        if item.token is not None:
            hint = join_hint(item.channel, item.token)
            number = await self._behind(clinic, hint)
            if number is not None:
                won = await self._tie(clinic, number, item, LinkedBy.LINK, hint)
                # Last: after a crash before this line the provider repeats the callback.
                await self._forget(clinic, hint, JOIN_FOR)
                if won:
                    return True
        known = await self.known(clinic, item.channel, item.sender, item.account)
        if known is None:
            return False
        await self._engine.link_account(
            clinic,
            known.number,
            item.channel,
            item.account,
            by=LinkedBy.RETURN,
            at=item.at,
            seen=f"{item.channel.value}:{item.id}",
        )
        return True

    async def _stopped(self, clinic: str, item: InboundLink) -> bool:
        known = await self.known(clinic, item.channel, item.sender, item.account)
        if known is None:
            return False
        await self._engine.end_account(
            clinic,
            known.number,
            item.channel,
            EndedBy.STOPPED,
            account=item.account,
            at=item.at,
        )
        return True

    async def _tie(
        self, clinic: str, number: str, item: InboundLink, by: LinkedBy, seen: str
    ) -> bool:
        """An account speaks for one number, and a number for one account: the newest proof holds,
        so that nobody is asked who cannot answer, or answers for a number that is another's.

        Returns False when the proof was used by somebody else, or is older than another one.
        Every step may be repeated after a crash: the alias, which leads to the number that the
        account spoke for, is changed last.
        """
        own = alias_of(item.channel, item.sender, item.account)
        earlier = await self._behind(clinic, own)
        if earlier is not None and await self._heard_later(clinic, earlier, item):
            return False
        decided = await self._engine.link_account(
            clinic, number, item.channel, item.account, by=by, at=item.at, seen=seen
        )
        contact = decided.contact
        if contact is None or contact.account(item.channel) != item.account:
            return False
        if earlier is not None and earlier != number:
            await self._engine.end_account(
                clinic,
                earlier,
                item.channel,
                EndedBy.MOVED,
                account=item.account,
                at=item.at,
            )
        await self._store.remember(own, Ref(Kind.CONTACT, clinic, number), ALIAS_FOR)
        return True

    async def _heard_later(self, clinic: str, number: str, item: InboundLink) -> bool:
        """Tell whether something newer is known of the account than this callback."""
        contact, _ = await self._store.load_contact(clinic, number)
        record = contact.record(item.channel) if contact is not None else None
        if record is None or record.id != item.account or record.at is None:
            return False
        return record.at > item.at

    async def _behind(self, clinic: str, hint: str) -> str | None:
        """The number that a hint leads to, if it does so for this clinic and still counts."""
        ref = await self._store.recall(hint)
        if ref is None or ref.kind is not Kind.CONTACT or ref.clinic != clinic:
            return None
        return ref.key or None

    async def _forget(self, clinic: str, hint: str, ttl: timedelta) -> None:
        """A store has no way to drop a hint before its time: this one leads nowhere instead."""
        await self._store.remember(hint, Ref(Kind.CONTACT, clinic, ""), ttl)

    @contextlib.asynccontextmanager
    async def _alone(self, item: InboundLink) -> AsyncIterator[None]:
        """Hold an account for a few commits: it must not be tied to two numbers at once."""
        name = f"link:{item.channel.value}:{item.sender}:{item.account}"
        holder = fresh_id("link")
        for _ in range(_ALONE_TRIES_MAX):
            now = self._clock.now()
            if await self._store.take_line(name, holder, 1, now, now + _ALONE_FOR):
                break
            await self._clock.sleep(_ALONE_PAUSE_S)
        else:
            raise StoreUnavailable("the account is held by somebody else; try again")
        try:
            yield
        finally:
            with contextlib.suppress(StoreUnavailable):  # then it is free when its lease ends
                await self._store.free_line(name, holder)


def alias_of(channel: Channel, sender: str, account: str) -> str:
    """Return the hint under which a sender's opaque id leads to its number."""
    return f"alias:{channel.value}:{sender}:{account}"
