"""MAX's settings: what is wrong is told by field, and only the named authority is trusted more."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from adapters.http import HttpClient, HttpRequest
from adapters.messaging.max_settings import Config, check, client_of
from gateway.core.events import Failure
from gateway.errors import InvalidInput
from gateway.ports.messaging import SendError
from tests.adapters.support import Recorder

SENDER: dict[str, Any] = {
    "name": "sample_clinic_bot",
    "token": "bot-token-of-max",
    "webhook_secrets": ["webhook-secret-123"],
    "clinic": "c1",
}


def config(**more: Any) -> Config:
    return Config.model_validate({"senders": [SENDER], **more})


@pytest.mark.parametrize(
    "wrong",
    [
        {"senders": []},
        {"senders": [{**SENDER, "token": ""}]},
        {"senders": [{**SENDER, "webhook_secrets": ["secret"]}]},
        {"senders": [{**SENDER, "webhook_secrets": ["secret_with_an_underscore"]}]},
        {"senders": [{**SENDER, "name": "https://max.ru/bot"}]},
        {"webhook_url": "http://gateway.example/hooks/max"},
        {"api_base": "https://user@platform-api2.max.ru"},
    ],
)
def test_a_wrong_configuration_is_refused_without_its_secrets(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        config(**wrong)
    told = str(caught.value).replace("webhook_secrets", "")
    assert "secret" not in told
    assert "bot-token" not in told


def test_two_bots_must_not_be_taken_for_each_other() -> None:
    for other, field in (
        ({**SENDER, "name": "other_bot"}, "webhook_secrets"),
        ({**SENDER, "webhook_secrets": ["another-secret-123"]}, "name"),
    ):
        with pytest.raises(InvalidInput) as caught:
            check(config(senders=[SENDER, other]))
        assert [problem.field for problem in caught.value.problems] == [f"senders.1.{field}"]


def authority(folder: Path) -> tuple[Path, Path]:
    """Write an authority's certificate, and a server's with its key."""
    now, ca_key, key = datetime.now(UTC), *(ec.generate_private_key(ec.SECP256R1()) for _ in "12")
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sample Authority")])

    def builder(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(named)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )

    ca = builder(named, ca_key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    ca_pem = ca.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    leaf = builder(name, key.public_key()).add_extension(address, critical=False)
    pem = leaf.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    pem += key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "ca.pem").write_bytes(ca_pem)
    (folder / "server.pem").write_bytes(pem)
    return folder / "ca.pem", folder / "server.pem"


async def test_a_certificate_of_the_named_authority_is_trusted_and_no_other(tmp_path: Path) -> None:
    ca, certificate = authority(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    server = TestServer(Recorder().app, host="127.0.0.1", scheme="https")
    await server.start_server(ssl=context)
    request = HttpRequest("GET", f"https://127.0.0.1:{server.port}/")
    trusting = client_of(config(ca_file=str(ca)))
    assert (await trusting.send(request)).status == 200
    for client in (client_of(config()), HttpClient()):
        with pytest.raises(SendError) as caught:
            await client.send(request)
        assert (caught.value.failure, caught.value.code) == (Failure.TEMPORARY, "tls")
        await client.close()
    await trusting.close()
    await server.close()


@pytest.mark.parametrize("text", [None, "", "no certificate"])
def test_an_authority_that_cannot_be_read_is_told_by_field(
    tmp_path: Path, text: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InvalidInput) as caught:
        client_of(config(ca_file=str(file)))
    assert [problem.field for problem in caught.value.problems] == ["ca_file"]
