"""Settings of the WhatsApp Cloud API: numbers, secrets, and how facts fill approved templates."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from adapters.messaging.senders import PerSecond, RatedSender, Strict
from adapters.messaging.sms_settings import Secret


class Sender(RatedSender):
    """A business phone number. `per_second`: 80 messages by default, 1000 for a number that was
    upgraded, 20 beside the Business app; what comes in counts as well.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/throughput
    """

    phone_number_id: str = Field(pattern=r"^[0-9]{1,32}$")
    access_token: Secret
    per_second: PerSecond | None = 80.0


class Template(Strict):
    """How a message's facts fill an approved template.

    `header` and `body` list positions in the message's parameters, counted from 0, in the order
    of the template's own variables; `body` None takes all of them in their own order.
    """

    name: str = Field(pattern=r"^[a-z0-9_]{1,512}$")
    language: str | None = None
    header: tuple[int, ...] = ()
    body: tuple[int, ...] | None = None
    buttons: bool = True


class Config(Strict):
    """One Meta app. Several `app_secrets` are valid at once while they are rotated.

    `templates` is by template, then by language: `{confirmation: {ru: {name: …}}}`. A message
    that is not listed goes by `template_convention`, or is refused when that is None.
    """

    app_secrets: tuple[Secret, ...] = Field(min_length=1)
    verify_token: Secret
    senders: tuple[Sender, ...] = Field(min_length=1)
    api_base: str = Field("https://graph.facebook.com", pattern=r"^https?://[^/?#@]+[^?#@]*$")
    graph_version: str = Field("v25.0", pattern=r"^v[0-9]{1,3}\.[0-9]{1,2}$")
    templates: Mapping[str, Mapping[str, Template]] = Field(default_factory=dict)
    template_convention: str | None = "callahead_{template}_{language}"
