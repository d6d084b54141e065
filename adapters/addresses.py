"""Which addresses a clinic's webhook may lead to: the public internet and nothing of our own.

A clinic types its webhook's address, so it must not become a way into the network around the
gateway. A host name is resolved first, every address it leads to is checked, and the connection
is made to just those addresses: a name that changes its mind in between changes nothing.

What may stand in an address: https, a host, port 443 or one from 1024 on, a path and a query. No
user or password and no fragment. With `allow_private`, for a schedule in the clinic's own
network, http, any port and private addresses as well.
"""

from __future__ import annotations

import ipaddress
import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver
from yarl import URL

from adapters.http import RefusedAddressError
from gateway.errors import InvalidInput, Problem

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_UNPRIVILEGED_PORT = 1024

_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
"""RFC 4291, 2.4: the only range from which global unicast addresses are assigned."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052, 2.1: the well-known prefix; the last 32 bits are an IPv4 address."""

_REFUSED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared address space, and one cloud's metadata (100.100.100.200)
        "127.0.0.0/8",
        "168.63.129.16/32",  # public by number, but the agent of one cloud's virtual machines
        "169.254.0.0/16",  # link-local, and most clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",  # Teredo, ORCHID and other protocol assignments
        "2001:db8::/32",
        "3fff::/20",
    )
)


def is_public(address: Address) -> bool:
    """Tell whether an address is on the public internet, also when it wraps an IPv4 address."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _inside(address)
        if inner is not None:
            return is_public(inner)
        if address not in _GLOBAL_V6:
            return False
    return address.is_global and not any(address in network for network in _REFUSED)


def _inside(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that traffic to a mapped, NAT64 or 6to4 address ends at."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def checked_url(text: str, *, allow_private: bool = False, field: str = "url") -> str:
    """Return a webhook's address, or raise `InvalidInput` that says why it cannot be one."""
    try:
        url = URL(text)
        port = url.port
    except ValueError:
        raise _bad(field, "is not an address") from None
    schemes = ("https", "http") if allow_private else ("https",)
    if url.scheme not in schemes or not url.host:
        raise _bad(field, f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    if url.user is not None or url.password is not None or url.fragment:
        raise _bad(field, "must not hold a user, a password or a fragment")
    if not allow_private:
        if port != 443 and (port is None or port < _UNPRIVILEGED_PORT):
            raise _bad(field, f"must use port 443, or one from {_UNPRIVILEGED_PORT} on")
        literal = _literal(url.host)
        if literal is not None and not is_public(literal):
            raise _bad(field, "leads to a private address; see webhooks.allow_private")
    return str(url)


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _bad(field: str, message: str) -> InvalidInput:
    return InvalidInput(Problem(field, message))


class PublicResolver(AbstractResolver):
    """Resolves host names, and refuses one that leads to even one address that is not public."""

    def __init__(self, inner: AbstractResolver | None = None) -> None:
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses to connect to; raise `RefusedAddressError`."""
        if self._inner is None:
            self._inner = DefaultResolver()
        found = await self._inner.resolve(host, port, family)
        for item in found:
            address = _literal(item["host"])
            if address is None or not is_public(address):
                raise RefusedAddressError("the host leads to an address that is not public")
        return found

    async def close(self) -> None:
        """Let go of the resolver inside."""
        if self._inner is not None:
            await self._inner.close()
