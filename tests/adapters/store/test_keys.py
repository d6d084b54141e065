"""Names of keys and members; exact times; the partition of a clinic."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from adapters.store import keys
from gateway.ports.store import Kind, Ref
from tests.adapters.store.samples import (
    case,
    contact,
)


@given(st.sampled_from(Kind), st.text(), st.text())
def test_a_member_names_its_document_and_no_other(kind: Kind, clinic: str, key: str) -> None:
    ref = Ref(kind, clinic, key)
    assert keys.ref_of(keys.member(ref)) == ref


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)))  # noqa: DTZ001  UTC comes next
def test_times_are_exact_to_the_microsecond_and_survive_as_a_double(naive: datetime) -> None:
    moment = naive.replace(tzinfo=UTC)
    micros = keys.micros(moment)
    assert keys.moment(micros) == moment
    assert int(float(micros)) == micros


def test_documents_have_their_members() -> None:
    assert keys.member_of(case("a:1")) == "case:north:a:1"
    assert keys.member_of(contact("+1")) == "contact:north:+1"


def test_the_partition_of_a_clinic_never_changes() -> None:
    assert [keys.partition_of(clinic, 64) for clinic in ("north", "south", "к")] == [2, 52, 50]
    assert {keys.partition_of(f"c{n}", 64) for n in range(2000)} == set(range(64))
    assert keys.tag(7) == "{p07}:"
