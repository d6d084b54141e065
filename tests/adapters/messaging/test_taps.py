"""A tap says what its button stands for, however long the appointment's id is."""

from __future__ import annotations

import pytest

from adapters.messaging.taps import data_of, said_by
from gateway.core.case import Button
from gateway.core.links import button_payload
from gateway.core.model import Answer


def button(title: str, payload: str) -> Button:
    return Button(Answer.CONFIRM, title, payload)


def test_a_payload_that_fits_comes_back_whole() -> None:
    data = data_of(button("Подтвердить", "v1.confirm.1.A-1"), 64)
    assert said_by(data, "Подтвердить") == ("Подтвердить", "v1.confirm.1.A-1")
    assert said_by(data, None) == (None, "v1.confirm.1.A-1")


@pytest.mark.rule("U-7")
def test_instead_of_a_payload_that_is_too_long_comes_the_title() -> None:
    payload = button_payload(Answer.CONFIRM, 1, "я" * 30)
    data = data_of(button("Подтвердить", payload), 64)
    assert data is not None
    assert said_by(data, None) == ("Подтвердить", None)


def test_bytes_are_counted_not_letters() -> None:
    assert data_of(button("да", "я" * 32), 64) == "я" * 32
    assert data_of(button("да", "я" * 33), 64) == "t.да"
    assert data_of(button("я" * 32, "я" * 33), 64) is None


def test_no_payload_of_ours_is_taken_for_a_title() -> None:
    assert not button_payload(Answer.CANCEL, 1, "t.").startswith("t.")


def test_a_tap_without_data_says_nothing() -> None:
    assert said_by(None, None) == (None, None)
    assert said_by("t.", "x") == (None, None)
