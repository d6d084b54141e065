"""Signatures of webhooks after Standard Webhooks 1.0.0.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

"The content is signed by concatenating the id, timestamp and payload, separated by the full-stop
character"; HMAC-SHA256, base64, prefixed with `v1,`; several signatures are separated by spaces.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime

from gateway.errors import Forbidden, InvalidInput, Problem, Unauthenticated

TOLERANCE_S = 300
KEY_PREFIX = "whsec_"
KEY_BYTES_MIN = 24
KEY_BYTES_MAX = 64


def key_of(secret: str) -> bytes:
    """Return the bytes of a `whsec_…` secret; raise `InvalidInput`."""
    text = secret.removeprefix(KEY_PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not KEY_BYTES_MIN <= len(key) <= KEY_BYTES_MAX:
        raise InvalidInput(
            Problem(
                "secret",
                f"must be {KEY_PREFIX} and {KEY_BYTES_MIN} to {KEY_BYTES_MAX} "
                "random bytes in base64",
            )
        )
    return key


def signature(key: bytes, webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return one signature."""
    content = f"{webhook_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


def headers_of(
    keys: Sequence[bytes], webhook_id: str, now: datetime, body: bytes
) -> dict[str, str]:
    """Return the headers of this attempt, signed with every key (several while they rotate)."""
    timestamp = int(now.timestamp())
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(key, webhook_id, timestamp, body) for key in keys),
    }


def verify(keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """Return the webhook's id; raise `Unauthenticated` without proof, `Forbidden` with a wrong one.

    Header names are lower case. A signature is valid for five minutes around its timestamp.
    """
    webhook_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "")
    if not (webhook_id and timestamp and given):
        raise Unauthenticated("the webhook carries no signature")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 13):
        raise Forbidden("the webhook's timestamp cannot be read")
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE_S:
        raise Forbidden("the webhook is too old or too new")
    matches = False
    for key in keys:
        expected = signature(key, webhook_id, int(timestamp), body).encode()
        for item in given.split(" "):
            matches |= hmac.compare_digest(expected, item.encode("utf-8", "replace"))
    if not matches:
        raise Forbidden("the webhook's signature does not match")
    return webhook_id
