"""Settings of Twilio's messages: accounts, senders, and how facts fill approved templates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field

from adapters.messaging.senders import RatedSender, Senders, Strict
from adapters.messaging.sms_settings import ADDRESS, Secret, SenderName, Some
from gateway.errors import InvalidInput, Problem


class Account(Strict):
    """A Twilio account (or subaccount). `name` is ours.

    `auth_tokens` sign its callbacks; several are valid while one is being replaced. Requests use
    the API key where there is one, else the first auth token. `shared_keys` are the secrets of
    webhook signing with HMAC-SHA256, where that is set up.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,40}$")] = "twilio"
    account_sid: Annotated[str, Field(pattern=r"^AC[0-9a-f]{32}$", repr=False)]
    auth_tokens: Some[Secret]
    api_key_sid: Annotated[str, Field(pattern=r"^SK[0-9a-f]{32}$")] | None = None
    api_key_secret: Secret | None = None
    shared_keys: tuple[Secret, ...] = ()


class Sender(RatedSender):
    """Who a message comes from: a number, for SMS also a name, or a messaging service.

    With a service, `number` is the one that patients' answers come to, where it is known.
    """

    channel: Literal["sms", "whatsapp"]
    number: SenderName | None = None
    messaging_service_sid: Annotated[str, Field(pattern=r"^MG[0-9a-f]{32}$")] | None = None
    account: str = "twilio"

    @property
    def id(self) -> str:
        """How callbacks name it."""
        return self.messaging_service_sid or self.number or ""


class Template(Strict):
    """How a message's facts fill an approved content template.

    `body` lists positions in the message's parameters, counted from 0: they become the variables
    1, 2 …; None takes all in their own order. With `buttons` the next variables are the payloads:
    the template's quick replies must have them as their ids, e.g. `{{4}}`, `{{5}}`, `{{6}}`.
    """

    content_sid: Annotated[str, Field(pattern=r"^HX[0-9a-fA-F]{32}$")]
    body: tuple[int, ...] | None = None
    buttons: bool = True


class Config(Strict):
    """Everything about Twilio's messages. `validity_s`: how long Twilio keeps trying an SMS.

    `templates` is by template, then by language; WhatsApp needs them outside a conversation.
    """

    accounts: Some[Account]
    senders: Senders[Sender]
    api_base: Annotated[str, Field(pattern=ADDRESS)] = "https://api.twilio.com"
    templates: Mapping[str, Mapping[str, Template]] = Field(default_factory=dict)
    validity_s: Annotated[int, Field(ge=60, le=36_000)] = 4 * 3600

    def account(self, name: str) -> Account:
        """Return the account of a name; `check` has seen that there is one."""
        return next(account for account in self.accounts if account.name == name)


def check(config: Config) -> None:
    """Raise `InvalidInput` naming the field when the parts do not fit together."""
    problems = [*_account_problems(config), *_sender_problems(config)]
    if problems:
        raise InvalidInput(*problems)


def _account_problems(config: Config) -> Iterator[Problem]:
    for index, account in enumerate(config.accounts):
        before, place = config.accounts[:index], f"accounts.{index}"
        if (account.api_key_sid is None) is not (account.api_key_secret is None):
            yield Problem(f"{place}.api_key_secret", "belongs together with api_key_sid")
        if any(account.name == other.name for other in before):
            yield Problem(f"{place}.name", "another account has the same name")
        if any(account.account_sid == other.account_sid for other in before):
            yield Problem(f"{place}.account_sid", "another account has the same sid")


def _sender_problems(config: Config) -> Iterator[Problem]:
    names = {account.name for account in config.accounts}
    for index, sender in enumerate(config.senders):
        place = f"senders.{index}"
        if sender.account not in names:
            yield Problem(f"{place}.account", "there is no account of this name")
        if not sender.id:
            yield Problem(f"{place}.number", "a number or a messaging_service_sid is needed")
        if sender.channel == "whatsapp" and sender.number and sender.number[0] != "+":
            yield Problem(f"{place}.number", "WhatsApp needs a number, not a name")
