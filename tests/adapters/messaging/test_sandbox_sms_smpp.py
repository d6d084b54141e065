"""The adapter and the sandbox's SMSC over a real socket, on good days and bad ones."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters.messaging.sandbox_sms_smpp import Smsc
from adapters.messaging.sandbox_world import State
from adapters.messaging.sms_smpp import CAPABILITIES, SmsSmpp
from gateway.clock import SystemClock
from gateway.core.events import Failure, Receipt
from gateway.core.model import Channel
from gateway.errors import InvalidInput
from gateway.ports.messaging import SendError
from tests.adapters.messaging.smpp_support import NUMBER, Line, config, line, until
from tests.adapters.support import CONTENT, PATIENT, ManualClock, outgoing
from tests.contracts.messaging_conformance import MessagingConformance, Peer


@asynccontextmanager
async def served(
    hex_ids: bool = False, certificate: ssl.SSLContext | None = None, **more: Any
) -> AsyncIterator[Line]:
    clock = ManualClock()
    smsc = Smsc(clock, "clinic", "pass-1", seed=9, hex_ids=hex_ids)
    await smsc.start(tls=certificate)
    delivering = asyncio.ensure_future(smsc.run())
    try:
        async with line(config(smsc.port, **more), clock) as found:
            found.smsc = smsc
            yield found
    finally:
        delivering.cancel()
        await asyncio.gather(delivering, return_exceptions=True)
        await smsc.close()


@pytest.fixture
async def town() -> AsyncIterator[Line]:
    async with served() as found:
        yield found


async def test_a_long_message_arrives_whole_and_is_reported(town: Line) -> None:
    sent = await town.send()
    assert await town.receipts(2) == [Receipt.SENT, Receipt.DELIVERED]
    [accepted] = town.smsc.accepted
    assert (accepted.text, accepted.number, accepted.state) == (
        CONTENT.text,
        PATIENT,
        State.DELIVERED,
    )
    assert len(town.smsc.submitted) == 2
    assert sent == f"smpp:{int(accepted.id):010d}"


async def test_an_answer_comes_in(town: Line) -> None:
    town.smsc.write(PATIENT, NUMBER, "1")
    found = await town.message()
    assert (found.number, found.sender, found.text) == (PATIENT, NUMBER, "1")


async def test_a_long_answer_comes_in_whole(town: Line) -> None:
    text = "Здравствуйте! " * 20 + "😀"
    town.smsc.write(PATIENT, NUMBER, text)
    assert (await town.message()).text == text


@pytest.mark.rule("G-6")
async def test_an_answer_is_acknowledged_only_when_it_is_stored(town: Line) -> None:
    """What could not be committed is delivered again, under the same id."""
    town.refuse = 2
    town.smsc.write(PATIENT, NUMBER, "2")
    found = await town.message()
    assert town.refused_ids == [found.id] * 2
    town.smsc.write(PATIENT, NUMBER, "2")
    assert (await town.message()).id != found.id


@pytest.mark.rule("H-1")
async def test_a_wrong_destination_is_impossible(town: Line) -> None:
    town.smsc.faults.fail_next(0x0B)
    error = await town.refused()
    assert (error.failure, error.code) == (Failure.IMPOSSIBLE, "0x0b")


@pytest.mark.rule("H-2")
async def test_throttling_makes_the_next_message_wait(town: Line) -> None:
    await town.send()
    before = town.clock.now()
    town.smsc.faults.fail_next(0x58)
    error = await town.refused()
    assert (error.failure, error.retry_after_s) == (Failure.TEMPORARY, 5)
    await town.send()
    assert (town.clock.now() - before).total_seconds() >= 5


@pytest.mark.rule("G-6")
async def test_a_lost_response_leaves_the_outcome_unknown(town: Line) -> None:
    town.smsc.faults.cut_next = 1
    error = await town.refused()
    assert (error.failure, error.code) == (None, "connection_lost")
    await town.send()
    assert town.smsc.binds == 2, "the adapter has bound again"


async def test_a_broken_connection_is_made_again(town: Line) -> None:
    await town.send()
    town.smsc.drop()
    await until(lambda: town.smsc.binds > 1)
    await town.send()
    town.smsc.write(PATIENT, NUMBER, "1")
    texts = {item.text async for item in _messages(town, 1)}
    assert texts == {"1"}


async def _messages(town: Line, count: int) -> AsyncIterator[Any]:
    while count:
        item = await town.taken.get()
        if hasattr(item, "text"):
            count -= 1
            yield item


async def test_an_undelivered_message_is_reported(town: Line) -> None:
    town.smsc.undeliverable.add(PATIENT)
    await town.send()
    assert (await town.receipt()).receipt is Receipt.SENT
    found = await town.receipt()
    assert (found.receipt, found.failure, found.code) == (
        Receipt.FAILED,
        Failure.REJECTED,
        "UNDELIV 011",
    )


async def test_receipts_may_come_twice_and_in_any_order(town: Line) -> None:
    town.smsc.faults.repeat_webhooks = town.smsc.faults.reorder_webhooks = 1.0
    await town.send()
    assert await town.receipts(4) == [Receipt.DELIVERED] * 2 + [Receipt.SENT] * 2


async def test_ids_in_hexadecimal_are_found_in_decimal_receipts() -> None:
    async with served(hex_ids=True, receipt_ids="decimal_of_hex") as town:
        sent = await town.send()
        assert (await town.receipt()).provider_id == sent


async def test_a_silent_smsc_is_noticed_and_left() -> None:
    """enquire_link without an answer ends the connection."""
    async with served(enquire_link_s=0.05, response_s=0.2) as town:
        await town.send()
        town.smsc.silent = True
        await until(lambda: town.smsc.binds > 1)


async def test_a_refused_bind_asks_for_an_operator(caplog: pytest.LogCaptureFixture) -> None:
    async with served(password="wrong") as town:
        with pytest.raises(SendError) as caught:
            await town.channel.send(outgoing(channel=Channel.SMS))
        assert (caught.value.failure, caught.value.code) == (Failure.TEMPORARY, "not_connected")
        await until(lambda: any(r.levelno == logging.ERROR for r in caplog.records))
    found = next(r for r in caplog.records if r.levelno == logging.ERROR)
    assert (found.message, vars(found)["code"]) == ("an SMSC refuses us", "0x0e")


class TestSmppConforms(MessagingConformance):
    """The adapter keeps the contract, with the sandbox's SMSC as its provider."""

    @pytest.fixture
    async def peer(self) -> AsyncIterator[Peer]:
        async with served(long_messages="payload") as town:
            smsc = town.smsc
            heard = [await self._sent(town), *[await town.taken.get() for _ in range(2)]][1:]
            smsc.undeliverable.add(PATIENT)
            await town.send()
            heard += [await town.taken.get() for _ in range(2)]
            smsc.undeliverable.clear()
            smsc.write(PATIENT, NUMBER, "1")
            heard.append(await town.taken.get())
            before = len(smsc.submitted)

            def fails(status: int, smsc: Smsc = smsc) -> Any:
                return lambda: smsc.faults.fail_next(status)

            def lose(smsc: Smsc = smsc) -> None:
                smsc.faults.cut_next = 1

            yield Peer(
                messaging=town.channel,
                capabilities=CAPABILITIES,
                message=outgoing(channel=Channel.SMS),
                accept=lambda: None,
                impossible=fails(0x0B),
                temporary=fails(0x58),
                reject=fails(0x0A),
                lose=lose,
                asked=lambda smsc=smsc, before=before: len(smsc.submitted) - before,  # type: ignore[misc]
                secrets=("pass-1",),
                heard=tuple(heard),
            )

    async def _sent(self, town: Line) -> Any:
        return await town.send(content=replace(CONTENT, text="1"))


