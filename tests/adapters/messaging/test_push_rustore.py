"""RuStore: every request, every error; nothing is guessed."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.http import HttpClient, HttpResponse
from adapters.messaging.push_rustore import CAPABILITIES, Config, PushRustore, build, read
from gateway.core.events import Failure
from gateway.core.model import Channel
from gateway.ports.messaging import SendError
from tests.adapters.support import CONTENT, outgoing

PUSH = replace(CONTENT, buttons=())
SENDER: dict[str, Any] = {"project_id": "p1", "service_token": "service-secret", "clinic": "c1"}


def config(**more: Any) -> Config:
    return Config.model_validate({"senders": [{**SENDER, **more}]})


def message(**more: Any) -> Any:
    values = {"channel": Channel.PUSH, "account": "device-1", "content": PUSH, **more}
    return outgoing(**values)


def test_a_notification_goes_to_the_phone_with_a_life_span_of_its_own() -> None:
    settings = config(title="Здоровье")
    request = build(settings, settings.senders[0], message())
    assert request.url == "https://vkpns.rustore.ru/v1/projects/p1/messages:send"
    assert request.headers["Authorization"] == "Bearer service-secret"
    shown = json.loads(request.body)["message"]
    assert shown["token"] == "device-1"
    assert shown["notification"] == {"title": "Здоровье", "body": CONTENT.text}
    assert shown["android"] == {"ttl": "7200s"}
    assert shown["data"]["appointment"] == "A-1"
    assert "service-secret" not in repr(request) + repr(settings)


def answer(status: int, document: object = None, **headers: str) -> HttpResponse:
    body = b"<html>" if document is None else json.dumps(document).encode()
    return HttpResponse(status, {k.replace("_", "-"): v for k, v in headers.items()}, body)


def error(status: str) -> dict[str, Any]:
    return {"error": {"message": "words", "status": status}}


def test_an_accepted_message_may_have_a_name() -> None:
    assert read(answer(200, {"name": "projects/p/messages/1"})) == "projects/p/messages/1"
    for response in (answer(200, {}), answer(200), answer(204)):
        assert read(response) is None


FAILURES: list[tuple[HttpResponse, Failure | None, str, int | None, bool]] = [
    (answer(404, error("NOT_FOUND")), Failure.IMPOSSIBLE, "NOT_FOUND", None, False),
    (answer(410, error("GONE")), Failure.IMPOSSIBLE, "GONE", None, False),
    (answer(404), Failure.REJECTED, "http_404", None, True),
    (answer(400, error("INVALID_ARGUMENT")), Failure.REJECTED, "INVALID_ARGUMENT", None, True),
    (answer(401, error("UNAUTHENTICATED")), Failure.REJECTED, "UNAUTHENTICATED", None, True),
    (answer(403, error("PERMISSION_DENIED")), Failure.REJECTED, "PERMISSION_DENIED", None, True),
    (answer(429, error("SLOW"), retry_after="5"), Failure.TEMPORARY, "SLOW", 5, False),
    (answer(500), Failure.TEMPORARY, "http_500", None, False),
    (answer(502, error("UNAVAILABLE")), Failure.TEMPORARY, "UNAVAILABLE", None, False),
    (answer(502), None, "http_502", None, False),
    (answer(504), None, "http_504", None, False),
    (answer(302), Failure.REJECTED, "http_302", None, True),
]


@pytest.mark.rule("H-1", "H-2")
@pytest.mark.parametrize(
    ("response", "failure", "code", "pause", "alert"),
    FAILURES,
    ids=[f"{row[0].status}-{row[2]}" for row in FAILURES],
)
def test_an_error_means(
    response: HttpResponse, failure: Failure | None, code: str, pause: int | None, alert: bool
) -> None:
    with pytest.raises(SendError) as caught:
        read(response)
    found = caught.value
    assert (found.failure, found.code) == (failure, code)
    assert (found.retry_after_s, found.alert) == (pause, alert)


@given(st.integers(100, 599), st.binary(max_size=40))
def test_reading_raises_nothing_but_send_error(status: int, body: bytes) -> None:
    with contextlib.suppress(SendError):
        read(HttpResponse(status, {}, body))


@pytest.mark.parametrize(
    "wrong", [{"project_id": "a/b"}, {"service_token": ""}, {"ttl_s": 0}, {"token": "service-x"}]
)
def test_a_wrong_configuration_is_refused_without_its_secrets(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        config(**wrong)
    assert "service-secret" not in str(caught.value)


async def test_a_branch_without_an_app_has_no_push() -> None:
    channel = PushRustore(config(branches=["b1"]), HttpClient())
    assert channel.serves("c1", "b1")
    assert not channel.serves("c1", "b2")
    assert channel.channel is CAPABILITIES.channel
