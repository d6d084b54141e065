"""A TLS server in front of a test phone that speaks TCP: the trunk of encrypted calls."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.telephony.peers.sip_phone import SipPhone


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate of an authority of our own, its key, and the authority's certificate."""

    chain: Path
    key: Path
    authority: Path


def certificate_for(host: str, folder: Path) -> Certificate:
    """Have a certificate made; it is good for a day."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.fail("openssl is needed")
    folder.mkdir(parents=True, exist_ok=True)
    names = {
        name: folder / f"{name}.pem" for name in ("authority", "authority-key", "chain", "key")
    }
    common = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    subprocess.run(
        [*common, "-subj", "/CN=Test authority", "-keyout", names["authority-key"],
         "-out", names["authority"]], check=True, capture_output=True,
    )  # fmt: skip
    subprocess.run(
        [*common, "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}",
         "-addext", "basicConstraints=critical,CA:FALSE",
         "-CA", names["authority"], "-CAkey", names["authority-key"],
         "-keyout", names["key"], "-out", names["chain"]], check=True, capture_output=True,
    )  # fmt: skip
    return Certificate(names["chain"], names["key"], names["authority"])


@contextlib.asynccontextmanager
async def tls_front(phone: SipPhone, certificate: Certificate, port: int) -> AsyncIterator[None]:
    """Listen with TLS and pass everything on to the phone, with the addresses changed."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.chain, certificate.key)
    inside, outside = f":{phone.port};transport=tcp".encode(), f":{port};transport=tls".encode()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_phone, from_phone = await asyncio.open_connection("127.0.0.1", phone.port)
        tasks.add(asyncio.current_task())  # type: ignore[arg-type]  # there is one
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await asyncio.gather(
                _pass_on(reader, from_phone, outside, inside),
                _pass_on(to_phone, writer, inside, outside),
            )
        for end in (writer, from_phone):
            end.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port, ssl=context)
    try:
        yield
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pass_on(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, old: bytes, new: bytes
) -> None:
    while data := await source.read(65536):
        target.write(data.replace(old, new))
    target.close()
