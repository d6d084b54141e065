"""Charges in detail and the amount of work, against what happened."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.service.reports_support import TODAY, TOMORROW, a_day, made, rows
from tests.service.support import on_virtual_time

TO_MIDNIGHT_S = 11 * 3600


@pytest.mark.rule("Q-3", "T-3")
@on_virtual_time
async def test_every_charge_and_reversal_is_a_row_with_its_visit_and_time() -> None:
    async with a_day() as here:
        found = rows(await made(here, "charges", TODAY, TODAY))
        taken = [(row["appointment"], row["channel"], row["amount"]) for row in found]
        assert taken == [
            ("A-1", "whatsapp", Decimal(2)),
            ("A-2", "whatsapp", Decimal(2)),
            ("A-3", "whatsapp", Decimal(2)),
            ("A-4", "sms", Decimal(5)),
            ("A-5", "whatsapp", Decimal(2)),
            ("A-5", "whatsapp", Decimal(-2)),
            ("A-5", "sms", Decimal(5)),
            ("A-5", "sms", Decimal(-5)),
        ]
        assert {row["at"].utcoffset() for row in found} == {timedelta(hours=5)}
        assert {row["write_off_day"] for row in found} == {TODAY}
        assert not any(row["written_off"] for row in found)


@pytest.mark.rule("Q-3")
@on_virtual_time
async def test_totals_equal_the_write_offs() -> None:
    async with a_day() as here:
        await here.clock.sleep(TO_MIDNIGHT_S + 60)
        report = await made(here, "charges", TODAY, TOMORROW)
        (total,) = rows(report, "total")
        assert total == {"charges": 8, "amount": Decimal(11)}
        assert rows(report, "totals") == [
            {"function": "confirmation", "channel": "sms", "charges": 3, "amount": Decimal(5)},
            {"function": "confirmation", "channel": "whatsapp", "charges": 5, "amount": Decimal(6)},
        ]
        (off,) = rows(report, "write_offs")
        assert (off["day"], off["charges"], off["amount"]) == (TODAY, 8, Decimal(11))
        assert all(row["written_off"] for row in rows(report))


@pytest.mark.rule("Q-3")
@on_virtual_time
async def test_charges_are_narrowed_by_function_and_channel() -> None:
    async with a_day() as here:
        sms = rows(await made(here, "charges", TODAY, TODAY, channel="sms"))
        assert [row["appointment"] for row in sms] == ["A-4", "A-5", "A-5"]
        assert rows(await made(here, "charges", TODAY, TODAY, function="reminder")) == []
        assert rows(await made(here, "charges", TOMORROW, TOMORROW)) == []


@pytest.mark.rule("Q-2")
@on_virtual_time
async def test_work_counts_every_result_of_every_message() -> None:
    async with a_day() as here:
        report = await made(here, "work", TODAY, TODAY)
        counts = Counter(
            {(r["function"], r["channel"], r["result"]): r["count"] for r in rows(report)}
        )
        assert counts == {
            ("confirmation", "whatsapp", "accepted"): 6,  # four questions, two acknowledgements
            ("confirmation", "whatsapp", "failed"): 2,
            ("confirmation", "sms", "accepted"): 2,
            ("confirmation", "sms", "failed"): 1,
        }
        summed = {(r["function"], r["channel"], r["result"]): r["count"] for r in
                  rows(report, "totals")}  # fmt: skip
        assert summed == counts
        only = rows(await made(here, "work", TODAY, TODAY, channel="sms"))
        assert {row["channel"] for row in only} == {"sms"}
