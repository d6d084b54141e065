"""A report written down and read back by somebody else's reader."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

from openpyxl import load_workbook

from gateway.core.clinic import Branch, Clinic
from gateway.core.model import Channel
from gateway.service.reports_formats import WRITERS, to_csv, to_json, to_xlsx, write_table
from gateway.service.reports_table import Column, Query, Report, Shape, Sheet

AT = datetime(2026, 11, 23, 13, 0, 0, 250000, tzinfo=timezone(timedelta(hours=5)))
DAY = date(2026, 11, 23)
COLUMNS = (
    Column("at", "Время", "Time", Shape.MOMENT),
    Column("visit", "Запись", "Visit"),
    Column("amount", "Сумма", "Amount", Shape.MONEY),
    Column("day", "День", "Day", Shape.DAY),
    Column("done", "Списано", "Done", Shape.FLAG),
)
ROW = (AT, "=1+1", Decimal("2.50"), DAY, True)
BRANCH = Branch("c", "b", "b", "Asia/Yekaterinburg", "b")
REPORT = Report(
    "charges",
    Query(Clinic("c", "c", (BRANCH,)), (BRANCH,), DAY, DAY, channel=Channel.SMS),
    (
        Sheet("rows", "Начисления", "Charges", COLUMNS, (ROW, (AT, None, Decimal(-3), DAY, False))),
        Sheet("total", "Итого", "Total", (COLUMNS[2],), ((Decimal("-0.50"),),)),
    ),
)


def test_json_says_what_was_asked_and_keeps_money_as_text() -> None:
    found = json.loads(to_json(REPORT))
    assert (found["report"], found["clinic"], found["branches"]) == ("charges", "c", ["b"])
    assert (found["from"], found["to"]) == ("2026-11-23", "2026-11-23")
    assert (found["function"], found["channel"]) == (None, "sms")
    assert found["rows"][0] == {
        "at": "2026-11-23T13:00:00+05:00",
        "visit": "=1+1",
        "amount": "2.50",
        "day": "2026-11-23",
        "done": True,
    }
    assert found["total"] == [{"amount": "-0.50"}]


def test_csv_has_keys_and_rows_and_no_formula() -> None:
    lines = list(csv.reader(io.StringIO(to_csv(REPORT).decode(), newline="")))
    assert lines[0] == ["at", "visit", "amount", "day", "done"]
    assert lines[1] == ["2026-11-23T13:00:00+05:00", "'=1+1", "2.50", "2026-11-23", "true"]
    assert lines[2][1:] == ["", "-3", "2026-11-23", "false"]


def test_a_workbook_has_headings_in_the_language_and_numbers_to_count_with() -> None:
    book = load_workbook(io.BytesIO(to_xlsx(REPORT, "ru")))
    assert book.sheetnames == ["Начисления", "Итого"]
    page = book["Начисления"]
    heading, first, _ = page.iter_rows()
    assert [cell.value for cell in heading] == ["Время", "Запись", "Сумма", "День", "Списано"]
    at, visit, amount, day, done = first
    assert at.value == datetime(2026, 11, 23, 13)  # noqa: DTZ001 - as a spreadsheet shows it
    assert (visit.value, visit.data_type) == ("=1+1", "s")
    assert (amount.value, amount.number_format) == (2.5, "0.00##")
    assert day.value.date() == DAY
    assert done.value is True
    english = load_workbook(io.BytesIO(to_xlsx(REPORT, "en")))
    assert english.sheetnames == ["Charges", "Total"]


def test_a_terminal_gets_a_table_with_aligned_columns() -> None:
    out = io.StringIO()
    write_table(REPORT, "en", out)
    lines = out.getvalue().splitlines()
    assert lines[0] == "Charges"
    assert lines[1].split() == ["Time", "Visit", "Amount", "Day", "Done"]
    assert lines[2].startswith("  2026-11-23 13:00:00 +0500  =1+1")
    assert lines[1].index("Amount") == lines[2].index("2.50")
    assert "Total" in lines


def test_a_report_without_rows_can_be_written() -> None:
    empty = Report("charges", REPORT.query, (Sheet("rows", "Р", "R", COLUMNS, ()),))
    for _, write in WRITERS.values():
        assert write(empty, "ru")
    out = io.StringIO()
    write_table(empty, "ru", out)
    assert "Время" in out.getvalue()
    assert AT.astimezone(UTC).hour == 8
