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
from gateway.ports.messaging import Inbound, InboundMessage, InboundReceipt, attempt_of
from gateway.ports.store import Kind, Ref, Store
from gateway.service.engine import Engine
from gateway.service.records import Hints

log = logging.getLogger("callahead.inbox")

ALIAS_FOR = timedelta(days=400)
"""How long an opaque sender id leads to its number: as long as cases are kept."""


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
        if item.number is not None and item.account:
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
            alias = await self._store.recall(_alias(item.channel, item.sender, item.account))
            if alias is not None and alias.clinic == clinic:
                return alias.key
        return await self._number_of_visit(clinic, item, written)

    async def _number_of_visit(
        self, clinic: str, item: InboundMessage, written: Written
    ) -> str | None:
        """A button or quote of ours names a visit even when the sender hides the number."""
        named = appointment_in(written)
        if named is not None:
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
