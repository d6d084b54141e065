from __future__ import annotations

import pytest

from gateway.ports.schema_events import read_event
from gateway.ports.schema_problems import FieldsError

AT = "2026-11-23T12:00:00+03:00"


def findings(data: object) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(FieldsError) as caught:
        read_event(data)
    return [(item.path, item.message) for item in caught.value.findings]


@pytest.mark.rule("V-1")
def test_an_event_is_exactly_one_thing() -> None:
    kinds = "appointment, reply, link, app, remove, settings, down, schedule_down, channel_down"
    assert findings({"at": AT}) == [((), f"must be exactly one of {kinds}; got none")]
    assert findings({"at": AT, "remove": "A", "link": {}}) == [
        ((), f"must be exactly one of {kinds}; got remove, link")
    ]


def test_the_moment_and_the_rest_are_told_together() -> None:
    paths = [path for path, _ in findings({"at": "noon", "down": {"until": "one"}})]
    assert paths == [("at",), ("down", "until")]


def test_a_missing_moment_does_not_hide_the_rest() -> None:
    paths = [path for path, _ in findings({"down": {"until": AT, "x": 1}})]
    assert paths == [("at",), ("down", "x")]
