"""Access tokens: signed as RFC 7523 wants, asked for once, and a failure is not multiplied."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from adapters.http import HttpClient, HttpResponse
from adapters.messaging.push_fcm_token import (
    FAILED_FOR,
    SCOPE,
    AccessTokens,
    assertion,
    read,
    read_service_account,
)
from adapters.messaging.sandbox_push_fcm import FcmWorld, fcm_app
from gateway.core.events import Failure
from gateway.errors import InvalidInput
from gateway.ports.messaging import SendError
from tests.adapters.support import START, ManualClock, address, serve

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
WORLD = FcmWorld(ManualClock(), url="https://oauth2.example", key=KEY)
FILE = WORLD.service_account


def changed(**more: object) -> str:
    return json.dumps({**json.loads(FILE), **more})


# The key file and the assertion


def test_a_jwt_library_takes_the_assertion() -> None:
    account = read_service_account(FILE)
    text = assertion(account, START)
    options = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(
        text,
        account.key.public_key(),
        algorithms=["RS256"],
        audience="https://oauth2.example/token",
        options=options,  # type: ignore[arg-type]  # a plain dict
    )
    assert jwt.get_unverified_header(text) == {"alg": "RS256", "typ": "JWT", "kid": "sandbox-key-1"}
    assert claims["iss"] == account.client_email == "callahead@sandbox-clinic.iam.example"
    assert (claims["scope"], claims["exp"] - claims["iat"]) == (SCOPE, 3600)
    assert claims["iat"] == int(START.timestamp())


def test_a_key_file_without_an_address_means_googles() -> None:
    account = read_service_account(changed(token_uri=None))
    assert account.token_uri == "https://oauth2.googleapis.com/token"
    assert "PrivateKey" not in repr(account)


EC_KEY = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    .decode()
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "lacks project_id, client_email, private_key_id, private_key"),
        ("no json", "lacks project_id"),
        (changed(client_email=""), "lacks client_email"),
        (changed(private_key="secret"), "not an RSA key"),
        (changed(private_key=EC_KEY), "not an RSA key"),
    ],
)
def test_a_key_file_that_is_none_is_told_without_its_words(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        read_service_account(text, "senders.0.service_account")
    assert [problem.field for problem in caught.value.problems] == ["senders.0.service_account"]
    assert "secret" not in str(caught.value)
    assert "BEGIN" not in str(caught.value)


# The answer


def answer(status: int, document: object = None) -> HttpResponse:
    body = b"<html>" if document is None else json.dumps(document).encode()
    return HttpResponse(status, {"retry-after": "7"}, body)


@pytest.mark.parametrize(
    ("response", "failure", "code", "pause", "alert"),
    [
        (answer(200), Failure.TEMPORARY, "token_unreadable", None, False),
        (
            answer(200, {"access_token": "t", "expires_in": 0}),
            Failure.TEMPORARY,
            "token_unreadable",
            None,
            False,
        ),
        (answer(503), Failure.TEMPORARY, "token_http_503", 7, False),
        (answer(429), Failure.TEMPORARY, "token_http_429", 7, False),
        (
            answer(400, {"error": "invalid_grant"}),
            Failure.REJECTED,
            "token_invalid_grant",
            None,
            True,
        ),
        (answer(404), Failure.REJECTED, "token_http_404", None, True),
    ],
)
def test_what_is_no_token_means(
    response: HttpResponse, failure: Failure, code: str, pause: int | None, alert: bool
) -> None:
    with pytest.raises(SendError) as caught:
        read(response)
    found = caught.value
    assert (found.failure, found.code) == (failure, code)
    assert (found.retry_after_s, found.alert) == (pause, alert)


def test_a_token_comes_with_its_life() -> None:
    found = read(answer(200, {"access_token": "t", "expires_in": 3599}))
    assert found == ("t", timedelta(seconds=3599))


# The present token


@dataclass
class Bank:
    """An account's tokens and where they come from."""

    world: FcmWorld
    tokens: AccessTokens
    clock: ManualClock


@pytest.fixture
async def bank() -> AsyncIterator[Bank]:
    clock, client = ManualClock(), HttpClient()
    world = FcmWorld(clock, key=KEY)
    server = await serve(fcm_app(world, clock))
    world.url = address(server)
    account = read_service_account(world.service_account)
    yield Bank(world, AccessTokens(account, client, clock), clock)
    await client.close()
    await server.close()


async def test_everybody_who_waits_gets_the_same_token(bank: Bank) -> None:
    found = await asyncio.gather(*(bank.tokens.get() for _ in range(20)))
    assert len(set(found)) == 1
    assert bank.world.exchanges == 1


async def test_a_token_is_renewed_some_minutes_before_it_ends(bank: Bank) -> None:
    first = await bank.tokens.get()
    bank.clock.advance(3600 - 301)
    assert await bank.tokens.get() == first
    bank.clock.advance(2)
    assert await bank.tokens.get() != first
    assert bank.world.exchanges == 2


async def test_a_refused_token_is_forgotten_but_not_its_successor(bank: Bank) -> None:
    first = await bank.tokens.get()
    bank.tokens.forget(first)
    second = await bank.tokens.get()
    bank.tokens.forget(first)
    assert await bank.tokens.get() == second != first


@pytest.mark.rule("H-2")
async def test_a_failure_speaks_for_everybody_who_asks_meanwhile(bank: Bank) -> None:
    bank.world.refuse_accounts = True
    asked = await asyncio.gather(*(bank.tokens.get() for _ in range(5)), return_exceptions=True)
    assert {getattr(error, "code", None) for error in asked} == {"token_invalid_grant"}
    assert len({id(error) for error in asked}) == 5
    assert bank.world.exchanges == 1
    bank.world.refuse_accounts = False
    bank.clock.advance(FAILED_FOR.total_seconds())
    assert await bank.tokens.get()


async def test_nothing_about_a_token_is_unknown(bank: Bank) -> None:
    """A lost answer here says nothing about a message: none has been sent."""
    dead = json.loads(bank.world.service_account)
    dead["token_uri"] = "http://127.0.0.1:9/token"
    client = HttpClient()
    tokens = AccessTokens(read_service_account(json.dumps(dead)), client, bank.clock)
    with pytest.raises(SendError) as caught:
        await tokens.get()
    assert (caught.value.failure, caught.value.code) == (Failure.TEMPORARY, "connect")
    await client.close()
