"""API keys: one clinic each, kept as hashes, and a revoked one is soon dead."""

from __future__ import annotations

import hashlib
import re

import pytest

from adapters.store.memory_store import MemoryStore
from gateway.web.auth import TRUSTED_MAX, Keys, digest_of, new_key
from tests.web.support import Edge, StillClock, appointment

PATH = "/v1/clinics/zdorovie/appointments/A-1"


def test_a_key_is_random_and_only_its_hash_is_for_the_store() -> None:
    key, digest = new_key()
    assert re.fullmatch(r"chk_[0-9a-f]{24}", key)
    assert digest == digest_of(key) == hashlib.sha256(key.encode()).hexdigest()
    assert new_key()[0] != key


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic Y2hrXzEyMw==",
        "chk_0123",
        "Bearer chk_000000000000000000000000",
        "Bearer chk_ключ",
        "Bearer whsec_123",
        "Bearer chk_" + "0" * 5000,
    ],
)
async def test_without_a_valid_key_there_is_no_effect(web_edge: Edge, header: str | None) -> None:
    headers = {"Authorization": header} if header is not None else {}
    status, problem = await web_edge.call("PUT", PATH, appointment(), key=None, headers=headers)
    assert status == 401
    assert web_edge.headers["WWW-Authenticate"].startswith("Bearer")
    assert problem["status"] == 401
    assert "chk_0" not in problem["detail"]
    assert (await web_edge.store.figures()).cases == 0


@pytest.mark.parametrize("clinic", ["other", "nobody"])
async def test_a_key_opens_no_other_clinic(web_edge: Edge, clinic: str) -> None:
    """The answer is the same whether the other clinic exists or not."""
    status, problem = await web_edge.call("GET", f"/v1/clinics/{clinic}")
    assert (status, problem["detail"]) == (403, "This key belongs to another clinic.")


async def test_the_scheme_is_read_in_any_case(web_edge: Edge) -> None:
    headers = {"Authorization": f"bearer  {web_edge.key}"}
    status, _ = await web_edge.call("GET", "/v1/clinics/zdorovie", key=None, headers=headers)
    assert status == 200


async def test_a_revoked_key_is_dead_within_five_seconds(web_edge: Edge) -> None:
    assert (await web_edge.call("GET", "/v1/clinics/zdorovie"))[0] == 200
    await web_edge.store.revoke_key("zdorovie", digest_of(web_edge.key))
    web_edge.clock.advance(seconds=4.9)
    assert (await web_edge.call("GET", "/v1/clinics/zdorovie"))[0] == 200
    web_edge.clock.advance(seconds=0.1)
    assert (await web_edge.call("GET", "/v1/clinics/zdorovie"))[0] == 401


async def test_a_new_key_works_at_once(web_edge: Edge) -> None:
    key, digest = new_key()
    assert (await web_edge.call("GET", "/v1/clinics/zdorovie", key=key))[0] == 401
    await web_edge.store.save_key(digest, "zdorovie", web_edge.clock.now(), "second")
    assert (await web_edge.call("GET", "/v1/clinics/zdorovie", key=key))[0] == 200


async def test_memory_for_keys_is_bounded() -> None:
    store, clock = MemoryStore(), StillClock()
    keys = Keys(store, clock)
    for number in range(TRUSTED_MAX + 10):
        await store.save_key(digest_of(f"chk_{number}"), "c", clock.now(), "")
        assert await keys.clinic_of(f"Bearer chk_{number}") == "c"
    assert len(keys._trusted) <= TRUSTED_MAX
