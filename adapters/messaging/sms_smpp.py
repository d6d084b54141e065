"""SMS through any SMSC that speaks SMPP 3.4, over one kept connection each.

Specification  https://smpp.org/SMPP_v3_4_Issue1_2.pdf
Alphabets      3GPP TS 23.038, long messages 3GPP TS 23.040

`run` keeps the connections: while it does not run, or an SMSC is away, messages are temporarily
refused. A long message goes in parts with a receipt asked for the last one, whose id stands for
the whole. Delivered messages have no id of their own: one whose commit failed keeps the id that it
got until it is delivered again, any other one is new.

smpp.org's protocol has neither an idempotency key nor a way to give a message an id of ours, so
nothing proves what became of a submission whose response was lost.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from adapters.messaging.capabilities import Capabilities
from adapters.messaging.senders import BranchSender, Senders, Strict, sender_of
from adapters.messaging.smpp_inbox import Received
from adapters.messaging.smpp_pdu import (
    UDH,
    Address,
    Command,
    Pdu,
    PduError,
    Sm,
    Status,
    Tag,
    read_message_id,
    sm_body,
)
from adapters.messaging.smpp_session import BindRefused, Session, SessionLost
from adapters.messaging.smpp_text import ReceiptText, code, read_receipt, with_header
from adapters.messaging.sms_settings import (
    Secret,
    SenderName,
    Some,
    clinics_of,
    number_of,
    refused,
    sms_text,
)
from gateway.clock import Clock
from gateway.core.events import Failure, Receipt
from gateway.core.model import Channel
from gateway.errors import InvalidInput, Problem
from gateway.ports.messaging import (
    Inbound,
    InboundMessage,
    InboundReceipt,
    OutgoingMessage,
    Scope,
    SenderLimits,
    SendError,
)

_log = logging.getLogger("callahead.sms_smpp")

Take: TypeAlias = Callable[[Sequence[Inbound]], Awaitable[None]]
"""Commits what came in, or raises `StoreError`."""

# --- Config ---------------------------------------------------------------------------------------


class Connection(Strict):
    """An SMSC and how it wants to be spoken to. `name` is ours; times are in seconds.

    `long_messages`: parts with a header, or whole in message_payload. `receipt_ids`: some SMSCs
    give an id in hexadecimal and repeat it in receipts in decimal. `ca_file` is for certificates
    that the machine does not know. `window`: submissions that wait for a response at once.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,40}$")] = "smpp"
    host: Annotated[str, Field(min_length=1, max_length=255)]
    port: Annotated[int, Field(ge=1, le=65_535)] = 2775
    tls: bool = False
    ca_file: str | None = None
    system_id: Annotated[str, Field(min_length=1, max_length=15)]
    password: Secret
    system_type: Annotated[str, Field(max_length=12)] = ""
    window: Annotated[int, Field(ge=1, le=1000)] = 10
    per_second: Annotated[float, Field(gt=0, le=10_000)] = 10.0
    throttled_s: Annotated[float, Field(gt=0, le=600)] = 5.0
    enquire_link_s: Annotated[float, Field(gt=0, le=3600)] = 30.0
    response_s: Annotated[float, Field(gt=0, le=60)] = 20.0
    reconnect_max_s: Annotated[float, Field(ge=1, le=3600)] = 60.0
    validity_s: Annotated[int, Field(ge=60, le=7 * 86_400)] = 4 * 3600
    long_messages: Literal["parts", "payload"] = "parts"
    receipt_ids: Literal["same", "decimal_of_hex"] = "same"


class Sender(BranchSender):
    """A number or name that messages come from."""

    number: SenderName
    connection: str = "smpp"


class Config(Strict):
    """The connections and who speaks over them."""

    connections: Some[Connection]
    senders: Senders[Sender]


