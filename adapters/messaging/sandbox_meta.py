"""What Meta's side says to a request to send: the sandbox's reading of the Cloud API's rules.

Written from the API's reference alone and apart from the adapter, so that a mistake in one of
them does not hide in the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from adapters.json_values import Json, object_of, objects
from adapters.messaging.sandbox_world import ChatButton, TemplateSpec

_KEYS = frozenset(
    {
        "messaging_product",
        "recipient_type",
        "to",
        "recipient",
        "type",
        "text",
        "template",
        "interactive",
        "context",
        "biz_opaque_callback_data",
    }
)
_VARIABLE = re.compile(r"\{\{(\d+)\}\}")
_FORBIDDEN_IN_PARAMETERS = re.compile(r"[\n\r\t]| {4}")

TITLES: Mapping[int, str] = {
    4: "Application request limit reached",
    100: "Invalid parameter",
    190: "Access token has expired",
    130429: "Rate limit hit",
    131000: "Something went wrong",
    131008: "Required parameter is missing",
    131009: "Parameter value is not valid",
    131016: "Service unavailable",
    131026: "Message undeliverable",
    131047: "Re-engagement message",
    131051: "Unsupported message type",
    131056: "(Business Account, Consumer Account) pair rate limit hit",
    132000: "Number of parameters does not match the expected number of params",
    132001: "Template name does not exist in the translation",
    132012: "Parameter format does not match format in the created template",
    132015: "Template is paused",
    132018: "There was an issue with the parameters in your template",
}
_STATUSES: Mapping[int, int] = {
    4: 429,
    190: 401,
    80007: 429,
    130429: 429,
    131000: 500,
    131016: 503,
    131056: 429,
    132001: 404,
}


class MetaError(Exception):
    """The request is refused with this code."""

    def __init__(self, code: int, details: str = "", *, retry_after_s: int | None = None) -> None:
        super().__init__(f"{code}: {details}")
        self.code = code
        self.details = details
        self.retry_after_s = retry_after_s

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code."""
        return _STATUSES.get(self.code, 400)

    @property
    def document(self) -> Json:
        """The body of the answer."""
        title = TITLES.get(self.code, "Unknown error")
        return {
            "error": {
                "message": f"(#{self.code}) {title}",
                "type": "OAuthException",
                "code": self.code,
                "error_data": {"messaging_product": "whatsapp", "details": self.details or title},
                "fbtrace_id": "SANDBOX",
            }
        }


@dataclass(frozen=True, slots=True)
class Order:
    """A message that may be sent, in the sandbox's own words."""

    recipient: str
    text: str
    kind: str
    buttons: tuple[ChatButton, ...] = ()
    template: str | None = None
    quote: str | None = None
    opaque: str | None = None


def read_order(body: Json, templates: Iterable[TemplateSpec]) -> Order:
    """Check a request as strictly as the API does; raise `MetaError`."""
    unexpected = sorted(set(body) - _KEYS)
    if unexpected:
        raise MetaError(100, f"Unexpected key {unexpected[0]!r}")
    if body.get("messaging_product") != "whatsapp":
        raise MetaError(100, "messaging_product must be whatsapp")
    if body.get("recipient_type", "individual") != "individual":
        raise MetaError(131009, "recipient_type must be individual")
    recipient = _recipient(body)
    opaque = body.get("biz_opaque_callback_data")
    if opaque is not None and not (isinstance(opaque, str) and len(opaque) <= 512):
        raise MetaError(131009, "biz_opaque_callback_data")
    kind = body.get("type", "text")
    text, buttons, template = _content(kind, body, templates)
    return Order(
        recipient=recipient,
        text=text,
        kind=str(kind),
        buttons=buttons,
        template=template,
        quote=_quote(body),
        opaque=opaque,
    )


def _recipient(body: Json) -> str:
    to, account = body.get("to"), body.get("recipient")
    if to is None and isinstance(account, str) and re.match(r"^[A-Z]{2}\.[\w.]+$", account):
        return account
    if to is None:
        raise MetaError(131008, "to")
    if not isinstance(to, str) or not re.match(r"^\+?[0-9]{5,15}$", to):
        raise MetaError(131009, "to is not a phone number")
    return "+" + to.lstrip("+")


