"""The lines of a rehearsal: one for each message and call, in the order of their times."""

from __future__ import annotations

import pytest

from tests.rehearse.support import NUMBER, at, of, rehearsed

pytestmark = pytest.mark.rule("V-2")

COMMON = {"at", "appointment", "function", "do"}
FIELDS = {
    "call": {"to", "attempt", "result", "keys"},
    "whatsapp": {"to", "purpose", "text", "result"},
    "skip": {"reasons"},
    "answer": {"source", "raw", "answer", "applied"},
    "status": {"from", "to", "source"},
    "opt_out": {"from"},
    "opt_in": {"from"},
    "needs_attention": {"why"},
    "charge": {"channel", "amount"},
    "write_off": {"branch", "day", "amount", "charges"},
}


def reply(clock: str, text: str, number: str = NUMBER) -> dict[str, object]:
    return {"at": at(clock), "reply": {"from": number, "text": text}}


def test_every_line_has_its_documented_fields() -> None:
    lines = rehearsed(
        reply("12:00", "может быть"),
        reply("12:05", "не знаю"),
        reply("12:10", "стоп"),
        reply("12:15", "старт"),
        reply("12:20", "1"),
        reply("12:30", "3"),
    )
    assert {line["do"] for line in lines} == set(FIELDS) - {"call"}
    for line in lines:
        why = {"why"} if line["do"] == "answer" and not line["applied"] else set()
        assert set(line) == COMMON | FIELDS[line["do"]] | why, line


def test_times_are_the_branches_own_with_their_offset() -> None:
    for line in rehearsed():
        assert line["at"].endswith("+05:00")


def test_a_message_is_one_line_with_its_last_known_result() -> None:
    (question,) = [x for x in of(rehearsed(), "whatsapp") if x["purpose"] == "confirmation"]
    assert (question["at"], question["result"]) == (at("10:00"), "delivered")
    # the receipt comes five seconds later: after the end it is not known
    early = rehearsed(until="2026-11-23T10:00:03+05:00")
    assert of(early, "whatsapp")[0]["result"] == "accepted"


def test_a_message_that_was_tried_again_stays_one_line() -> None:
    down = {"at": at("09:00"), "channel_down": {"channel": "whatsapp", "until": at("10:02")}}
    (question,) = [x for x in of(rehearsed(down), "whatsapp") if x["purpose"] == "confirmation"]
    assert question["result"] == "delivered"
    assert question["at"] > at("10:02")


@pytest.mark.rule("C-6")
def test_calls_are_counted_and_their_keys_shown() -> None:
    branch = {
        "functions": {"confirmation": {"method": "call", "call_attempts": 2}},
        "channels": ["whatsapp"],
    }
    lines = rehearsed(branch=branch, patients={NUMBER: {"call": {"result": "no_answer"}}})
    calls = of(lines, "call")
    assert [(call["attempt"], call["result"], call["keys"]) for call in calls] == [
        (1, "no_answer", ""),
        (2, "no_answer", ""),
    ]
    pressed = rehearsed(
        branch=branch, patients={NUMBER: {"call": {"result": "answered", "keys": "0 1"}}}
    )
    assert of(pressed, "call")[0]["keys"] == "0 1"


@pytest.mark.rule("Z-12")
def test_an_unknown_number_belongs_to_no_appointment() -> None:
    lines = rehearsed(reply("12:00", "1", "+79031234568"))
    (answer,) = of(lines, "answer")
    assert (answer["appointment"], answer["function"]) == (None, None)
    told = [line for line in of(lines, "whatsapp") if line["to"] == "+79031234568"]
    assert [line["appointment"] for line in told] == [None]


@pytest.mark.rule("T-4")
def test_a_write_off_stands_at_midnight_of_the_branch() -> None:
    (off,) = of(rehearsed(), "write_off")
    assert off["at"] == at("00:00", 24)
    assert (off["branch"], off["day"], off["amount"], off["charges"]) == (
        "lenina",
        "2026-11-23",
        "2",
        1,
    )
