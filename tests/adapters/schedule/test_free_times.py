"""Free times over the clinic's own address: what is asked, and what each answer means."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks

from adapters.http import HttpClient, HttpResponse
from adapters.schedule.free_times import (
    TIMES_READ_MAX,
    WebhookFreeTimes,
    build_move,
    build_question,
    move_id,
    read_move,
    read_times,
)
from adapters.schedule.webhook import Config, webhook_client
from adapters.standard_webhooks import key_of, verify
from gateway.core.model import Appointment, Doctor, Person
from gateway.errors import InvalidInput, Problem
from gateway.ports.schedule import (
    Booked,
    Conflicted,
    MoveOutcome,
    MoveRequest,
    Refused,
    Taken,
    Unavailable,
    Unknown,
)
from tests.adapters.schedule.test_webhook import CONFIG, NOW, SECRET, answer
from tests.adapters.support import ManualClock, Recorder, address, serve

START = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
CHOSEN = START + timedelta(days=1)
VISIT = Appointment("A-1", "b1", START, START, Person("P-1"), Doctor("Петров", "терапевт"))
MOVE = MoveRequest("c1", "move-1", VISIT, CHOSEN, NOW)
SINCE, UNTIL = NOW, NOW + timedelta(days=28)


def read_appointment(data: object) -> Appointment:
    if not isinstance(data, dict) or "id" not in data:
        raise InvalidInput(Problem("id", "required, but missing"))
    start = datetime.fromisoformat(data.get("start", START.isoformat()))
    return replace(VISIT, id=data["id"], start=start)


MOVED = {"id": "A-1", "start": CHOSEN.isoformat()}


@pytest.mark.rule("P-3", "G-6")
@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (answer(200, MOVED), Booked(read_appointment(MOVED))),
        (answer(200, {"id": "A-1"}), Unknown("http_200_unreadable")),
        (answer(200, {**MOVED, "id": "A-2"}), Unknown("http_200_unreadable")),
        (answer(200), Unknown("http_200_unreadable")),
        (answer(200, b"<html>"), Unknown("http_200_unreadable")),
        (answer(201, MOVED), Unknown("http_201")),
        (answer(204), Unknown("http_204")),
        (answer(302, location="/"), Unknown("http_302")),
        (answer(409, {"taken": True}), Taken()),
        (answer(409, {"id": "A-1"}), Conflicted(VISIT)),
        (answer(409, {"removed": True}), Conflicted(None)),
        (answer(409), Conflicted(None)),
        (answer(409, {"taken": False}), Unavailable("http_409")),
        (answer(409, {"id": "A-2"}), Unavailable("http_409")),
        (answer(410), Refused("http_410")),
        (answer(422), Refused("http_422")),
        (answer(400), Unavailable("http_400")),
        (answer(401), Unavailable("http_401")),
        (answer(404), Unavailable("http_404")),
        (answer(429, retry_after="30"), Unavailable("http_429", 30)),
        (answer(503), Unavailable("http_503")),
        (answer(500), Unknown("http_500")),
        (answer(502), Unknown("http_502")),
        (answer(504), Unknown("http_504")),
    ],
)
def test_the_answer_to_a_move_means(response: HttpResponse, outcome: MoveOutcome) -> None:
    assert read_move(response, MOVE, read_appointment, NOW) == outcome


@pytest.mark.rule("P-3")
@pytest.mark.parametrize(
    ("response", "times"),
    [
        (answer(200, {"times": []}), ()),
        (answer(204), ()),
        (
            answer(200, {"times": ["2026-11-25T12:30:00+03:00", "2026-11-24T12:00:00Z"]}),
            (datetime(2026, 11, 24, 12, tzinfo=UTC), datetime(2026, 11, 25, 9, 30, tzinfo=UTC)),
        ),
        (
            answer(
                200,
                {
                    "times": [
                        "2026-11-25T12:30:00",  # whose clock?
                        "tomorrow",
                        17,
                        None,
                        "2026-11-25T12:30:00+03:00" + " " * 50,
                        "0001-01-01T00:00:00+14:00",
                        "2026-11-23T07:59:00+00:00",
                        "2027-11-23T07:59:00+00:00",
                    ]
                },
            ),
            (),
        ),
        (answer(200, b"[]"), Unavailable("http_200_unreadable")),
        (answer(200, {"times": "10:00"}), Unavailable("http_200_unreadable")),
        (answer(503, retry_after="5"), Unavailable("http_503", 5)),
        (answer(404), Unavailable("http_404")),
    ],
)
def test_the_answer_to_the_question_means(
    response: HttpResponse, times: tuple[datetime, ...] | Unavailable
) -> None:
    assert read_times(response, SINCE, UNTIL, NOW) == times


def test_an_endless_list_is_cut() -> None:
    moments = [(NOW + timedelta(minutes=n)).isoformat() for n in range(1, TIMES_READ_MAX + 500)]
    found = read_times(answer(200, {"times": moments}), SINCE, UNTIL, NOW)
    assert isinstance(found, tuple)
    assert len(found) == TIMES_READ_MAX


def test_what_is_asked_is_what_the_documentation_says() -> None:
    question = build_question(CONFIG, VISIT, SINCE, UNTIL, NOW)
    assert json.loads(question.body) == {
        "type": "free_times.wanted",
        "timestamp": "2026-11-23T08:00:00+00:00",
        "data": {
            "appointment": "A-1",
            "branch": "b1",
            "start": "2026-11-24T09:30:00+00:00",
            "doctor": {"name": "Петров", "specialty": "терапевт"},
            "from": "2026-11-23T08:00:00+00:00",
            "until": "2026-12-21T08:00:00+00:00",
        },
    }
    assert json.loads(build_move(CONFIG, MOVE, NOW).body) == {
        "type": "appointment.move_wanted",
        "timestamp": "2026-11-23T08:00:00+00:00",
        "data": {
            "id": move_id(MOVE),
            "appointment": "A-1",
            "from": "2026-11-24T09:30:00+00:00",
            "to": "2026-11-25T09:30:00+00:00",
            "source": "link",
            "at": "2026-11-23T08:00:00+00:00",
        },
    }


@pytest.mark.rule("G-6")
def test_every_try_of_a_move_has_its_id_and_its_own_signature() -> None:
    later = NOW + timedelta(seconds=20)
    first, second = build_move(CONFIG, MOVE, NOW), build_move(CONFIG, MOVE, later)
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == move_id(MOVE)
    assert verify([key_of(SECRET)], second.headers, second.body, later) == move_id(MOVE)
    others = [replace(MOVE, id="move-2"), replace(MOVE, clinic="c2")]
    assert len({move_id(move) for move in (MOVE, *others)}) == 3
    assert "A-1" not in move_id(MOVE)


def test_the_specifications_own_library_takes_the_signature() -> None:
    request = build_move(CONFIG, MOVE, datetime.now(UTC))
    standardwebhooks.Webhook(SECRET).verify(request.body, dict(request.headers))


def desk(url: str, client: HttpClient, *, allow_private: bool = True) -> WebhookFreeTimes:
    config = Config.model_validate({"url": url, "secrets": [SECRET]})
    return WebhookFreeTimes(
        config, client, read_appointment, ManualClock(), allow_private=allow_private
    )


@pytest.mark.rule("P-3", "G-6")
async def test_times_are_asked_and_booked_over_a_real_connection() -> None:
    clinic = Recorder()
    server, client = await serve(clinic.app), webhook_client(allow_private=True)
    asked = desk(address(server, "/times"), client)
    clinic.answer(200, {"times": [CHOSEN.isoformat()]})
    assert await asked.free_times(VISIT, SINCE, UNTIL) == (CHOSEN,)
    clinic.answer(200, MOVED)
    assert await asked.book(MOVE) == Booked(read_appointment(MOVED))
    clinic.cut = True
    assert await asked.free_times(VISIT, SINCE, UNTIL) == Unavailable("reset")
    assert await asked.book(MOVE) == Unknown("reset"), "it was written: nobody knows"
    await server.close()
    assert await asked.free_times(VISIT, SINCE, UNTIL) == Unavailable("connect")
    assert await asked.book(MOVE) == Unavailable("connect"), "it was never written"
    for _, path, headers, body in clinic.requests:
        assert (path, headers["content-type"]) == ("/times", "application/json")
        verify([key_of(SECRET)], headers, body, NOW)
    await client.close()


async def test_a_private_address_is_refused_at_start_and_when_it_turns_private() -> None:
    client = webhook_client(allow_private=False)
    for url in ("http://clinic.example/", "https://127.0.0.1/", "https://10.0.0.1/"):
        with pytest.raises(InvalidInput):
            desk(url, client, allow_private=False)
    clinic = Recorder()
    server = await serve(clinic.app)
    asked = desk(f"http://localhost:{server.port}/", client)
    assert await asked.book(MOVE) == Unavailable("address_refused")
    assert clinic.requests == []
    await client.close()
    await server.close()
