"""What Twilio's side says to a request to call: the sandbox's reading of the REST API's rules.

Written from the API's reference alone and apart from the adapter, and stricter than Twilio: a
parameter that it does not know is refused, where Twilio would ignore it.
https://www.twilio.com/docs/voice/api/call-resource
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from adapters.json_values import Json

EVENTS = ("initiated", "ringing", "answered", "completed")

ERRORS: Mapping[int, tuple[int, str]] = {
    10001: (400, "Account is not active"),
    20003: (401, "Authenticate"),
    20404: (404, "The requested resource was not found"),
    20422: (400, "Invalid parameter"),
    20429: (429, "Too many requests"),
    20500: (500, "Internal Server Error"),
    20503: (503, "Service unavailable"),
    21201: (400, "No 'To' number is specified"),
    21205: (400, "Url is not a valid URL"),
    21210: (400, "'From' phone number not verified"),
    21211: (400, "Invalid 'To' Phone Number"),
    21213: (400, "'From' phone number is required"),
    21215: (400, "Geo permission is not permitting call"),
    21403: (400, "Invalid Method"),
    21608: (400, "The 'to' phone number provided is not yet verified for this account"),
}

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}").fullmatch
_URL = re.compile(r"https?://[^\s/_]+/\S*").fullmatch
_WHOLE = re.compile(r"[0-9]{1,5}").fullmatch

_KNOWN = frozenset(
    {
        "To",
        "From",
        "Url",
        "Method",
        "StatusCallback",
        "StatusCallbackMethod",
        "StatusCallbackEvent",
        "Timeout",
        "TimeLimit",
        "MachineDetection",
        "MachineDetectionTimeout",
    }
)


class TwilioError(Exception):
    """What the API answers in place of a result."""

    def __init__(self, code: int, detail: str = "") -> None:
        status, message = ERRORS[code]
        super().__init__(f"{code}: {message}")
        self.status = status
        self.document: Json = {
            "code": code,
            "message": f"{message}: {detail}" if detail else message,
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": status,
        }


@dataclass(frozen=True, slots=True)
class Order:
    """A request to call, read and checked."""

    to: str
    caller: str
    url: str = field(repr=False)
    callback: str = field(default="", repr=False)
    events: tuple[str, ...] = ("completed",)
    ring_s: int = 60
    limit_s: int = 14_400
    detects_machines: bool = False


def read_order(pairs: Iterable[tuple[str, str]], numbers: frozenset[str]) -> Order:
    """Read the form of a request to call; raise `TwilioError`. `numbers`: the account's own."""
    events: list[str] = []
    given: dict[str, str] = {}
    for name, value in pairs:
        if name not in _KNOWN:
            raise TwilioError(20422, f"{name} is not known")
        if name == "StatusCallbackEvent":
            events.append(value)
        elif name in given:
            raise TwilioError(20422, f"{name} stands twice")
        else:
            given[name] = value
    _check_numbers(given, numbers)
    _check_addresses(given)
    if any(event not in EVENTS for event in events):
        raise TwilioError(20422, "StatusCallbackEvent")
    if given.get("MachineDetection", "Enable") != "Enable":
        raise TwilioError(20422, "MachineDetection")
    _whole(given, "MachineDetectionTimeout", 30, 3, 59)
    return Order(
        given["To"],
        given["From"],
        given["Url"],
        given.get("StatusCallback", ""),
        tuple(events) or ("completed",),
        _whole(given, "Timeout", 60, 1, 600),
        _whole(given, "TimeLimit", 14_400, 1, 86_400),
        "MachineDetection" in given,
    )


def _check_numbers(given: Mapping[str, str], numbers: frozenset[str]) -> None:
    if not given.get("To"):
        raise TwilioError(21201)
    if not given.get("From"):
        raise TwilioError(21213)
    if not _NUMBER(given["To"]):
        raise TwilioError(21211)
    if given["From"] not in numbers:
        raise TwilioError(21210)


def _check_addresses(given: Mapping[str, str]) -> None:
    if not _URL(given.get("Url", "")):
        raise TwilioError(21205)
    if "StatusCallback" in given and not _URL(given["StatusCallback"]):
        raise TwilioError(21205, "StatusCallback")
    if {given.get("Method", "POST"), given.get("StatusCallbackMethod", "POST")} != {"POST"}:
        raise TwilioError(21403)


def _whole(given: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = given.get(name, str(default))
    if not _WHOLE(text) or not least <= int(text) <= most:
        raise TwilioError(20422, name)
    return int(text)
