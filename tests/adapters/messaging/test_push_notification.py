"""What a push shows, and what is too much for one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from adapters.messaging.push_notification import TEXT_MAX, notification_of
from gateway.core.events import Failure
from gateway.core.model import Channel
from gateway.ports.messaging import SendError
from tests.adapters.support import CONTENT, outgoing

PUSH = replace(CONTENT, buttons=())


def message(**more: Any) -> Any:
    values = {"channel": Channel.PUSH, "account": "device-1", "content": PUSH, **more}
    return outgoing(**values)


def test_a_phone_shows_the_text_and_its_app_opens_the_visit() -> None:
    account, shown = notification_of(message(), "Здоровье")
    assert account == "device-1"
    assert shown == {
        "notification": {"title": "Здоровье", "body": CONTENT.text},
        "data": {
            "kind": "confirmation",
            "branch": "b1",
            "appointment": "A-1",
            "link": CONTENT.link,
        },
    }


@pytest.mark.parametrize("opaque", ["contact|c1|1|+15550100123", "what?"])
def test_a_message_of_a_number_alone_opens_no_visit(opaque: str) -> None:
    _, shown = notification_of(message(opaque=opaque, content=replace(PUSH, link=None)), None)
    assert shown == {
        "notification": {"body": CONTENT.text},
        "data": {"kind": "confirmation", "branch": "b1"},
    }


@pytest.mark.parametrize(
    ("out", "failure", "code"),
    [
        (message(account=None), Failure.IMPOSSIBLE, "no_account"),
        (message(account="два слова"), Failure.IMPOSSIBLE, "no_account"),
        (message(content=replace(PUSH, text=" ")), Failure.REJECTED, "text_length"),
        (
            message(content=replace(PUSH, text="x" * (TEXT_MAX + 1))),
            Failure.REJECTED,
            "text_length",
        ),
        (message(content=CONTENT), Failure.REJECTED, "too_many_buttons"),
        (
            message(content=replace(PUSH, text="😀" * TEXT_MAX)),
            Failure.REJECTED,
            "payload_too_big",
        ),
    ],
)
def test_what_cannot_be_said_whole_is_refused(out: Any, failure: Failure, code: str) -> None:
    with pytest.raises(SendError) as caught:
        notification_of(out, None)
    assert (caught.value.failure, caught.value.code) == (failure, code)


def test_a_push_of_full_length_in_cyrillic_fits() -> None:
    notification_of(message(content=replace(PUSH, text="я" * TEXT_MAX)), None)
