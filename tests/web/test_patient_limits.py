"""Guessing links costs only the guesser; presses and looks at one link are counted (P-2, H-7)."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from adapters.store.memory_store import MemoryStore
from gateway.core.links import TOKEN_BITS
from gateway.core.model import Status
from gateway.web.client_address import networks
from gateway.web.patient_limits import ADDRESSES_MAX, PRESSES, WRONG_LINKS, PatientLimits
from tests.web.patients import Page, Patient, patient_of
from tests.web.support import StillClock

PROXY = networks(["127.0.0.1"])


async def guesses(patient: Patient, number: int, address: str = "198.51.100.9") -> list[Page]:
    """Ask for so many links that were never sent."""
    asked = [
        patient.request("GET", f"/v/{guess:016}", headers={"X-Forwarded-For": address})
        for guess in range(number)
    ]
    return list(await asyncio.gather(*asked))


def test_a_link_cannot_be_guessed() -> None:
    """A million open visits, ten thousand guesses a second: not once in a million years."""
    tries = 10_000 * 365 * 86_400
    assert TOKEN_BITS == 80
    assert tries * 1_000_000 / 2**TOKEN_BITS < 1e-6


@pytest.mark.rule("P-2", "H-7")
async def test_whoever_guesses_links_gets_no_more_answers() -> None:
    async with patient_of(proxies=PROXY) as patient:
        await patient.asked()
        pages = await guesses(patient, WRONG_LINKS.burst + 20)
        assert sorted({page.status for page in pages}) == [404, 429]
        assert sum(page.status == 404 for page in pages) == WRONG_LINKS.burst
        refused = pages[-1]
        assert refused.headers["Retry-After"] == "10"
        assert "Слишком много запросов подряд." in refused.says
        assert refused.headers["Cache-Control"] == "no-store"
        guessed = await patient.request("GET", headers={"X-Forwarded-For": "198.51.100.9"})
        assert guessed.status == 429, "a right guess is not told either"
        mine = await patient.request("GET", headers={"X-Forwarded-For": "198.51.100.10"})
        assert mine.status == 200, "another address has its own limit"
        patient.edge.clock.advance(seconds=WRONG_LINKS.every.total_seconds())
        again = await patient.request("GET", headers={"X-Forwarded-For": "198.51.100.9"})
        assert again.status == 200, "it is not shut out for good"


@pytest.mark.rule("P-2")
async def test_a_header_of_the_clients_own_making_changes_nothing() -> None:
    """Without trusted proxies everybody is who connects."""
    async with patient_of() as patient:
        pages = []
        for number in range(WRONG_LINKS.burst + 1):
            address = f"198.51.100.{number}"
            pages += await guesses(patient, 1, address)
        assert pages[-1].status == 429


@pytest.mark.rule("P-2")
async def test_a_shut_out_address_costs_no_look_into_the_store() -> None:
    async with patient_of() as patient:
        await guesses(patient, WRONG_LINKS.burst + 1)

        async def never(hint: str) -> None:
            raise AssertionError("it was looked up")

        patient.edge.store.recall = never  # type: ignore[method-assign]
        assert (await patient.opens("/v/" + "0" * 16)).status == 429


@pytest.mark.rule("H-7")
async def test_the_limit_holds_over_all_nodes() -> None:
    store, clock = MemoryStore(), StillClock()
    nodes = [PatientLimits(store, clock) for _ in range(3)]
    allowed = [
        await nodes[number % 3].wrong_link("198.51.100.9") is None
        for number in range(WRONG_LINKS.burst + 6)
    ]
    assert sum(allowed) == WRONG_LINKS.burst
    assert all(node.blocked("198.51.100.9") == 10 for node in nodes)
    clock.advance(seconds=11)
    assert all(node.blocked("198.51.100.9") is None for node in nodes)


async def test_a_node_remembers_only_so_many_addresses() -> None:
    store = MemoryStore()
    limits = PatientLimits(store, StillClock())

    async def full(*_: object) -> timedelta | None:
        return None

    store.take_turn = full  # type: ignore[method-assign]
    for number in range(ADDRESSES_MAX + 10):
        await limits.wrong_link(str(number))
    assert len(limits._blocked) == ADDRESSES_MAX
    assert limits.blocked("0") is None
    assert limits.blocked(str(ADDRESSES_MAX + 9)) is not None


@pytest.mark.rule("P-2", "G-5")
async def test_a_link_takes_only_so_many_presses() -> None:
    """A timeline must not grow because a thumb, or a program, does not stop."""
    async with patient_of() as patient:
        await patient.asked()
        pages = [await patient.presses("nothing") for _ in range(PRESSES.burst)]
        assert {page.status for page in pages} == {200}
        page = await patient.presses("cancel")
        assert (page.status, page.headers["Retry-After"]) == (429, "10")
        assert "+73433000000" in page.text
        assert await patient.status() is Status.UNCONFIRMED
        assert (await patient.opens()).status == 200, "looking is free"
        patient.edge.clock.advance(seconds=10)
        await patient.presses("cancel")
        assert await patient.status() is Status.CANCELLED
