from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from gateway.core.clinic import Branch, Clinic
from gateway.core.model import Channel, Function
from gateway.service.reports_table import AMOUNT, Query, Sheet, share, sum_of

BRANCH = Branch("c", "b", "b", "Europe/Moscow", "b")
DAY = date(2026, 11, 23)


@pytest.mark.rule("Q-4")
def test_a_share_is_decimal_and_of_nothing_it_is_nothing() -> None:
    assert share(1, 3) == Decimal("0.3333")
    assert share(2, 3) == Decimal("0.6667")
    assert share(5, 5) == 1
    assert share(0, 0) == 0


@pytest.mark.rule("G-8")
def test_money_is_added_exactly() -> None:
    assert sum_of([Decimal("0.10")] * 3) == Decimal("0.30")
    assert sum_of([]) == Decimal(0)


def test_a_query_takes_what_it_was_narrowed_to() -> None:
    clinic = Clinic("c", "c", (BRANCH,))
    everything = Query(clinic, (BRANCH,), DAY, DAY)
    assert everything.takes("details", "sms")
    narrow = Query(clinic, (BRANCH,), DAY, DAY, Function.REMINDER, Channel.SMS)
    assert narrow.takes("reminder", "sms")
    assert not narrow.takes("reminder", "push")
    assert not narrow.takes("details", "sms")


@pytest.mark.rule("G-10")
def test_headings_and_titles_are_russian_unless_english_is_asked_for() -> None:
    assert (AMOUNT.heading("ru"), AMOUNT.heading("en")) == ("Сумма", "Amount")
    sheet = Sheet("rows", "Строки", "Rows", (), ())
    assert (sheet.title("ru"), sheet.title("en")) == ("Строки", "Rows")
