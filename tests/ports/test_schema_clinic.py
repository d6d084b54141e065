from __future__ import annotations

import copy
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.clinic import (
    NEVER_CONNECTED,
    Branch,
    Budget,
    Clinic,
    ConfirmationSettings,
    DetailsSettings,
    Hours,
    Prices,
    ReminderSettings,
)
from gateway.core.model import Channel
from gateway.errors import InvalidInput
from gateway.ports.schema import (
    clinic_json_schema,
    normalise_clinic,
    read_clinic,
    warnings_of,
    write_clinic,
)

LINKS = "https://clinic.example/v/"
SECRET = b"secret"
LEAST: dict[str, Any] = {
    "id": "zdorovie",
    "branches": [{"id": "lenina", "name": "Клиника", "timezone": "Asia/Yekaterinburg"}],
}
PAGE: dict[str, Any] = {  # the clinic of the rehearsal's page
    "id": "zdorovie",
    "name": "Здоровье",
    "country": "RU",
    "language": "ru",
    "display_zone": "Europe/Moscow",
    "branches": [
        {
            "id": "lenina",
            "name": "Клиника «Здоровье» на Ленина",
            "name_in_messages": "Здоровье",
            "timezone": "Asia/Yekaterinburg",
            "phone": "+73433000000",
            "country": "RU",
            "language": "ru",
            "per_minute": 60,
            "lines": 4,
            "sms_price": "message",
            "spoken": {},
            "functions": {
                "details": {"enabled": True, "hours": ["06:00", "21:00"]},
                "confirmation": {
                    "enabled": True,
                    "method": "call",
                    "start": "10:00",
                    "hours": ["09:00", "20:00"],
                    "call_attempts": 1,
                    "attempt_gap": "15m",
                    "call_gap": "2m",
                },
                "reminder": {"enabled": True, "hours": ["06:00", "21:00"], "lead": "2h"},
            },
            "channels": ["push", "whatsapp", "sms"],
            "undelivered_after": None,
            "tariff": [
                {
                    "call": "0",
                    "push": "0",
                    "push_after_call": "3",
                    "whatsapp": "2",
                    "max": "2",
                    "telegram": "2",
                    "sms": "5",
                }
            ],
            "budget": None,
        }
    ],
}


def read(data: object) -> Clinic:
    return read_clinic(data, {}, LINKS, SECRET)


def with_branch(**fields: Any) -> dict[str, Any]:
    return {"id": "zdorovie", "branches": [LEAST["branches"][0] | fields]}


def confirmation(**fields: Any) -> dict[str, Any]:
    return with_branch(functions={"confirmation": fields})


def bad_fields(data: object) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        read(data)
    return [problem.field for problem in caught.value.problems]


@pytest.mark.rule("G-2", "T-1", "Z-6", "Z-14", "Z-15")
def test_what_may_be_left_out_has_the_default_of_the_rules() -> None:
    assert read(LEAST) == Clinic(
        id="zdorovie",
        name="zdorovie",
        branches=(
            Branch(
                clinic="zdorovie",
                id="lenina",
                name="Клиника",
                timezone="Asia/Yekaterinburg",
                name_in_messages="Клиника",
                link_base=LINKS,
                link_secret=SECRET,
            ),
        ),
    )


def test_defaults_written_out_mean_the_same() -> None:
    filled = read(PAGE)
    assert write_clinic(filled) == PAGE
    assert read(write_clinic(read(LEAST))) == read(LEAST)


def test_country_and_language_come_from_the_clinic_unless_the_branch_has_its_own() -> None:
    branches = [
        {"id": "a", "name": "А", "timezone": "Asia/Almaty"},
        {"id": "b", "name": "Б", "timezone": "Asia/Almaty", "country": "RU", "language": "ru"},
    ]
    data = {"id": "z", "country": "KZ", "language": "en", "branches": branches}
    clinic = read(data)
    assert [(one.country, one.language) for one in clinic.branches] == [("KZ", "en"), ("RU", "ru")]


@pytest.mark.rule("Z-1")
def test_each_branch_has_the_moment_it_was_connected() -> None:
    moment = datetime(2026, 11, 1, tzinfo=UTC)
    data = {
        "id": "z",
        "branches": [
            {"id": "a", "name": "А", "timezone": "UTC"},
            {"id": "b", "name": "Б", "timezone": "UTC"},
        ],
    }
    first, second = read_clinic(data, {"a": moment}, LINKS, SECRET).branches
    assert (first.connected_at, second.connected_at) == (moment, NEVER_CONNECTED)


def test_a_branch_has_a_budget_only_when_it_is_given_one() -> None:
    assert read(with_branch()).branches[0].budget is None
    assert read(with_branch(budget=None)).branches[0].budget is None
    given_one = read(with_branch(budget={"month": "50000"})).branches[0].budget
    assert given_one == Budget(Decimal(50_000), Decimal("0.8"))


