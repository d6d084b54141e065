"""What a message or call costs (rules T-1, Z-14); amounts are decimal (rule G-8)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from gateway.core.clinic import Branch, Prices
from gateway.core.model import Channel

_DEFAULT = Prices()


def prices_at(branch: Branch, day: date) -> Prices:
    """Return the prices that hold on the branch's local day.

    They are those with the latest date that has come; of several with one date, the last given.
    Before the first date the default tariff holds.
    """
    best: Prices | None = None
    for prices in branch.tariff:
        if prices.since is not None and prices.since > day:
            continue
        if best is None or (prices.since or date.min) >= (best.since or date.min):
            best = prices
    return best or _DEFAULT


def price_of(
    branch: Branch, channel: Channel, *, after_call: bool, segments: int, day: date
) -> Decimal:
    """Return the price of one message or call on the branch's local day.

    `after_call` matters to a push only, `segments` to an SMS that is charged per segment.
    """
    prices = prices_at(branch, day)
    if channel is Channel.PUSH:
        return prices.push_after_call if after_call else prices.push
    if channel is Channel.SMS:
        return prices.sms * segments if branch.sms_price == "segment" else prices.sms
    return {
        Channel.CALL: prices.call,
        Channel.WHATSAPP: prices.whatsapp,
        Channel.MAX: prices.max,
        Channel.TELEGRAM: prices.telegram,
    }[channel]