def _quote(body: Json) -> str | None:
    if "context" not in body:
        return None
    quote = object_of(body["context"]).get("message_id")
    if not isinstance(quote, str) or not quote.startswith("wamid."):
        raise MetaError(131009, "context.message_id")
    return quote


def _content(
    kind: object, body: Json, templates: Iterable[TemplateSpec]
) -> tuple[str, tuple[ChatButton, ...], str | None]:
    inner = object_of(body.get(str(kind)))
    if kind == "text":
        return _length("text.body", inner.get("body"), 4096), (), None
    if kind == "interactive":
        return *_interactive(inner), None
    if kind == "template":
        return _template(inner, templates)
    raise MetaError(131051, "type")


def _length(name: str, value: object, maximum: int) -> str:
    if value is None or value == "":
        raise MetaError(131008, name)
    if not isinstance(value, str) or len(value) > maximum:
        raise MetaError(131009, f"{name} must be text of at most {maximum} characters")
    return value


def _interactive(inner: Json) -> tuple[str, tuple[ChatButton, ...]]:
    if inner.get("type") != "button":
        raise MetaError(131009, "interactive.type")
    text = _length("interactive.body.text", object_of(inner.get("body")).get("text"), 1024)
    buttons = tuple(
        ChatButton(
            _length("button title", object_of(item.get("reply")).get("title"), 20),
            _length("button id", object_of(item.get("reply")).get("id"), 256),
        )
        for item in objects(object_of(inner.get("action")).get("buttons"))
        if item.get("type") == "reply"
    )
    if not 1 <= len(buttons) <= 3:
        raise MetaError(131009, "interactive.action.buttons: one to three")
    if len({b.payload for b in buttons}) < len(buttons) or len({b.title for b in buttons}) < len(
        buttons
    ):
        raise MetaError(131009, "interactive.action.buttons: ids and titles must differ")
    return text, buttons


def _template(
    inner: Json, templates: Iterable[TemplateSpec]
) -> tuple[str, tuple[ChatButton, ...], str]:
    language = object_of(inner.get("language")).get("code")
    for spec in templates:
        if spec.name == inner.get("name") and spec.language == language:
            break
    else:
        raise MetaError(132001, "no such name and language")
    if spec.paused:
        raise MetaError(132015)
    components = objects(inner.get("components"))
    header = _filled(spec.header, _parameters(components, "header"))
    text = _filled(spec.body, _parameters(components, "body"))
    buttons = tuple(
        ChatButton(title, _payload(components, index, title))
        for index, title in enumerate(spec.buttons)
    )
    extra = [c for c in components if c.get("type") == "button"]
    if len(extra) > len(spec.buttons):
        raise MetaError(132000, "more button parameters than buttons")
    return "\n".join(filter(None, (header, text))), buttons, spec.name


def _parameters(components: list[Json], kind: str) -> list[str]:
    values: list[str] = []
    for component in components:
        if component.get("type") == kind:
            for item in objects(component.get("parameters")):
                if item.get("type") != "text":
                    raise MetaError(132012, kind)
                values.append(_parameter(kind, item.get("text")))
    return values


def _parameter(kind: str, value: object) -> str:
    text = _length(f"{kind} parameter", value, 1024)
    if _FORBIDDEN_IN_PARAMETERS.search(text):
        raise MetaError(132018, "parameters must not have new-lines, tabs or four spaces in a row")
    return text


def _filled(pattern: str, values: list[str]) -> str:
    expected = len(set(_VARIABLE.findall(pattern)))
    if expected != len(values):
        raise MetaError(132000, f"expected {expected}, got {len(values)}")
    return _VARIABLE.sub(lambda found: values[int(found[1]) - 1], pattern)


def _payload(components: list[Json], index: int, title: str) -> str:
    """Return a quick reply's payload; without one, the tap will bring the button's own text."""
    for component in components:
        if component.get("type") == "button" and str(component.get("index")) == str(index):
            parameters = objects(component.get("parameters"))
            if component.get("sub_type") != "quick_reply" or len(parameters) != 1:
                raise MetaError(132012, f"button {index}")
            if parameters[0].get("type") != "payload":
                raise MetaError(132012, f"button {index}")
            return _length("button payload", parameters[0].get("payload"), 128)
    return title
