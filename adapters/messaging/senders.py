"""What settings of message channels have in common: senders that speak for clinics and branches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Protocol, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gateway.errors import InvalidInput, Problem
from gateway.ports.schema_problems import bad


class Strict(BaseModel):
    """A part of an adapter's settings; what is wrong is told without its value."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


PerSecond = Annotated[float, Field(gt=0, le=10_000)]
"""Messages a second, over all nodes together."""


class BranchSender(Strict):
    """Whom a sender speaks for. `branches` None: for every branch of the clinic."""

    clinic: Annotated[str, Field(min_length=1)]
    branches: Annotated[frozenset[str], Field(min_length=1)] | None = None


class RatedSender(BranchSender):
    """A sender with a rate of its own. `per_second` None: the provider publishes no limit for
    this kind; what the contract says can be set."""

    per_second: PerSecond | None = None


class _Sender(Protocol):
    @property
    def clinic(self) -> str: ...

    @property
    def branches(self) -> frozenset[str] | None: ...


_S = TypeVar("_S", bound=_Sender)


def at_least_one(senders: tuple[_S, ...]) -> tuple[_S, ...]:
    """Check the number of senders once each of them can be read."""
    if not senders:
        raise bad("must name at least one sender")
    return senders


Senders: TypeAlias = Annotated[tuple[_S, ...], AfterValidator(at_least_one)]
"""The senders of an adapter; what is wrong with one of them is not told as a missing one."""


def sender_of(senders: Sequence[_S], clinic: str, branch: str) -> _S | None:
    """Return the sender of a branch: its own, else the clinic's."""
    own = [sender for sender in senders if sender.clinic == clinic]
    for sender in own:
        if sender.branches is not None and branch in sender.branches:
            return sender
    return next((sender for sender in own if sender.branches is None), None)


def check_different(
    senders: Sequence[_S], field: str, values: Callable[[_S], Iterable[str]]
) -> None:
    """Raise `InvalidInput` naming the field when two senders share one of its values."""
    taken: set[str] = set()
    for index, sender in enumerate(senders):
        own = set(values(sender))
        if own & taken:
            raise InvalidInput(Problem(f"senders.{index}.{field}", "another sender has the same"))
        taken |= own
