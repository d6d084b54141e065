"""GET …/attention and POST …/attention/{id}:done."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.support import NUMBER, Edge, appointment
from tests.web.test_hooks import asked, metrics, reply

PATH = "/v1/clinics/zdorovie/attention"


async def unclear(running: Edge) -> dict[str, Any]:
    await asked(running)
    for text in ("что?", "может быть"):
        assert await running.hook(reply(text, f"wamid.{text}")) == 200
        await running.work()
    status, body = await running.call("GET", PATH)
    assert status == 200
    [item] = body["items"]
    assert body["more"] is False
    return dict(item)


@pytest.mark.rule("C-13", "G-8")
async def test_what_waits_is_told_in_plain_words_at_the_branchs_clock(web_edge: Edge) -> None:
    item = await unclear(web_edge)
    assert item == {
        "id": item["id"],
        "at": "2026-11-23T13:00:00+05:00",
        "why": "unclear_answer",
        "text": "Ответ пациента дважды не удалось понять. Свяжитесь с пациентом.",
        "branch": "lenina",
        "appointment": "A-1",
        "start": "2026-11-24T14:30:00+05:00",
        "number": NUMBER,
        "raw": "может быть",
        "answer": None,
        "source": None,
        "code": None,
    }
    _, english = await web_edge.call("GET", f"{PATH}?lang=en")
    assert english["items"][0]["text"].startswith("The patient's answer was not understood")
    assert "callahead_attention 1.0" in await metrics(web_edge)


@pytest.mark.rule("C-13")
async def test_what_is_done_waits_no_more(web_edge: Edge) -> None:
    item = await unclear(web_edge)
    assert (await web_edge.call("POST", f"{PATH}/{item['id']}:done"))[0] == 204
    assert (await web_edge.call("GET", PATH))[1] == {"items": [], "more": False}
    status, problem = await web_edge.call("POST", f"{PATH}/{item['id']}:done")
    assert status == 404
    assert "settled" in problem["detail"]
    assert "callahead_attention 0.0" in await metrics(web_edge)


async def test_wrong_parameters_and_keys_are_refused(web_edge: Edge) -> None:
    for query, field in (("lang=de", "lang"), ("limit=0", "limit"), ("limit=1001", "limit")):
        status, problem = await web_edge.call("GET", f"{PATH}?{query}")
        assert status == 422
        assert problem["errors"][0]["field"] == field
    assert (await web_edge.call("GET", PATH, key=None))[0] == 401
    assert (await web_edge.call("POST", f"{PATH}/x:done", key=None))[0] == 401


async def test_a_long_queue_is_cut_and_says_so(web_edge: Edge) -> None:
    await unclear(web_edge)
    number = "+79031112233"
    other = {"id": "A-2", "patient": {"id": "P-2", "phones": [number], "consent": True}}
    document = {**appointment(), **other}
    await web_edge.recorded(document)
    await web_edge.work()
    for text in ("что?", "может быть"):
        body = reply(text, f"wamid.2.{text}").replace(NUMBER[1:].encode(), number[1:].encode())
        assert await web_edge.hook(body) == 200
        await web_edge.work()
    _, body = await web_edge.call("GET", f"{PATH}?limit=1")
    assert (len(body["items"]), body["more"]) == (1, True)
    _, body = await web_edge.call("GET", PATH)
    assert {item["appointment"] for item in body["items"]} == {"A-1", "A-2"}
    assert body["more"] is False
