"""Settings of Twilio Voice: accounts, and which number calls for which branch."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gateway.errors import InvalidInput, Problem

CALLS_PER_SECOND = 1.0
"""Twilio's own limit for a new account; calls beyond it wait in Twilio's queue."""

LINES = 100
"""Calls of an account at once. A bound of ours; Twilio's own is agreed with each account."""

RING_S = 30
"""How long a phone rings: about six rings. Twilio adds up to five seconds of its own."""

TIME_LIMIT_S = 300
"""No dialogue of ours takes half as long; a call that hangs must not cost for hours."""

_Secret = Annotated[SecretStr, Field(min_length=1, max_length=200)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Account(_Strict):
    """A Twilio account (or subaccount). `name` is ours, for messages and limits.

    `auth_tokens` sign its callbacks; several are valid while one is being replaced. Requests use
    the API key where there is one, else the first auth token. `shared_keys` are the secrets of
    webhook signing with HMAC-SHA256, where that is set up.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,40}$")] = "twilio"
    account_sid: Annotated[str, Field(pattern=r"^AC[0-9a-f]{32}$", repr=False)]
    auth_tokens: Annotated[tuple[_Secret, ...], Field(min_length=1, max_length=4)]
    api_key_sid: Annotated[str | None, Field(pattern=r"^SK[0-9a-f]{32}$", repr=False)] = None
    api_key_secret: _Secret | None = None
    shared_keys: Annotated[tuple[_Secret, ...], Field(max_length=4)] = ()
    calls_per_second: Annotated[float, Field(gt=0, le=1000)] = CALLS_PER_SECOND
    lines: Annotated[int, Field(ge=1, le=10_000)] = LINES


class Caller(_Strict):
    """The number that patients see. `branches` None: it calls for every branch of the clinic."""

    number: Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$", repr=False)]
    clinic: Annotated[str, Field(min_length=1)]
    branches: Annotated[frozenset[str], Field(min_length=1)] | None = None
    account: str = "twilio"


class Config(_Strict):
    """Everything about Twilio Voice. `ring_s` is in seconds, like `time_limit_s`.

    `detect_machines` lets Twilio listen who has picked up before it asks us what to say: some
    seconds of silence for everyone, and a fee, so that answering machines are not talked to.
    """

    accounts: Annotated[tuple[Account, ...], Field(min_length=1)]
    callers: Annotated[tuple[Caller, ...], Field(min_length=1)]
    api_base: Annotated[str, Field(pattern=r"^https?://[^/?#@\s]+[^?#@\s]*$")] = (
        "https://api.twilio.com"
    )
    detect_machines: bool = True
    detect_machines_s: Annotated[int, Field(ge=3, le=59)] = 10
    ring_s: Annotated[int, Field(ge=5, le=75)] = RING_S
    time_limit_s: Annotated[int, Field(ge=60, le=360)] = TIME_LIMIT_S


def check(config: Config) -> None:
    """Raise `InvalidInput` naming the field when the parts do not fit together."""
    problems = [*_account_problems(config), *_caller_problems(config)]
    if problems:
        raise InvalidInput(*problems)


def _account_problems(config: Config) -> list[Problem]:
    problems: list[Problem] = []
    names: set[str] = set()
    sids: set[str] = set()
    for index, account in enumerate(config.accounts):
        place = f"accounts.{index}"
        if account.name in names:
            problems.append(Problem(f"{place}.name", "another account has the same name"))
        if account.account_sid in sids:
            problems.append(Problem(f"{place}.account_sid", "another account has the same sid"))
        if (account.api_key_sid is None) is not (account.api_key_secret is None):
            problems.append(Problem(f"{place}.api_key_secret", "belongs together with api_key_sid"))
        names.add(account.name)
        sids.add(account.account_sid)
    return problems


def _caller_problems(config: Config) -> list[Problem]:
    problems: list[Problem] = []
    names = {account.name for account in config.accounts}
    taken: set[tuple[str, str | None]] = set()
    for index, caller in enumerate(config.callers):
        place = f"callers.{index}"
        if caller.account not in names:
            problems.append(Problem(f"{place}.account", "there is no account of this name"))
        branches: frozenset[str | None] = caller.branches or frozenset({None})
        served = {(caller.clinic, branch) for branch in branches}
        if served & taken:
            problems.append(Problem(f"{place}.branches", "another caller serves the same branch"))
        taken |= served
    return problems


class Directory:
    """Finds who calls for a branch, and whose callbacks may speak of a clinic."""

    def __init__(self, config: Config) -> None:
        check(config)
        self._callers = config.callers
        self._accounts = {account.name: account for account in config.accounts}

    def caller(self, clinic: str, branch: str) -> tuple[Caller, Account] | None:
        """Return the number and account for a branch: its own, else the clinic's."""
        own = [caller for caller in self._callers if caller.clinic == clinic]
        for caller in own:
            if caller.branches is not None and branch in caller.branches:
                return caller, self._accounts[caller.account]
        for caller in own:
            if caller.branches is None:
                return caller, self._accounts[caller.account]
        return None

    def account(self, sid: str) -> Account | None:
        """Return the account of a sid."""
        found = (a for a in self._accounts.values() if a.account_sid == sid)
        return next(found, None)

    def calls_for(self, account: Account, clinic: str) -> bool:
        """Tell whether an account has a number that calls for a clinic."""
        return any(c.clinic == clinic and c.account == account.name for c in self._callers)