@pytest.mark.rule("T-1")
def test_a_tariff_is_one_object_or_a_list_with_dates() -> None:
    one = read(with_branch(tariff={"sms": "4.50"})).branches[0].tariff
    assert one == (Prices(sms=Decimal("4.50")),)
    dated = [{"sms": "4"}, {"from": "2026-12-01", "push": "1"}, {"from": "2027-01-01"}]
    assert read(with_branch(tariff=dated)).branches[0].tariff == (
        Prices(sms=Decimal(4)),
        Prices(since=date(2026, 12, 1), push=Decimal(1)),
        Prices(since=date(2027, 1, 1)),
    )


BAD: list[tuple[Any, str]] = [
    ({}, "id"),
    ({"id": "z"}, "branches"),
    ({"id": "z", "branches": []}, "branches"),
    ({"id": "z", "branches": {}}, "branches"),
    ({"id": "z", "branches": [None]}, "branches[0]"),
    (LEAST | {"id": "a:b"}, "id"),
    (LEAST | {"id": 3}, "id"),
    (LEAST | {"name": ""}, "name"),
    (LEAST | {"name": " "}, "name"),
    (LEAST | {"country": "ru"}, "country"),
    (LEAST | {"country": "XX"}, "country"),
    (LEAST | {"country": "001"}, "country"),
    (LEAST | {"language": "de"}, "language"),
    (LEAST | {"display_zone": "Moscow"}, "display_zone"),
    (LEAST | {"colour": "red"}, "colour"),
    (LEAST | {"branches": LEAST["branches"] * 2}, "branches[1].id"),
    ({"id": "z", "branches": [{"name": "А", "timezone": "UTC"}]}, "branches[0].id"),
    ({"id": "z", "branches": [{"id": "a", "timezone": "UTC"}]}, "branches[0].name"),
    ({"id": "z", "branches": [{"id": "a", "name": "А"}]}, "branches[0].timezone"),
    (with_branch(timezone="Europe"), "branches[0].timezone"),
    (with_branch(timezone="Mars/Olympus"), "branches[0].timezone"),
    (with_branch(timezone="../etc/passwd"), "branches[0].timezone"),
    (with_branch(timezone="/etc/localtime"), "branches[0].timezone"),
    (with_branch(timezone="localtime"), "branches[0].timezone"),
    (with_branch(timezone="+03:00"), "branches[0].timezone"),
    (with_branch(name_in_messages=""), "branches[0].name_in_messages"),
    (with_branch(phone=73433000000), "branches[0].phone"),
    (with_branch(phone=None), "branches[0].phone"),
    (with_branch(per_minute=0), "branches[0].per_minute"),
    (with_branch(per_minute=100_001), "branches[0].per_minute"),
    (with_branch(per_minute=1.5), "branches[0].per_minute"),
    (with_branch(per_minute="60"), "branches[0].per_minute"),
    (with_branch(per_minute=True), "branches[0].per_minute"),
    (with_branch(lines=0), "branches[0].lines"),
    (with_branch(sms_price="letter"), "branches[0].sms_price"),
    (with_branch(budget={"month": 50000}), "branches[0].budget.month"),
    (with_branch(budget={"warn_at": "0.5"}), "branches[0].budget.month"),
    (with_branch(budget={"month": "1", "warn_at": "0"}), "branches[0].budget.warn_at"),
    (with_branch(budget={"month": "1", "warn_at": "1.01"}), "branches[0].budget.warn_at"),
    (with_branch(budget="50000"), "branches[0].budget"),
    (with_branch(undelivered_after="0s"), "branches[0].undelivered_after"),
    (with_branch(undelivered_after="30"), "branches[0].undelivered_after"),
    (with_branch(channels=[]), "branches[0].channels"),
    (with_branch(channels="sms"), "branches[0].channels"),
    (with_branch(channels=["call"]), "branches[0].channels[0]"),
    (with_branch(channels=["sms", "viber"]), "branches[0].channels[1]"),
    (with_branch(channels=["sms", "sms"]), "branches[0].channels"),
    (with_branch(functions=None), "branches[0].functions"),
    (with_branch(functions={"calls": {}}), "branches[0].functions.calls"),
    (with_branch(functions={"details": {"lead": "2h"}}), "branches[0].functions.details.lead"),
    (with_branch(functions={"reminder": {"lead": 2}}), "branches[0].functions.reminder.lead"),
    (with_branch(functions={"reminder": {"lead": "30s"}}), "branches[0].functions.reminder.lead"),
    (with_branch(functions={"reminder": {"lead": "49h"}}), "branches[0].functions.reminder.lead"),
    (confirmation(enabled="yes"), "branches[0].functions.confirmation.enabled"),
    (confirmation(method="sms"), "branches[0].functions.confirmation.method"),
    (confirmation(start="9:00"), "branches[0].functions.confirmation.start"),
    (confirmation(start="24:00"), "branches[0].functions.confirmation.start"),
    (confirmation(start=600), "branches[0].functions.confirmation.start"),
    (confirmation(hours=["09:00"]), "branches[0].functions.confirmation.hours"),
    (confirmation(hours=["09:00"] * 3), "branches[0].functions.confirmation.hours"),
    (confirmation(hours="09:00-20:00"), "branches[0].functions.confirmation.hours"),
    (confirmation(hours=["20:00", "09:00"]), "branches[0].functions.confirmation.hours"),
    (confirmation(hours=["09:00", "09:00"]), "branches[0].functions.confirmation.hours"),
    (confirmation(hours=["09:00", "24:00"]), "branches[0].functions.confirmation.hours[1]"),
    (confirmation(hours=None), "branches[0].functions.confirmation.hours"),
    (confirmation(call_attempts=0), "branches[0].functions.confirmation.call_attempts"),
    (confirmation(call_attempts=11), "branches[0].functions.confirmation.call_attempts"),
    (confirmation(attempt_gap="25h"), "branches[0].functions.confirmation.attempt_gap"),
    (confirmation(call_gap="2"), "branches[0].functions.confirmation.call_gap"),
    (with_branch(tariff=None), "branches[0].tariff"),
    (with_branch(tariff=[]), "branches[0].tariff"),
    (with_branch(tariff={"sms": 5}), "branches[0].tariff.sms"),
    (with_branch(tariff={"sms": 0.1}), "branches[0].tariff.sms"),
    (with_branch(tariff={"sms": "-1"}), "branches[0].tariff.sms"),
    (with_branch(tariff={"sms": "1e3"}), "branches[0].tariff.sms"),
    (with_branch(tariff={"sms": "1,5"}), "branches[0].tariff.sms"),
    (with_branch(tariff={"sms": "NaN"}), "branches[0].tariff.sms"),
    (with_branch(tariff={"sms": "123456789"}), "branches[0].tariff.sms"),
    (with_branch(tariff={"sms": "0.00001"}), "branches[0].tariff.sms"),
    (with_branch(tariff={"viber": "1"}), "branches[0].tariff.viber"),
    (with_branch(tariff={"from": "tomorrow"}), "branches[0].tariff.from"),
    (with_branch(tariff={"from": "2026-13-01"}), "branches[0].tariff.from"),
    (with_branch(tariff={"from": "1900-01-01"}), "branches[0].tariff.from"),
    (with_branch(tariff={"from": 20261201}), "branches[0].tariff.from"),
    (with_branch(tariff=[{}, {}]), "branches[0].tariff[1].from"),
    (with_branch(tariff=[{}, {"sms": 5}]), "branches[0].tariff[1].sms"),
    (
        with_branch(tariff=[{"from": "2026-12-01"}, {"from": "2026-12-01"}]),
        "branches[0].tariff[1].from",
    ),
    (
        with_branch(tariff=[{}, {"from": "2026-12-01"}, {"from": "2026-11-01"}]),
        "branches[0].tariff[2].from",
    ),
]


