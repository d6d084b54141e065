"""Numbers, names and keys of the SMS channels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, TypeAdapter, ValidationError

from adapters.messaging.sms_settings import (
    SenderName,
    check_key,
    clinics_of,
    has_key,
    number_of,
    refused,
    sms_text,
)
from gateway.core.events import Failure
from gateway.core.model import Channel
from gateway.errors import Forbidden, InvalidInput, Unauthenticated
from tests.adapters.support import CONTENT, outgoing, raw

NAME: TypeAdapter[str] = TypeAdapter(SenderName)
KEYS = [SecretStr("the-old-callback-key"), SecretStr("the-new-callback-key")]


@pytest.mark.parametrize("text", ["+79161234567", "Clinic", "CLINIC 24", "a", "Elevenchars", "1-a"])
def test_a_number_or_a_short_name_may_send(text: str) -> None:
    assert NAME.validate_python(text) == text


@pytest.mark.parametrize(
    "text", ["", "79161234567", "+0123456", "Клиника", "TwelveLetter", "24", "a\n", "+7916 123"]
)
def test_anything_else_may_not(text: str) -> None:
    with pytest.raises(ValidationError):
        NAME.validate_python(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("79161234567", "+79161234567"),
        ("+79161234567", "+79161234567"),
        ("Clinic", None),
        ("", None),
        ("+0123456789", None),
        ("7916123456٧", None),
        ("79161234567\n", None),
        (79161234567, None),
    ],
)
def test_numbers_are_read_with_and_without_their_plus(text: object, number: str | None) -> None:
    assert number_of(text) == number


def test_one_sender_has_one_clinic() -> None:
    assert clinics_of([("+1", "a"), ("+1", "a"), ("+2", "b")], "number") == {"+1": "a", "+2": "b"}
    with pytest.raises(InvalidInput) as caught:
        clinics_of([("+1", "a"), ("+2", "b"), ("+1", "b")], "number")
    [problem] = caught.value.problems
    assert problem.field == "senders.2.clinic"


def test_a_refusal_asks_for_an_operator() -> None:
    error = refused("no_sender")
    assert (error.failure, error.code, error.alert) == (Failure.REJECTED, "no_sender", True)


def test_a_text_is_taken_whole() -> None:
    assert sms_text(outgoing(channel=Channel.SMS), 1000) == CONTENT.text


def test_each_key_of_an_address_holds() -> None:
    for key in KEYS:
        check_key(raw(b"", query={"key": key.get_secret_value()}), KEYS)
    with pytest.raises(Unauthenticated):
        check_key(raw(b""), KEYS)
    with pytest.raises(Unauthenticated):
        check_key(raw(b"", query={"key": ""}), KEYS)


@given(st.text(min_size=1))
def test_no_other_key_does(key: str) -> None:
    request = raw(b"", query={"key": key})
    assert not has_key(request, KEYS)
    with pytest.raises(Forbidden):
        check_key(request, KEYS)
