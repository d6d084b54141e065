"""API keys of clinics: `chk_<random>`, sent as a bearer token (RFC 6750).

The store keeps SHA-256 hashes only. A key is 96 random bits, so it needs no slow hash, and
finding its hash in a table tells an attacker nothing: the time that takes depends on the hash of
a guess, not on the guess. There is no comparison of secrets, so none that could leak by time.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from gateway.clock import Clock, fresh_id
from gateway.errors import Forbidden, Unauthenticated
from gateway.ports.store import Store

PREFIX = "chk"
KEY_CHARS_MAX = 128  # longer than any key; nothing longer is hashed
TRUSTED_FOR = timedelta(seconds=5)
"""How long a key is believed without a look at the store; a revoked one works no longer."""

TRUSTED_MAX = 4096
"""Keys in memory at once: more than a node has clinics to talk to."""


def new_key() -> tuple[str, str]:
    """Return a new key and its digest; only the digest is stored."""
    key = fresh_id(PREFIX)
    return key, digest_of(key)


def digest_of(key: str) -> str:
    """Return what is stored of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


class Keys:
    """Finds the clinic behind a request's key."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._trusted: dict[str, tuple[str, datetime]] = {}

    async def authorize(self, authorization: str | None, clinic: str) -> None:
        """Raise `Unauthenticated` without a valid key, `Forbidden` with another clinic's.

        Whether the other clinic exists makes no difference.
        """
        if await self.clinic_of(authorization) != clinic:
            raise Forbidden("This key belongs to another clinic.")

    async def clinic_of(self, authorization: str | None) -> str:
        """Return the clinic of the key in an `Authorization` header."""
        digest = digest_of(_key_in(authorization))
        now = self._clock.now()
        known = self._trusted.get(digest)
        if known is not None and timedelta(0) <= now - known[1] < TRUSTED_FOR:
            return known[0]
        self._trusted.pop(digest, None)
        clinic = await self._store.key_clinic(digest)
        if clinic is None:
            raise Unauthenticated("The API key is not valid.")
        if len(self._trusted) >= TRUSTED_MAX:
            self._trusted.clear()
        self._trusted[digest] = (clinic, now)
        return clinic


def _key_in(authorization: str | None) -> str:
    scheme, _, key = (authorization or "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise Unauthenticated("Send the clinic's API key: Authorization: Bearer chk_…")
    if len(key) > KEY_CHARS_MAX or not key.isascii() or not key.startswith(f"{PREFIX}_"):
        raise Unauthenticated("The API key is not valid.")
    return key
