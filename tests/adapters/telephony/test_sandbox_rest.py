"""The sandbox takes a request to call only as the API's reference describes it."""

from __future__ import annotations

import pytest

from adapters.telephony.sandbox_rest import ERRORS, Order, TwilioError, read_order

OWN = frozenset({"+15550100000"})
FORM = {"To": "+15550100123", "From": "+15550100000", "Url": "https://c.example/voice"}


def read(*more: tuple[str, str], without: str = "", **changed: str) -> Order:
    form = {name: value for name, value in {**FORM, **changed}.items() if name != without}
    return read_order([*form.items(), *more], OWN)


def test_what_is_left_out_is_twilios_default() -> None:
    assert read() == Order("+15550100123", "+15550100000", "https://c.example/voice")
    events = [("StatusCallbackEvent", "answered"), ("StatusCallbackEvent", "completed")]
    taken = read(*events, Timeout="20", TimeLimit="300", MachineDetection="Enable")
    assert taken.events == ("answered", "completed")
    assert (taken.ring_s, taken.limit_s, taken.detects_machines) == (20, 300, True)


@pytest.mark.parametrize(
    ("without", "changed", "code"),
    [
        ("To", {}, 21201),
        ("From", {}, 21213),
        ("Url", {}, 21205),
        ("", {"To": ""}, 21201),
        ("", {"To": "8 900"}, 21211),
        ("", {"From": "+15550100001"}, 21210),
        ("", {"Url": "/voice"}, 21205),
        ("", {"Url": "https://bad_host/voice"}, 21205),
        ("", {"StatusCallback": "c.example"}, 21205),
        ("", {"Method": "GET"}, 21403),
        ("", {"StatusCallbackMethod": "PUT"}, 21403),
        ("", {"Timeout": "601"}, 20422),
        ("", {"Timeout": "x"}, 20422),
        ("", {"MachineDetection": "enable"}, 20422),
        ("", {"MachineDetectionTimeout": "2"}, 20422),
        ("", {"StatusCallbackEvent": "ended"}, 20422),
        ("", {"Twiml": "<Response/>"}, 20422),
    ],
)
def test_every_mistake_has_its_code(without: str, changed: dict[str, str], code: int) -> None:
    with pytest.raises(TwilioError) as caught:
        read(without=without, **changed)
    assert caught.value.document["code"] == code
    assert caught.value.document["status"] == ERRORS[code][0]


def test_a_parameter_that_stands_twice_is_refused() -> None:
    with pytest.raises(TwilioError):
        read(("To", "+15550100124"))
