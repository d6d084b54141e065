"""Receipts that come before the response to the send has told the message's id (rule G-6).

A provider that names its messages only by an id of its own may report on one while the response
with that id is still on its way. The receipt is kept under the id; whoever learns the id looks
whether there is one. Both first write and then look, so one of them always finds the other.
"""

from __future__ import annotations

from datetime import timedelta

from gateway.core.events import Failure, MessageReceipt, Receipt
from gateway.core.model import Channel
from gateway.ports.messaging import InboundReceipt
from gateway.ports.store import Kind, Ref, Store

KEPT_FOR = timedelta(minutes=10)
"""Longer than any send takes, its retries by the HTTP client included."""

_FURTHER = tuple(Receipt)
"""Of two receipts the one that stands later here is kept: it says what the other does, or more."""


class EarlyReceipts:
    """Keeps the receipts of messages whose id is not known yet."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(self, item: InboundReceipt) -> None:
        """Keep a receipt that belongs to nobody, for the case that its message is on its way."""
        hint = _hint(item.channel, item.provider_id)
        known = _read(await self._store.recall(hint), "")
        if known is not None and _FURTHER.index(known.receipt) >= _FURTHER.index(item.receipt):
            return
        key = "|".join((item.receipt.value, item.failure.value, item.code))
        await self._store.remember(hint, Ref(Kind.CONTACT, item.sender, key), KEPT_FOR)

    async def of(self, channel: Channel, provider_id: str, attempt: str) -> MessageReceipt | None:
        """Return what was reported about a message before its id was known, about `attempt`."""
        found = _read(await self._store.recall(_hint(channel, provider_id)), attempt)
        if found is None:
            return None
        return MessageReceipt(attempt, found.receipt, found.failure, found.code, provider_id)


def _hint(channel: Channel, provider_id: str) -> str:
    return f"early:{channel.value}:{provider_id}"


def _read(ref: Ref | None, attempt: str) -> MessageReceipt | None:
    """A hint can hold a reference and nothing else, so a receipt is written as one."""
    if ref is None:
        return None
    receipt, failure, code = ref.key.split("|", 2)
    return MessageReceipt(attempt, Receipt(receipt), Failure(failure), code)
