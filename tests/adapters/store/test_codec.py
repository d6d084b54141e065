"""What is written down can be read back, by this version and the ones after it."""

from __future__ import annotations

from datetime import UTC, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.store import codec
from gateway.core.case import Attention, Case, Contact, Entry
from gateway.errors import StoreUnusable
from gateway.ports.store import Charge, WriteOff
from tests.adapters.store.samples import (
    DAY,
    NOW,
    case,
    charge,
    contact,
    entry,
    write_off,
)

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
times = st.datetimes(timezones=st.just(UTC))
amounts = st.decimals(allow_nan=False, allow_infinity=False)
st.register_type_strategy(type(NOW), times)
st.register_type_strategy(Decimal, amounts)
st.register_type_strategy(int, st.integers(-(2**63), 2**63 - 1))
values = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.lists(st.text())
entries = st.builds(Entry, data=st.dictionaries(st.text(), values))
st.register_type_strategy(Attention, st.builds(Attention, data=st.dictionaries(st.text(), values)))
st.register_type_strategy(Entry, entries)


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(written=st.from_type(Case), version=st.integers(1, 9))
def test_any_case_comes_back(written: Case, version: int) -> None:
    found = codec.load_case(codec.dump_case(written), version)
    assert found.version == version
    assert found.journal == ()
    assert codec.dump_case(found) == codec.dump_case(written)
    assert found.attempts == written.attempts
    assert found.snapshot == written.snapshot


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(written=st.from_type(Contact))
def test_any_contact_comes_back(written: Contact) -> None:
    found = codec.load_contact(codec.dump_contact(written), 3)
    assert (found.version, found.journal, found.wake) == (3, (), ())
    assert found.learnt == written.learnt
    assert found.heard_at == written.heard_at


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(written=entries)
def test_any_entry_comes_back(written: Entry) -> None:
    assert codec.load_entry(codec.dump_entry(written)) == written


@settings(max_examples=30, deadline=None, suppress_health_check=SLOW)
@given(written=st.from_type(Charge), off=st.from_type(WriteOff))
def test_any_amount_comes_back(written: Charge, off: WriteOff) -> None:
    assert codec.load_charge(codec.dump_charge(written), written.day) == written
    assert codec.load_write_off(codec.dump_write_off(off)) == off


_WRITTEN = (
    '{"schema":2,"body":{"clinic":"north","id":"a1","branch":"main","snapshot":{"id":"a1",'
    '"branch":"main","start":"2030-03-05T09:00:00Z","created":"2030-02-23T09:00:00Z",'
    '"patient":{"id":"p1","first_name":"Анна"}},"recorded_at":"2030-03-04T09:00:00Z",'
    '"number":"+15550100"}}'
)


def test_a_case_as_it_was_written_by_schema_1_is_read() -> None:
    assert codec.load_case(_WRITTEN.replace('"schema":2', '"schema":1').encode(), 7) == case(
        version=7
    )


def test_a_case_is_written_in_the_text_of_its_schema() -> None:
    """The text is a contract with every store in the field: a change of it is a new schema."""
    assert codec.dump_case(case(version=7, journal=(entry("left out"),))) == _WRITTEN.encode()
    assert codec.load_case(_WRITTEN.encode(), 7) == case(version=7)


def test_journal_and_wake_are_never_stored() -> None:
    raw = codec.dump_contact(contact(journal=(entry("secret"),), wake=(("a9", NOW),)))
    assert b"secret" not in raw
    assert b"a9" not in raw


def test_a_charge_is_read_on_the_day_it_stands_in() -> None:
    later = DAY + timedelta(days=2)
    assert codec.load_charge(codec.dump_charge(charge()), later).day == later


def test_a_newer_schema_is_refused() -> None:
    raw = codec.dump_case(case()).replace(b'"schema":2', b'"schema":3')
    with pytest.raises(StoreUnusable, match="schema 3"):
        codec.load_case(raw, 1)


@pytest.mark.parametrize("raw", [b"", b"{}", b"[1]", b'{"schema":1,"body":{"clinic":"Anna"}}'])
def test_what_cannot_be_read_is_not_quoted(raw: bytes) -> None:
    with pytest.raises(StoreUnusable) as caught:
        codec.load_case(raw, 1)
    assert "Anna" not in str(caught.value)


def test_plain_values() -> None:
    raw = codec.dump_json({"at": NOW, "day": DAY, "amount": Decimal("1.50"), "имя": None})
    assert codec.load_object(raw) == {
        "at": "2030-03-04T09:00:00Z",
        "day": "2030-03-04",
        "amount": "1.50",
        "имя": None,
    }
    assert codec.read_time(codec.write_time(NOW)) == NOW
    with pytest.raises(TypeError):
        codec.dump_json({1, 2})


def test_a_write_off_is_exact() -> None:
    exact = write_off(3, amount="0.3000000000000000000001")
    assert codec.load_write_off(codec.dump_write_off(exact)) == exact