def check(config: Config) -> None:
    """Raise `InvalidInput` naming the field when the parts do not fit together."""
    names = [connection.name for connection in config.connections]
    problems = [
        Problem(f"connections.{index}.name", "another connection has the same name")
        for index, name in enumerate(names)
        if name in names[:index]
    ]
    problems += [
        Problem(f"senders.{index}.connection", "there is no connection of this name")
        for index, sender in enumerate(config.senders)
        if sender.connection not in names
    ]
    if problems:
        raise InvalidInput(*problems)


def tls_of(config: Config, index: int) -> ssl.SSLContext | None:
    """Return how a connection is encrypted; raise `InvalidInput` when its file cannot be read."""
    connection = config.connections[index]
    if not connection.tls:
        return None
    try:
        return ssl.create_default_context(cafile=connection.ca_file)
    except OSError:
        message = "certificates cannot be read from this file"
        raise InvalidInput(Problem(f"connections.{index}.ca_file", message)) from None


# --- Capabilities ---------------------------------------------------------------------------------

CAPABILITIES = Capabilities(
    channel=Channel.SMS,
    text_max=1000,
    free_text=True,
    receives=True,
    receipts=frozenset({Receipt.SENT, Receipt.DELIVERED, Receipt.FAILED}),
)

# --- Vocabulary -----------------------------------------------------------------------------------

_MAY_PASS = frozenset(
    {
        Status.WRONG_BIND_STATE,
        Status.SYSTEM_ERROR,
        Status.QUEUE_FULL,
        Status.SUBMIT_FAILED,
        Status.THROTTLED,
        Status.TEMPORARY_ERROR,
    }
)
_SLOWER = frozenset({Status.QUEUE_FULL, Status.THROTTLED})

STATES: Mapping[str, Receipt] = {
    "ENROUTE": Receipt.SENT,
    "ACCEPTD": Receipt.SENT,
    "DELIVRD": Receipt.DELIVERED,
    "EXPIRED": Receipt.FAILED,
    "DELETED": Receipt.FAILED,
    "UNDELIV": Receipt.FAILED,
    "REJECTD": Receipt.FAILED,
}
"""UNKNOWN and words that are not known say nothing. Why a message failed is the network's own
word (`err`), so nothing is learnt about the number."""

_INTERNATIONAL, _ALPHANUMERIC, _E164 = 1, 5, 1
_RECEIPT_WANTED = 1
_PACE_WAIT_MAX_S = 10.0
"""A message that would wait longer for its turn is temporarily refused instead."""

_RECONNECT_FIRST_S = 1.0

# --- Build ----------------------------------------------------------------------------------------


def build(
    connection: Connection, sender: Sender, message: OutgoingMessage, reference: int
) -> list[Sm]:
    """Return the submissions that say exactly this message, or raise `SendError`."""
    coded = code(sms_text(message, CAPABILITIES.text_max))
    base = Sm(
        source=_address(sender.number),
        destination=_address(message.to),
        text=b"",
        data_coding=coded.data_coding,
        validity=_period(connection.validity_s),
    )
    if len(coded.parts) == 1:
        return [_part(base, coded.parts[0], is_last=True)]
    if connection.long_messages == "payload":
        tlvs = {int(Tag.MESSAGE_PAYLOAD): b"".join(coded.parts)}
        return [_part(base, b"", is_last=True, tlvs=tlvs)]
    total = len(coded.parts)
    return [
        _part(base, with_header(reference, total, n, part), is_last=n == total, esm_class=UDH)
        for n, part in enumerate(coded.parts, 1)
    ]


def _part(
    base: Sm,
    text: bytes,
    *,
    is_last: bool,
    esm_class: int = 0,
    tlvs: Mapping[int, bytes] | None = None,
) -> Sm:
    return Sm(
        base.source,
        base.destination,
        text,
        base.data_coding,
        esm_class,
        _RECEIPT_WANTED if is_last else 0,
        base.validity,
        tlvs or {},
    )


def _address(text: str) -> Address:
    number = number_of(text)
    if number is None:
        return Address(text, _ALPHANUMERIC, 0)
    return Address(number.lstrip("+"), _INTERNATIONAL, _E164)


