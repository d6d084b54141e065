"""The day and time that name a visit, and what does not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.core.visit_line import VisitLine, visit_line

LINE = VisitLine(11, 24, 14, 30)


@pytest.mark.rule("Z-10")
@pytest.mark.parametrize(
    "text",
    [
        "— вторник, 24 ноября, 14:30",
        "вторник 24 ноября 14:30",
        "во вторник, 24 ноября, в 14:30",
        "на вторник, 24 ноября, в 14.30.",
        "24 Ноября 14:30",
        "24.11 14:30",
        "24.11, в 14:30",
        "- Tuesday 24 November, 14:30",
        "on Tuesday, 24 November at 14:30",
    ],
)
def test_a_line_of_the_list_is_read_however_it_is_copied(text: str) -> None:
    assert visit_line(text) == LINE


@pytest.mark.rule("Z-10", "U-1")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "14:30",
        "24 ноября",
        "не 24 ноября 14:30",
        "24 ноября 14:30 не смогу",
        "24 ноября 14:30 или 16:30",
        "перенесите на 24 ноября 14:30",
        "1 24 ноября 14:30",
        "24 ноября" + 60 * " " + "14:30",
    ],
)
def test_what_says_anything_else_names_no_visit(text: str) -> None:
    assert visit_line(text) is None


def test_day_and_time_must_both_fit() -> None:
    assert LINE.names(datetime(2026, 11, 24, 14, 30, tzinfo=UTC))
    assert not LINE.names(datetime(2026, 11, 24, 16, 30, tzinfo=UTC))
    assert not LINE.names(datetime(2026, 11, 25, 14, 30, tzinfo=UTC))
    assert not LINE.names(datetime(2026, 12, 24, 14, 30, tzinfo=UTC))
