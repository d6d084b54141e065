"""Callbacks become events: what a provider told is matched to a case and committed.

Whoever calls `take` may answer the provider 200 once it returns: everything is in the store. A
message or receipt that belongs to nobody is counted and let go; it must not come back forever.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from gateway.core.case import UNDER_WAY, Attempt, Case, Contact
from gateway.core.events import MessageReceipt
from gateway.core.model import Channel
from gateway.core.routing import Written, appointment_in
from gateway.errors import NotFound
from gateway.ports.messaging import (
    Inbound,
    InboundLink,
    InboundMessage,
    InboundReceipt,
    attempt_of,
)
from gateway.ports.store import Kind, Ref, Store
from gateway.service.early_receipts import EarlyReceipts
from gateway.service.engine import Engine
from gateway.service.linking import ALIAS_FOR, BY_ACCOUNT, Accounts, alias_of
from gateway.service.numbers import as_stored
from gateway.service.records import Hints
from gateway.service.strangers import Strangers

log = logging.getLogger("callahead.inbox")


class Inbox:
    """Takes what adapters have parsed. `senders` maps (channel, our sender id) to a clinic."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        senders: Mapping[tuple[Channel, str], str],
        accounts: Accounts,
        strangers: Strangers,
    ) -> None:
        self._store = store
        self._engine = engine
        self._senders = senders
        self._accounts = accounts
        self._strangers = strangers
        self._early = EarlyReceipts(store)
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
        if found is None and item.provider_id:
            await self._early.keep(item)
            found = await self._by_provider_id(item)  # the response may have come in between
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
            by_provider=item.by_provider,
        )
        number = await self._number(clinic, item, written)
        if number is None:
            await self._strangers.answer(clinic, item)
            return False
        hints: Hints = ()
        if item.account and (item.number is not None or item.channel in BY_ACCOUNT):
            alias = alias_of(item.channel, item.sender, item.account)
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
            return as_stored(item.number)
        if item.account:
            known = await self._accounts.known(clinic, item.channel, item.sender, item.account)
            if known is not None:
                if known.stopped:
                    await self._accounts.wrote(clinic, known.number, item)
                return known.number
        return await self._number_of_visit(clinic, item, written)

    async def _number_of_visit(
        self, clinic: str, item: InboundMessage, written: Written
    ) -> str | None:
        """A button or quote of ours names a visit even when the sender hides the number."""
        named = appointment_in(written)
        if named is not None and item.channel not in BY_ACCOUNT:
            case, _ = await self._store.load_case(clinic, named)
            return case.number if case is not None else None
        if item.quoted:
            ref = await self._store.recall(f"msg:{item.channel.value}:{item.quoted}")
            if ref is not None and ref.kind is Kind.CASE and ref.clinic == clinic:
                case, _ = await self._store.load_case(clinic, ref.key)
                number = case.number if case is not None else None
                return number if await self._may_speak(clinic, number, item) else None
        return None

    async def _may_speak(self, clinic: str, number: str | None, item: InboundMessage) -> bool:
        """An account that was cut off does not answer by quoting what it once got."""
        if number is None or item.channel not in BY_ACCOUNT:
            return True
        return bool(item.account) and await self._accounts.speak_for(clinic, number, item)

    async def _learn_alias(self, channel: Channel, sender: str, account: str, number: str) -> None:
        clinic = self._senders.get((channel, sender))
        if clinic is not None:
            hint = alias_of(channel, sender, account)
            await self._store.remember(hint, Ref(Kind.CONTACT, clinic, number), ALIAS_FOR)

    # -- accounts -----------------------------------------------------------------------------

    async def _link(self, item: InboundLink) -> bool:
        """Learn whose account it is; who begins and is not known is told how to be."""
        clinic = self._senders.get((item.channel, item.sender))
        if clinic is None:
            return False
        try:
            if await self._accounts.take(clinic, item):
                return True
        except NotFound:
            return False
        await self._strangers.answer(clinic, item)
        return False


def _waits_for_id(attempt: Attempt) -> bool:
    return attempt.state in UNDER_WAY and attempt.provider_id is None