@pytest.mark.rule("V-1")
@pytest.mark.parametrize(("data", "field"), BAD)
def test_a_bad_field_is_named(data: Any, field: str) -> None:
    assert field in bad_fields(data)
    if data:
        assert len(bad_fields(data)) == 1


def test_messages_say_what_is_allowed_and_what_was_got() -> None:
    with pytest.raises(InvalidInput) as caught:
        read(confirmation(method="sms", call_attempts=0, start="24:00", attempt_gap="2d"))
    assert {problem.message for problem in caught.value.problems} == {
        'must be one of call, message; got "sms"',
        "must be at least 1",
        'must be a time of day from "00:00" to "23:59"; got "24:00"',
        'must be a whole number with s, m or h, like "15m"; got "2d"',
    }


@pytest.mark.rule("G-8")
def test_amounts_keep_every_digit() -> None:
    prices = read(with_branch(tariff={"sms": "99999999.9999", "push": "0.10"})).branches[0].tariff
    assert (prices[0].sms, prices[0].push) == (Decimal("99999999.9999"), Decimal("0.10"))


def test_the_stored_document_is_what_the_clinic_wrote() -> None:
    document = with_branch(tariff={"sms": "4"}, functions={"reminder": {"lead": "3h"}})
    stored = normalise_clinic(document)
    assert stored == document
    stored["branches"][0]["functions"]["reminder"]["lead"] = "1h"
    assert document["branches"][0]["functions"]["reminder"]["lead"] == "3h"


