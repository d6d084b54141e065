from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.clinic import Branch
from gateway.core.links import (
    TOKEN_BITS,
    TOKEN_LENGTH,
    button_payload,
    link_of,
    link_token,
    read_payload,
)
from gateway.core.model import Answer

SECRET = bytes(range(32))


@pytest.mark.rule("P-2")
def test_a_token_is_short_and_unguessable() -> None:
    token = link_token(SECRET, "zdorovie", "A-1", 1)
    assert token == "0a1h3xa9embjks6z"
    assert TOKEN_BITS >= 80
    assert len(token) == TOKEN_LENGTH == 16


@pytest.mark.rule("P-2")
def test_a_token_is_for_one_booking_of_one_visit_of_one_clinic() -> None:
    tokens = {
        link_token(SECRET, "c", "1", 1),
        link_token(SECRET, "c", "1", 2),
        link_token(SECRET, "c", "1:1", 1),
        link_token(SECRET, "c:1", "1", 1),
        link_token(SECRET, "d", "1", 1),
        link_token(b"another", "c", "1", 1),
    }
    assert len(tokens) == 6


@pytest.mark.rule("P-2")
@given(st.binary(), st.text(), st.text(), st.integers(1))
def test_a_token_holds_only_letters_and_digits_that_cannot_be_misread(
    secret: bytes, clinic: str, appointment: str, booking: int
) -> None:
    token = link_token(secret, clinic, appointment, booking)
    assert len(token) == TOKEN_LENGTH
    assert set(token) <= set("0123456789abcdefghjkmnpqrstvwxyz")
    assert token == link_token(secret, clinic, appointment, booking)


@pytest.mark.rule("P-2")
def test_a_link_is_on_the_clinics_host() -> None:
    branch = Branch(
        "zdorovie",
        "lenina",
        "Здоровье",
        "Asia/Yekaterinburg",
        "Здоровье",
        link_base="https://zdorovie.example/v/",
        link_secret=SECRET,
    )
    token = link_token(SECRET, "zdorovie", "A-1", 2)
    assert link_of(branch, "A-1", 2) == f"https://zdorovie.example/v/{token}"


@pytest.mark.rule("U-7")
def test_a_button_names_answer_booking_and_visit() -> None:
    assert button_payload(Answer.CONFIRM, 2, "A.1.2") == "v1.confirm.2.A.1.2"
    assert read_payload("v1.confirm.2.A.1.2") == (Answer.CONFIRM, 2, "A.1.2")


@pytest.mark.rule("U-7")
@given(st.sampled_from(Answer), st.integers(1, 999_999_999), st.text(min_size=1, max_size=256))
def test_what_a_button_says_is_read_back(answer: Answer, booking: int, visit: str) -> None:
    assert read_payload(button_payload(answer, booking, visit)) == (answer, booking, visit)


@pytest.mark.rule("U-7")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "v1",
        "v1.confirm",
        "v1.confirm.1",
        "v1.confirm.1.",
        "v1.confirm.0.A",
        "v1.confirm.01.A",
        "v1.confirm.-1.A",
        "v1.confirm.x.A",
        "v1.confirm.١.A",
        "v1.confirm.9999999999.A",
        "v1.opt_out.1.A",
        "v1.Confirm.1.A",
        "v2.confirm.1.A",
        " v1.confirm.1.A",
        f"v1.confirm.1.{'A' * 257}",
    ],
)
def test_a_payload_that_is_not_ours_says_nothing(text: str) -> None:
    assert read_payload(text) is None


@given(st.text())
def test_any_payload_is_read_or_refused(text: str) -> None:
    read_payload(text)
