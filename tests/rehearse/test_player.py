"""A scenario's events happen as the world would cause them, outages included."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.rehearse.support import NUMBER, at, of, rehearsed, visit


def test_a_day_is_played_to_its_end() -> None:
    lines = rehearsed({"at": at("12:00"), "reply": {"from": NUMBER, "text": "1"}})
    assert Counter(line["do"] for line in lines) == {
        "skip": 1, "whatsapp": 3, "charge": 2, "answer": 1, "status": 1, "write_off": 1,
    }  # fmt: skip
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)


def test_the_same_scenario_gives_the_same_lines() -> None:
    events = ({"at": at("12:00"), "reply": {"from": NUMBER, "text": "2"}},)
    assert rehearsed(*events) == rehearsed(*events)


def test_events_after_the_end_do_not_happen() -> None:
    reply = {"at": at("12:00"), "reply": {"from": NUMBER, "text": "1"}}
    assert not of(rehearsed(reply, until=at("11:00")), "answer")


@pytest.mark.rule("V-2")
def test_events_come_just_before_what_is_due_at_the_same_moment() -> None:
    """Cancelled at ten, when the question would go out: it does not."""
    event = {"at": at("10:00"), "appointment": visit(status="cancelled")}
    assert not of(rehearsed(event), "whatsapp")


@pytest.mark.rule("C-9", "P-1")
def test_links_and_the_app_answer() -> None:
    link = {"at": at("12:00"), "link": {"appointment": "A-1", "answer": "confirm"}}
    app = {"at": at("12:10"), "app": {"appointment": "A-1", "answer": "cancel"}}
    lines = rehearsed(link, app)
    assert [(x["source"], x["applied"]) for x in of(lines, "answer")] == [
        ("link", True),
        ("app", True),
    ]
    assert [x["to"] for x in of(lines, "status")] == ["confirmed", "cancelled"]


@pytest.mark.rule("C-11")
def test_a_reply_may_quote_the_newest_message() -> None:
    reply = {"at": at("12:00"), "reply": {"from": NUMBER, "text": "1", "quotes": "A-1"}}
    assert of(rehearsed(reply), "answer")[0]["applied"] is True


@pytest.mark.rule("G-1", "C-2")
def test_settings_change_in_between() -> None:
    event = {
        "at": at("09:59"),
        "settings": {"branch": "lenina", "functions": {"confirmation": {"method": "call"}}},
    }
    lines = rehearsed(event, patients={NUMBER: {"call": {"result": "answered", "keys": "1"}}})
    assert of(lines, "call")[0]["result"] == "answer"


def test_a_removed_visit_is_left_alone() -> None:
    lines = rehearsed({"at": at("09:00"), "remove": "A-1"})
    assert not of(lines, "whatsapp")
    assert {reason for line in of(lines, "skip") for reason in line["reasons"]} >= {"removed"}


@pytest.mark.rule("G-6", "G-9", "C-1")
def test_a_gateway_that_was_down_catches_up() -> None:
    down = {"at": at("09:30"), "down": {"until": at("15:00")}}
    question = of(rehearsed(down), "whatsapp")[0]
    assert question["at"] == at("15:00")


@pytest.mark.rule("G-6")
def test_what_comes_in_while_the_gateway_is_down_is_taken_afterwards() -> None:
    down = {"at": at("11:00"), "down": {"until": at("12:00")}}
    reply = {"at": at("11:30"), "reply": {"from": NUMBER, "text": "1"}}
    (answer,) = of(rehearsed(down, reply), "answer")
    assert (answer["at"], answer["applied"]) == (at("12:00"), True)


@pytest.mark.rule("S-3")
def test_changes_wait_for_a_schedule_that_is_down() -> None:
    down = {"at": at("11:00"), "schedule_down": {"until": at("13:00")}}
    reply = {"at": at("11:30"), "reply": {"from": NUMBER, "text": "1"}}
    (status,) = of(rehearsed(down, reply), "status")
    assert at("13:00") <= status["at"] <= at("13:02")


def test_news_of_a_schedule_that_is_down_come_when_it_is_back() -> None:
    down = {"at": at("09:00"), "schedule_down": {"until": at("13:00")}}
    cancelled = {"at": at("09:30"), "appointment": visit(status="cancelled")}
    gone = {"at": at("09:40"), "remove": "A-1"}
    assert len(of(rehearsed(down, cancelled), "whatsapp")) == 1
    lines = rehearsed(down, gone)
    assert all(line["at"] >= at("13:00") for line in of(lines, "skip")[1:])


@pytest.mark.rule("H-2", "Z-6")
def test_a_channel_that_is_down_hands_over() -> None:
    down = {"at": at("09:00"), "channel_down": {"channel": "whatsapp", "until": at("15:00")}}
    lines = rehearsed(down)
    assert of(lines, "sms")[0]["at"] >= at("10:15")


@pytest.mark.rule("H-1")
def test_max_and_telegram_reach_only_those_who_linked_an_account() -> None:
    branch = {"channels": ["max", "telegram"]}
    linked = rehearsed(branch=branch, patients={NUMBER: {"telegram": {"account": True}}})
    assert of(linked, "telegram")
    assert not of(linked, "max")
    nobody = rehearsed(branch=branch)
    assert {"no_channel"} <= {r for line in of(nobody, "skip") for r in line["reasons"]}
