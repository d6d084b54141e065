"""SMPP: every submission, every response, every receipt; settings; and a peer that is not ours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.messaging.smpp_pdu import UDH, Address, Command, Pdu, Sm, Tag, message_id_body
from adapters.messaging.smpp_text import ReceiptText, read_part
from adapters.messaging.sms_smpp import (
    CAPABILITIES,
    Config,
    SmsSmpp,
    build,
    check,
    read,
    receipt_of,
)
from gateway.core.events import Failure, Receipt
from gateway.core.model import Channel
from gateway.errors import InvalidInput
from gateway.ports.messaging import (
    Scope,
    SendError,
)
from tests.adapters.messaging.smpp_support import NUMBER, config, line, until
from tests.adapters.support import CONTENT, PATIENT, START, ManualClock, outgoing

CONNECTION = {"host": "smsc.example", "system_id": "clinic", "password": "secret-pass"}
SENDER = {"number": NUMBER, "clinic": "c1"}


def settings(**more: Any) -> Config:
    values: dict[str, Any] = {"connections": [CONNECTION], "senders": [SENDER]}
    return Config.model_validate({**values, **more})


def built(text: str, number: str = NUMBER, **more: Any) -> list[Sm]:
    found = settings(connections=[{**CONNECTION, **more}], senders=[{**SENDER, "number": number}])
    message = outgoing(channel=Channel.SMS, content=replace(CONTENT, text=text))
    return build(found.connections[0], found.senders[0], message, 7)


# Build


def test_a_short_message_is_one_submission() -> None:
    [sm] = built("Hello")
    assert (sm.source, sm.destination) == (
        Address("15550100001", 1, 1),
        Address("15550100123", 1, 1),
    )
    assert (sm.text, sm.data_coding, sm.esm_class, sm.registered_delivery) == (b"Hello", 0, 0, 1)
    assert sm.validity == "000000040000000R"


def test_a_name_is_alphanumeric() -> None:
    [sm] = built("Hello", "Clinic")
    assert sm.source == Address("Clinic", 5, 0)


def test_a_long_message_goes_in_parts_with_one_receipt() -> None:
    text = "Здравствуйте! " * 12
    parts = built(text)
    assert [sm.registered_delivery for sm in parts] == [0] * (len(parts) - 1) + [1]
    assert {sm.esm_class for sm in parts} == {UDH}
    read = [read_part(sm) for sm in parts]
    assert [(p.reference, p.total, p.number) for p in read] == [
        (7, len(parts), n) for n in range(1, len(parts) + 1)
    ]
    assert "".join(part.text for part in read) == text


def test_a_long_message_may_go_whole() -> None:
    text = "я" * 100
    [sm] = built(text, long_messages="payload")
    assert (sm.text, sm.esm_class, sm.registered_delivery) == (b"", 0, 1)
    assert sm.tlvs[Tag.MESSAGE_PAYLOAD].decode("utf-16-be") == text


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"content": replace(CONTENT, text="x" * 1001)}, "text_length"),
        ({"content": replace(CONTENT, text=" ")}, "text_length"),
        ({"to": "Anna"}, "no_recipient"),
    ],
)
def test_what_cannot_be_said_whole_is_refused(changes: dict[str, Any], code: str) -> None:
    found = settings()
    message = outgoing(channel=Channel.SMS, **changes)
    with pytest.raises(SendError) as caught:
        build(found.connections[0], found.senders[0], message, 1)
    assert (caught.value.failure, caught.value.code) == (Failure.REJECTED, code)


def test_the_longest_text_fits_into_numbered_parts() -> None:
    assert len(built("я" * CAPABILITIES.text_max)) <= 255


# Read


def answered(status: int, body: bytes = b"") -> str:
    return read(settings().connections[0], Pdu(Command.SUBMIT_SM_RESP, status, 1, body))


def test_an_accepted_message_has_its_id() -> None:
    assert answered(0, message_id_body("1a2b")) == "1a2b"


def test_an_id_in_hexadecimal_becomes_decimal_where_receipts_have_that() -> None:
    found = settings(connections=[{**CONNECTION, "receipt_ids": "decimal_of_hex"}])
    for given, expected in (("1A2b", "6699"), ("none", "none")):
        answer = Pdu(Command.SUBMIT_SM_RESP, 0, 1, message_id_body(given))
        assert read(found.connections[0], answer) == expected


@pytest.mark.rule("H-1", "H-2")
@pytest.mark.parametrize(
    ("status", "failure", "pause", "alert"),
    [
        (0x0B, Failure.IMPOSSIBLE, None, False),
        (0x58, Failure.TEMPORARY, 5, False),
        (0x14, Failure.TEMPORARY, 5, False),
        (0x08, Failure.TEMPORARY, None, False),
        (0x64, Failure.TEMPORARY, None, False),
        (0x0A, Failure.REJECTED, None, True),
        (0x65, Failure.REJECTED, None, True),
        (0x400, Failure.REJECTED, None, True),
    ],
)
def test_a_status_means(status: int, failure: Failure, pause: int | None, alert: bool) -> None:
    with pytest.raises(SendError) as caught:
        answered(status)
    found = caught.value
    assert (found.failure, found.retry_after_s, found.alert) == (failure, pause, alert)
    assert found.code == f"0x{status:02x}"
    assert (found.scope is Scope.SENDER) == (pause is not None)


def test_a_response_that_cannot_be_read_leaves_the_outcome_unknown() -> None:
    with pytest.raises(SendError) as caught:
        answered(0, b"without its end")
    assert caught.value.failure is None


# Receipts

DELIVERED = Sm(Address("15550100123", 1, 1), Address("15550100001", 1, 1), b"", esm_class=4)


@pytest.mark.parametrize(
    ("state", "receipt", "code", "alert"),
    [
        ("ENROUTE", Receipt.SENT, "", False),
        ("ACCEPTD", Receipt.SENT, "", False),
        ("DELIVRD", Receipt.DELIVERED, "", False),
        ("EXPIRED", Receipt.FAILED, "EXPIRED 011", False),
        ("UNDELIV", Receipt.FAILED, "UNDELIV 011", False),
        ("DELETED", Receipt.FAILED, "DELETED 011", False),
        ("REJECTD", Receipt.FAILED, "REJECTD 011", True),
    ],
)
def test_a_receipt_says(state: str, receipt: Receipt, code: str, alert: bool) -> None:
    told = ReceiptText("0012", state, "011")
    found = receipt_of(settings().connections[0], DELIVERED, told, START)
    assert found is not None
    assert (found.receipt, found.code, found.alert) == (receipt, code, alert)
    assert (found.provider_id, found.sender, found.number) == ("smpp:0012", NUMBER, PATIENT)


@pytest.mark.parametrize("state", ["UNKNOWN", "SOMETHING", ""])
def test_a_state_that_is_not_known_says_nothing(state: str) -> None:
    told = ReceiptText("12", state, "")
    assert receipt_of(settings().connections[0], DELIVERED, told, START) is None


# Settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"connections": []},
        {"senders": []},
        {"connections": [{**CONNECTION, "port": 0}]},
        {"connections": [{**CONNECTION, "system_id": "longer-than-fifteen"}]},
        {"connections": [{**CONNECTION, "window": 0}]},
        {"connections": [{**CONNECTION, "long_messages": "sar"}]},
        {"senders": [{**SENDER, "number": "8 900 1"}]},
        {"unknown": 1},
    ],
)
def test_a_wrong_configuration_is_refused_without_its_secrets(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**wrong)
    assert "secret-pass" not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"connections": [CONNECTION, CONNECTION]}, "connections.1.name"),
        ({"senders": [{**SENDER, "connection": "x"}]}, "senders.0.connection"),
    ],
)
def test_parts_that_do_not_fit_are_named(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check(settings(**wrong))
    assert [problem.field for problem in caught.value.problems] == [field]


async def test_without_a_connection_messages_wait() -> None:
    channel = SmsSmpp(settings(), ManualClock())
    assert channel.senders == {NUMBER: "c1"}
    assert channel.serves("c1", "b1")
    with pytest.raises(SendError) as caught:
        await channel.send(outgoing(channel=Channel.SMS, content=replace(CONTENT, text="1")))
    assert (caught.value.failure, caught.value.code) == (Failure.TEMPORARY, "not_connected")
    with pytest.raises(SendError, match="no_sender"):
        await channel.send(outgoing(channel=Channel.SMS, clinic="c2"))
    await channel.close()


async def test_an_smsc_that_is_not_there_is_tried_again() -> None:
    clock = ManualClock()
    async with line(config(1), clock) as found:
        await until(lambda: (clock.now() - START).total_seconds() > 200)
        assert (await _error(found.channel)).code == "not_connected"


async def _error(channel: SmsSmpp) -> SendError:
    with pytest.raises(SendError) as caught:
        await channel.send(outgoing(channel=Channel.SMS, content=replace(CONTENT, text="1")))
    return caught.value
