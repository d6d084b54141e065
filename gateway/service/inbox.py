"""Callbacks become events: what a provider told is matched to a case and committed.

Whoever calls `take` may answer the provider 200 once it returns: everything is in the store. A
message or receipt that belongs to nobody is counted and let go; it must not come back forever.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta

from gateway.core.case import UNDER_WAY, Attempt, Case, Contact
from gateway.core.events import MessageReceipt
from gateway.core.model import Channel
from gateway.core.phone import normalise_number
from gateway.core.routing import Written, appointment_in
from gateway.errors import NotFound
from gateway.ports.messaging import (
    Inbound,
    InboundLink,
    InboundMessage,
    InboundReceipt,
    LinkStep,
    attempt_of,
)
from gateway.ports.store import Kind, Ref, Store
from gateway.service.engine import Engine
from gateway.service.records import Hints

log = logging.getLogger("callahead.inbox")

ALIAS_FOR = timedelta(days=400)
"""How long an opaque sender id leads to its number: as long as cases are kept."""

JOIN_FOR = timedelta(days=30)
"""How long a deep link's token leads to its contact (`join_hint`), and is then known as used."""

_BY_ACCOUNT = frozenset({Channel.MAX, Channel.TELEGRAM})
"""Only accounts that have been linked are ever written to, and a tap's data is what the patient's
app says (Telegram: the message "can contain no callback buttons with this data"). So a tap proves
nothing about an account that is not known."""

_RUSSIAN_MOBILE = re.compile(r"\+79[0-9]{9}")


