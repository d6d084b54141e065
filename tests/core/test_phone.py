from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model import Reason
from gateway.core.phone import contact_number, mask_number, normalise_number

MOBILE = "+79161234567"
LANDLINE, FOREIGN = Reason.LANDLINE_PHONE, Reason.FOREIGN_PHONE
INVALID, NONE = Reason.INVALID_PHONE, Reason.NO_PHONE


@pytest.mark.rule("G-7", "Z-13")
@pytest.mark.parametrize(
    "text",
    [
        "+79161234567",
        "89161234567",
        "9161234567",
        "79161234567",
        "8 (916) 123-45-67",
        "8.916.123.45.67",
        "+7\u2011916\u2011123\u201145\u201167",
        "８９１６１２３４５６７",
        "+7 916 123 45 67 доб. 12",
        "тел. 8-916-123-45-67 мама",
        "89161234567 (Мария)",
        "tel:+79161234567",
        "89161234567.0",
        "+8 916 123 45 67",
        "моб.: +8 (916) 123-45-67",
        "007 916 1234567",
        "моб. 00 7 916 123 45 67",
        "12.05.1980 89161234567",
        "моб +7(916)1234567; дом (495) 123-45-67, мама 8 926 765-43-21",
        "дом (495) 123-45-67, моб +7(916)1234567",
        "8 800 123 45 67, 8 916 123 45 67",
        "89161234567 89261234567",
    ],
)
def test_a_russian_mobile_is_read_however_it_is_written(text: str) -> None:
    assert contact_number((text,), "RU") == (MOBILE, ())


@pytest.mark.rule("D-5", "Z-13")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("+7 (495) 123-45-67", LANDLINE),
        ("(8442) 12-34-56", LANDLINE),
        ("84951234567 доб. 5", LANDLINE),
        ("+7 495 100 00 12", LANDLINE),
        ("+375 29 123-45-67", FOREIGN),
        ("8-10-375-29-1234567", FOREIGN),
        ("00 375 29 123 45 67", FOREIGN),
        ("8 701 123 45 67", FOREIGN),
        ("+7 727 250 1234", FOREIGN),
        ("+44 20 7946 0958", FOREIGN),
        ("+7 840 223 45 67", FOREIGN),
        ("+7 940 123 45 67", FOREIGN),
        ("8 800 123 45 67", INVALID),
        ("+7 809 123 4567", INVALID),
        ("+7 751 123 45 67", INVALID),
        ("+7 780 123 45 67", INVALID),
        ("8916123456", INVALID),
        ("+7 916 123 45 678", INVALID),
        ("8 916 l23-45-67", INVALID),
        ("+70000000000", INVALID),
        ("112", INVALID),
        ("123-45-67", INVALID),
        ("нет", INVALID),
        ("-", INVALID),
    ],
)
def test_a_number_that_is_no_mobile_of_the_country_has_its_reason(
    text: str, reason: Reason
) -> None:
    assert contact_number((text,), "RU") == (None, (reason,))


@pytest.mark.rule("Z-13")
@pytest.mark.parametrize("phones", [(), ("",), ("  ", "\t", "\u200b\u00a0")])
def test_empty_entries_are_no_phone(phones: tuple[str, ...]) -> None:
    assert contact_number(phones, "RU") == (None, (NONE,))


@pytest.mark.rule("D-5", "Z-13")
@pytest.mark.parametrize(
    ("phones", "reasons"),
    [
        (("+74951234567", "+375291234567"), (FOREIGN, LANDLINE)),
        (("+74951234567; +375291234567",), (FOREIGN, LANDLINE)),
        (("88001234567", "", "+74951234567"), (INVALID, LANDLINE)),
        (("8-495-123-45-67, 8916123456",), (INVALID, LANDLINE)),
        (("8-495-123-45-67, кв. 12",), (LANDLINE,)),
        (("+375291234567", "1", "+74951234567"), (FOREIGN, INVALID, LANDLINE)),
    ],
)
def test_without_a_mobile_every_reason_is_given_sorted(
    phones: tuple[str, ...], reasons: tuple[Reason, ...]
) -> None:
    assert contact_number(phones, "RU") == (None, reasons)


@pytest.mark.rule("G-7")
def test_the_first_mobile_of_the_country_is_taken() -> None:
    phones = ("+74951234567", "+375291234567", "8 916 123-45-67", "+79267654321")
    assert contact_number(phones, "RU") == (MOBILE, ())
    assert contact_number(phones, "BY") == ("+375291234567", ())


@pytest.mark.rule("G-7")
def test_where_mobiles_look_like_landlines_every_number_may_be_one() -> None:
    assert contact_number(("(202) 555-0123",), "US") == ("+12025550123", ())
    assert contact_number(("+1 416 555 0123",), "US") == (None, (FOREIGN,))
    # The Russian slip is none elsewhere.
    assert contact_number(("+8 916 123 45 67",), "US") == (None, (INVALID,))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (MOBILE, MOBILE),
        ("89161234567", MOBILE),
        ("79161234567", MOBILE),
        ("375291234567", "+375291234567"),
        ("8 495 123-45-67", "+74951234567"),
        ("89161234567, 89261234567", None),
        ("Callahead", None),
        ("4444", None),
        ("", None),
    ],
)
def test_a_sender_is_one_valid_number(text: str, number: str | None) -> None:
    assert normalise_number(text, "RU") == number


def test_a_masked_number_shows_its_operator_and_its_end() -> None:
    assert mask_number(MOBILE) == "+7916•••••67"
    assert mask_number("+375291234567") == "+3752••••••67"
    assert mask_number("+712345") == "•••••••"


@given(st.integers(0, 9_999_999))
def test_every_number_of_a_mobile_range_is_read(rest: int) -> None:
    assert contact_number((f"8 (916) {rest:07d}",), "RU") == (f"+7916{rest:07d}", ())


@given(st.lists(st.text(max_size=300), max_size=3), st.sampled_from(["RU", "US", "KZ"]))
def test_any_text_is_read_or_has_its_reasons(texts: list[str], country: str) -> None:
    number, reasons = contact_number(tuple(texts), country)
    assert (number is None) == bool(reasons)
    assert list(reasons) == sorted(reasons)
    if number is not None:
        assert normalise_number(number, country) == number
