"""Settings that do not fit together are refused by field, and no secret is ever shown."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from adapters.telephony.twilio_settings import Account, Config, Directory
from gateway.errors import InvalidInput
from tests.adapters.telephony.twilio_support import ACCOUNT_SID, AUTH_TOKEN, CALLER, config

SECOND = {"name": "second", "account_sid": "AC" + "1" * 32, "auth_tokens": ["t2"]}
FIRST = {"account_sid": ACCOUNT_SID, "auth_tokens": [AUTH_TOKEN]}
OTHER = "+15550100001"


def fields(error: InvalidInput) -> list[str]:
    return [problem.field for problem in error.problems]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"accounts": [FIRST, FIRST]}, "accounts.1.name"),
        ({"accounts": [FIRST, {**FIRST, "name": "b"}]}, "accounts.1.account_sid"),
        ({"accounts": [{**FIRST, "api_key_sid": "SK" + "0" * 32}]}, "accounts.0.api_key_secret"),
        ({"accounts": [{**FIRST, "api_key_secret": "x"}]}, "accounts.0.api_key_secret"),
        (
            {"callers": [{"number": CALLER, "clinic": "c1", "account": "other"}]},
            "callers.0.account",
        ),
        (
            {"callers": [{"number": n, "clinic": "c1"} for n in (CALLER, OTHER)]},
            "callers.1.branches",
        ),
        (
            {
                "callers": [
                    {"number": n, "clinic": "c1", "branches": ["b"]} for n in (CALLER, OTHER)
                ]
            },
            "callers.1.branches",
        ),
    ],
)
def test_parts_that_do_not_fit_are_named(more: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Directory(config(**more))
    assert field in fields(caught.value)


@pytest.mark.parametrize(
    "more",
    [
        {"accounts": []},
        {"callers": []},
        {"accounts": [{"account_sid": "AC1", "auth_tokens": ["x"]}]},
        {"accounts": [{**FIRST, "auth_tokens": []}]},
        {"accounts": [{**FIRST, "auth_tokens": [""]}]},
        {"accounts": [{**FIRST, "calls_per_second": 0}]},
        {"callers": [{"number": "8 900 000-00-00", "clinic": "c1"}]},
        {"callers": [{"number": CALLER, "clinic": "c1", "branches": []}]},
        {"ring_s": 4},
        {"ring_s": 300},
        {"api_base": "https://user@api.example"},
        {"unknown": 1},
    ],
)
def test_values_that_make_no_sense_are_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        config(**more)


def test_a_branchs_own_number_goes_before_the_clinics() -> None:
    directory = Directory(
        config(
            accounts=[FIRST, SECOND],
            callers=[
                {"number": CALLER, "clinic": "c1"},
                {"number": OTHER, "clinic": "c1", "branches": ["b2"], "account": "second"},
            ],
        )
    )
    one, two = directory.caller("c1", "b1"), directory.caller("c1", "b2")
    assert one is not None
    assert two is not None
    assert (one[0].number, one[1].name) == (CALLER, "twilio")
    assert (two[0].number, two[1].name) == (OTHER, "second")
    assert directory.caller("c2", "b1") is None
    assert directory.account(ACCOUNT_SID) is one[1]
    assert directory.account("AC0") is None
    assert directory.calls_for(two[1], "c1")
    assert not directory.calls_for(two[1], "c2")


def test_a_number_of_one_branch_serves_no_other() -> None:
    caller = {"number": CALLER, "clinic": "c1", "branches": ["b2"]}
    assert Directory(config(callers=[caller])).caller("c1", "b1") is None


def test_ids_and_secrets_are_not_shown() -> None:
    key = {"api_key_sid": "SK" + "2" * 32, "api_key_secret": "k-secret", "shared_keys": ["s-key"]}
    shown = repr(config(accounts=[{**FIRST, **key}]))
    for hidden in (ACCOUNT_SID, AUTH_TOKEN, CALLER, *(str(value) for value in key.values())):
        assert hidden not in shown
    with pytest.raises(ValidationError) as caught:
        Config.model_validate({"accounts": [{"account_sid": ACCOUNT_SID + "x"}], "callers": []})
    assert ACCOUNT_SID not in str(caught.value)
    assert Account.model_fields["name"].default == "twilio"