class Inbox:
    """Takes what adapters have parsed. `senders` maps (channel, our sender id) to a clinic."""

    def __init__(
        self, store: Store, engine: Engine, senders: Mapping[tuple[Channel, str], str]
    ) -> None:
        self._store = store
        self._engine = engine
        self._senders = senders
        self.unmatched = 0
        self.taken = 0

    async def take(self, news: Sequence[Inbound]) -> None:
        """Commit everything, in order; raise `StoreUnavailable` when that is not possible."""
        for item in news:
            if isinstance(item, InboundReceipt):
                known = await self._receipt(item)
            elif isinstance(item, InboundLink):
                known = await self._link(item)
            else:
                known = await self._message(item)
            self.taken += 1
            if not known:
                self.unmatched += 1
                log.warning(
                    "a provider's callback belongs to nobody",
                    extra={"channel": item.channel.value, "sender": item.sender},
                )

    # -- receipts -----------------------------------------------------------------------------

    async def _receipt(self, item: InboundReceipt) -> bool:
        if item.alert:
            log.error(
                "a channel needs an operator",
                extra={"channel": item.channel.value, "code": item.code},
            )
        found = attempt_of(item.opaque) if item.opaque else None
        if found is None:
            found = await self._by_provider_id(item)
        if found is None:
            return False
        ref, attempt = found
        event = MessageReceipt(
            attempt, item.receipt, item.failure, item.code, item.provider_id or None
        )
        try:
            decided = await self._engine.apply(ref, event)
        except NotFound:
            return False
        if item.account and decided.case is not None and decided.case.number:
            await self._learn_alias(item.channel, item.sender, item.account, decided.case.number)
        return decided.case is not None or decided.contact is not None

    async def _by_provider_id(self, item: InboundReceipt) -> tuple[Ref, str] | None:
        ref = await self._store.recall(f"msg:{item.channel.value}:{item.provider_id}")
        if ref is None:
            return None
        document: Case | Contact | None
        if ref.kind is Kind.CASE:
            document, _ = await self._store.load_case(ref.clinic, ref.key)
        else:
            document, _ = await self._store.load_contact(ref.clinic, ref.key)
        attempts: tuple[Attempt, ...] = document.attempts if document is not None else ()
        for attempt in attempts:
            if attempt.provider_id == item.provider_id:
                return ref, attempt.id
        # The receipt has overtaken the response to the send: only one can be waiting for its id.
        waiting = [a for a in attempts if a.channel is item.channel and _waits_for_id(a)]
        return (ref, waiting[0].id) if len(waiting) == 1 else None

    # -- messages -----------------------------------------------------------------------------

    async def _message(self, item: InboundMessage) -> bool:
        clinic = self._senders.get((item.channel, item.sender))
        if clinic is None:
            return False
        written = Written(
            id=item.id,
            channel=item.channel,
            text=item.text,
            payload=item.payload,
            quoted=item.quoted,
            kind=item.kind,
        )
        number = await self._number(clinic, item, written)
        if number is None:
            return False
        hints: Hints = ()
        if item.account and (item.number is not None or item.channel in _BY_ACCOUNT):
            alias = _alias(item.channel, item.sender, item.account)
            hints = ((alias, Ref(Kind.CONTACT, clinic, number), ALIAS_FOR),)
        try:
            await self._engine.patient_wrote(clinic, number, written, hints)
        except NotFound:
            for hint in hints:
                await self._store.remember(*hint)
            return False
        return True

    async def _number(self, clinic: str, item: InboundMessage, written: Written) -> str | None:
        """The sender's number: told, known from before, or that of the visit it answers."""
        if item.number is not None:
            return _as_stored(item.number)
        if item.account:
            number = await self._number_behind(
                clinic, _alias(item.channel, item.sender, item.account)
            )
            if number is not None:
                return number
        return await self._number_of_visit(clinic, item, written)

    async def _number_of_visit(
        self, clinic: str, item: InboundMessage, written: Written
    ) -> str | None:
        """A button or quote of ours names a visit even when the sender hides the number."""
        named = appointment_in(written)
        if named is not None and item.channel not in _BY_ACCOUNT:
            case, _ = await self._store.load_case(clinic, named)
            return case.number if case is not None else None
        if item.quoted:
            ref = await self._store.recall(f"msg:{item.channel.value}:{item.quoted}")
            if ref is not None and ref.kind is Kind.CASE and ref.clinic == clinic:
                case, _ = await self._store.load_case(clinic, ref.key)
                return case.number if case is not None else None
        return None

    async def _learn_alias(self, channel: Channel, sender: str, account: str, number: str) -> None:
        clinic = self._senders.get((channel, sender))
        if clinic is not None:
            hint = _alias(channel, sender, account)
            await self._store.remember(hint, Ref(Kind.CONTACT, clinic, number), ALIAS_FOR)

    # -- accounts -----------------------------------------------------------------------------

    async def _link(self, item: InboundLink) -> bool:
        """Learn whose account it is. Repeated, it changes nothing more."""
        clinic = self._senders.get((item.channel, item.sender))
        if clinic is None:
            return False
        try:
            if item.step is LinkStep.STARTED:
                return await self._started(clinic, item)
            if item.step is LinkStep.ENDED:
                return await self._ended(clinic, item)
            if item.number is None:
                return False
            await self._tie(clinic, _as_stored(item.number), item)
        except NotFound:
            return False
        return True

    async def _started(self, clinic: str, item: InboundLink) -> bool:
        """A token says whose chat it is, once; who comes back is known by the account."""
        if item.token is not None:
            hint = join_hint(item.channel, item.token)
            number = await self._number_behind(clinic, hint)
            if number is not None:
                await self._tie(clinic, number, item)
                # Last: after a crash before this line the provider repeats the callback.
                await self._forget(clinic, hint, JOIN_FOR)
                return True
        number = await self._number_behind(clinic, _alias(item.channel, item.sender, item.account))
        if number is None:
            return False
        if await self._account_of(clinic, number, item.channel) is None:
            await self._engine.link_account(clinic, number, item.channel, item.account)
        return True

    async def _ended(self, clinic: str, item: InboundLink) -> bool:
        number = await self._number_behind(clinic, _alias(item.channel, item.sender, item.account))
        if number is None:
            return False
        await self._untie(clinic, number, item)
        return True

    async def _tie(self, clinic: str, number: str, item: InboundLink) -> None:
        """An account speaks for one number, and a number for one account: the newest proof holds,
        so that nobody is asked who cannot answer, or answers for a number that is another's."""
        own = _alias(item.channel, item.sender, item.account)
        earlier = await self._number_behind(clinic, own)
        if earlier is not None and earlier != number:
            await self._untie(clinic, earlier, item)
        replaced = await self._account_of(clinic, number, item.channel)
        await self._engine.link_account(clinic, number, item.channel, item.account)
        await self._learn_alias(item.channel, item.sender, item.account, number)
        if replaced is not None and replaced != item.account:
            hint = _alias(item.channel, item.sender, replaced)
            await self._forget(clinic, hint, ALIAS_FOR)

    async def _untie(self, clinic: str, number: str, item: InboundLink) -> None:
        if await self._account_of(clinic, number, item.channel) == item.account:
            await self._engine.link_account(clinic, number, item.channel, None)

    async def _account_of(self, clinic: str, number: str, channel: Channel) -> str | None:
        contact, _ = await self._store.load_contact(clinic, number)
        return contact.account(channel) if contact is not None else None

    async def _number_behind(self, clinic: str, hint: str) -> str | None:
        """The number that a hint leads to, if it does so for this clinic and still counts."""
        ref = await self._store.recall(hint)
        if ref is None or ref.kind is not Kind.CONTACT or ref.clinic != clinic:
            return None
        return ref.key or None

    async def _forget(self, clinic: str, hint: str, ttl: timedelta) -> None:
        """A store has no way to drop a hint before its time: this one leads nowhere instead."""
        await self._store.remember(hint, Ref(Kind.CONTACT, clinic, ""), ttl)


def join_hint(channel: Channel, token: str) -> str:
    """Return the hint under which a deep link's one-time token leads to its contact.

    Whoever makes a link (`gateway.ports.messaging.Linking`) remembers it for `JOIN_FOR`.
    """
    return f"join:{channel.value}:{token}"


def _waits_for_id(attempt: Attempt) -> bool:
    return attempt.state in UNDER_WAY and attempt.provider_id is None


def _as_stored(number: str) -> str:
    """A provider's number as contacts are named. A Russian mobile one comes in that form already,
    and to read it anew would cost as much as to read its visit."""
    if _RUSSIAN_MOBILE.fullmatch(number):
        return number
    return normalise_number(number, "") or number


def _alias(channel: Channel, sender: str, account: str) -> str:
    return f"alias:{channel.value}:{sender}:{account}"
