"""What may be asked for, and what is refused with the field's name."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from gateway.core.clinic import Branch, Clinic
from gateway.core.model import Channel, Function
from gateway.errors import InvalidInput, NotFound
from gateway.service.reports import DAYS_MAX, REPORTS, day_of, query_of, report
from tests.service.reports_support import TODAY, TOMORROW, a_day
from tests.service.support import on_virtual_time

DAY = date(2026, 11, 23)
BRANCHES = tuple(Branch("c", id_, id_, "Europe/Moscow", id_) for id_ in ("lenina", "mira"))
CLINIC = Clinic("c", "c", BRANCHES)


def asked(name: str = "charges", **more: Any) -> Any:
    return query_of(name, CLINIC, **({"since": DAY, "until": DAY} | more))


def test_all_branches_are_meant_unless_one_is_named() -> None:
    assert asked().branches == BRANCHES
    assert asked(branch="mira").branches == BRANCHES[1:]
    with pytest.raises(NotFound):
        asked(branch="nowhere")


def test_filters_are_words_of_ours() -> None:
    query = asked(function="reminder", channel="sms")
    assert (query.function, query.channel) == (Function.REMINDER, Channel.SMS)


@pytest.mark.parametrize(
    ("name", "more", "field"),
    [
        ("charges", {"until": DAY - timedelta(days=1)}, "to"),
        ("charges", {"until": DAY + timedelta(days=DAYS_MAX)}, "to"),
        ("charges", {"function": "fax"}, "function"),
        ("charges", {"channel": "fax"}, "channel"),
        ("outcomes", {"function": "reminder"}, "function"),
        ("suppressed", {"channel": "sms"}, "channel"),
    ],
)
def test_what_cannot_be_asked_names_its_field(name: str, more: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        asked(name, **more)
    assert [problem.field for problem in refused.value.problems] == [field]


def test_days_are_written_in_one_way() -> None:
    assert day_of("2026-11-23") == DAY
    for text in ("20261123", "2026-W48-1", "23.11.2026", ""):
        with pytest.raises(ValueError, match=r"Invalid|2026"):
            day_of(text)


@pytest.mark.rule("Q-1", "Q-2", "Q-3", "Q-4", "Q-5")
@on_virtual_time
async def test_every_report_answers_with_rows_of_its_columns() -> None:
    async with a_day() as here:
        clinic = await here.service.clinics.clinic("zdorovie")
        for name in REPORTS:
            found = await report(
                here.store, name, query_of(name, clinic, since=TODAY, until=TOMORROW)
            )
            assert found.name == name
            assert found.sheets[0].rows
            for sheet in found.sheets:
                assert all(len(row) == len(sheet.columns) for row in sheet.rows)
