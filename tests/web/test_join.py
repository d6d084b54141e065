"""Joining a messenger from the patient page: real adapters, real sockets."""

from __future__ import annotations

import pytest

from gateway.core.case import EntryKind
from gateway.core.model import Channel, Status
from tests.adapters.support import PATIENT
from tests.web.support import NUMBER
from tests.web.town import ANNA, BORIS, Town, town


def token_of(link: str) -> str:
    return link.rpartition("=")[2]


async def page_of(here: Town, path: str) -> str:
    async with here.client.get(path) as got:
        assert got.status == 200
        return await got.text()


@pytest.mark.rule("D-4", "C-10", "C-12")
async def test_from_an_sms_through_the_page_into_telegram() -> None:
    """The SMS's page offers the messenger; from then on the patient is written to there."""
    async with town("telegram", "sms") as here:
        path = await here.visit()
        assert await here.channels_of() == [("sms", "accepted")]
        page = await page_of(here, path)
        assert here.buttons(page) == ["telegram"]
        assert "Получать сообщения в Telegram" in page
        link = await here.pressed(path, "telegram")
        assert link.startswith("https://t.me/sandbox_bot?start=")
        here.telegram.start(ANNA, token_of(link))
        await here.settle()
        assert len(here.heard()) == 1
        assert "готово, сообщения о записи" in here.heard()[0]
        assert here.buttons(await page_of(here, path)) == []  # there is nothing left to join
        await here.visit("A-2")
        assert await here.channels_of("A-2") == [("telegram", "accepted")]
        question = here.telegram.chat(ANNA).of_bot()[-1]
        here.telegram.tap(ANNA, int(str(question["message_id"])), 0)
        await here.settle()
        assert (await here.case("A-2")).status is Status.CONFIRMED


async def test_from_the_page_into_max() -> None:
    async with town("max", "telegram", "sms") as here:
        path = await here.visit()
        assert here.buttons(await page_of(here, path)) == ["max", "telegram"]
        link = await here.pressed(path, "max")
        assert link.startswith("https://max.ru/sandbox_bot?start=")
        here.max.start(ANNA, token_of(link))
        await here.settle()
        assert len(here.max.dialog(ANNA).of_bot()) == 1
        assert here.buttons(await page_of(here, path)) == ["telegram"]
        await here.visit("A-2")
        assert await here.channels_of("A-2") == [("max", "accepted")]


@pytest.mark.rule("P-1")
async def test_opening_the_page_or_its_addresses_makes_no_link() -> None:
    async with town("telegram", "sms") as here:
        path = await here.visit()
        remembered: list[str] = []
        remember = here.store.remember

        async def watched(hint: str, *more: object) -> None:
            remembered.append(hint)
            await remember(hint, *more)  # type: ignore[arg-type]

        here.store.remember = watched  # type: ignore[method-assign]
        for method in ("GET", "HEAD"):
            for place in (path, f"{path}/join/telegram"):
                async with here.client.request(method, place) as got:
                    assert got.status == 200
                    assert got.url.path == path  # led back to the visit
        assert remembered == []
        await here.pressed(path, "telegram")
        assert [hint.partition(":")[0] for hint in remembered] == ["join"]


@pytest.mark.rule("P-2", "P-4")
async def test_the_page_in_between_keeps_the_link_to_itself() -> None:
    async with town("telegram", "sms") as here:
        path = await here.visit()
        async with here.client.post(f"{path}/join/telegram") as got:
            assert got.headers["Cache-Control"] == "no-store"
            assert got.headers["Referrer-Policy"] == "no-referrer"
            assert "noindex" in got.headers["X-Robots-Tag"]
            assert "script" not in await got.text()


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "max", "x", "%3Cscript%3E"])
async def test_what_is_not_offered_leads_back_to_the_visit(channel: str) -> None:
    async with town("telegram", "sms") as here:
        path = await here.visit()
        url = f"{path}/join/{channel}"
        async with here.client.post(url, allow_redirects=False) as got:
            assert got.status == 303
            assert got.headers["Location"] == f"../../{path.removeprefix('/v/')}"


