"""A clinic's webhook never becomes a way into the network around the gateway."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from adapters.addresses import PublicResolver, checked_url, is_public
from adapters.http import HttpClient, HttpRequest, RefusedAddressError
from gateway.errors import InvalidInput
from gateway.ports.messaging import SendError
from tests.adapters.support import Recorder, serve

PRIVATE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2002:c0a8:101::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "172.15.255.255",
    "172.32.0.1",
    "223.255.255.254",
    "2606:4700::1111",
    "2a02:6b8::1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
]


@pytest.mark.parametrize("text", PRIVATE)
def test_an_address_of_our_own_is_not_public(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_an_address_of_the_internet_is_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "url",
    [
        "https://clinic.example/hook?a=1",
        "https://clinic.example:8443/",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/",
        "https://xn--e1afmkfd.example/",
    ],
)
def test_a_public_webhook_may_be_anywhere_on_https(url: str) -> None:
    assert checked_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://clinic.example/",
        "ftp://clinic.example/",
        "gopher://clinic.example/",
        "//clinic.example/",
        "https:///hook",
        "https://user@clinic.example/",
        "https://user:secret@clinic.example/",
        "https://clinic.example/#part",
        "https://clinic.example:22/",
        "https://clinic.example:25/",
        "https://clinic.example:0/",
        "https://clinic.example:99999/",
        "https://[::1/",
        "clinic.example",
        "",
        *(f"https://{text}/" for text in PRIVATE if ":" not in text),
        *(f"https://[{text}]/" for text in PRIVATE if ":" in text and "%" not in text),
    ],
)
def test_a_public_webhook_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_url(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://10.0.0.5:80/hook", "https://mis.local/", "http://[::1]:1/"]
)
def test_a_private_schedule_may_be_allowed(url: str) -> None:
    assert checked_url(url, allow_private=True) == url.replace(":80/", "/")


@pytest.mark.parametrize("url", ["ftp://10.0.0.5/", "http://user@10.0.0.5/", "http:///x"])
def test_other_rules_hold_for_private_schedules_too(url: str) -> None:
    with pytest.raises(InvalidInput):
        checked_url(url, allow_private=True)


class Names(AbstractResolver):
    """Answers one list of addresses after the other, as a name that changes its mind does."""

    def __init__(self, port: int, *answers: list[str]) -> None:
        self._port = port
        self._answers = list(answers)
        self.closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        addresses = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=self._port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::1"], ["odd"]])
async def test_one_private_address_refuses_the_name(addresses: list[str]) -> None:
    with pytest.raises(RefusedAddressError):
        await PublicResolver(Names(443, addresses)).resolve("clinic.example", 443)


async def test_the_checked_addresses_are_those_connected_to() -> None:
    names = Names(443, ["8.8.8.8"], ["127.0.0.1"])
    resolver = PublicResolver(names)
    [found] = await resolver.resolve("clinic.example", 443)
    assert found["host"] == "8.8.8.8"
    await resolver.close()
    assert names.closed


@pytest.mark.parametrize("host", ["rebound.example", "localhost"])
async def test_a_name_that_leads_home_is_never_connected_to(host: str) -> None:
    """The server listens, and hears nothing."""
    inside = Recorder()
    server = await serve(inside.app)
    assert server.port is not None
    resolver = PublicResolver(None if host == "localhost" else Names(server.port, ["127.0.0.1"]))
    client = HttpClient(resolver=resolver)
    with pytest.raises(SendError, match="address_refused"):
        await client.send(HttpRequest("POST", f"http://{host}:{server.port}/", {}, b"{}"))
    assert inside.requests == []
    await client.close()
    await resolver.close()
    await server.close()
