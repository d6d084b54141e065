"""How trunks want numbers."""

from __future__ import annotations

import pytest

from adapters.telephony.sip.numbers import NumberForm, NumberPlan


@pytest.mark.parametrize(
    ("form", "number", "written"),
    [
        ("plus", "+79161234567", "+79161234567"),
        ("digits", "+79161234567", "79161234567"),
        ("national", "+79161234567", "89161234567"),
        ("national", "+375291234567", "810375291234567"),
        ("national", "+77011234567", "87011234567"),
    ],
)
def test_a_number_is_written_as_the_trunk_wants_it(
    form: NumberForm, number: str, written: str
) -> None:
    assert NumberPlan(form, "7", "8", "810").write(number) == written


def test_a_route_prefix_stands_before_everything() -> None:
    assert NumberPlan("digits", "7", "8", "810", prefix="99#").write("+79161234567") == (
        "99#79161234567"
    )


def test_a_country_without_a_national_prefix() -> None:
    assert NumberPlan("national", "420", "", "00").write("+420601123456") == "601123456"
