"""The clinic's answer to a webhook decides what becomes of a change."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import standardwebhooks

from adapters.http import HttpClient, HttpResponse
from adapters.schedule.webhook import (
    Config,
    WebhookSchedule,
    build,
    read,
    webhook_client,
    webhook_id,
)
from adapters.standard_webhooks import key_of, verify
from gateway.core.model import Appointment, Person, Source, Status
from gateway.errors import InvalidInput, Problem
from gateway.ports.schedule import (
    Accepted,
    Conflicted,
    NotificationsChange,
    PushOutcome,
    Refused,
    StatusChange,
    Unavailable,
)
from gateway.ports.store import Kind, Ref
from tests.adapters.support import START, ManualClock, Recorder, address, serve

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = START
VISIT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
CHANGE = StatusChange(
    ref=Ref(Kind.CASE, "c1", "A-1"),
    push="2",
    appointment="A-1",
    start=VISIT,
    before=Status.UNCONFIRMED,
    after=Status.CONFIRMED,
    source=Source.WHATSAPP,
    evidence="1",
    at=NOW,
)
NOTICE = NotificationsChange(
    ref=Ref(Kind.CONTACT, "c1", "+15550100123"),
    push="n1",
    number="+15550100123",
    allowed=False,
    source=Source.SMS,
    evidence="стоп",
    at=NOW,
)
CONFIG = Config.model_validate({"url": "https://clinic.example/hook", "secrets": [SECRET]})


def read_appointment(data: object) -> Appointment:
    if not isinstance(data, dict) or "id" not in data:
        raise InvalidInput(Problem("id", "required, but missing"))
    return Appointment(data["id"], "b1", VISIT, VISIT, Person("P-1"), status=Status.CANCELLED)


NEWEST = read_appointment({"id": "A-1"})


def answer(status: int, body: object = b"", **headers: str) -> HttpResponse:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status, {k.replace("_", "-"): v for k, v in headers.items()}, text)


@pytest.mark.rule("S-1", "S-2", "S-3")
@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (answer(200), Accepted()),
        (answer(202, {"ok": True}), Accepted()),
        (answer(204), Accepted()),
        (answer(409, {"id": "A-1"}), Conflicted(NEWEST)),
        (answer(409), Conflicted(None)),
        (answer(409, b" \n"), Conflicted(None)),
        (answer(409, b"null"), Conflicted(None)),
        (answer(409, {"removed": True}), Conflicted(None)),
        (answer(409, {"removed": False}), Unavailable("http_409_unreadable")),
        (answer(409, b"<html>"), Unavailable("http_409_unreadable")),
        (answer(409, {"id": "A-2"}), Unavailable("http_409_another_appointment")),
        (answer(410), Refused("http_410")),
        (answer(422), Refused("http_422")),
        (answer(302, location="/"), Unavailable("http_302")),
        (answer(400), Unavailable("http_400")),
        (answer(401), Unavailable("http_401")),
        (answer(404), Unavailable("http_404")),
        (answer(429, retry_after="30"), Unavailable("http_429", 30)),
        (
            answer(503, retry_after="Mon, 23 Nov 2026 08:02:00 GMT"),
            Unavailable("http_503", 120),
        ),
        (answer(500), Unavailable("http_500")),
    ],
)
def test_the_answer_means(response: HttpResponse, outcome: PushOutcome) -> None:
    assert read(response, CHANGE, read_appointment, NOW) == outcome


def test_a_notifications_change_cannot_conflict() -> None:
    assert read(answer(409), NOTICE, read_appointment, NOW) == Unavailable("http_409")


def test_the_body_is_the_change_as_the_feed_shows_it() -> None:
    assert json.loads(build(CONFIG, CHANGE, NOW).body) == {
        "type": "appointment.status_changed",
        "timestamp": "2026-11-23T08:00:00+00:00",
        "data": {
            "seq": None,
            "id": "case:A-1:2",
            "kind": "status",
            "appointment": "A-1",
            "start": "2026-11-24T09:30:00+00:00",
            "from": "unconfirmed",
            "to": "confirmed",
            "source": "whatsapp",
            "evidence": "1",
            "at": "2026-11-23T08:00:00+00:00",
        },
    }
    notice = json.loads(build(CONFIG, NOTICE, NOW).body)
    assert notice["type"] == "notifications.changed"
    assert (notice["data"]["number"], notice["data"]["allowed"]) == ("+15550100123", False)


def test_the_specifications_own_library_takes_the_signature() -> None:
    request = build(CONFIG, CHANGE, datetime.now(UTC))
    standardwebhooks.Webhook(SECRET).verify(request.body, dict(request.headers))


@pytest.mark.rule("G-6")
def test_a_change_keeps_its_id_and_each_attempt_has_its_time() -> None:
    first = build(CONFIG, CHANGE, NOW)
    later = build(CONFIG, CHANGE, NOW + timedelta(hours=1))
    assert first.body == later.body
    assert first.headers["webhook-id"] == later.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] != later.headers["webhook-timestamp"]
    verify([key_of(SECRET)], later.headers, later.body, NOW + timedelta(hours=1))


def test_ids_differ_and_tell_nothing() -> None:
    others = [
        CHANGE,
        NOTICE,
        replace(CHANGE, push="3"),
        replace(CHANGE, ref=Ref(Kind.CASE, "c2", "A-1")),
        replace(CHANGE, ref=Ref(Kind.CASE, "c1", "A.1\n")),
    ]
    ids = [webhook_id(change) for change in others]
    assert len(set(ids)) == len(ids)
    assert all(found.removeprefix("chg_").isalnum() for found in ids)


def schedule(url: str, client: HttpClient, *, allow_private: bool = True) -> WebhookSchedule:
    config = Config.model_validate({"url": url, "secrets": [SECRET]})
    return WebhookSchedule(
        config, client, read_appointment, ManualClock(), allow_private=allow_private
    )


@pytest.mark.rule("S-3")
async def test_a_change_goes_out_and_the_answer_comes_back() -> None:
    clinic = Recorder()
    server, client = await serve(clinic.app), webhook_client(allow_private=True)
    hook = schedule(address(server, "/hook?a=1"), client)
    assert await hook.push(CHANGE) == Accepted()
    clinic.answer(409, {"id": "A-1"})
    assert await hook.push(CHANGE) == Conflicted(NEWEST)
    clinic.answer(307, Location="/elsewhere")
    assert await hook.push(CHANGE) == Unavailable("http_307")
    clinic.cut = True
    assert await hook.push(CHANGE) == Unavailable("reset")
    await server.close()
    assert await hook.push(CHANGE) == Unavailable("connect")
    assert [path for _, path, _, _ in clinic.requests] == ["/hook?a=1"] * 4
    for _, _, headers, body in clinic.requests:
        assert headers["content-type"] == "application/json"
        assert verify([key_of(SECRET)], headers, body, NOW) == webhook_id(CHANGE)
    await hook.close()
    await client.close()


async def test_a_private_address_is_refused_at_start_and_when_it_turns_private() -> None:
    client = webhook_client(allow_private=False)
    for url in ("http://clinic.example/", "https://127.0.0.1/", "https://clinic.example:22/"):
        with pytest.raises(InvalidInput):
            schedule(url, client, allow_private=False)
    clinic = Recorder()
    server = await serve(clinic.app)
    hook = schedule(f"http://localhost:{server.port}/", client)
    assert await hook.push(CHANGE) == Unavailable("address_refused")
    assert clinic.requests == []
    await client.close()
    await server.close()


@pytest.mark.parametrize("secrets", [[], ["too-weak"], ["whsec_"]])
def test_a_weak_secret_is_refused(secrets: list[str]) -> None:
    values: dict[str, Any] = {"url": "https://clinic.example/", "secrets": secrets}
    with pytest.raises((InvalidInput, ValueError)) as caught:
        WebhookSchedule(
            Config.model_validate(values), HttpClient(), read_appointment, ManualClock()
        )
    assert "too-weak" not in str(caught.value)
