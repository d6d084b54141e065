"""Texts of short messages: alphabets, parts of long messages, delivery receipts. Pure.

GSM 03.38 (3GPP TS 23.038) one septet to an octet, as SMPP's default alphabet is sent; UCS-2
(data_coding 8); concatenation by user data header (3GPP TS 23.040, 9.2.3.24.1 and .8) or by the
sar_* parameters; the receipt's text of SMPP 3.4, appendix B.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from adapters.messaging.smpp_pdu import UDH, Sm, Tag
from gateway.core.segments import sms_segments

GSM, LATIN_1, UCS_2 = 0, 3, 8
"""data_coding (SMPP 3.4, 5.2.19)."""

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = {"\f": 10, "^": 20, "{": 40, "}": 41, "\\": 47, "[": 60, "~": 61, "]": 62, "|": 64}
_EXTENSION["€"] = 101
_ESCAPE = 0x1B

_TO_GSM = {char: bytes((code,)) for code, char in enumerate(_BASIC) if code != _ESCAPE}
_TO_GSM |= {char: bytes((_ESCAPE, code)) for char, code in _EXTENSION.items()}
_OF_EXTENSION = {code: char for char, code in _EXTENSION.items()}

_GSM_SINGLE, _GSM_PART = 160, 153
_UCS_SINGLE, _UCS_PART = 140, 134  # octets


@dataclass(frozen=True, slots=True)
class Coded:
    """A message as octets: one text, or several parts without their headers."""

    data_coding: int
    parts: tuple[bytes, ...]


def code(text: str) -> Coded:
    """Encode a text and cut it into parts; none ends inside an escape or a surrogate pair."""
    if sms_segments(text).encoding == "GSM-7":
        units = [_TO_GSM[char] for char in text]
        single, part, data_coding = _GSM_SINGLE, _GSM_PART, GSM
    else:
        # Half a surrogate pair cannot be sent; what is left of it is the replacement character.
        whole = text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")
        units = [char.encode("utf-16-be") for char in whole]
        single, part, data_coding = _UCS_SINGLE, _UCS_PART, UCS_2
    if sum(map(len, units)) <= single:
        return Coded(data_coding, (b"".join(units),))
    parts: list[bytes] = []
    current = b""
    for unit in units:
        if len(current) + len(unit) > part:
            parts.append(current)
            current = b""
        current += unit
    return Coded(data_coding, (*parts, current))


def with_header(reference: int, total: int, number: int, part: bytes) -> bytes:
    """Return a part with its user data header: 8-bit reference, total, number."""
    return bytes((5, 0, 3, reference & 0xFF, total, number)) + part


def decode_text(data: bytes, data_coding: int) -> str:
    """Return what octets say; those that stand for nothing become the replacement character."""
    if data_coding == UCS_2:
        return data.decode("utf-16-be", "replace")
    if data_coding == LATIN_1:
        return data.decode("latin-1")
    return _from_gsm(data) if data_coding in (GSM, 1) else data.decode("ascii", "replace")


def _from_gsm(data: bytes) -> str:
    text: list[str] = []
    escaped = False
    for octet in data:
        if escaped:
            text.append(_OF_EXTENSION.get(octet, " "))
            escaped = False
        elif octet == _ESCAPE:
            escaped = True
        else:
            text.append(_BASIC[octet] if octet < len(_BASIC) else "\ufffd")
    return "".join(text)


# --- Parts that come in ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a message that comes in; `total` 1: all of it."""

    text: str
    reference: int = 0
    total: int = 1
    number: int = 1


def read_part(sm: Sm) -> Part:
    """Return what one deliver_sm holds; a damaged header is no header."""
    data, reference, total, number = sm.payload, 0, 1, 1
    if sm.esm_class & UDH and data:
        header, data = data[1 : 1 + data[0]], data[1 + data[0] :]
        reference, total, number = _concatenation(header)
    elif Tag.SAR_TOTAL in sm.tlvs:
        reference = int.from_bytes(sm.tlvs.get(Tag.SAR_REFERENCE, b""), "big")
        total = int.from_bytes(sm.tlvs[Tag.SAR_TOTAL], "big")
        number = int.from_bytes(sm.tlvs.get(Tag.SAR_NUMBER, b""), "big")
    text = decode_text(data, sm.data_coding)
    return Part(text, reference, total, number) if 1 <= number <= total else Part(text)


def _concatenation(header: bytes) -> tuple[int, int, int]:
    """Return reference, total and number of the header's concatenation element."""
    at = 0
    while at + 2 <= len(header):
        element, length = header[at], header[at + 1]
        value = header[at + 2 : at + 2 + length]
        if element == 0 and len(value) == 3:
            return value[0], value[1], value[2]
        if element == 8 and len(value) == 4:
            return int.from_bytes(value[:2], "big"), value[2], value[3]
        at += 2 + length
    return 0, 1, 1


# --- Receipts -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReceiptText:
    """A delivery receipt: the message's id, its final state in one word, the network's error."""

    message_id: str
    state: str
    error: str


_STATES = {
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    7: "UNKNOWN",
    8: "REJECTD",
}
_FIELD = re.compile(r"\b(id|stat|err):(\S*)", re.IGNORECASE)


def read_receipt(sm: Sm) -> ReceiptText | None:
    """Read a receipt: by its optional parameters, else by its text; None when it names nothing."""
    # The text quotes our own message at its end (`text:…`), which may hold anything.
    head = re.split(r"\btext:", sm.payload.decode("latin-1"), maxsplit=1, flags=re.IGNORECASE)[0]
    fields: dict[str, str] = {}
    for name, value in _FIELD.findall(head):
        fields.setdefault(name.lower(), value)
    told = sm.tlvs.get(Tag.RECEIPTED_MESSAGE_ID, b"").rstrip(b"\0").decode("latin-1")
    number = int.from_bytes(sm.tlvs.get(Tag.MESSAGE_STATE, b""), "big")
    message_id = told or fields.get("id", "")
    state = _STATES.get(number) or fields.get("stat", "").upper()
    if not message_id or not state:
        return None
    return ReceiptText(message_id, state, fields.get("err", ""))
