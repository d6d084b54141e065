"""Providers' numbers as contacts are named."""

from __future__ import annotations

import pytest

from gateway.service.numbers import as_stored


@pytest.mark.rule("G-7")
@pytest.mark.parametrize(
    ("told", "stored"),
    [
        ("+79161234567", "+79161234567"),
        ("79161234567", "+79161234567"),
        ("+7 916 123-45-67", "+79161234567"),
        ("+15550100123", "+15550100123"),  # not a valid one: kept as it came
        ("abc", "abc"),
        ("", ""),
    ],
)
def test_a_number_is_named_as_its_contact_is(told: str, stored: str) -> None:
    assert as_stored(told) == stored
