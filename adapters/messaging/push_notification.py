"""The notification that Firebase and RuStore take in the same form, and its limits."""

from __future__ import annotations

import json
import re

from adapters.json_values import Json
from gateway.core.case import Content
from gateway.core.events import Failure
from gateway.ports.messaging import OutgoingMessage, SendError, attempt_of
from gateway.ports.store import Kind

TEXT_MAX = 1000
"""A bound of ours: far more than a phone shows, and within the bytes that a push may have."""

PAYLOAD_BYTES_MAX = 4096
"""https://firebase.google.com/docs/cloud-messaging/customize-messages/set-message-type"""

_ACCOUNT = re.compile(r"[!-~]{1,4096}")


def notification_of(message: OutgoingMessage, title: str | None) -> tuple[str, Json]:
    """Return the phone's token and what it shows, or raise `SendError` and say why not."""
    content = message.content
    account = message.account or ""
    if not _ACCOUNT.fullmatch(account):
        raise SendError(Failure.IMPOSSIBLE, "no_account")
    _check(content)
    notification: Json = {"body": content.text}
    if title is not None:
        notification["title"] = title
    shown: Json = {"notification": notification, "data": _data(message)}
    if len(json.dumps(shown, ensure_ascii=False).encode("utf-8", "replace")) > PAYLOAD_BYTES_MAX:
        raise refused("payload_too_big")
    return account, shown


def _check(content: Content) -> None:
    if not content.text.strip() or len(content.text) > TEXT_MAX:
        raise refused("text_length")
    if content.buttons:
        raise refused("too_many_buttons")


def _data(message: OutgoingMessage) -> dict[str, str]:
    """Return what the app needs to open the visit; only text may stand there."""
    content, attempt = message.content, attempt_of(message.opaque)
    data = {"kind": content.template, "branch": message.branch}
    if attempt is not None and attempt[0].kind is Kind.CASE:
        data["appointment"] = attempt[0].key
    if content.link is not None:
        data["link"] = content.link
    return data


def refused(code: str) -> SendError:
    """Return the error of what cannot be said in a push, or by nobody."""
    return SendError(Failure.REJECTED, code, alert=True)
