"""Who is asking: the peer's address, or what a trusted proxy says of it.

`X-Forwarded-For` is what a client likes to write; only the part that our own proxies have added
counts. So it is read from its end, as long as the address before belongs to a trusted proxy.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from aiohttp import web

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

V6_HOUSEHOLD = 64
"""One customer is given a /64 at least (RFC 6177), so a limit for one address would be none."""

HOPS_MAX = 16


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Read addresses and networks of proxies; raise `ValueError` for what is neither."""
    return tuple(ipaddress.ip_network(text) for text in texts)


def client_of(request: web.Request, trusted: Sequence[Network]) -> str:
    """Return whose limits hold for a request; empty when nobody can tell."""
    forwarded = ",".join(request.headers.getall("X-Forwarded-For", ()))
    return client_behind(request.remote or "", forwarded, trusted)


def client_behind(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """Return the nearest address that no trusted proxy has; an IPv6 one as its network."""
    nearest = _address(peer)
    hops = forwarded.split(",")[-HOPS_MAX:] if forwarded else []
    while nearest is not None and hops and any(nearest in network for network in trusted):
        named = _address(hops.pop().strip())
        if named is None:
            break  # a proxy that writes no addresses: the limit is its own
        nearest = named
    return _limited(nearest) if nearest is not None else ""


def _address(text: str) -> Address | None:
    """Read an address with or without a port; an IPv4 one inside IPv6 is the IPv4 one."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _limited(address: Address) -> str:
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((address, V6_HOUSEHOLD), strict=False))
