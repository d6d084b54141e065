from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from gateway.core.clinic import Branch, Prices
from gateway.core.model import Channel
from gateway.core.tariff import price_of, prices_at

BRANCH = Branch("c", "b", "Branch", "Europe/Moscow", "Branch")
TODAY = date(2026, 11, 24)


def price(branch: Branch, channel: Channel, *, after_call: bool = False, parts: int = 1) -> Decimal:
    return price_of(branch, channel, after_call=after_call, segments=parts, day=TODAY)


@pytest.mark.rule("T-1")
@pytest.mark.parametrize(
    ("channel", "after_call", "amount"),
    [
        (Channel.PUSH, True, 3),
        (Channel.PUSH, False, 0),
        (Channel.WHATSAPP, False, 2),
        (Channel.WHATSAPP, True, 2),
        (Channel.MAX, False, 2),
        (Channel.TELEGRAM, False, 2),
        (Channel.SMS, True, 5),
        (Channel.CALL, False, 0),
    ],
)
def test_the_default_tariff(channel: Channel, amount: int, *, after_call: bool) -> None:
    assert price(BRANCH, channel, after_call=after_call) == Decimal(amount)


@pytest.mark.rule("G-8", "T-1")
def test_every_channel_has_its_own_decimal_price() -> None:
    names = ("call", "push", "whatsapp", "max", "telegram", "sms")
    own = Prices(**{name: Decimal(n) / 100 for n, name in enumerate(names, 1)})
    branch = replace(BRANCH, tariff=(own,))
    found = [price(branch, Channel(name)) for name in names]
    assert found == [Decimal(n) / 100 for n in range(1, 7)]
    assert all(isinstance(amount, Decimal) for amount in found)


@pytest.mark.rule("Z-14")
def test_an_sms_is_charged_by_message_or_by_part() -> None:
    assert price(BRANCH, Channel.SMS, parts=3) == Decimal(5)
    by_part = replace(BRANCH, sms_price="segment")
    assert price(by_part, Channel.SMS, parts=3) == Decimal(15)
    assert price(by_part, Channel.WHATSAPP, parts=3) == Decimal(2)


@pytest.mark.rule("T-1")
def test_a_tariff_holds_from_its_date() -> None:
    first, old, new = (
        Prices(),
        Prices(since=date(2026, 11, 1), sms=Decimal(6)),
        Prices(since=date(2026, 11, 25), sms=Decimal(7)),
    )
    branch = replace(BRANCH, tariff=(new, first, old))
    assert prices_at(branch, date(2026, 10, 31)) is first
    assert prices_at(branch, date(2026, 11, 1)) is old
    assert prices_at(branch, date(2026, 11, 24)) is old
    assert prices_at(branch, date(2026, 11, 25)) is new


def test_of_two_tariffs_of_one_date_the_last_given_holds() -> None:
    twice = (Prices(sms=Decimal(1)), Prices(sms=Decimal(2)))
    assert price(replace(BRANCH, tariff=twice), Channel.SMS) == Decimal(2)


@pytest.mark.rule("T-1")
def test_before_the_first_date_the_default_tariff_holds() -> None:
    branch = replace(BRANCH, tariff=(Prices(since=date(2027, 1, 1), sms=Decimal(9)),))
    assert price(branch, Channel.SMS) == Decimal(5)
    assert price(replace(BRANCH, tariff=()), Channel.SMS) == Decimal(5)
