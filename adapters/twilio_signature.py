"""Who signed a callback: Twilio's request signature, for calls and messages alike.

https://www.twilio.com/docs/usage/security#validating-requests

Which secret goes with which algorithm is our settings' word: an account's auth tokens sign with
HMAC-SHA1, a shared key with HMAC-SHA256. What a request says about its own algorithm
(`X-Twilio-Webhooks-Signature-Settings`) is not asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from twilio.request_validator import (  # type: ignore[import-untyped]  # ships no types
    HMAC_SHA1,
    HMAC_SHA256,
    RequestValidator,
)

FIELDS_MAX = 200
"""More parameters than any callback has; Twilio adds new ones without notice."""


class Form(dict[str, list[str]]):
    """A form with every value of every name; the validator asks for `getlist`."""

    def getlist(self, name: str) -> list[str]:
        """Return all values of a name."""
        return self[name]

    def one(self, name: str) -> str:
        """Return the first value of a name, "" where there is none."""
        return self.get(name, [""])[0]


def read_form(body: bytes) -> Form:
    """Read a form body, empty values included; raise ValueError when it is none."""
    form = Form()
    pairs = parse_qsl(
        body.decode("utf-8"), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict"
    )
    for name, value in pairs:
        form.setdefault(name, []).append(value)
    return form


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """Secrets that callbacks of one account may be signed with; several while they change."""

    auth_tokens: Sequence[str] = field(repr=False)
    shared_keys: Sequence[str] = field(default=(), repr=False)


def signed_by(keys: SigningKeys, url: str, params: Mapping[str, object] | str, given: str) -> bool:
    """Tell whether a signature was made with one of the keys.

    `url` is the full public address with its query; `params` the form, or the body's text where
    the address has `bodySHA256`.
    """
    pairs = [(secret, HMAC_SHA1) for secret in keys.auth_tokens]
    pairs += [(secret, HMAC_SHA256) for secret in keys.shared_keys]
    matches = False
    for secret, algorithm in pairs:
        valid = RequestValidator(secret).validate(url, params, given, algorithm)
        matches = matches or bool(valid)
    return matches
