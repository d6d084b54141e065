from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from gateway.core.clinic import Branch, Prices
from gateway.core.model import Channel, Function
from gateway.core.samples import SampleMessage, function_of, sample_messages
from gateway.core.segments import sms_segments
from gateway.core.wording import ABOUTS, FIRST_WORD
from gateway.scripts import load_texts

RU = load_texts().by_language["ru"]
DAY = date(2026, 11, 23)
OWN = Branch(
    clinic="zdorovie",
    id="lenina",
    name="Клиника «Здоровье» на Ленина",
    timezone="Asia/Yekaterinburg",
    name_in_messages="Здоровье",
    phone="+73433000000",
    link_base="https://zdorovie.example/v/",
    link_secret=b"secret",
    sms_price="segment",
    tariff=(Prices(), Prices(since=date(2026, 11, 20), sms=Decimal("2.50"), push=Decimal(1))),
)


def sample(about: str, channel: Channel, own: Branch | None = None) -> SampleMessage:
    (found,) = (
        one for one in sample_messages(RU, own, DAY) if (one.about, one.channel) == (about, channel)
    )
    return found


@pytest.mark.rule("W-2")
def test_there_is_a_sample_of_every_message() -> None:
    assert {one.about for one in sample_messages(RU, None, DAY)} == set(ABOUTS)


@pytest.mark.rule("H-6")
def test_an_sms_comes_with_its_parts_and_its_price() -> None:
    one = sample("confirmation", Channel.SMS)
    assert one.segments == sms_segments(one.content.text)
    assert one.segments is not None
    assert one.segments.count == 2
    assert one.price == Decimal(5)
    assert sample("confirmation", Channel.WHATSAPP).segments is None


@pytest.mark.rule("H-6", "Z-14")
def test_a_branchs_own_tariff_and_way_of_charging_hold() -> None:
    one = sample("confirmation", Channel.SMS, OWN)
    assert one.price == Decimal("5.00")  # two parts
    assert sample("confirmation", Channel.PUSH, OWN).price == Decimal(1)
    earlier = replace(OWN, tariff=(Prices(since=date(2026, 11, 24), push=Decimal(9)),))
    assert sample("confirmation", Channel.PUSH, earlier).price == Decimal(0)


@pytest.mark.rule("W-1", "W-2")
def test_a_branchs_own_name_zone_and_links_are_shown() -> None:
    text = sample("confirmation", Channel.WHATSAPP, OWN).content.text
    assert "Где: Здоровье\n" in text
    assert "на Ленина" not in text
    assert "в 14:30" in text
    assert "https://zdorovie.example/v/" in text


@pytest.mark.rule("T-1", "Z-14")
def test_a_push_after_a_call_has_a_price_of_its_own() -> None:
    one = sample("confirmation", Channel.PUSH)
    assert (one.price, one.price_after_call) == (Decimal(0), Decimal(3))
    link = sample("reschedule_link", Channel.PUSH)
    assert (link.price, link.price_after_call) == (None, Decimal(3))
    assert sample("reminder", Channel.PUSH).price_after_call is None
    assert sample("confirmation", Channel.SMS).price_after_call is None


@pytest.mark.rule("T-3")
def test_answers_to_a_patient_are_free_and_need_no_template() -> None:
    for one in sample_messages(RU, OWN, DAY):
        if one.about not in FIRST_WORD:
            assert (one.price, one.price_after_call, one.parameters) == (Decimal(0), None, ())
    assert sample("reminder", Channel.WHATSAPP).parameters[1] == "Здоровье"
    assert sample("reminder", Channel.SMS).parameters == ()


def test_every_message_belongs_to_a_function_or_to_the_number() -> None:
    assert function_of("details") is Function.DETAILS
    assert function_of("reminder") is Function.REMINDER
    assert function_of("reschedule_link") is Function.CONFIRMATION
    assert function_of("clarification.which_visit") is Function.CONFIRMATION
    assert function_of("call.visit") is Function.CONFIRMATION
    assert function_of("acknowledgement.opt_out") is None
    assert function_of("clinic_phone") is None
