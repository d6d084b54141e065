from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidInput
from gateway.ports.schema import merge_branch, normalise_clinic, read_clinic

DOCUMENT: dict[str, Any] = {
    "id": "zdorovie",
    "branches": [
        {"id": "mira", "name": "Мира", "timezone": "UTC"},
        {
            "id": "lenina",
            "name": "Ленина",
            "timezone": "Asia/Yekaterinburg",
            "country": "KZ",
            "channels": ["whatsapp", "sms"],
            "functions": {"confirmation": {"start": "11:00", "call_attempts": 2}},
        },
    ],
}


def merged(patch: object, document: dict[str, Any] = DOCUMENT) -> dict[str, Any]:
    before = copy.deepcopy(document)
    after = merge_branch(document, "lenina", patch)
    assert document == before, "the document must not be changed in place"
    branch: dict[str, Any] = after["branches"][1]
    return branch


def bad_fields(patch: object, branch: str = "lenina") -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        merge_branch(DOCUMENT, branch, patch)
    return [problem.field for problem in caught.value.problems]


@pytest.mark.rule("G-1")
def test_a_nested_field_changes_and_its_neighbours_stay() -> None:
    functions = merged({"functions": {"confirmation": {"method": "message"}}})["functions"]
    assert functions == {
        "confirmation": {"start": "11:00", "call_attempts": 2, "method": "message"}
    }


def test_a_field_that_the_branch_did_not_have_is_added() -> None:
    assert merged({"lines": 2})["lines"] == 2
    assert merged({"functions": {"reminder": {"lead": "3h"}}})["functions"]["reminder"] == {
        "lead": "3h"
    }


def test_a_list_replaces() -> None:
    assert merged({"channels": ["sms"]})["channels"] == ["sms"]


def test_null_goes_back_to_the_clinics_country() -> None:
    merged({"country": None})
    after = merge_branch(DOCUMENT, "lenina", {"country": None})
    assert read_clinic(after, {}, "", b"").branches[1].country == "RU"


def test_other_branches_stay() -> None:
    after = merge_branch(DOCUMENT, "lenina", {"lines": 2})
    assert after["branches"][0] == DOCUMENT["branches"][0]


def test_nothing_in_the_patch_changes_nothing() -> None:
    assert merge_branch(DOCUMENT, "lenina", {}) == DOCUMENT
    assert merge_branch(DOCUMENT, "lenina", {"id": "lenina"}) == DOCUMENT


@pytest.mark.rule("T-1")
class TestTariff:
    def test_one_with_a_date_is_appended(self) -> None:
        first = merge_branch(DOCUMENT, "lenina", {"tariff": {"from": "2026-12-01", "sms": "6"}})
        assert first["branches"][1]["tariff"] == [{}, {"from": "2026-12-01", "sms": "6"}]
        second = merged({"tariff": [{"from": "2027-01-01", "sms": "7"}]}, first)
        assert [entry.get("from") for entry in second["tariff"]] == [
            None,
            "2026-12-01",
            "2027-01-01",
        ]

    def test_the_same_patch_again_changes_nothing(self) -> None:
        patch = {"tariff": {"from": "2026-12-01", "sms": "6"}}
        once = merge_branch(DOCUMENT, "lenina", patch)
        assert merge_branch(once, "lenina", patch) == once

    def test_a_price_of_a_known_date_is_corrected(self) -> None:
        once = merge_branch(DOCUMENT, "lenina", {"tariff": {"from": "2026-12-01", "sms": "6"}})
        again = merged({"tariff": {"from": "2026-12-01", "sms": "7"}}, once)
        assert again["tariff"] == [{}, {"from": "2026-12-01", "sms": "7"}]

    def test_one_without_a_date_changes_the_only_prices_there_are(self) -> None:
        once = merge_branch(DOCUMENT, "lenina", {"tariff": {"sms": "6", "push": "1"}})
        assert merged({"tariff": {"sms": "7"}}, once)["tariff"] == {"sms": "7", "push": "1"}

    def test_one_without_a_date_replaces_dated_ones(self) -> None:
        once = merge_branch(DOCUMENT, "lenina", {"tariff": {"from": "2026-12-01", "sms": "6"}})
        assert merged({"tariff": {"sms": "7"}}, once)["tariff"] == {"sms": "7"}
        assert merged({"tariff": [{"sms": "8"}]}, once)["tariff"] == [{"sms": "8"}]

    def test_an_earlier_date_takes_its_place(self) -> None:
        once = merge_branch(DOCUMENT, "lenina", {"tariff": {"from": "2026-12-01"}})
        tariff = merged({"tariff": {"from": "2026-11-01", "sms": "6"}}, once)["tariff"]
        assert [entry.get("from") for entry in tariff][-2:] == ["2026-11-01", "2026-12-01"]


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        (None, ""),
        ([], ""),
        ({"id": "other"}, "id"),
        ({"name": None}, "name"),
        ({"branch": "lenina"}, "branch"),
        ({"lines": 0}, "lines"),
        ({"functions": None}, "functions"),
        ({"functions": {"confirmation": {"start": 600}}}, "functions.confirmation.start"),
        ({"functions": {"confirmation": {"begin": "10:00"}}}, "functions.confirmation.begin"),
        ({"tariff": None}, "tariff"),
        ({"tariff": []}, "tariff"),
        ({"tariff": {"sms": 6}}, "tariff.sms"),
        ({"tariff": {"from": "2026-12-01", "sms": 6}}, "tariff.sms"),
        ({"tariff": {"from": "soon"}}, "tariff.from"),
        ({"tariff": [{"from": "2026-12-01"}, {"from": "2026-12-02", "sms": 6}]}, "tariff[1].sms"),
        ({"tariff": [{"from": "2026-12-01"}, 5]}, "tariff[1]"),
    ],
)
def test_problems_are_named_as_the_patch_has_them(patch: object, field: str) -> None:
    assert bad_fields(patch) == [field]


def test_an_unknown_branch_is_refused() -> None:
    assert bad_fields({}, branch="other") == ["branch"]


words = st.sampled_from(
    ["functions", "confirmation", "start", "hours", "tariff", "from", "sms", "channels", "id", "x"]
)
patches = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.just("10:00"),
    lambda inner: st.dictionaries(words, inner, max_size=6) | st.lists(inner, max_size=3),
    max_leaves=15,
)


@given(patches)
def test_a_patch_is_taken_whole_or_not_at_all(patch: object) -> None:
    try:
        after = merge_branch(DOCUMENT, "lenina", patch)
    except InvalidInput:
        return
    assert normalise_clinic(after) == after
