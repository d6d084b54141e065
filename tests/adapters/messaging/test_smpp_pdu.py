"""SMPP's PDUs, octet by octet, as the specification writes them."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.messaging.smpp_pdu import (
    UDH,
    Address,
    Command,
    PduError,
    Sm,
    Status,
    Tag,
    bind_body,
    decode,
    encode,
    length_of,
    message_id_body,
    read_bind,
    read_message_id,
    read_sm,
    sm_body,
)


def test_the_bind_of_the_specification_is_written_octet_by_octet() -> None:
    """SMPP 3.4, 3.2.2.1 shows bind_transmitter; a transceiver's differs in its command only."""
    body = bind_body("SMPP3TEST", "secret08", "SUBMIT1")
    assert body == b"SMPP3TEST\0secret08\0SUBMIT1\0\x34\x00\x00\0"
    header = bytes.fromhex("0000002f 00000009 00000000 00000001")
    assert encode(Command.BIND_TRANSCEIVER, 1, body)[:16] == header
    assert read_bind(body) == ("SMPP3TEST", "secret08")


def test_a_submission_is_written_octet_by_octet() -> None:
    sm = Sm(
        Address("Clinic", 5, 0),
        Address("15550100123", 1, 1),
        b"Hi",
        data_coding=0,
        registered_delivery=1,
        validity="000000040000000R",
    )
    assert sm_body(sm) == (
        b"\0"  # service_type
        b"\x05\x00Clinic\0"
        b"\x01\x0115550100123\0"
        b"\x00\x00\x00"  # esm_class, protocol_id, priority_flag
        b"\0"  # schedule_delivery_time
        b"000000040000000R\0"
        b"\x01\x00\x00\x00"  # registered_delivery, replace, data_coding, default message
        b"\x02Hi"
    )


SMS = st.builds(
    Sm,
    st.builds(Address, st.text("+0123456789AZaz", max_size=20), st.integers(0, 6)),
    st.builds(Address, st.text("0123456789", max_size=20), st.integers(0, 6)),
    st.binary(max_size=254),
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 3),
    st.just("000001000000000R"),
    st.dictionaries(st.integers(0, 0xFFFF), st.binary(max_size=300), max_size=3),
)


@given(SMS, st.integers(1, 0x7FFF_FFFF))
def test_what_is_written_is_read(sm: Sm, sequence: int) -> None:
    whole = encode(Command.SUBMIT_SM, sequence, sm_body(sm))
    assert length_of(whole[:4]) == len(whole) - 4
    pdu = decode(whole[4:])
    assert (pdu.command, pdu.status, pdu.sequence) == (Command.SUBMIT_SM, 0, sequence)
    assert read_sm(pdu.body) == sm


def test_a_response_carries_its_status_and_id() -> None:
    whole = encode(Command.SUBMIT_SM_RESP, 7, message_id_body("1a2b"))
    assert read_message_id(decode(whole[4:]).body) == "1a2b"
    refused = decode(encode(Command.SUBMIT_SM_RESP, 7, status=Status.THROTTLED)[4:])
    assert (refused.status, read_message_id(refused.body)) == (0x58, "")


def test_a_long_text_stands_in_the_payload() -> None:
    sm = Sm(Address("a"), Address("1"), b"", tlvs={int(Tag.MESSAGE_PAYLOAD): b"x" * 300})
    assert read_sm(sm_body(sm)).payload == b"x" * 300
    with pytest.raises(PduError):
        sm_body(Sm(Address("a"), Address("1"), b"x" * 255))


@pytest.mark.parametrize(
    ("esm_class", "is_receipt", "is_message"),
    [
        (0x00, False, True),
        (UDH, False, True),
        (0x04, True, False),
        (0x44, True, False),
        (0x08, False, False),
        (0x20, False, False),
    ],
)
def test_the_class_tells_receipts_from_messages(
    esm_class: int, is_receipt: bool, is_message: bool
) -> None:
    sm = Sm(Address("a"), Address("1"), b"", esm_class=esm_class)
    assert (sm.is_receipt, sm.is_message) == (is_receipt, is_message)


@pytest.mark.parametrize("length", [0, 15, 70_001, 0xFFFF_FFFF])
def test_impossible_lengths_are_refused(length: int) -> None:
    with pytest.raises(PduError):
        length_of(struct.pack(">I", length))


def test_a_zero_octet_does_not_cut_a_text() -> None:
    with pytest.raises(PduError):
        message_id_body("a\0b")


@given(st.binary(max_size=80))
def test_reading_anything_raises_nothing_but_pdu_error(body: bytes) -> None:
    for read in (read_sm, read_bind, read_message_id, decode):
        with contextlib.suppress(PduError):
            read(body)


def test_bodies_stay_out_of_repr() -> None:
    sm = Sm(Address("15550100123"), Address("15550100124"), b"secret", tlvs={1: b"secret"})
    assert "secret" not in repr(sm)
    assert "1555" not in repr(sm)
    assert "secret" not in repr(decode(encode(Command.SUBMIT_SM, 1, b"secret")[4:]))