def test_a_bad_document_is_not_stored() -> None:
    with pytest.raises(InvalidInput):
        normalise_clinic(with_branch(lines=0))


def test_the_json_schema_can_be_shown() -> None:
    schema = clinic_json_schema()
    assert schema["required"] == ["id", "branches"]
    assert schema["$defs"]["ConfirmationModel"]["properties"]["start"]["default"] == "10:00"


@pytest.mark.rule("Z-6")
def test_a_start_before_opening_is_allowed_with_a_warning() -> None:
    warnings = warnings_of(read(confirmation(start="08:00", hours=["09:00", "20:00"])))
    assert warnings[0].field == "branches[0].functions.confirmation.start"
    assert warnings[0].message == "is before opening, so it means 09:00"


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (confirmation(start="20:00"), "branches[0].functions.confirmation.start"),
        (
            confirmation(call_attempts=3, attempt_gap="5h"),
            "branches[0].functions.confirmation.attempt_gap",
        ),
        (
            with_branch(functions={"reminder": {"lead": "24h"}}),
            "branches[0].functions.reminder.lead",
        ),
        (LEAST, "branches[0].phone"),
    ],
)
def test_what_is_probably_not_meant_is_warned_of(document: Any, field: str) -> None:
    assert field in [problem.field for problem in warnings_of(read(document))]


def test_the_settings_of_the_page_need_no_warning() -> None:
    assert warnings_of(read(PAGE)) == []


minutes = st.integers(0, 24 * 60 - 1)


def hours() -> st.SearchStrategy[Hours]:
    pairs = st.tuples(minutes, minutes).filter(lambda pair: pair[0] < pair[1])
    return pairs.map(lambda pair: Hours(*(time(one // 60, one % 60) for one in pair)))


amounts = st.decimals(0, 99_999_999, places=2)
gaps = st.integers(0, 86_400).map(lambda seconds: timedelta(seconds=seconds))
prices = st.builds(
    Prices,
    since=st.none(),
    call=amounts,
    push=amounts,
    push_after_call=amounts,
    whatsapp=amounts,
    max=amounts,
    telegram=amounts,
    sms=amounts,
)
messages = st.sampled_from([channel for channel in Channel if channel is not Channel.CALL])
branches = st.builds(
    Branch,
    clinic=st.just("z"),
    id=st.just("a"),
    name=st.just("Клиника"),
    timezone=st.sampled_from(["UTC", "Europe/Moscow", "America/Argentina/Buenos_Aires"]),
    name_in_messages=st.just("Мы"),
    country=st.sampled_from(["RU", "KZ", "US"]),
    language=st.sampled_from(["ru", "en"]),
    per_minute=st.integers(1, 100_000),
    lines=st.integers(1, 10_000),
    sms_price=st.sampled_from(["message", "segment"]),
    budget=st.none()
    | st.builds(Budget, amounts, st.sampled_from([Decimal("0.0001"), Decimal("0.8"), Decimal(1)])),
    details=st.builds(DetailsSettings, st.booleans(), hours()),
    confirmation=st.builds(
        ConfirmationSettings,
        enabled=st.booleans(),
        method=st.sampled_from(["call", "message"]),
        start=minutes.map(lambda one: time(one // 60, one % 60)),
        hours=hours(),
        call_attempts=st.integers(1, 10),
        attempt_gap=gaps,
        call_gap=gaps,
    ),
    reminder=st.builds(
        ReminderSettings,
        st.booleans(),
        hours(),
        st.integers(1, 48).map(lambda h: timedelta(hours=h)),
    ),
    channels=st.lists(messages, min_size=1, unique=True).map(tuple),
    undelivered_after=st.none() | st.integers(1, 48 * 60).map(lambda n: timedelta(minutes=n)),
    tariff=st.tuples(prices, prices).map(
        lambda both: (both[0], Prices(date(2026, 12, 1), both[1].call, both[1].push))
    ),
    connected_at=st.just(NEVER_CONNECTED),
    link_base=st.just(LINKS),
    link_secret=st.just(SECRET),
)


@given(branches)
def test_what_is_written_reads_back_the_same(branch: Branch) -> None:
    clinic = Clinic("z", "Клиника", (branch,))
    assert read(write_clinic(clinic)) == clinic


words = st.sampled_from(
    [*PAGE, *PAGE["branches"][0], *PAGE["branches"][0]["functions"], "hours", "lead", "from", "sms"]
)
shaped = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.dictionaries(words, inner, max_size=6) | st.lists(inner, max_size=3),
    max_leaves=20,
)


@given(shaped, words)
def test_nothing_but_invalid_input_is_ever_raised(value: object, word: str) -> None:
    inside = copy.deepcopy(PAGE)
    inside["branches"][0][word] = value
    for data in (value, {**LEAST, word: value}, inside):
        try:
            read(data)
        except InvalidInput:
            continue