@pytest.mark.rule("P-2")
async def test_a_wrong_or_dead_link_joins_nothing() -> None:
    async with town("telegram", "sms") as here:
        path = await here.visit()
        async with here.client.post(f"/v/{'0' * 16}/join/telegram") as got:
            assert got.status == 404
        await here.api("DELETE", "/appointments/A-1")
        async with here.client.post(f"{path}/join/telegram") as got:
            assert got.status == 410


@pytest.mark.rule("H-7")
async def test_buttons_are_limited_like_those_of_the_page() -> None:
    async with town("telegram", "sms") as here:
        path = await here.visit()
        statuses = []
        for _ in range(12):
            async with here.client.post(f"{path}/join/telegram") as got:
                statuses.append(got.status)
        assert statuses == [200] * 10 + [429] * 2


@pytest.mark.rule("C-15")
async def test_who_wants_no_messages_is_offered_none() -> None:
    async with town("telegram", "sms") as here:
        path = await here.visit()
        link = await here.pressed(path, "telegram")
        here.telegram.start(ANNA, token_of(link))
        await here.settle()
        here.telegram.write(ANNA, "стоп")
        here.telegram.block(ANNA)
        await here.settle()
        assert here.buttons(await page_of(here, path)) == []


async def test_two_people_with_one_link_and_the_second_is_asked_who_they_are() -> None:
    async with town("telegram", "sms") as here:
        link = await here.pressed(await here.visit(), "telegram")
        here.telegram.start(ANNA, token_of(link))
        await here.settle()
        here.telegram.start(BORIS, token_of(link))
        await here.settle()
        assert (await here.contact()).account(Channel.TELEGRAM) == str(ANNA)
        assert ["отправьте нам свой номер" in text for text in here.heard(BORIS)] == [True]


async def test_a_stranger_is_asked_once_and_becomes_known_by_their_own_contact() -> None:
    async with town("telegram", "sms") as here:
        here.telegram.start(ANNA)
        await here.settle()
        here.telegram.write(ANNA, "Здравствуйте")
        await here.settle()
        (asked,) = here.telegram.chat(ANNA).of_bot()
        assert asked["reply_markup"]["keyboard"] == [  # type: ignore[index]
            [{"text": "Отправить мой номер", "request_contact": True}]
        ]
        here.telegram.share_contact(ANNA, PATIENT, owner=BORIS)
        await here.settle()
        assert "контакт другого человека" in here.heard()[-1]
        here.telegram.share_contact(ANNA, NUMBER.lstrip("+"))
        await here.settle()
        assert "готово" in here.heard()[-1]
        assert len(here.heard()) == 3
        await here.visit()
        assert await here.channels_of() == [("telegram", "accepted")]


@pytest.mark.parametrize("trusted", [True, False])
async def test_max_asks_for_a_contact_only_where_one_is_believed(trusted: bool) -> None:
    async with town("max", "sms", trust_contacts=trusted) as here:
        here.max.start(ANNA)
        await here.settle()
        (told,) = here.max.dialog(ANNA).of_bot()
        asks = "request_contact" in str(told)
        assert asks is trusted
        here.max.share_contact(ANNA, NUMBER)
        await here.settle()
        assert len(here.max.dialog(ANNA).of_bot()) == (2 if trusted else 1)
        contact, _ = await here.store.load_contact("zdorovie", NUMBER)
        assert (contact is not None) is trusted


@pytest.mark.rule("H-1", "G-4")
async def test_who_blocks_the_bot_gets_an_sms_and_the_clinic_can_see_why() -> None:
    async with town("telegram", "sms") as here:
        here.telegram.start(ANNA)
        here.telegram.share_contact(ANNA, NUMBER.lstrip("+"))
        await here.settle()
        here.clock.advance(60)
        here.telegram.block(ANNA)
        await here.settle()
        await here.visit()
        assert await here.channels_of() == [("sms", "accepted")]
        notes = [
            (entry.kind, entry.data["by"])
            for entry in await here.timeline()
            if entry.kind in (EntryKind.LINKED, EntryKind.UNLINKED)
        ]
        assert notes == [(EntryKind.LINKED, "contact"), (EntryKind.UNLINKED, "stopped")]
        here.clock.advance(60)
        here.telegram.start(ANNA)
        await here.settle()
        await here.visit("A-2")
        assert await here.channels_of("A-2") == [("telegram", "accepted")]
