"""Reading JSON of somebody else's making never raises."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.json_values import (
    integer_of,
    object_of,
    objects,
    read_json,
    text_of,
    unix_moment,
)

ANYTHING = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.lists(st.integers())
    | st.dictionaries(st.text(), st.integers())
)


@given(ANYTHING)
def test_every_reader_takes_anything(value: object) -> None:
    object_of(value)
    objects(value)
    integer_of(value)
    unix_moment(value)
    text = text_of(value)
    assert text is None or text.encode()


@pytest.mark.parametrize(
    ("value", "text"), [("", None), (1, None), ("a", "a"), ("\ud83d", "\ufffd"), ("👍", "👍")]
)
def test_a_text_can_be_stored(value: object, text: str | None) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("value", "number"), [(5, 5), ("5", 5), (True, None), (5.0, None), ("5.0", None), ("٥", None)]
)
def test_a_whole_number_may_be_written_as_text(value: object, number: int | None) -> None:
    assert integer_of(value) == number


@pytest.mark.parametrize("value", ["1795420800", 1795420800, "1795420800000", 1795420800000])
def test_seconds_and_milliseconds_are_told_apart(value: object) -> None:
    assert unix_moment(value) == datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize("value", [10**400, -(10**18), "x", None, 1.5, True])
def test_no_moment_is_none(value: object) -> None:
    assert unix_moment(value) is None


@pytest.mark.parametrize("text", [b"\xff", b"[" * 100_000, "{", b""])
def test_no_json_is_none(text: str | bytes) -> None:
    assert read_json(text) is None
