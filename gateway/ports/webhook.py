"""What a provider's callback looks like to an adapter: bytes and headers, no web framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from gateway.ports.messaging import Inbound


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A request exactly as it came in. Header names are lower case; `url` is the public one.

    Headers and address stay out of `repr`: some providers prove themselves by a secret that stands
    in one of them.
    """

    method: str
    url: str = field(repr=False)
    query: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RawResponse:
    """What to answer: to a verification handshake, or once everything is stored."""

    status: int
    body: str = ""
    content_type: str = "text/plain"


class Webhook(Protocol):
    """A provider's callback address: `verify`, then `parse`; storing is not the adapter's."""

    def handshake(self, request: RawRequest) -> RawResponse | None:
        """Answer a verification request (GET), or None when it is not one."""
        ...

    def verify(self, request: RawRequest) -> None:
        """Raise `Unauthenticated` without and `Forbidden` with a wrong signature."""
        ...

    def parse(self, request: RawRequest) -> Sequence[Inbound]:
        """Return what happened, in order; what cannot be read is left out, never raised."""
        ...


@runtime_checkable
class Acknowledging(Protocol):
    """A provider that wants more than an empty 200 for what was taken."""

    def taken(self, request: RawRequest) -> RawResponse:
        """Return the answer to a callback of which everything is stored."""
        ...
