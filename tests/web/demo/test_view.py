"""What the page shows is what the schedule, the phones and Callahead say."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.core.model import Channel
from gateway.core.routing import Written
from gateway.web.demo.view import View
from tests.web.demo.support import MESSAGE, PaperTown
from tests.web.support import NUMBER, Edge, appointment


async def items(edge: Edge, town: PaperTown) -> dict[str, Any]:
    return await View(edge.service, town, "zdorovie").items()


async def test_a_visit_nobody_has_told_us_of_yet(web_edge: Edge) -> None:
    visit = (await items(web_edge, PaperTown()))["visit:A-1"]
    assert visit["does"] is None
    assert visit["patient"] == "Сидорова Мария Ивановна"
    assert (visit["number"], visit["minutes"], visit["guardian"]) == (NUMBER, 30, None)


@pytest.mark.rule("G-4")
async def test_every_function_has_its_state_and_reasons_in_both_languages(web_edge: Edge) -> None:
    await web_edge.recorded()
    await web_edge.recorded(appointment("A-2", person={"consent": False}))
    await web_edge.work()
    town = PaperTown()
    town.appointments["A-2"] = appointment("A-2")
    found = await items(web_edge, town)
    does = found["visit:A-1"]["does"]
    assert does["confirmation"]["state"] in ("sent", "delivered")
    assert does["confirmation"]["sent_at"].endswith("+05:00")
    assert does["reminder"]["next_at"].startswith("2026-11-24T12:30")
    (reason,) = found["visit:A-2"]["does"]["confirmation"]["reasons"]
    assert reason["code"] == "no_consent"
    assert reason["ru"] != reason["en"]


@pytest.mark.rule("T-3", "G-4")
async def test_today_costs_what_the_ledger_says(web_edge: Edge) -> None:
    """Over which channels a visit was tried, and what that cost, stands with the visit too."""
    town = PaperTown()
    clinic = (await items(web_edge, town))["clinic:zdorovie"]
    assert (clinic["money"], clinic["total"]) == ([], "0")
    assert all(clinic["orders"].values())
    await web_edge.recorded()
    await web_edge.work()
    found = await items(web_edge, town)
    (money,) = found["clinic:zdorovie"]["money"]
    (tried,) = found["visit:A-1"]["does"]["confirmation"]["tries"]
    assert tried["channel"] == money["channel"] == "whatsapp"
    assert tried["price"] == "2"
    assert (money["amount"], found["clinic:zdorovie"]["total"]) == (str(2 * money["count"]),) * 2


@pytest.mark.rule("C-13")
async def test_an_answer_unclear_twice_needs_attention(web_edge: Edge) -> None:
    await web_edge.recorded()
    await web_edge.work()
    town = PaperTown()
    view = View(web_edge.service, town, "zdorovie")
    assert (await view.items())["visit:A-1"]["attention"] is False
    for number in (1, 2):
        written = _written(f"wamid.in{number}")
        await web_edge.service.engine.patient_wrote("zdorovie", NUMBER, written)
    assert (await view.items())["visit:A-1"]["attention"] is True


def _written(message: str) -> Written:
    return Written(
        id=message,
        channel=Channel.WHATSAPP,
        text="А где парковка?",
        payload=None,
        quoted=None,
        kind="text",
    )


async def test_a_chat_belongs_to_whoever_is_contacted(web_edge: Edge) -> None:
    town = PaperTown()
    visit = appointment(duration="1h", club=True)
    guardian = {**visit["patient"], "first_name": "Ольга", "last_name": "Сидорова"}
    visit["patient"] = {**visit["patient"], "first_name": "Тима", "phones": []}
    visit["patient"]["guardian"] = guardian
    town.appointments["A-1"] = visit
    found = await items(web_edge, town)
    chat = found[f"chat:{NUMBER}"]
    assert chat["name"] == "Сидорова Ольга Ивановна"
    assert chat["patients"] == ["Сидорова Тима Ивановна"]
    assert chat["visits"] == ["A-1"]
    assert chat["messages"] == [MESSAGE]
    assert found["visit:A-1"]["flags"] == ["club"]
    assert found["visit:A-1"]["minutes"] == 60


async def test_a_silent_phone_of_nobody_is_not_shown(web_edge: Edge) -> None:
    assert "chat:+79990000002" not in await items(web_edge, PaperTown())
