"""A month's budget: what it stops, what it lets pass, and that it opens nothing again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from gateway.core.budget import is_free, is_spent, month_of, only_free, wants_warning
from gateway.core.clinic import Branch, Budget, Prices
from gateway.core.model import Channel

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ORDER = (Channel.PUSH, Channel.WHATSAPP, Channel.SMS)
BRANCH = Branch("c", "b", "Branch", "Europe/Moscow", "Branch", channels=ORDER)
WITH_BUDGET = replace(BRANCH, budget=Budget(Decimal(100), Decimal("0.8")))


def test_a_branch_without_a_budget_never_has_spent_it() -> None:
    assert not is_spent(BRANCH, Decimal(10**9))
    assert not wants_warning(BRANCH, Decimal(10**9))


def test_a_budget_is_spent_when_it_is_reached_to_the_kopeck() -> None:
    assert not is_spent(WITH_BUDGET, Decimal("99.99"))
    assert is_spent(WITH_BUDGET, Decimal("100.00"))


def test_the_warning_comes_at_its_share() -> None:
    assert not wants_warning(WITH_BUDGET, Decimal("79.99"))
    assert wants_warning(WITH_BUDGET, Decimal(80))


def test_only_what_costs_nothing_is_left() -> None:
    assert only_free(BRANCH, NOW, after_call=False).channels == (Channel.PUSH,)
    assert only_free(BRANCH, NOW, after_call=True).channels == ()
    assert is_free(BRANCH, Channel.CALL, NOW, after_call=False)


def test_a_price_counts_from_its_date() -> None:
    dear = replace(BRANCH, tariff=(Prices(), Prices(since=date(2026, 11, 24), call=Decimal(1))))
    assert is_free(dear, Channel.CALL, NOW, after_call=False)
    later = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)  # midnight in Moscow
    assert not is_free(dear, Channel.CALL, later, after_call=False)


def test_a_month_is_named_by_its_first_day() -> None:
    assert month_of(date(2026, 11, 23)) == date(2026, 11, 1)
