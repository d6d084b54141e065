"""A small Firebase of our own: Google's token endpoint and FCM's HTTP v1 over a world of phones.

The production adapter runs against it unchanged: `service_account` is a key file that names this
sandbox's own token endpoint. Signatures of assertions are checked with the public key alone. What
was accepted stands in `Phone.shown`, to be compared with the gateway's own books.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from adapters.json_values import Json, object_of, read_json, text_of
from adapters.messaging.sandbox_traffic import answer_late
from adapters.messaging.sandbox_world import Chance, Faults
from gateway.clock import Clock

TOKEN_LIFE_S = 3600
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"

ERRORS: dict[str, int] = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "THIRD_PARTY_AUTH_ERROR": 401,
    "SENDER_ID_MISMATCH": 403,
    "UNREGISTERED": 404,
    "QUOTA_EXCEEDED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
}
"""Error codes and the HTTP status of each."""


class FcmError(Exception):
    """The request is refused with this error code."""

    def __init__(self, code: str, *, field: str = "", retry_after_s: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.status = ERRORS[code]
        self.retry_after_s = retry_after_s
        self._field = field

    @property
    def document(self) -> Json:
        """The body of the answer."""
        details: list[Json] = [{"@type": _FCM_ERROR, "errorCode": self.code}]
        if self._field:
            violation = {"field": self._field, "description": "Invalid value"}
            kind = "type.googleapis.com/google.rpc.BadRequest"
            details = [{"@type": kind, "fieldViolations": [violation]}]
        error: Json = {"code": self.status, "message": "Sandbox", "status": self.code}
        return {"error": {**error, "details": details}}


@dataclass(slots=True)
class Phone:
    """A phone with the app, by its registration token."""

    token: str
    registered: bool = True
    shown: list[Json] = field(default_factory=list)


class FcmWorld:
    """One Firebase project."""

    def __init__(
        self,
        clock: Clock,
        *,
        project: str = "sandbox-clinic",
        url: str = "",
        seed: int = 0,
        key: rsa.RSAPrivateKey | None = None,
    ) -> None:
        self.faults = Faults()
        self.project = project
        self.url = url
        self.phones: dict[str, Phone] = {}
        self.exchanges = 0
        self.refuse_accounts = False
        self._clock = clock
        self._chance = Chance(seed)
        self._key = key or rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._valid: dict[str, float] = {}
        self._planned: list[FcmError] = []

    @property
    def service_account(self) -> str:
        """The key file of this project."""
        pem = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return json.dumps(
            {
                "type": "service_account",
                "project_id": self.project,
                "private_key_id": "sandbox-key-1",
                "private_key": pem.decode(),
                "client_email": f"callahead@{self.project}.iam.example",
                "token_uri": f"{self.url}/token",
            }
        )

    def phone(self, token: str) -> Phone:
        """Return a phone; it has the app as soon as it is asked for."""
        return self.phones.setdefault(token, Phone(token))

    def fail_next(self, code: str, *, field: str = "", retry_after_s: int | None = None) -> None:
        """Let the next message fail with an error code."""
        self._planned.append(FcmError(code, field=field, retry_after_s=retry_after_s))

    def forget_tokens(self) -> None:
        """Let every access token end at once."""
        self._valid.clear()

    # What the gateway asks for

    def exchange(self, form: dict[str, list[str]]) -> Json:
        """Give an access token for a signed assertion; raise ValueError."""
        self.exchanges += 1
        if self.refuse_accounts or form.get("grant_type") != [_GRANT]:
            raise ValueError("invalid_grant")
        header, claims = self._read_assertion(form["assertion"][0])
        now = self._clock.now().timestamp()
        expected = {"alg": "RS256", "typ": "JWT", "kid": "sandbox-key-1"}
        age, life = _number(claims, "iat") - now, _number(claims, "exp") - _number(claims, "iat")
        if header != expected or claims.get("aud") != f"{self.url}/token":
            raise ValueError("invalid_grant")
        if not str(claims.get("scope")).endswith("/auth/firebase.messaging"):
            raise ValueError("invalid_scope")
        if abs(age) > 60 or not 0 < life <= 3600:
            raise ValueError("invalid_grant")
        token = f"ya29.{self._chance.fresh(32)}"
        self._valid[token] = now + TOKEN_LIFE_S
        return {"access_token": token, "expires_in": TOKEN_LIFE_S, "token_type": "Bearer"}

    def _read_assertion(self, text: str) -> tuple[Json, Json]:
        content, _, signature = text.rpartition(".")
        public = self._key.public_key()
        try:
            public.verify(
                _unbase64(signature), content.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            raise ValueError("invalid_grant") from None
        header, _, claims = content.partition(".")
        return object_of(read_json(_unbase64(header))), object_of(read_json(_unbase64(claims)))

    def take(self, authorization: str, body: Json) -> Json:
        """Accept a message, or raise `FcmError`."""
        until = self._valid.get(authorization.removeprefix("Bearer "))
        if until is None or self._clock.now().timestamp() >= until:
            raise FcmError("UNAUTHENTICATED")
        if self._planned:
            raise self._planned.pop(0)
        message = object_of(body.get("message"))
        for name, value in object_of(message.get("data")).items():
            if not isinstance(value, str):
                raise FcmError("INVALID_ARGUMENT", field=f"message.data[{name}]")
        phone = self.phones.get(text_of(message.get("token")) or "")
        if phone is None:
            raise FcmError("INVALID_ARGUMENT")
        if not phone.registered:
            raise FcmError("UNREGISTERED")
        phone.shown.append(message)
        return {"name": f"projects/{self.project}/messages/0:{self._chance.fresh(16)}"}


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(claims: Json, name: str) -> float:
    value = claims.get(name)
    return float(value) if isinstance(value, int) else 0.0


def fcm_app(world: FcmWorld, clock: Clock) -> web.Application:
    """Return both endpoints as an application to be mounted anywhere, e.g. under /sandbox/fcm."""

    async def exchange(request: web.Request) -> web.Response:
        if world.faults.down:
            return web.Response(status=503)
        try:
            return web.json_response(world.exchange(parse_qs(await request.text())))
        except (ValueError, KeyError) as error:
            return web.json_response({"error": str(error)}, status=400)

    async def send(request: web.Request) -> web.StreamResponse:
        if world.faults.down or request.match_info["project"] != world.project:
            return web.Response(status=502)
        body = object_of(read_json(await request.read()))
        try:
            answer = world.take(request.headers.get("Authorization", ""), body)
        except FcmError as error:
            pause = error.retry_after_s
            headers = {} if pause is None else {"Retry-After": str(pause)}
            return web.json_response(error.document, status=error.status, headers=headers)
        await answer_late(world.faults, clock, request)
        return web.json_response(answer)

    app = web.Application()
    app.router.add_post("/token", exchange)
    app.router.add_post("/v1/projects/{project}/messages:send", send)
    return app
