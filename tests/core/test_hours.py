from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.clinic import Hours
from gateway.core.hours import (
    at_local,
    closing_of,
    is_open,
    local,
    local_day,
    next_closing,
    next_midnight,
    next_opening,
    was_open_between,
    zone,
)

YEKATERINBURG = "Asia/Yekaterinburg"
DAY = Hours(time(6), time(21))
ROUND_THE_CLOCK = Hours(time(0), time(0))

ZONES = st.sampled_from(sorted(available_timezones() - {"localtime", "Factory"}))
TIMES = st.times().map(lambda t: t.replace(second=0, microsecond=0))
MOMENTS = st.datetimes(
    datetime(1992, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2037, 12, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
# Hours of zones with jumps are drawn near midnight and 02:00 too, where clocks jump.
HOURS = st.tuples(TIMES, TIMES).map(sorted).filter(lambda p: p[0] < p[1]).map(lambda p: Hours(*p))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.rule("G-2")
@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-24T05:59:59+05:00", False),
        ("2026-11-24T06:00:00+05:00", True),
        ("2026-11-24T20:59:59+05:00", True),
        ("2026-11-24T21:00:00+05:00", False),
        ("2026-11-24T00:00:00+05:00", False),
    ],
)
def test_the_opening_minute_is_inside_and_the_closing_minute_outside(
    moment: str, *, expected: bool
) -> None:
    assert is_open(DAY, utc(moment), YEKATERINBURG) is expected


@pytest.mark.rule("G-2")
def test_hours_are_the_branchs_own() -> None:
    moment = utc("2026-11-24T05:30:00+03:00")
    assert not is_open(DAY, moment, "Europe/Moscow")
    assert is_open(DAY, moment, "Asia/Kamchatka")


def test_hours_open_next_today_now_or_tomorrow() -> None:
    morning, noon = utc("2026-11-24T03:00:00+05:00"), utc("2026-11-24T12:00:00+05:00")
    night = utc("2026-11-24T21:00:00+05:00")
    assert next_opening(DAY, morning, YEKATERINBURG) == utc("2026-11-24T06:00:00+05:00")
    assert next_opening(DAY, noon, YEKATERINBURG) == noon
    assert next_opening(DAY, night, YEKATERINBURG) == utc("2026-11-25T06:00:00+05:00")
    assert next_closing(DAY, noon, YEKATERINBURG) == utc("2026-11-24T21:00:00+05:00")
    assert next_closing(DAY, night, YEKATERINBURG) == utc("2026-11-25T21:00:00+05:00")


def test_a_days_closing() -> None:
    closing = closing_of(DAY, date(2026, 11, 24), YEKATERINBURG)
    assert closing == utc("2026-11-24T21:00:00+05:00")
    assert closing.tzinfo is UTC


def test_a_closing_at_midnight_is_the_end_of_the_day() -> None:
    moment = utc("2026-11-24T23:59:59+05:00")
    assert is_open(ROUND_THE_CLOCK, moment, YEKATERINBURG)
    assert closing_of(ROUND_THE_CLOCK, date(2026, 11, 24), YEKATERINBURG) == utc(
        "2026-11-25T00:00:00+05:00"
    )


def test_hours_that_never_open_are_refused() -> None:
    with pytest.raises(ValueError, match="never open: 21:00 to 06:00"):
        is_open(Hours(time(21), time(6)), utc("2026-11-24T12:00:00+05:00"), YEKATERINBURG)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("21:00", "23:59", False),
        ("03:00", "06:00", False),
        ("03:00", "06:01", True),
        ("20:59", "21:30", True),
        ("12:00", "12:00", False),
        ("13:00", "12:00", False),
    ],
)
def test_were_hours_open_at_any_moment_between(since: str, until: str, *, expected: bool) -> None:
    first, last = (utc(f"2026-11-24T{t}:00+05:00") for t in (since, until))
    assert was_open_between(DAY, first, last, YEKATERINBURG) is expected


def test_a_local_time_that_the_clock_skips_is_the_moment_of_the_jump() -> None:
    assert at_local(date(2026, 3, 29), time(2, 30), "Europe/Berlin") == utc("2026-03-29T01:00Z")
    assert at_local(date(2026, 10, 4), time(2, 10), "Australia/Lord_Howe") == utc(
        "2026-10-03T15:30Z"
    )
    # Midnight itself is skipped.
    assert at_local(date(2018, 11, 4), time(0), "America/Sao_Paulo") == utc("2018-11-04T03:00Z")
    # Samoa skipped a whole day when it moved over the date line.
    assert at_local(date(2011, 12, 30), time(10), "Pacific/Apia") == utc("2011-12-30T10:00Z")
    assert at_local(date(2026, 3, 29), time(2, 30, 0, 1), "Europe/Berlin").microsecond == 0


