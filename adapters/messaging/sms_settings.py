"""What the settings of the SMS adapters have in common: numbers, names, addresses, secrets."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from typing import Annotated, TypeAlias, TypeVar

from pydantic import AfterValidator, SecretStr

from gateway.core.events import Failure
from gateway.errors import Forbidden, InvalidInput, Problem, Unauthenticated
from gateway.ports.messaging import OutgoingMessage, SendError
from gateway.ports.schema_problems import bad
from gateway.ports.webhook import RawRequest

NUMBER = r"^\+[1-9][0-9]{6,14}$"
"""A telephone number in E.164."""

ADDRESS = r"^https?://[^/?#@\s]+[^?#@\s]*$"
"""Where a provider's API is: no credentials, no query."""

_T = TypeVar("_T")


def _at_least_one(items: tuple[_T, ...]) -> tuple[_T, ...]:
    if not items:
        raise bad("must name at least one")
    return items


Some: TypeAlias = Annotated[tuple[_T, ...], AfterValidator(_at_least_one)]
"""One or more; what is wrong with one of them is not told as a missing one."""


def _not_empty(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value():
        raise bad("must not be empty")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_not_empty)]
"""A text that is never shown: not in logs, errors or `repr`."""

KEY_CHARS_MIN = 16
"""Fewer could be guessed."""


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < KEY_CHARS_MIN:
        raise bad(f"must have at least {KEY_CHARS_MIN} characters")
    return secret


UrlSecret = Annotated[SecretStr, AfterValidator(_long_enough)]
"""A secret of ours that providers prove themselves with."""

NAME_MAX = 11
"""Characters of a sender's name (3GPP TS 23.040, 9.1.2.5: ten octets of seven bits each)."""

_NAME = re.compile(rf"[A-Za-z0-9 .&_-]{{1,{NAME_MAX}}}").fullmatch


def _sender_name(text: str) -> str:
    if re.fullmatch(NUMBER, text) or (_NAME(text) and re.search("[A-Za-z]", text)):
        return text
    raise bad(f"must be a number (+7…) or a name of at most {NAME_MAX} Latin letters")


SenderName = Annotated[str, AfterValidator(_sender_name)]
"""A number in E.164, or a name in its place: nobody can answer a name."""

_DIGITS = re.compile(r"\+?([1-9][0-9]{6,14})").fullmatch


def clinics_of(senders: Iterable[tuple[str, str]], field: str) -> dict[str, str]:
    """Return the clinic of each (sender's id, clinic); raise `InvalidInput` when one has two."""
    found: dict[str, str] = {}
    for index, (sender, clinic) in enumerate(senders):
        if found.setdefault(sender, clinic) != clinic:
            message = f"another clinic has the same {field}"
            raise InvalidInput(Problem(f"senders.{index}.clinic", message))
    return found


def refused(code: str) -> SendError:
    """Return the error of a message that was not offered to the provider: an operator must look."""
    return SendError(Failure.REJECTED, code, alert=True)


def number_of(text: object) -> str | None:
    """Return a provider's number in E.164: some leave out the plus."""
    found = _DIGITS(text) if isinstance(text, str) else None
    return f"+{found[1]}" if found else None


def sms_text(message: OutgoingMessage, text_max: int) -> str:
    """Return what an SMS says; raise `SendError` for what cannot be said whole."""
    text = message.content.text
    if not text.strip() or len(text) > text_max:
        raise refused("text_length")
    if number_of(message.to) is None:
        raise refused("no_recipient")
    return text


def check_key(request: RawRequest, keys: Iterable[SecretStr]) -> None:
    """Check the secret in a callback's address (`?key=…`), for providers that sign nothing.

    Raises `Unauthenticated` without and `Forbidden` with a wrong one.
    """
    if not request.query.get("key"):
        raise Unauthenticated("the webhook's address carries no key")
    if not has_key(request, keys):
        raise Forbidden("the webhook's key is not known")


def has_key(request: RawRequest, keys: Iterable[SecretStr]) -> bool:
    """Tell whether a callback's address carries one of the keys."""
    given = request.query.get("key", "").encode("utf-8", "replace")
    matches = False
    for key in keys:
        matches |= hmac.compare_digest(key.get_secret_value().encode(), given)
    return matches
