"""Alphabets, parts and receipts: nothing is cut inside a character, nothing is guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.messaging.smpp_pdu import UDH, Address, Sm, Tag
from adapters.messaging.smpp_text import (
    GSM,
    LATIN_1,
    UCS_2,
    Part,
    ReceiptText,
    code,
    decode_text,
    read_part,
    read_receipt,
    with_header,
)
from gateway.core.segments import sms_segments

A, B = Address("15550100123", 1, 1), Address("15550100001", 1, 1)


def test_the_default_alphabet_is_gsm() -> None:
    assert code("@£$ {}€").parts == (bytes([0, 1, 2, 32, 27, 40, 27, 41, 27, 101]),)
    assert code("@£$ {}€").data_coding == GSM


def test_one_cyrillic_letter_makes_it_ucs_2() -> None:
    assert code("Да 1").data_coding == UCS_2
    assert code("Да 1").parts == ("Да 1".encode("utf-16-be"),)


@pytest.mark.rule("H-6")
@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("я" * 70, 1),
        ("я" * 71, 2),
        ("я" * 134, 2),
        ("я" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("😀" * 66, 2),
        ("😀" * 67, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 159 + "€", 2),
    ],
)
def test_it_is_cut_into_as_many_parts_as_are_counted(text: str, parts: int) -> None:
    assert len(code(text).parts) == parts == sms_segments(text).count


@pytest.mark.rule("H-6")
@given(st.text(max_size=400) | st.text("abc€{я😀", max_size=400))
def test_parts_are_as_many_as_counted_and_hold_everything(text: str) -> None:
    coded = code(text)
    assert len(coded.parts) == sms_segments(text).count
    assert "".join(decode_text(part, coded.data_coding) for part in coded.parts) == text
    limit = 153 if coded.data_coding == GSM else 134
    assert all(len(part) <= limit for part in coded.parts) or len(coded.parts) == 1


def test_half_an_emoji_is_sent_as_the_replacement_character() -> None:
    assert decode_text(code("ok \ud83d").parts[0], UCS_2) == "ok \ufffd"


def test_octets_of_other_alphabets_are_read() -> None:
    assert decode_text("né".encode("latin-1"), LATIN_1) == "né"
    assert decode_text(b"1", 1) == "1"
    assert decode_text(b"\xff1", 4) == "\ufffd1"
    assert decode_text(bytes([27, 0, 200]), GSM) == " \ufffd"


# Parts


def delivered(text: bytes, **more: object) -> Sm:
    return Sm(A, B, text, **more)  # type: ignore[arg-type]


def test_a_part_names_its_place() -> None:
    sm = delivered(with_header(7, 3, 2, b"abc"), esm_class=UDH)
    assert read_part(sm) == Part("abc", 7, 3, 2)


def test_references_may_have_two_octets() -> None:
    header = bytes([6, 8, 4, 1, 2, 3, 1])
    assert read_part(delivered(header + b"abc", esm_class=UDH)) == Part("abc", 0x0102, 3, 1)


def test_other_elements_of_a_header_are_passed_over() -> None:
    header = bytes([9, 5, 2, 9, 9, 0, 3, 7, 2, 1])
    assert read_part(delivered(header + b"abc", esm_class=UDH)) == Part("abc", 7, 2, 1)


def test_parameters_may_name_the_place() -> None:
    tlvs = {
        int(Tag.SAR_REFERENCE): b"\0\x07",
        int(Tag.SAR_TOTAL): b"\2",
        int(Tag.SAR_NUMBER): b"\1",
    }
    assert read_part(delivered(b"abc", tlvs=tlvs)) == Part("abc", 7, 2, 1)


@pytest.mark.parametrize("header", [b"\x05\x00\x03\x07\x02\x03", b"\x05\x00\x03\x07\x00\x00"])
def test_an_impossible_place_is_no_place(header: bytes) -> None:
    assert read_part(delivered(header + b"abc", esm_class=UDH)) == Part("abc")


@given(st.binary(max_size=60), st.integers(0, 255), st.sampled_from([0, UDH]))
def test_reading_a_part_never_raises(text: bytes, data_coding: int, esm_class: int) -> None:
    part = read_part(delivered(text, data_coding=data_coding, esm_class=esm_class))
    assert 1 <= part.number <= part.total


# Receipts


def receipt(text: str, **tlvs: bytes) -> ReceiptText | None:
    found = {int(Tag[name.upper()]): value for name, value in tlvs.items()}
    return read_receipt(Sm(A, B, text.encode(), esm_class=4, tlvs=found))


STANDARD = (
    "id:0123456789 sub:001 dlvrd:001 submit date:2611231100 done date:2611231101 "
    "stat:{} err:011 text:Hello"
)


@pytest.mark.parametrize("state", ["DELIVRD", "EXPIRED", "UNDELIV", "ACCEPTD", "REJECTD"])
def test_a_receipt_names_message_state_and_error(state: str) -> None:
    assert receipt(STANDARD.format(state)) == ReceiptText("0123456789", state, "011")


def test_what_our_own_message_says_is_not_the_receipt() -> None:
    found = receipt("id:1 stat:UNDELIV err:001 Text:id:2 stat:DELIVRD")
    assert found == ReceiptText("1", "UNDELIV", "001")


def test_parameters_outweigh_the_text() -> None:
    found = receipt("id:1 stat:ENROUTE", receipted_message_id=b"1a\0", message_state=b"\x02")
    assert found == ReceiptText("1a", "DELIVRD", "")
    assert receipt("", receipted_message_id=b"9\0", message_state=b"\x08") == ReceiptText(
        "9", "REJECTD", ""
    )


@pytest.mark.parametrize("text", ["", "stat:DELIVRD", "id:1", "hello", "text:id:1 stat:DELIVRD"])
def test_a_receipt_that_names_nothing_is_none(text: str) -> None:
    assert receipt(text) is None


@given(st.binary(max_size=120))
def test_reading_a_receipt_never_raises(text: bytes) -> None:
    read_receipt(Sm(A, B, text, esm_class=4))
