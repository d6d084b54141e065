"""What endpoints say about themselves."""

from __future__ import annotations

from gateway.web.endpoints import TEXT, list_of, shape, words


def test_a_shape_requires_what_is_not_optional() -> None:
    schema = shape({"a": TEXT, "b": list_of(TEXT)}, optional=("b",))
    assert schema["required"] == ["a"]
    assert schema["properties"] == {"a": TEXT, "b": {"type": "array", "items": TEXT}}
    assert words(("x", "y")) == {"type": "string", "enum": ["x", "y"]}
