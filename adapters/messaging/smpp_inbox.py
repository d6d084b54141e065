"""Messages that an SMSC delivers: parts become whole, and what is delivered again keeps its id.

deliver_sm carries no id. The SMSC delivers a message again when its answer was an error or was
lost, so the id that a message got is kept until it is committed, and given to whatever is
delivered again with the same words; afterwards the same words are a new message.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from adapters.messaging.smpp_pdu import Sm
from adapters.messaging.smpp_text import Part, read_part
from adapters.messaging.sms_settings import number_of
from gateway.clock import fresh_id
from gateway.core.model import Channel
from gateway.ports.messaging import InboundMessage

PENDING_MAX = 1000
"""Messages that wait for their other parts, or for being committed."""

PARTS_FOR = timedelta(minutes=10)
"""How long parts wait for the others. What is incomplete is never acted on."""


_Key: TypeAlias = tuple[str, str, int, int]


@dataclass(slots=True)
class _Gathering:
    since: datetime
    parts: dict[int, Part] = field(default_factory=dict)


class Received:
    """What one connection has delivered and what of it is not committed yet."""

    def __init__(self, connection: str) -> None:
        self._connection = connection
        self._gathered: OrderedDict[_Key, _Gathering] = OrderedDict()
        self._pending: OrderedDict[bytes, str] = OrderedDict()
        self._whole: dict[str, _Key] = {}  # by message id: where its parts are kept

    def message(self, sm: Sm, now: datetime) -> InboundMessage | None:
        """Return the message that a deliver_sm completes; None: parts are missing."""
        part = read_part(sm)
        key = (sm.source.text, sm.destination.text, part.reference, part.total)
        text = part.text if part.total == 1 else self._joined(key, part, now)
        number = number_of(sm.source.text)
        if text is None or number is None:
            return None
        message_id = self._id(sm, text)
        if part.total > 1:
            self._whole[message_id] = key
        return InboundMessage(
            id=message_id,
            channel=Channel.SMS,
            sender=number_of(sm.destination.text) or sm.destination.text,
            at=now,
            number=number,
            account=None,
            kind="text",
            text=text or None,
        )

    def committed(self, message: InboundMessage) -> None:
        """Forget id and parts: the same words are a new message from now on."""
        for digest, message_id in list(self._pending.items()):
            if message_id == message.id:
                del self._pending[digest]
        key = self._whole.pop(message.id, None)
        if key is not None:
            self._gathered.pop(key, None)

    def _joined(self, key: _Key, part: Part, now: datetime) -> str | None:
        gathering = self._gathered.get(key)
        if gathering is None or now - gathering.since > PARTS_FOR:
            gathering = self._gathered[key] = _Gathering(now)
            while len(self._gathered) > PENDING_MAX:
                self._gathered.popitem(last=False)
        gathering.parts[part.number] = part
        if len(gathering.parts) < part.total:
            return None
        # Kept until it is committed: if that fails, only the last part is delivered again.
        return "".join(gathering.parts[number].text for number in range(1, part.total + 1))

    def _id(self, sm: Sm, text: str) -> str:
        words = "\0".join((sm.source.text, sm.destination.text, text))
        digest = hashlib.sha256(words.encode("utf-8", "surrogatepass")).digest()
        if digest not in self._pending:
            self._pending[digest] = fresh_id(f"{self._connection}:mo")
            while len(self._pending) > PENDING_MAX:
                _, forgotten = self._pending.popitem(last=False)
                self._whole.pop(forgotten, None)
        return self._pending[digest]
