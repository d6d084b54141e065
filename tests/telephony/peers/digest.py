"""The asking side of SIP's digest authentication (RFC 3261, section 22; RFC 2617)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from adapters.telephony.sandbox_sip_message import Message, uri_in


@dataclass(frozen=True, slots=True)
class Guard:
    """Asks for a password: 401 as a registrar or a user agent does, 407 as a proxy."""

    user: str
    password: str
    code: int = 401
    realm: str = "trunk.example"
    nonce: str = "a8f3c2d1"

    @property
    def challenge(self) -> tuple[str, str]:
        """The header that asks."""
        name = "WWW-Authenticate" if self.code == 401 else "Proxy-Authenticate"
        ask = f'Digest realm="{self.realm}", nonce="{self.nonce}", algorithm=MD5, qop="auth"'
        return name, ask

    def is_answered(self, request: Message) -> bool | None:
        """Tell whether the request proves the password; None when it does not even try."""
        name = "authorization" if self.code == 401 else "proxy-authorization"
        given = request.header(name)
        if not given:
            return None
        parts = dict(re.findall(r'(\w+)="?([^",]+)"?', given.removeprefix("Digest ")))
        secret = _md5(f"{self.user}:{self.realm}:{self.password}")
        asked = _md5(f"{request.method}:{parts.get('uri', '')}")
        middle = [parts.get(name, "") for name in ("nonce", "nc", "cnonce", "qop")]
        right = _md5(":".join([secret, *middle, asked]))
        is_whole = parts.get("username") == self.user and parts.get("nonce") == self.nonce
        return is_whole and parts.get("response") == right

    def account_of(self, request: Message) -> str:
        """Return the address of record that registers."""
        return uri_in(request.header("to"))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
