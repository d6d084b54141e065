"""A number through the clinic's API: links, push tokens, and why nothing came."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.core.model import Channel
from gateway.web.contacts import CONTACT_BYTES_MAX
from tests.web.support import NUMBER
from tests.web.town import ANNA, Town, town

CONTACT = f"/contacts/{NUMBER}"
APP = {"app": {"installed": True, "push": True}}


async def noted(here: Town) -> list[dict[str, Any]]:
    return [
        {"kind": entry.kind.value, **entry.data}
        for entry in await here.timeline()
        if entry.kind.value in ("linked", "unlinked")
    ]


async def put_push(here: Town, token: str, provider: str = "fcm") -> tuple[int, Any]:
    return await here.api("PUT", f"{CONTACT}/push", {"provider": provider, "token": token})


# -- links


@pytest.mark.rule("D-4")
async def test_a_link_for_the_clinics_own_letters_opens_the_bot_as_the_patient() -> None:
    """The number needs no visit yet, and may be written in any usual way."""
    async with town("max", "sms") as here:
        status, made = await here.api("POST", "/contacts/8916 123-45-67/links", {"channel": "max"})
        assert status == 201
        assert made["until"] == "2026-12-23T08:00:00+00:00"
        here.max.start(ANNA, made["url"].rpartition("=")[2])
        await here.settle()
        assert (await here.contact()).account(Channel.MAX) == str(ANNA)
        await here.visit()
        assert await here.channels_of() == [("max", "accepted")]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"channel": "sms"}, "channel"),
        ({}, "channel"),
        ({"channel": "max", "branch": "nowhere"}, "branch"),
        ({"channel": "max", "more": 1}, "more"),
    ],
)
async def test_a_link_that_cannot_be_made_is_refused_by_field(
    body: dict[str, Any], field: str
) -> None:
    async with town("sms") as here:
        status, problem = await here.api("POST", f"{CONTACT}/links", body)
        assert status == 422
        assert [error["field"] for error in problem["errors"]] == [field]


@pytest.mark.rule("C-15")
async def test_no_link_is_made_for_whom_wants_no_messages() -> None:
    async with town("telegram", "sms") as here:
        here.telegram.start(ANNA)
        here.telegram.share_contact(ANNA, NUMBER.lstrip("+"))
        here.telegram.write(ANNA, "стоп")
        await here.settle()
        status, problem = await here.api("POST", f"{CONTACT}/links", {"channel": "telegram"})
        assert (status, problem["title"]) == (409, "Not possible now")


@pytest.mark.rule("G-7", "Z-13")
@pytest.mark.parametrize("number", ["+74951234567", "+15550100123", "88001234567", "x", "%00"])
async def test_only_mobile_numbers_of_the_country_have_contacts(number: str) -> None:
    async with town("sms") as here:
        for method, path, body in [
            ("GET", "", None),
            ("POST", "/links", {"channel": "max"}),
            ("DELETE", "/links/max", None),
            ("PUT", "/push", {"provider": "fcm", "token": "t"}),
            ("DELETE", "/push", None),
        ]:
            status, problem = await here.api(method, f"/contacts/{number}{path}", body)
            assert status == 422
            assert [error["field"] for error in problem["errors"]] == ["number"]
            assert number not in json.dumps(problem["errors"]).replace("+79161234567", "")


@pytest.mark.rule("G-4", "H-1")
async def test_a_clinic_unlinks_an_account_and_only_a_new_proof_brings_it_back() -> None:
    async with town("telegram", "sms") as here:
        here.telegram.start(ANNA)
        here.telegram.share_contact(ANNA, NUMBER.lstrip("+"))
        await here.settle()
        for _ in range(2):
            assert await here.api("DELETE", f"{CONTACT}/links/telegram") == (204, None)
        here.clock.advance(60)
        here.telegram.start(ANNA)
        await here.settle()
        await here.visit()
        assert await here.channels_of() == [("sms", "accepted")]
        status, shown = await here.api("GET", f"{CONTACT}?timeline=1")
        assert status == 200
        assert shown["channels"][0]["state"] == "unlinked"
        assert await noted(here) == [
            {"kind": "linked", "channel": "telegram", "by": "contact"},
            {"kind": "unlinked", "channel": "telegram", "by": "clinic"},
        ]
        assert {"linked", "unlinked"} <= {entry["kind"] for entry in shown["timeline"]}
        status, _ = await here.api("DELETE", f"{CONTACT}/links/sms")
        assert status == 422


# -- push


@pytest.mark.rule("D-4")
@pytest.mark.parametrize("provider", ["fcm", "rustore"])
async def test_a_token_brings_pushes_through_its_own_service(provider: str) -> None:
    async with town("push", "sms") as here:
        world = here.fcm if provider == "fcm" else here.rustore
        phone = world.phone("token-1")
        assert await put_push(here, "token-1", provider) == (204, None)
        await here.visit(**APP)
        assert await here.channels_of() == [("push", "accepted")]
        assert len(phone.shown) == 1
        assert await noted(here) == [
            {"kind": "linked", "channel": "push", "by": "clinic", "provider": provider}
        ]


@pytest.mark.rule("H-1")
@pytest.mark.parametrize("provider", ["fcm", "rustore"])
async def test_a_dead_token_moves_on_is_forgotten_and_a_new_one_revives_the_channel(
    provider: str,
) -> None:
    async with town("push", "sms") as here:
        world = here.fcm if provider == "fcm" else here.rustore
        world.phone("old").registered = False
        await put_push(here, "old", provider)
        await here.visit(**APP)
        assert await here.channels_of() == [("push", "failed"), ("sms", "accepted")]
        await here.visit("A-2", **APP)  # it is not even tried
        assert await here.channels_of("A-2") == [("sms", "accepted")]
        _, shown = await here.api("GET", CONTACT)
        assert shown["channels"][0]["state"] == "gone"
        world.phone("new")
        await put_push(here, "new", provider)
        await here.visit("A-3", **APP)
        assert await here.channels_of("A-3") == [("push", "accepted")]
        assert [note.get("by") for note in await noted(here)] == ["clinic", "gone", "clinic"]


@pytest.mark.rule("H-1")
async def test_the_failure_of_an_old_token_does_not_forget_a_newer_one() -> None:
    """The app hands over a new one while the push to the old one is on its way."""
    async with town("push", "sms") as here:
        here.fcm.phone("old").registered = False
        await put_push(here, "old")
        send = here.service.effects._channels[2].send

        async def meanwhile(message: Any) -> str | None:
            here.clock.advance(1)
            here.fcm.phone("new")
            assert await put_push(here, "new") == (204, None)
            return await send(message)

        here.service.effects._channels[2].send = meanwhile  # type: ignore[method-assign]
        await here.visit(**APP)
        assert await here.channels_of() == [("push", "failed"), ("sms", "accepted")]
        assert (await here.contact()).account(Channel.PUSH) == "new"


@pytest.mark.rule("D-4", "R-3")
async def test_without_a_token_or_with_push_off_the_next_channel_is_used() -> None:
    async with town("push", "sms") as here:
        await here.visit(**APP)
        assert await here.channels_of() == [("push", "failed"), ("sms", "accepted")]
        await put_push(here, "token-1")
        await here.visit("A-2", app={"installed": True, "push": False})
        assert await here.channels_of("A-2") == [("sms", "accepted")]


async def test_an_old_phones_farewell_does_not_silence_the_new_one() -> None:
    async with town("push", "sms") as here:
        await put_push(here, "old")
        await put_push(here, "new")
        body = {"provider": "fcm", "token": "old"}
        assert await here.api("DELETE", f"{CONTACT}/push", body) == (204, None)
        assert (await here.contact()).account(Channel.PUSH) == "new"
        for _ in range(2):
            assert await here.api("DELETE", f"{CONTACT}/push") == (204, None)
        assert (await here.contact()).account(Channel.PUSH) is None
        await here.visit(**APP)
        assert await here.channels_of() == [("sms", "accepted")]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"provider": "fcm"}, "token"),
        ({"provider": "fcm", "token": ""}, "token"),
        ({"provider": "fcm", "token": "a b"}, "token"),
        ({"provider": "fcm", "token": "x" * 4097}, "token"),
        ({"provider": "apns", "token": "x"}, "provider"),
        ({"token": "x"}, "provider"),
    ],
)
async def test_a_token_that_cannot_be_taken_is_refused_by_field(
    body: dict[str, Any], field: str
) -> None:
    async with town("push", "sms") as here:
        status, problem = await here.api("PUT", f"{CONTACT}/push", body)
        assert status == 422
        assert [error["field"] for error in problem["errors"]] == [field]
        if len(str(body.get("token", ""))) > 1:
            assert str(body["token"]) not in json.dumps(problem)


async def test_a_service_that_is_not_configured_is_refused() -> None:
    async with town("push", "sms") as here:
        here.service.effects._channels = here.service.effects._channels[:3]
        status, problem = await put_push(here, "token", "rustore")
        assert (status, problem["errors"][0]["field"]) == (422, "provider")
        assert await put_push(here, "token", "fcm") == (204, None)


# -- the rest of the contract


async def test_a_number_that_nobody_knows_is_not_found() -> None:
    async with town("sms") as here:
        status, _ = await here.api("GET", CONTACT)
        assert status == 404
        for path in ("/push", "/links/max"):  # nothing to forget is forgotten
            assert await here.api("DELETE", f"{CONTACT}{path}") == (204, None)


@pytest.mark.rule("G-4", "H-1")
async def test_what_was_learnt_of_a_channel_is_shown() -> None:
    async with town("telegram", "sms") as here:
        here.telegram.start(ANNA)
        here.telegram.share_contact(ANNA, NUMBER.lstrip("+"))
        await here.settle()
        here.telegram.chat(ANNA).blocked = True  # and its callback never comes
        await here.visit()
        assert await here.channels_of() == [("telegram", "failed"), ("sms", "accepted")]
        _, shown = await here.api("GET", CONTACT)
        (channel,) = shown["channels"]
        assert (shown["number"], shown["allowed"]) == (NUMBER, True)
        assert (channel["channel"], channel["state"]) == ("telegram", "unreachable")
        assert channel["until"].startswith("2026-12-23T13:00:")
        here.clock.advance(60)
        here.telegram.start(ANNA)
        await here.settle()
        _, shown = await here.api("GET", CONTACT)
        assert shown["channels"][0]["state"] == "linked"


async def test_a_key_of_another_clinic_opens_no_number() -> None:
    async with town("sms") as here:
        async with here.client.get(f"/v1/clinics/zdorovie{CONTACT}") as got:
            assert got.status == 401
        async with here.client.get(
            f"/v1/clinics/other{CONTACT}", headers={"Authorization": f"Bearer {here.key}"}
        ) as got:
            assert got.status == 403


async def test_a_body_has_a_limit() -> None:
    async with town("sms") as here:
        status, _ = await put_push(here, "x" * CONTACT_BYTES_MAX)
        assert status == 413