def _period(seconds: int) -> str:
    """Return a relative time: YYMMDDhhmmsstnnR (7.1.1.1)."""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    return f"0000{day:02}{hour:02}{minute:02}{second:02}000R"


# --- Read -----------------------------------------------------------------------------------------


def read(connection: Connection, answer: Pdu) -> str:
    """Return the id that receipts will name, or raise what the response means."""
    if answer.status == Status.OK and answer.command == Command.SUBMIT_SM_RESP:
        try:
            return receipt_id(connection, read_message_id(answer.body))
        except PduError:
            raise SendError(None, "unreadable_response") from None
    code = f"0x{answer.status:02x}"
    if answer.status == Status.INVALID_DESTINATION:
        raise SendError(Failure.IMPOSSIBLE, code)
    if answer.status in _MAY_PASS:
        pause = round(connection.throttled_s) or 1 if answer.status in _SLOWER else None
        scope = Scope.SENDER if answer.status in _SLOWER else Scope.RECIPIENT
        raise SendError(Failure.TEMPORARY, code, retry_after_s=pause, scope=scope)
    raise SendError(Failure.REJECTED, code, alert=True)


def receipt_id(connection: Connection, message_id: str) -> str:
    """Return a response's id as receipts write it."""
    if connection.receipt_ids == "decimal_of_hex":
        with suppress(ValueError):
            return str(int(message_id, 16))
    return message_id


def receipt_of(
    connection: Connection, sm: Sm, told: ReceiptText, now: datetime
) -> InboundReceipt | None:
    """Return what a receipt says about a message of ours."""
    receipt = STATES.get(told.state)
    if receipt is None:
        return None
    message_id = told.message_id
    if connection.receipt_ids == "decimal_of_hex":
        message_id = message_id.lstrip("0") or "0"
    is_failure = receipt is Receipt.FAILED
    sender = number_of(sm.destination.text) or sm.destination.text
    return InboundReceipt(
        channel=Channel.SMS,
        sender=sender,
        provider_id=f"{connection.name}:{message_id}",
        opaque=None,
        receipt=receipt,
        at=now,
        code=f"{told.state} {told.error}".strip() if is_failure else "",
        alert=told.state == "REJECTD",
        number=number_of(sm.source.text),
    )


# --- The channel ----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Link:
    """A connection's state: the session while it is bound, and when the next message may go."""

    connection: Connection
    tls: ssl.SSLContext | None
    received: Received
    session: Session | None = None
    next_at: datetime | None = None
    reference: int = 0


def _bound(link: _Link) -> Session:
    if link.session is None:
        raise SendError(Failure.TEMPORARY, "not_connected")
    return link.session