def test_a_local_time_that_comes_twice_is_its_first_coming() -> None:
    assert at_local(date(2026, 10, 25), time(2, 30), "Europe/Berlin") == utc("2026-10-25T00:30Z")
    assert at_local(date(2026, 4, 5), time(1, 45), "Australia/Lord_Howe") == utc(
        "2026-04-04T14:45Z"
    )


def test_no_hours_on_a_day_that_does_not_exist() -> None:
    evening_before = utc("2011-12-29T22:00:00-10:00")
    assert next_opening(DAY, evening_before, "Pacific/Apia") == utc("2011-12-31T06:00:00+14:00")
    assert next_midnight(evening_before, "Pacific/Apia") == utc("2011-12-31T00:00:00+14:00")


def test_the_day_after_midnight() -> None:
    assert next_midnight(utc("2026-11-24T23:00:00+05:00"), YEKATERINBURG) == utc(
        "2026-11-25T00:00:00+05:00"
    )
    assert local_day(utc("2026-11-24T20:00:00+00:00"), YEKATERINBURG) == date(2026, 11, 25)
    assert local(utc("2026-11-24T20:00Z"), YEKATERINBURG).isoformat() == "2026-11-25T01:00:00+05:00"


def test_a_day_that_begins_twice_has_one_midnight() -> None:
    """Newfoundland put its clock back at one minute past midnight, into the day before."""
    again_sunday = utc("2010-11-07T02:45Z")  # 23:15 of 6 November, for the second time
    assert local_day(again_sunday, "America/St_Johns") == date(2010, 11, 6)
    assert at_local(date(2010, 11, 7), time(0), "America/St_Johns") < again_sunday
    assert next_midnight(again_sunday, "America/St_Johns") == utc("2010-11-08T03:30Z")
    assert is_open(ROUND_THE_CLOCK, again_sunday, "America/St_Johns")


def test_a_zone_is_read_once() -> None:
    assert zone("Europe/Moscow") is zone("Europe/Moscow")


@settings(deadline=None)
@given(ZONES, st.dates(date(1992, 1, 1), date(2037, 12, 1)), TIMES, st.integers(1, 26 * 3600))
def test_nothing_shows_that_time_earlier(zone_name: str, day: date, t: time, seconds: int) -> None:
    moment = at_local(day, t, zone_name)
    wanted = datetime.combine(day, t)
    assert local(moment, zone_name).replace(tzinfo=None) >= wanted
    for earlier in (moment - timedelta(seconds=1), moment - timedelta(seconds=seconds)):
        assert local(earlier, zone_name).replace(tzinfo=None) < wanted


@settings(deadline=None)
@given(ZONES, HOURS, MOMENTS)
def test_open_means_between_a_days_opening_and_closing(
    zone_name: str, hours: Hours, moment: datetime
) -> None:
    today = local_day(moment, zone_name)
    days = [today + timedelta(days=n) for n in (-1, 0, 1)]
    expected = any(
        at_local(day, hours.opening, zone_name) <= moment < closing_of(hours, day, zone_name)
        for day in days
    )
    assert is_open(hours, moment, zone_name) is expected


@settings(deadline=None)
@given(ZONES, HOURS, MOMENTS, st.floats(0, 0.99))
def test_openings_and_closings_meet(
    zone_name: str, hours: Hours, moment: datetime, part: float
) -> None:
    opening = next_opening(hours, moment, zone_name)
    closing = next_closing(hours, moment, zone_name)
    assert moment <= opening < closing
    assert is_open(hours, opening, zone_name)
    assert is_open(hours, opening + (closing - opening) * part, zone_name)
    assert not is_open(hours, closing, zone_name)
    assert was_open_between(hours, moment, opening, zone_name) is False
    assert was_open_between(hours, moment, opening + timedelta(seconds=1), zone_name)
    if opening > moment:
        assert not is_open(hours, moment + (opening - moment) * part, zone_name)


@settings(deadline=None)
@given(ZONES, MOMENTS)
def test_midnight_is_ahead_and_begins_a_day(zone_name: str, moment: datetime) -> None:
    midnight = next_midnight(moment, zone_name)
    assert moment < midnight <= moment + timedelta(hours=50)
    assert midnight == at_local(local_day(midnight, zone_name), time(0), zone_name)
    assert next_midnight(midnight - timedelta(seconds=1), zone_name) == midnight
