"""GET …/samples."""

from __future__ import annotations

import pytest

from gateway.core.wording import ABOUTS
from tests.web.support import Edge

PATH = "/v1/clinics/zdorovie/samples"


@pytest.mark.rule("W-1", "W-2")
async def test_every_message_is_shown_as_the_branchs_patients_get_it(web_edge: Edge) -> None:
    status, body = await web_edge.call("GET", PATH)
    assert status == 200
    assert (body["branch"], body["language"], body["warnings"]) == ("lenina", "ru", [])
    assert {message["about"] for message in body["messages"]} == set(ABOUTS)
    assert all("на Ленина" not in message["text"] for message in body["messages"])
    _, english = await web_edge.call("GET", f"{PATH}?lang=en&function=reminder&channel=whatsapp")
    [message] = english["messages"]
    assert message["text"].startswith("Hello! Mary, this is a reminder")
    assert "https://visits.example/v/" in message["text"]
    assert message["parameters"][1] == "Здоровье"


@pytest.mark.rule("H-6")
async def test_an_sms_has_its_parts_and_its_price(web_edge: Edge) -> None:
    _, body = await web_edge.call("GET", f"{PATH}?branch=lenina&function=confirmation&channel=sms")
    first = body["messages"][0]
    units = len(first["text"])
    assert first["about"] == "confirmation"
    assert first["sms"] == {"encoding": "UCS-2", "parts": 2, "units": units, "left": 134 - units}
    assert (first["price"], first["price_after_call"]) == ("5", None)


async def test_what_is_not_there_is_refused(web_edge: Edge) -> None:
    assert (await web_edge.call("GET", f"{PATH}?branch=nowhere"))[0] == 404
    for query, field in (("lang=de", "lang"), ("function=x", "function"), ("channel=x", "channel")):
        status, problem = await web_edge.call("GET", f"{PATH}?{query}")
        assert status == 422
        assert problem["errors"][0]["field"] == field
    assert (await web_edge.call("GET", PATH, key=None))[0] == 401
