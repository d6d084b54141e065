"""Reports written down: JSON, CSV (RFC 4180), XLSX (ISO/IEC 29500) and a table on screen.

JSON and CSV keep amounts as decimal texts (rule G-8) and moments as ISO 8601 with the branch's
offset. XLSX holds numbers and local times, because that is what spreadsheets can count with.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TextIO

import orjson
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import Cell as WriteCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from gateway.service.reports_table import Cell, Report, Shape, Sheet

JSON = "application/json"
CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet would take for a formula (OWASP, CSV Injection)."""

_NUMBER_FORMATS: Mapping[Shape, str] = {
    Shape.DAY: "yyyy-mm-dd",
    Shape.MOMENT: "yyyy-mm-dd hh:mm:ss",
    Shape.MONEY: "0.00##",
    Shape.SHARE: "0.00%",
}

_WIDTHS: Mapping[Shape, int] = {Shape.MOMENT: 20, Shape.DAY: 12, Shape.TEXT: 24}
_WIDTH = 14

_HEADING_ROWS = 1


def to_json(report: Report) -> bytes:
    """Return the report as one object: what was asked, `rows`, and the totals by their names."""
    query = report.query
    document: dict[str, object] = {
        "report": report.name,
        "clinic": query.clinic.id,
        "branches": [branch.id for branch in query.branches],
        "from": query.since.isoformat(),
        "to": query.until.isoformat(),
        "function": query.function.value if query.function else None,
        "channel": query.channel.value if query.channel else None,
    }
    for sheet in report.sheets:
        keys = [column.key for column in sheet.columns]
        document[sheet.key] = [dict(zip(keys, map(_plain, row), strict=True)) for row in sheet.rows]
    return orjson.dumps(document)


def to_csv(report: Report, _language: str = "ru") -> bytes:
    """Return the rows under the columns' keys, in UTF-8; totals are left to who adds them up."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    sheet = report.sheets[0]
    writer.writerow([column.key for column in sheet.columns])
    for row in sheet.rows:
        writer.writerow([_csv(cell) for cell in row])
    return out.getvalue().encode()


def to_xlsx(report: Report, language: str) -> bytes:
    """Return a workbook with a sheet for the rows and one for each kind of total."""
    book = Workbook(write_only=True)
    for sheet in report.sheets:
        _write_sheet(book.create_sheet(sheet.title(language)), sheet, language)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _write_sheet(page: WriteOnlyWorksheet, sheet: Sheet, language: str) -> None:
    page.freeze_panes = f"A{_HEADING_ROWS + 1}"
    for number, column in enumerate(sheet.columns, 1):
        # The stubs of openpyxl do not know that these pages have columns.
        widths: Any = page.column_dimensions  # type: ignore[attr-defined]
        widths[get_column_letter(number)].width = _WIDTHS.get(column.shape, _WIDTH)
    headings = []
    for column in sheet.columns:
        cell = WriteOnlyCell(page, column.heading(language))
        cell.font = Font(bold=True)
        headings.append(cell)
    page.append(headings)
    # A row is written when it is appended, so one cell of each column serves all rows: a style
    # costs more than everything else about a cell.
    cells = [WriteOnlyCell(page) for _ in sheet.columns]
    for cell, column in zip(cells, sheet.columns, strict=True):
        cell.number_format = _NUMBER_FORMATS.get(column.shape, cell.number_format)
    for row in sheet.rows:
        for cell, value in zip(cells, row, strict=True):
            _fill(cell, value)
        page.append(cells)


def _fill(cell: WriteCell, value: Cell) -> None:
    if isinstance(value, datetime):
        value = value.replace(tzinfo=None, microsecond=0)  # local time, as the branch saw it
    cell.value = value
    if isinstance(value, str):
        cell.data_type = "s"  # a text that begins with "=" stays a text


def write_table(report: Report, language: str, out: TextIO) -> None:
    """Write every sheet as a table for a terminal."""
    for sheet in report.sheets:
        out.write(f"{sheet.title(language)}\n")
        headings = [column.heading(language) for column in sheet.columns]
        lines = [[_shown(cell) for cell in row] for row in sheet.rows]
        widths = [max(map(len, cells)) for cells in zip(headings, *lines, strict=True)]
        for line in (headings, *lines):
            padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            out.write(f"  {'  '.join(padded)}".rstrip() + "\n")
        out.write("\n")


def _plain(cell: Cell) -> str | int | bool | None:
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="seconds")
    if isinstance(cell, date):
        return cell.isoformat()
    return f"{cell:f}" if isinstance(cell, Decimal) else cell


def _csv(cell: Cell) -> str | int:
    value = _plain(cell)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(cell, str) and cell.startswith(_FORMULA):
        return f"'{cell}"
    return value


def _shown(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M:%S %z}"
    if isinstance(cell, bool):
        return "+" if cell else "-"
    value = _plain(cell)
    return "" if value is None else str(value)


WRITERS: Mapping[str, tuple[str, Callable[[Report, str], bytes]]] = {
    "json": (JSON, lambda report, _: to_json(report)),
    "csv": (CSV, to_csv),
    "xlsx": (XLSX, to_xlsx),
}
"""Media type and writer of each format that goes into a file."""