def certificate_for(folder: Path, address: str) -> Path:
    """Write a certificate of its own authority, and its key, into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SMSC")])
    now = SystemClock().now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / "smsc.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return file


@pytest.mark.parametrize(("address", "trusted"), [("127.0.0.1", True), ("127.0.0.2", False)])
async def test_an_encrypted_connection_needs_the_right_certificate(
    tmp_path: Path, address: str, trusted: bool, caplog: pytest.LogCaptureFixture
) -> None:
    file = certificate_for(tmp_path, address)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    async with served(certificate=context, tls=True, ca_file=str(file)) as town:
        if trusted:
            await town.send()
        else:
            await until(lambda: "an SMSC is away" in caplog.messages)
            with pytest.raises(SendError, match="not_connected"):
                await town.channel.send(outgoing(channel=Channel.SMS))
        assert bool(town.smsc.binds) is trusted


def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    for content in (None, b"no certificate"):
        file = tmp_path / "ca.pem"
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(InvalidInput, match=r"connections\.0\.ca_file"):
            SmsSmpp(config(1, tls=True, ca_file=str(file)), ManualClock())


@pytest.mark.rule("H-7")
async def test_messages_keep_the_pace_of_the_connection() -> None:
    async with served(per_second=0.2, long_messages="payload") as town:
        await until(lambda: town.smsc.binds > 0)
        before = town.clock.now()
        await town.send()
        await town.send()
        assert (town.clock.now() - before).total_seconds() >= 5


async def test_who_would_wait_too_long_is_told_when_to_come_again() -> None:
    async with served(per_second=0.05, long_messages="payload") as town:
        await town.send()
        error = await town.refused()
        assert (error.failure, error.code) == (Failure.TEMPORARY, "paced")
        assert error.retry_after_s is not None
        assert 15 <= error.retry_after_s <= 20


@pytest.mark.rule("G-6")
async def test_a_response_that_does_not_come_leaves_the_outcome_unknown() -> None:
    async with served(response_s=0.1, long_messages="payload") as town:
        await town.send()
        town.smsc.silent = True
        error = await town.refused()
        assert error.failure is None
        assert len(town.smsc.accepted) == 2, "it had got through"
