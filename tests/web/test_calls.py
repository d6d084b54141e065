"""Callbacks about calls, as Twilio sends them: signed forms in, instructions out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from twilio.request_validator import RequestValidator

from adapters.http import HttpClient
from adapters.telephony.twilio_settings import Config
from adapters.telephony.twilio_voice import ASK_PATH, STATUS_PATH, TwilioVoice
from gateway.core.case import AttemptState
from gateway.core.events import LineGranted
from gateway.core.model import CallResult, Status
from gateway.errors import StoreUnavailable
from gateway.ports.messaging import opaque_of
from gateway.ports.speech import SpeechError
from gateway.ports.telephony import CallOrder
from gateway.scripts import load_scripts, load_texts
from gateway.service.voice import Voice
from gateway.web.calls import PROMPT_PATH, CallHooks
from gateway.web.metrics import Metrics
from tests.service.support import Node, by_call, case_ref, node

PUBLIC = "https://clinic.example"
SID, TOKEN = "AC" + "0a" * 16, "an auth token of the tests"
CALL = "CA" + "0b" * 16
CONFIG = {
    "accounts": [{"account_sid": SID, "auth_tokens": [TOKEN]}],
    "callers": [{"number": "+74950000001", "clinic": "zdorovie"}],
    "api_base": "http://127.0.0.1:9",
}


class Twilio(TwilioVoice):
    """The production adapter, whose orders are always taken: callbacks are what is tried here."""

    async def place(self, order: CallOrder) -> str:
        return CALL


class OneFile:
    """A renderer whose every prompt is the same file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.voice = "one"
        self.broken = False

    async def prepare(self, turns: object, language: str, *, voice: str = "") -> list[OneFile]:
        if self.broken:
            raise SpeechError("crashed")
        return [self for _ in turns]  # type: ignore[attr-defined]


@dataclass
class Place:
    here: Node
    client: TestClient  # type: ignore[type-arg]
    file: OneFile

    async def posts(
        self, path: str, form: dict[str, str], *, turn: int = 0, sign: bool = True, **query: str
    ) -> tuple[int, str]:
        named = {"call": opaque_of(case_ref(), "1"), **({"turn": str(turn)} if turn else {})}
        named |= query
        asked = path + "?" + "&".join(f"{k}={quote(v, safe='')}" for k, v in named.items())
        form = {"AccountSid": SID, "CallSid": CALL, **form}
        headers = {}
        if sign:
            signature = RequestValidator(TOKEN).compute_signature(PUBLIC + asked, form)
            headers["X-Twilio-Signature"] = signature
        async with self.client.post(asked, data=form, headers=headers) as got:
            return got.status, await got.text()


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    """Run the callbacks over a case whose call has just been started."""
    file = OneFile(folder / "prompt.wav")
    file.path.write_bytes(b"RIFF of the tests")
    provider = Twilio(Config.model_validate(CONFIG), HttpClient(), PUBLIC)
    voice = Voice(load_scripts(), load_texts(), file)
    async with node(settings=by_call(), provider=provider, voice=voice) as here:
        await here.record()
        await here.service.engine.apply(case_ref(), LineGranted())
        app = web.Application()
        hooks = {ASK_PATH: provider, STATUS_PATH: provider}
        CallHooks(hooks, here.service.calls, Metrics(), public_url=PUBLIC).add_to(app)
        async with TestClient(TestServer(app)) as browser:
            yield Place(here, browser, file)


@pytest.mark.rule("C-3", "C-4", "S-1")
async def test_a_call_goes_from_callback_to_callback(tmp_path: Path) -> None:
    async with place(tmp_path) as it:
        status, text = await it.posts(ASK_PATH, {"CallStatus": "in-progress"})
        assert status == 200
        assert "<Gather" in text
        address = text.split("<Play>")[1].split("</Play>")[0]
        assert address.startswith("https://visits.example/hooks/calls/audio/")
        token = address.rsplit("/", 1)[-1]
        async with it.client.get(PROMPT_PATH + token) as got:
            assert (got.status, got.headers["Content-Type"]) == (200, "audio/wav")
            assert await got.read() == b"RIFF of the tests"
        status, text = await it.posts(ASK_PATH, {"Digits": "1"}, turn=1)
        assert status == 200
        assert "<Hangup/>" in text
        assert (await it.here.case()).status is Status.CONFIRMED
        ended = {"CallStatus": "completed", "SequenceNumber": "3"}
        assert (await it.posts(STATUS_PATH, ended))[0] == 200
        attempt = (await it.here.case()).attempts[0]
        assert (attempt.state, attempt.result) == (AttemptState.ENDED, CallResult.ANSWER)


@pytest.mark.rule("G-6")
async def test_without_a_right_signature_nothing_happens(tmp_path: Path) -> None:
    async with place(tmp_path) as it:
        assert (await it.posts(ASK_PATH, {"Digits": "1"}, sign=False))[0] == 401
        form = {"AccountSid": SID, "CallSid": CALL}
        headers = {"X-Twilio-Signature": "bm90IGEgc2lnbmF0dXJl"}
        async with it.client.post(ASK_PATH, data=form, headers=headers) as got:
            assert got.status == 403
        assert (await it.here.case()).attempts[0].state is not AttemptState.TALKING


async def test_what_cannot_be_read_hangs_up_and_is_not_sent_again(tmp_path: Path) -> None:
    async with place(tmp_path) as it:
        status, text = await it.posts(ASK_PATH, {"Digits": "12"}, turn=1)
        assert (status, "<Hangup/>" in text) == (200, True)
        status, text = await it.posts(ASK_PATH, {}, call="nobody")
        assert (status, "<Hangup/>" in text) == (200, True)


async def test_a_body_that_is_too_large_is_refused(tmp_path: Path) -> None:
    async with place(tmp_path) as it:
        assert (await it.posts(ASK_PATH, {"Body": "x" * 70_000}))[0] == 413


async def test_a_store_that_is_away_lets_the_provider_ask_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place(tmp_path) as it:

        async def away(*_: object) -> None:
            raise StoreUnavailable("away")

        monkeypatch.setattr(it.here.store, "load_case", away)
        assert (await it.posts(ASK_PATH, {}))[0] == 503
        async with it.client.get(PROMPT_PATH + "x.y.wav") as got:
            assert got.status == 404


async def test_an_address_that_is_not_ours_leads_nowhere(tmp_path: Path) -> None:
    async with place(tmp_path) as it:
        for token in ("nonsense", "YQ.YQ.wav", "..%2f..%2fetc%2fpasswd"):
            async with it.client.get(PROMPT_PATH + token) as got:
                assert got.status == 404
        _, text = await it.posts(ASK_PATH, {})
        token = text.split("<Play>")[1].split("</Play>")[0].rsplit("/", 1)[-1]
        it.file.broken = True
        async with it.client.get(PROMPT_PATH + token) as got:
            assert got.status == 404


async def test_the_same_key_from_two_callbacks_at_once_counts_once(tmp_path: Path) -> None:
    async with place(tmp_path) as it:
        await it.posts(ASK_PATH, {})
        both = [it.posts(ASK_PATH, {"Digits": "3"}, turn=1) for _ in range(2)]
        first, second = await asyncio.gather(*both)
        assert first == second
        assert len((await it.here.case()).pushes) == 1
