"""What Telegram's errors mean: the code for our doing, the description for the patient's."""

from __future__ import annotations

import pytest

from adapters.http import HttpResponse
from adapters.messaging.telegram_codes import failure_of
from gateway.core.events import Failure
from gateway.ports.messaging import Scope

IMPOSSIBLE, REJECTED, TEMPORARY = Failure.IMPOSSIBLE, Failure.REJECTED, Failure.TEMPORARY


@pytest.mark.rule("H-1", "H-2")
@pytest.mark.parametrize(
    ("code", "description", "failure", "word", "alert"),
    [
        (403, "Forbidden: bot was blocked by the user", IMPOSSIBLE, "403.blocked", False),
        (403, "Forbidden: user is deactivated", IMPOSSIBLE, "403.deactivated", False),
        (
            403,
            "Forbidden: bot can't initiate conversation with a user",
            IMPOSSIBLE,
            "403.not_started",
            False,
        ),
        (403, "Forbidden: something new", IMPOSSIBLE, "403", False),
        (400, "Bad Request: chat not found", IMPOSSIBLE, "400.not_started", False),
        (400, "[Error]: Bad Request: user not found", IMPOSSIBLE, "400.not_started", False),
        (400, "Bad Request: PEER_ID_INVALID", IMPOSSIBLE, "400.not_started", False),
        (400, "Bad Request: message is too long", REJECTED, "400", True),
        (400, "Bad Request: BUTTON_DATA_INVALID", REJECTED, "400", True),
        (401, "Unauthorized", REJECTED, "401", True),
        (404, "Not Found", REJECTED, "404", True),
        (409, "Conflict", REJECTED, "409", True),
        (500, "Internal Server Error", TEMPORARY, "500", False),
        (502, "Bad Gateway", TEMPORARY, "502", False),
    ],
)
def test_an_error_means(
    code: int, description: str, failure: Failure, word: str, alert: bool
) -> None:
    document = {"ok": False, "error_code": code, "description": description}
    error = failure_of(document, HttpResponse(code))
    assert (error.failure, error.code, error.alert) == (failure, word, alert)


@pytest.mark.rule("H-2")
@pytest.mark.parametrize(
    ("asked", "header", "pause"),
    [(7, "", 7), (None, "", None), (3, "9", 9), ("x", "", None), (10**8, "", 86_400)],
)
def test_too_many_requests_wait_as_long_as_is_asked(
    asked: object, header: str, pause: int | None
) -> None:
    document = {"ok": False, "error_code": 429, "parameters": {"retry_after": asked}}
    error = failure_of(document, HttpResponse(429, {"retry-after": header}))
    assert (error.failure, error.retry_after_s) == (TEMPORARY, pause)


def test_without_a_document_the_status_speaks() -> None:
    assert failure_of({}, HttpResponse(503)).failure is TEMPORARY
    assert failure_of({}, HttpResponse(302)).failure is REJECTED


@pytest.mark.rule("H-2", "H-7")
@pytest.mark.parametrize(("code", "scope"), [(429, Scope.SENDER), (500, Scope.RECIPIENT)])
def test_too_many_messages_hold_up_the_whole_bot(code: int, scope: Scope) -> None:
    document = {"ok": False, "error_code": code, "description": "Too Many Requests"}
    assert failure_of(document, HttpResponse(code)).scope is scope
