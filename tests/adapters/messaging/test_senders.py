"""Each branch has one sender, and no two senders can be taken for each other."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from adapters.messaging.senders import (
    BranchSender,
    RatedSender,
    Senders,
    Strict,
    check_different,
    sender_of,
)
from gateway.errors import InvalidInput


class Named(BranchSender):
    name: str


WHOLE = Named(name="whole", clinic="c1")
SECOND = Named(name="second", clinic="c1", branches=frozenset({"b2"}))
OTHER = Named(name="other", clinic="c2", branches=frozenset({"b1"}))


def test_the_sender_of_the_branch_speaks_before_that_of_the_clinic() -> None:
    senders = (WHOLE, SECOND, OTHER)
    assert sender_of(senders, "c1", "b1") is WHOLE
    assert sender_of(senders, "c1", "b2") is SECOND
    assert sender_of(senders, "c2", "b1") is OTHER
    assert sender_of(senders, "c2", "b2") is None
    assert sender_of(senders, "c3", "b1") is None


def test_what_tells_senders_apart_must_differ_and_is_not_told() -> None:
    check_different((WHOLE, SECOND), "name", lambda sender: (sender.name,))
    again = Named(name="second", clinic="c9")
    with pytest.raises(InvalidInput) as caught:
        check_different((WHOLE, SECOND, again), "name", lambda sender: (sender.name,))
    assert [p.field for p in caught.value.problems] == ["senders.2.name"]
    assert "second" not in str(caught.value)


def test_a_sender_without_branches_is_told_as_a_mistake() -> None:
    with pytest.raises(ValidationError):
        Named(name="x", clinic="c1", branches=frozenset())
    with pytest.raises(ValidationError):
        Named(name="x", clinic="")


class Settings(Strict):
    senders: Senders[Named]


@pytest.mark.parametrize(
    ("senders", "fields"),
    [([], ["senders"]), ([{"name": "x"}], ["senders.0.clinic"])],
)
def test_one_sender_is_needed_and_a_broken_one_is_not_told_as_a_missing_one(
    senders: list[dict[str, str]], fields: list[str]
) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"senders": senders})
    found = [".".join(map(str, item["loc"])) for item in caught.value.errors()]
    assert found == fields


@pytest.mark.rule("H-7")
def test_a_rate_is_what_the_settings_tell_or_is_not_known() -> None:
    assert RatedSender(clinic="c1").per_second is None
    assert RatedSender(clinic="c1", per_second=0.5).per_second == 0.5
    with pytest.raises(ValidationError):
        RatedSender(clinic="c1", per_second=0)
