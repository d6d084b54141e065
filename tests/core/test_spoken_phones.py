from __future__ import annotations

import pytest

from gateway.core.spoken_phones import PHONE, phone_groups


@pytest.mark.parametrize(
    ("written", "groups"),
    [
        ("+7 (343) 300-00-00", "7 343 300 00 00"),
        ("+73433000000", "7 343 300 00 00"),
        ("8 800 555-35-35", "8 800 555 35 35"),
        ("88005553535", "8 800 555 35 35"),
        ("8 (34365) 2-15-30", "8 343 65 2 15 30"),
        ("+7 343 3000000", "7 343 300 00 00"),
        ("(343) 300-00-00", "343 300 00 00"),
        ("300-00-00", "300 00 00"),
        ("30-00-00", "30 00 00"),
        ("+442079460958", "44 20 79 46 09 58"),
        ("+375 29 123-45-67", "375 29 123 45 67"),
        ("+999123456789", "999 123 456 789"),
    ],
)
def test_a_phone_is_read_in_groups(written: str, groups: str) -> None:
    match = PHONE.fullmatch(written)
    assert match
    assert phone_groups(match[0]) == groups.split()


@pytest.mark.parametrize(
    "text", ["12", "1 000 000", "24.11.2026", "14:30", "620014", "12345678", "1234567890123456"]
)
def test_other_numbers_are_no_phones(text: str) -> None:
    match = PHONE.search(text)
    assert match is None or phone_groups(match[0]) is None
