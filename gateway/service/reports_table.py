"""What a report is: typed columns with headings, rows, and totals beside them.

A report is made of sheets. The first holds its rows, the others what they add up to. How a sheet
is written down (JSON, CSV, XLSX, a table on screen) is `gateway.service.reports_formats`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import TypeAlias

from gateway.core.clinic import Branch, Clinic
from gateway.core.model import Channel, Function

Cell: TypeAlias = str | int | Decimal | date | datetime | bool | None
Row: TypeAlias = tuple[Cell, ...]

SHARE_STEP = Decimal("0.0001")
"""Shares are rounded to hundredths of a per cent; the counts beside them are exact."""


class Shape(StrEnum):
    """What a column holds."""

    TEXT = "text"
    DAY = "day"
    MOMENT = "moment"  # with the branch's own offset (rule G-8)
    COUNT = "count"
    MONEY = "money"
    SHARE = "share"  # from 0 to 1
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `key` is its name in JSON and CSV, the headings are for people (rule G-10)."""

    key: str
    russian: str
    english: str
    shape: Shape = Shape.TEXT

    def heading(self, language: str) -> str:
        """Return the heading in a display language."""
        return self.english if language == "en" else self.russian


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows under columns; `key` is its name in JSON."""

    key: str
    russian: str
    english: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    def title(self, language: str) -> str:
        """Return the title in a display language."""
        return self.english if language == "en" else self.russian


@dataclass(frozen=True, slots=True)
class Report:
    """What was asked, and the answer: the first sheet holds the rows, the others their totals."""

    name: str
    query: Query
    sheets: tuple[Sheet, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked: days of each branch's own calendar, `until` included."""

    clinic: Clinic
    branches: tuple[Branch, ...]
    since: date
    until: date
    function: Function | None = None
    channel: Channel | None = None

    def takes(self, function: str, channel: str) -> bool:
        """Tell whether something of this function and channel was asked for."""
        return (self.function is None or function == self.function) and (
            self.channel is None or channel == self.channel
        )


def share(part: int, whole: int) -> Decimal:
    """Return a part of a whole from 0 to 1; of nothing it is 0."""
    if not whole:
        return Decimal(0)
    return (Decimal(part) / whole).quantize(SHARE_STEP, rounding=ROUND_HALF_UP)


def sum_of(amounts: Iterable[Decimal]) -> Decimal:
    """Add up money (rule G-8)."""
    return sum(amounts, Decimal(0))


BRANCH = Column("branch", "Филиал", "Branch")
DAY = Column("day", "День", "Day", Shape.DAY)
APPOINTMENT = Column("appointment", "Запись", "Appointment")
FUNCTION = Column("function", "Функция", "Function")
CHANNEL = Column("channel", "Канал", "Channel")
RESULT = Column("result", "Результат", "Result")
COUNT = Column("count", "Количество", "Count", Shape.COUNT)
AMOUNT = Column("amount", "Сумма", "Amount", Shape.MONEY)
