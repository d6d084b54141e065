"""Errors of Telegram's Bot API.

https://core.telegram.org/bots/api#making-requests

"ok" false comes with `error_code`, which is an HTTP status, and a `description` for people. What is
said about the patient stands in the description alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from adapters.http import RETRY_AFTER_MAX_S, HttpResponse, retry_after_s
from adapters.json_values import Json, integer_of, object_of, text_of
from gateway.core.events import Failure
from gateway.ports.messaging import Scope, SendError

UNREACHABLE: Mapping[str, str] = {
    "bot was blocked by the user": "blocked",
    "user is deactivated": "deactivated",
    "can't initiate conversation": "not_started",
    "chat not found": "not_started",
    "user not found": "not_started",
    "peer_id_invalid": "not_started",
}
"""What descriptions of errors say about the patient; codes alone do not tell it from our bugs."""


def failure_of(document: Json, response: HttpResponse) -> SendError:
    """Return what an error means: `error_code`, and for the patient's own doing the description."""
    code = integer_of(document.get("error_code")) or response.status
    description = (text_of(document.get("description")) or "").lower()
    why = next((word for phrase, word in UNREACHABLE.items() if phrase in description), None)
    if code == 403 or (code == 400 and why is not None):
        return SendError(Failure.IMPOSSIBLE, f"{code}.{why}" if why else "403")
    if code == 429:
        asked = integer_of(object_of(document.get("parameters")).get("retry_after"))
        pause = min(max(asked or 0, retry_after_s(response.headers) or 0), RETRY_AFTER_MAX_S)
        return SendError(Failure.TEMPORARY, "429", retry_after_s=pause or None, scope=Scope.SENDER)
    if code >= 500:
        return SendError(Failure.TEMPORARY, str(code))
    # A wrong token, a revoked bot, or a request that we built wrong.
    return SendError(Failure.REJECTED, str(code), alert=True)
