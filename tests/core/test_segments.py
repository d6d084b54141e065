from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.segments import Segments, sms_segments


@pytest.mark.rule("H-6")
@pytest.mark.parametrize(
    ("text", "count"),
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
        # An escape or a surrogate pair that does not fit moves to the next part as a whole.
        ("a" * 152 + "€" + "a" * 152, 3),
        ("a" * 151 + "€" + "a" * 153, 2),
        ("я" * 66 + "😀" + "я" * 66, 3),
        ("я" * 65 + "😀" + "я" * 67, 2),
    ],
)
def test_parts_of_an_sms(text: str, count: int) -> None:
    assert sms_segments(text).count == count


@pytest.mark.rule("H-6")
def test_one_character_turns_the_whole_message_into_ucs2() -> None:
    assert sms_segments("a" * 100) == Segments(1, "GSM-7", 100, 160, 60)
    assert sms_segments("a" * 99 + "—") == Segments(2, "UCS-2", 100, 67, 34)
    for char in "№«»“”…яç":
        assert sms_segments(char).encoding == "UCS-2"


@pytest.mark.rule("H-6")
def test_units_are_septets_or_units_of_utf16() -> None:
    assert sms_segments("[€]").units == 6
    assert sms_segments("é\r\nÇΩ") == Segments(1, "GSM-7", 5, 160, 155)
    assert sms_segments("я😀").units == 3
    assert sms_segments("{я}").units == 3
    assert sms_segments("\ud800").units == 1


@pytest.mark.rule("H-6")
@given(st.text(alphabet="aя€{😀", max_size=500))
def test_parts_hold_the_whole_text(text: str) -> None:
    found = sms_segments(text)
    assert found.units <= found.count * found.per_segment
    # At most one unit a part is lost to a pair that had to stay together.
    assert found.count == 1 or found.units > (found.count - 1) * (found.per_segment - 1)


@pytest.mark.rule("H-6")
@given(st.text(alphabet="aя€{😀", max_size=500))
def test_what_is_left_is_what_still_fits_and_no_more(text: str) -> None:
    found = sms_segments(text)
    assert sms_segments(text + "a" * found.left).count == found.count
    assert sms_segments(text + "a" * (found.left + 1)).count == found.count + 1