class SmsSmpp:
    """The channel. What comes in arrives over its own connections, which `run` keeps."""

    channel = Channel.SMS

    def __init__(self, config: Config, clock: Clock) -> None:
        check(config)
        numbers = ((s.number, s.clinic) for s in config.senders if s.number.startswith("+"))
        self.senders = clinics_of(numbers, "number")
        self._config = config
        self._clock = clock
        self._links = {
            connection.name: _Link(connection, tls_of(config, index), Received(connection.name))
            for index, connection in enumerate(config.connections)
        }

    def serves(self, clinic: str, branch: str) -> bool:
        """Tell whether there is a sender for this branch."""
        return sender_of(self._config.senders, clinic, branch) is not None

    def limits(self, clinic: str, branch: str) -> SenderLimits | None:
        """Return the connection's limit, which all nodes that bind to it share."""
        sender = sender_of(self._config.senders, clinic, branch)
        if sender is None:
            return None
        rate = self._links[sender.connection].connection.per_second
        return SenderLimits(f"smpp:{sender.connection}", rate)

    async def send(self, message: OutgoingMessage) -> str | None:
        """Submit every part and return the last one's id; raise `SendError`."""
        sender = sender_of(self._config.senders, message.clinic, message.branch)
        if sender is None:
            raise refused("no_sender")
        link = self._links[sender.connection]
        link.reference = (link.reference + 1) % 256
        sent = ""
        for sm in build(link.connection, sender, message, link.reference):
            sent = await self._submit(link, sm_body(sm))
        return f"{link.connection.name}:{sent}" if sent else None

    async def close(self) -> None:
        """Say goodbye; `run` has been cancelled before."""
        for link in self._links.values():
            if link.session is not None:
                await link.session.close()

    async def run(self, take: Take) -> None:
        """Keep every connection until cancelled; `take` commits what comes in."""
        async with asyncio.TaskGroup() as tasks:
            for link in self._links.values():
                tasks.create_task(self._keep(link, take))

    # Submitting

    async def _submit(self, link: _Link, body: bytes) -> str:
        _bound(link)  # who has no connection takes nobody's turn
        await self._turn(link)
        try:
            answer = await _bound(link).request(Command.SUBMIT_SM, body)
            return read(link.connection, answer)
        except SessionLost as lost:
            failure = None if lost.written else Failure.TEMPORARY
            raise SendError(failure, "connection_lost") from None
        except TimeoutError:
            raise SendError(None, "timeout") from None
        except SendError as error:
            if error.retry_after_s is not None:
                self._slow_down(link)
            raise

    async def _turn(self, link: _Link) -> None:
        """Wait until the connection's pace allows one more submission."""
        now = self._clock.now()
        start = max(now, link.next_at or now)
        wait_s = (start - now).total_seconds()
        if wait_s > _PACE_WAIT_MAX_S:
            raise SendError(Failure.TEMPORARY, "paced", retry_after_s=round(wait_s))
        link.next_at = start + timedelta(seconds=1 / link.connection.per_second)
        await self._clock.sleep(wait_s)

    def _slow_down(self, link: _Link) -> None:
        pause = self._clock.now() + timedelta(seconds=link.connection.throttled_s)
        link.next_at = max(pause, link.next_at or pause)

    # Connecting

    async def _keep(self, link: _Link, take: Take) -> None:
        pause_s = _RECONNECT_FIRST_S
        while True:
            try:
                link.session = await self._connect(link)
                pause_s = _RECONNECT_FIRST_S
                await link.session.run(lambda sm: self._heard(link, sm, take))
            except BindRefused as error:
                pause_s = link.connection.reconnect_max_s  # a wrong password heals by hand only
                _log.error(
                    "an SMSC refuses us",
                    extra={"connection": link.connection.name, "code": f"0x{error.status:02x}"},
                )
            except (OSError, EOFError, TimeoutError, PduError):
                _log.warning("an SMSC is away", extra={"connection": link.connection.name})
            finally:
                link.session = None
            await self._clock.sleep(pause_s)
            pause_s = min(pause_s * 2, link.connection.reconnect_max_s)

    async def _connect(self, link: _Link) -> Session:
        connection = link.connection
        async with asyncio.timeout(connection.response_s):
            reader, writer = await asyncio.open_connection(
                connection.host, connection.port, ssl=link.tls
            )
        session = Session(
            reader,
            writer,
            window=connection.window,
            response_s=connection.response_s,
            idle_s=connection.enquire_link_s,
        )
        try:
            secret = connection.password.get_secret_value()
            await session.bind(connection.system_id, secret, connection.system_type)
        except BaseException:
            writer.close()
            raise
        return session

    # Listening

    async def _heard(self, link: _Link, sm: Sm, take: Take) -> None:
        now = self._clock.now()
        found: list[Inbound] = []
        if sm.is_receipt:
            told = read_receipt(sm)
            receipt = receipt_of(link.connection, sm, told, now) if told is not None else None
            found = [receipt] if receipt is not None else []
        elif sm.is_message:
            message = link.received.message(sm, now)
            found = [message] if message is not None else []
        if not found:
            return
        await take(found)
        if isinstance(found[0], InboundMessage):
            link.received.committed(found[0])
