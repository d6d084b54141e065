"""A small clinic after a busy day, for the tests of reports: what happened is known to the row."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

from gateway.core.events import Failure, Receipt
from gateway.ports.messaging import SendError
from gateway.service.reports import query_of, report
from gateway.service.reports_table import Report
from tests.service.support import Channels, Node, appointment, clinic, node, until

TODAY = date(2026, 11, 23)
TOMORROW = date(2026, 11, 24)


def number(n: int) -> str:
    return f"+7916555{n:04}"


@asynccontextmanager
async def a_day() -> AsyncIterator[Node]:
    """Six visits of tomorrow: confirmed, cancelled and unanswered over WhatsApp, unanswered over
    SMS after WhatsApp had no account, undelivered everywhere, and one without consent.

    It is 13:00 in Yekaterinburg; there are no details and no reminders yet.
    """
    settings = clinic(
        functions={
            "details": {"enabled": False},
            "confirmation": {"method": "message"},
            "reminder": {"enabled": False},
        }
    )
    async with node(settings=settings, poll_s=None) as here:
        here.start()
        for n in (1, 2, 3):
            await asked(here, n)
        await here.says("1", "in-1", number=number(1))
        await here.says("3", "in-2", number=number(2))
        await here.clock.sleep(5)
        here.whatsapp.replies.append(SendError(Failure.IMPOSSIBLE, "no_account"))
        await asked(here, 4)
        await asked(here, 5)
        await undelivered(here, here.whatsapp)
        await until(lambda: len(here.sms.sent) == 2)
        await here.clock.sleep(1)
        await undelivered(here, here.sms)
        await here.record(appointment("A-6", phones=[number(6)], person={"consent": False}))
        await here.clock.sleep(5)
        yield here


async def asked(here: Node, n: int) -> None:
    """Record a visit and let its question go out."""
    before = len(here.whatsapp.sent)
    await here.record(appointment(f"A-{n}", phones=[number(n)]))
    await until(lambda: len(here.whatsapp.sent) > before)
    await here.clock.sleep(2)


async def undelivered(here: Node, channel: Channels) -> None:
    """The provider reports that the last message of a channel did not arrive."""
    known = f"{channel.channel}-{len(channel.sent)}"
    await here.tells(channel.sent[-1], Receipt.FAILED, provider_id=known)


async def made(here: Node, name: str, since: date, until_: date, **more: Any) -> Report:
    """Ask for a report of the clinic."""
    known = await here.service.clinics.clinic("zdorovie")
    query = query_of(name, known, since=since, until=until_, **more)
    return await report(here.store, name, query)


def rows(found: Report, key: str = "rows") -> list[dict[str, Any]]:
    """Return a sheet's rows by column."""
    sheet = next(sheet for sheet in found.sheets if sheet.key == key)
    keys = [column.key for column in sheet.columns]
    return [dict(zip(keys, row, strict=True)) for row in sheet.rows]
