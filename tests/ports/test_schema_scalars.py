from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from gateway.ports import schema_scalars as scalars


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24T14:30:00+05:00",
        "2026-11-24T14:30+05:00",
        "2026-11-24 14:30:00+05:00",
        "2026-11-24T09:30:00Z",
        "2026-11-24T09:30:00.000Z",
        "2026-11-24T09:30:00.000000000+00:00",
        "2026-11-24T23:30:00+14:00",
    ],
)
def test_a_moment_is_read_to_utc(text: str) -> None:
    assert scalars.read_moment(text) == datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    assert scalars.read_moment(text).tzinfo is UTC


def test_a_moment_without_offset_is_told_so() -> None:
    with pytest.raises(PydanticCustomError, match="has no offset from UTC"):
        scalars.read_moment("2026-11-24T14:30:00")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (90, "90s"), (120, "2m"), (3600, "1h"), (5400, "90m"), (172_800, "48h")],
)
def test_a_duration_is_written_in_its_largest_unit(seconds: int, text: str) -> None:
    assert scalars.write_duration(timedelta(seconds=seconds)) == text


@given(st.integers(0, 10**9 - 1))
def test_a_duration_reads_back_the_same(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert scalars.read_duration(scalars.write_duration(duration)) == duration


@given(st.decimals(0, 99_999_999, places=4))
def test_an_amount_reads_back_the_same(amount: Decimal) -> None:
    assert scalars.read_amount(scalars.write_amount(amount)) == amount


@pytest.mark.parametrize("text", ["Europe/Moscow", "Asia/Yekaterinburg", "UTC", "Etc/GMT+3"])
def test_a_zone_of_the_data_base_is_taken(text: str) -> None:
    assert scalars.check_zone(text) == text


@pytest.mark.parametrize("text", ["+79161234567", "+12015550123", "+999123456", "+77011234567"])
def test_a_number_needs_a_country_code_that_exists(text: str) -> None:
    if text.startswith("+999"):
        with pytest.raises(PydanticCustomError):
            scalars.check_number(text)
    else:
        assert scalars.check_number(text) == text


@pytest.mark.parametrize(
    "text", ["", "79161234567", "+7 916 123-45-67", "+7916", "+0123456789", "+7٩161234567"]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(PydanticCustomError):
        scalars.check_number(text)


def test_ids_of_other_systems_are_taken() -> None:
    for text in ("A-1", "приём№7", "urn:oid:1.2.3", "{2B6F-11}", "a%2Fb", "017"):
        assert scalars.check_id(text) == text
