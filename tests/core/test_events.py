from __future__ import annotations

from dataclasses import FrozenInstanceError, is_dataclass
from typing import get_args

import pytest

from gateway.core import events
from gateway.core.events import Event, MessageLost


def test_every_event_is_frozen_and_named_in_the_past() -> None:
    for kind in get_args(Event):
        assert is_dataclass(kind)
        assert kind.__doc__
    with pytest.raises(FrozenInstanceError):
        MessageLost("1").attempt = "2"  # type: ignore[misc]


def test_no_event_is_left_out_of_the_union() -> None:
    parts = {"Choice"}  # not an event itself
    kinds = {
        name
        for name, value in vars(events).items()
        if is_dataclass(value) and value.__module__ == events.__name__
    }
    assert kinds - parts == {kind.__name__ for kind in get_args(Event)}
