"""Settings of MAX: bots, what their webhooks carry, and whose certificates are trusted."""

from __future__ import annotations

import re
import ssl
from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from adapters.http import HttpClient
from adapters.messaging.senders import PerSecond, RatedSender, Senders, Strict, check_different
from gateway.errors import InvalidInput, Problem
from gateway.ports.schema_problems import bad

_WEBHOOK_SECRET = re.compile(r"[A-Za-z0-9-]{16,256}")
"""MAX allows 5 to 256 of these characters; fewer than 16 could be guessed."""


class Bot(RatedSender):
    """A bot and what its webhook carries; the first of `webhook_secrets` is the one that is set.

    `per_second`: MAX takes 30 requests a second; answers to taps count as well.

    `name` is the bot's name in links, `https://max.ru/<name>`.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_]{3,64}$")
    token: SecretStr = Field(min_length=1)
    webhook_secrets: tuple[SecretStr, ...] = Field(min_length=1)
    per_second: PerSecond | None = 30.0

    @field_validator("webhook_secrets")
    @classmethod
    def _secrets_are_strong(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not all(_WEBHOOK_SECRET.fullmatch(secret.get_secret_value()) for secret in secrets):
            raise bad("must be 16 to 256 characters of A-Z a-z 0-9 -")
        return secrets


class Config(Strict):
    """The bots.

    `ca_file`: certificates (PEM) of the authority that signs the API's own, beside the system's;
    the Russian Ministry of Digital Development is not among those. `webhook_url` is the address
    of our hook: with it, lost subscriptions are set again. `trust_contacts` takes the number of a
    contact that is its sender's own for proven: MAX does not say how its `hash` is computed, so
    nothing but MAX's app vouches for it. `unreachable` are codes of errors that mean that the
    patient cannot be written to; MAX publishes no list.
    """

    senders: Senders[Bot]
    api_base: str = Field("https://platform-api2.max.ru", pattern=r"^https?://[^/?#@]+[^?#@]*$")
    ca_file: Path | None = None
    webhook_url: str | None = Field(None, pattern=r"^https://[^\s?#@]+$")
    trust_contacts: bool = False
    unreachable: frozenset[str] = frozenset({"chat.denied", "chat.not.found", "user.not.found"})


def check(config: Config) -> None:
    """Raise `InvalidInput` when two bots could be taken for each other."""
    check_different(config.senders, "name", lambda bot: (bot.name,))
    check_different(config.senders, "webhook_secrets", webhook_secrets)


def webhook_secrets(bot: Bot) -> list[str]:
    """Return the secrets that a bot's updates may carry."""
    return [secret.get_secret_value() for secret in bot.webhook_secrets]


def client_of(config: Config) -> HttpClient:
    """Return a client that trusts `ca_file` as well; raise `InvalidInput`."""
    if config.ca_file is None:
        return HttpClient()
    trust = ssl.create_default_context()
    try:
        trust.load_verify_locations(config.ca_file)
    except (OSError, ssl.SSLError):
        raise InvalidInput(Problem("ca_file", "holds no certificates that can be read")) from None
    return HttpClient(trust=trust)
