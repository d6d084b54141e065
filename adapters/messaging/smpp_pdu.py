"""SMPP 3.4 on the wire: the few PDUs that an ESME with a transceiver bind needs. Pure.

"SMPP Protocol Specification v3.4", Issue 1.2: header 3.2, session 4.1-4.2, submit_sm 4.4,
deliver_sm 4.6, enquire_link 4.11, parameters 5.2, optional parameters 5.3. What cannot be read
raises `PduError`; unknown optional parameters are kept, unknown commands are left to the session.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

HEADER = struct.Struct(">IIII")
PDU_BYTES_MAX = 70_000
"""A message_payload may hold 64 KiB; no PDU of ours needs more."""

VERSION = 0x34
RESPONSE = 0x8000_0000


class Command(IntEnum):
    """command_id (5.1.2.1)."""

    GENERIC_NACK = 0x8000_0000
    BIND_TRANSCEIVER = 0x0000_0009
    BIND_TRANSCEIVER_RESP = 0x8000_0009
    SUBMIT_SM = 0x0000_0004
    SUBMIT_SM_RESP = 0x8000_0004
    DELIVER_SM = 0x0000_0005
    DELIVER_SM_RESP = 0x8000_0005
    UNBIND = 0x0000_0006
    UNBIND_RESP = 0x8000_0006
    ENQUIRE_LINK = 0x0000_0015
    ENQUIRE_LINK_RESP = 0x8000_0015


class Status(IntEnum):
    """command_status (5.1.3), those that are told apart."""

    OK = 0x00
    INVALID_COMMAND = 0x03
    WRONG_BIND_STATE = 0x04
    SYSTEM_ERROR = 0x08
    INVALID_SOURCE = 0x0A
    INVALID_DESTINATION = 0x0B
    BIND_FAILED = 0x0D
    INVALID_PASSWORD = 0x0E
    INVALID_SYSTEM_ID = 0x0F
    QUEUE_FULL = 0x14
    SUBMIT_FAILED = 0x45
    THROTTLED = 0x58
    TEMPORARY_ERROR = 0x64


class Tag(IntEnum):
    """Optional parameters (5.3.2)."""

    RECEIPTED_MESSAGE_ID = 0x001E
    MESSAGE_PAYLOAD = 0x0424
    MESSAGE_STATE = 0x0427
    SAR_REFERENCE = 0x020C
    SAR_TOTAL = 0x020E
    SAR_NUMBER = 0x020F


UDH = 0x40
"""esm_class: the text begins with a user data header (5.2.12)."""

_TYPE_BITS = 0x3C
_RECEIPT_TYPE = 0x04


class PduError(ValueError):
    """Bytes that are no PDU; nothing of them is told."""


@dataclass(frozen=True, slots=True)
class Pdu:
    """A PDU; its body is read by whoever knows the command."""

    command: int
    status: int
    sequence: int
    body: bytes = field(default=b"", repr=False)


def encode(command: Command, sequence: int, body: bytes = b"", status: int = 0) -> bytes:
    """Return a whole PDU."""
    return HEADER.pack(HEADER.size + len(body), command, status, sequence) + body


def length_of(header: bytes) -> int:
    """Return how many bytes follow the length; raise `PduError`."""
    (length,) = struct.unpack(">I", header)
    if not HEADER.size <= length <= PDU_BYTES_MAX:
        raise PduError("a PDU of impossible length")
    return int(length) - 4


def decode(rest: bytes) -> Pdu:
    """Read what follows the length; raise `PduError`."""
    try:
        command, status, sequence = struct.unpack_from(">III", rest)
    except struct.error:
        raise PduError("a PDU without its header") from None
    return Pdu(command, status, sequence, rest[12:])


# --- Bodies ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Address:
    """A number or name with its type (5.2.5) and plan (5.2.6)."""

    text: str = field(repr=False)
    ton: int = 0
    npi: int = 0


@dataclass(frozen=True, slots=True)
class Sm:
    """The body of submit_sm and deliver_sm, which have the same fields."""

    source: Address
    destination: Address
    text: bytes = field(repr=False)
    data_coding: int = 0
    esm_class: int = 0
    registered_delivery: int = 0
    validity: str = ""
    tlvs: Mapping[int, bytes] = field(default_factory=dict, repr=False)

    @property
    def payload(self) -> bytes:
        """The text, wherever it stands."""
        return self.tlvs.get(Tag.MESSAGE_PAYLOAD, b"") or self.text

    @property
    def is_receipt(self) -> bool:
        """Tell whether it is an SMSC delivery receipt (5.2.12)."""
        return self.esm_class & _TYPE_BITS == _RECEIPT_TYPE

    @property
    def is_message(self) -> bool:
        """Tell whether it is an ordinary message, no receipt or acknowledgement of any kind."""
        return self.esm_class & _TYPE_BITS == 0


def bind_body(system_id: str, password: str, system_type: str) -> bytes:
    """Return the body of bind_transceiver."""
    words = _c_string(system_id) + _c_string(password) + _c_string(system_type)
    return words + bytes((VERSION, 0, 0)) + _c_string("")


def sm_body(sm: Sm) -> bytes:
    """Return the body of submit_sm or deliver_sm; the text has at most 254 octets."""
    if len(sm.text) > 254:
        raise PduError("a text of more than 254 octets")
    head = _c_string("") + _address(sm.source) + _address(sm.destination)
    flags = bytes((sm.esm_class, 0, 0)) + _c_string("") + _c_string(sm.validity)
    flags += bytes((sm.registered_delivery, 0, sm.data_coding, 0, len(sm.text)))
    tlvs = b"".join(struct.pack(">HH", tag, len(v)) + v for tag, v in sm.tlvs.items())
    return head + flags + sm.text + tlvs


def message_id_body(message_id: str) -> bytes:
    """Return the body of submit_sm_resp, or of deliver_sm_resp with an empty id."""
    return _c_string(message_id)


def read_sm(body: bytes) -> Sm:
    """Read the body of submit_sm or deliver_sm; raise `PduError`."""
    reader = _Reader(body)
    reader.c_string()  # service_type
    source, destination = reader.address(), reader.address()
    esm_class, _protocol, _priority = reader.octet(), reader.octet(), reader.octet()
    reader.c_string()  # schedule_delivery_time
    validity = reader.c_string()
    registered, _replace, coding, _default = (reader.octet() for _ in range(4))
    text = reader.octets(reader.octet())
    return Sm(source, destination, text, coding, esm_class, registered, validity, reader.tlvs())


def read_message_id(body: bytes) -> str:
    """Read the body of submit_sm_resp; an error has none, which is an empty id."""
    return _Reader(body).c_string() if body else ""


def read_bind(body: bytes) -> tuple[str, str]:
    """Read system_id and password of bind_transceiver; raise `PduError`."""
    reader = _Reader(body)
    return reader.c_string(), reader.c_string()


def _c_string(text: str) -> bytes:
    data = text.encode("latin-1", "strict")
    if b"\0" in data:
        raise PduError("a text with a zero octet")
    return data + b"\0"


def _address(address: Address) -> bytes:
    return bytes((address.ton, address.npi)) + _c_string(address.text)


class _Reader:
    """Takes a body apart from its beginning."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def octets(self, count: int) -> bytes:
        taken = self._body[self._at : self._at + count]
        if len(taken) < count:
            raise PduError("a body that ends too early")
        self._at += count
        return taken

    def octet(self) -> int:
        return self.octets(1)[0]

    def c_string(self) -> str:
        end = self._body.find(b"\0", self._at)
        if end < 0:
            raise PduError("a text without its end")
        text = self._body[self._at : end].decode("latin-1")
        self._at = end + 1
        return text

    def address(self) -> Address:
        ton, npi = self.octet(), self.octet()
        return Address(self.c_string(), ton, npi)

    def tlvs(self) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        while self._at < len(self._body):
            tag, length = struct.unpack(">HH", self.octets(4))
            found[tag] = self.octets(length)
        return found
