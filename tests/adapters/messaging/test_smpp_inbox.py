"""What an SMSC delivers becomes whole messages with ids that survive a repetition."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.messaging.smpp_inbox import PARTS_FOR, PENDING_MAX, Received
from adapters.messaging.smpp_pdu import UDH, Address, Sm
from adapters.messaging.smpp_text import with_header
from tests.adapters.support import PATIENT, START

PHONE, OURS = Address("15550100123", 1, 1), Address("15550100001", 1, 1)


def whole(text: bytes = b"1", phone: Address = PHONE) -> Sm:
    return Sm(phone, OURS, text)


def part(number: int, text: bytes, reference: int = 7) -> Sm:
    return Sm(PHONE, OURS, with_header(reference, 2, number, text), esm_class=UDH)


def test_a_message_says_who_wrote_to_whom() -> None:
    found = Received("smsc").message(whole(), START)
    assert found is not None
    assert (found.number, found.sender, found.text) == (PATIENT, "+15550100001", "1")
    assert found.id.startswith("smsc:mo_")


def test_a_message_from_a_name_is_no_answer() -> None:
    assert Received("smsc").message(whole(phone=Address("BANK", 5)), START) is None


@pytest.mark.rule("G-6")
def test_the_same_words_keep_their_id_until_they_are_committed() -> None:
    received = Received("smsc")
    first = received.message(whole(), START)
    again = received.message(whole(), START)
    assert first is not None
    assert again == first
    received.committed(first)
    later = received.message(whole(), START)
    assert later is not None
    assert later.id != first.id


def test_parts_are_joined_in_their_order() -> None:
    received = Received("smsc")
    assert received.message(part(2, b"World"), START) is None
    found = received.message(part(1, b"Hello "), START)
    assert found is not None
    assert found.text == "Hello World"


@pytest.mark.rule("G-6")
def test_a_last_part_that_comes_again_completes_the_same_message() -> None:
    received = Received("smsc")
    received.message(part(1, b"a"), START)
    first = received.message(part(2, b"b"), START)
    again = received.message(part(2, b"b"), START)
    assert first is not None
    assert again == first
    received.committed(first)
    assert received.message(part(2, b"x"), START) is None, "parts of a committed message are gone"


def test_parts_of_another_message_are_not_mixed_in() -> None:
    received = Received("smsc")
    received.message(part(1, b"a"), START)
    assert received.message(part(2, b"b", reference=8), START) is None
    late = START + PARTS_FOR + timedelta(seconds=1)
    assert received.message(part(2, b"b"), late) is None


def test_what_is_never_completed_does_not_pile_up() -> None:
    received = Received("smsc")
    for index in range(PENDING_MAX + 10):
        phone = Address(str(15550100000 + index), 1, 1)
        text = with_header(1, 2, 1, b"a")
        assert received.message(Sm(phone, OURS, text, esm_class=UDH), START) is None
        received.message(whole(phone=phone), START)
    assert len(received._gathered) == len(received._pending) == PENDING_MAX
