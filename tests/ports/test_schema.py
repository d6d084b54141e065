from __future__ import annotations

from gateway.ports import schema


def test_what_others_import_is_there() -> None:
    assert all(callable(getattr(schema, name)) for name in schema.__all__)
