from __future__ import annotations

from datetime import time, timedelta
from decimal import Decimal

import pytest

from gateway.core.clinic import Clinic, Hours, Prices
from gateway.core.model import Channel
from tests.core.strategies import a_branch


def test_a_branch_is_found_by_its_id() -> None:
    lenina, mira = a_branch(), a_branch(id="mira")
    clinic = Clinic("zdorovie", "Здоровье", (lenina, mira))
    assert clinic.branch("mira") is mira
    assert clinic.branch("nowhere") is None


@pytest.mark.rule("G-2", "C-1", "C-5", "C-6", "R-1", "Z-15")
def test_settings_are_those_of_the_rules_unless_told_otherwise() -> None:
    branch = a_branch()
    assert branch.details.hours == branch.reminder.hours == Hours(time(6), time(21))
    assert branch.confirmation.hours == Hours(time(9), time(20))
    assert branch.confirmation.start == time(10)
    assert branch.confirmation.call_attempts == 1
    assert branch.confirmation.call_gap == timedelta(minutes=2)
    assert branch.reminder.lead == timedelta(hours=2)
    assert branch.channels == (Channel.PUSH, Channel.WHATSAPP, Channel.SMS)
    assert (branch.per_minute, branch.lines) == (60, 4)


@pytest.mark.rule("T-1")
def test_the_default_tariff() -> None:
    prices = Prices()
    assert (prices.call, prices.push, prices.push_after_call) == (0, 0, 3)
    assert (prices.whatsapp, prices.sms) == (2, 5)
    assert all(isinstance(getattr(prices, c.value), Decimal) for c in Channel)
