from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidInput
from gateway.ports import yaml_lines
from gateway.ports.schema_problems import Path
from gateway.ports.yaml_lines import read_document


def read(text: str) -> Any:
    return read_document(text, "x.yaml").data


def refused(text: str, source: str = "x.yaml") -> tuple[int | None, str]:
    with pytest.raises(InvalidInput) as caught:
        read_document(text, source)
    assert str(caught.value).startswith(f"{source}: ")
    assert "\n" not in str(caught.value)
    (problem,) = caught.value.problems
    return problem.line, f"{problem.field} {problem.message}".strip()


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("10:00", "10:00"),
        ("12:30:45", "12:30:45"),
        ("2026-11-24", "2026-11-24"),
        ("2026-11-24T14:30:00+05:00", "2026-11-24T14:30:00+05:00"),
        ("no", "no"),
        ("NO", "NO"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("17", 17),
        ("-3", -3),
        ("017", 17),
        ("+79161234567", 79161234567),
        ("1234567890123456789", "1234567890123456789"),
        ("1_000", "1_000"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        (".", "."),
        ("-", None),
        ("0x1F", "0x1F"),
        (".inf", ".inf"),
        ('"10"', "10"),
        ("'true'", "true"),
        ('""', ""),
        ("!!str 5", "5"),
        ("=", "="),
        ("Мария", "Мария"),
    ],
)
def test_scalars_mean_what_yaml_1_2_says(scalar: str, value: object) -> None:
    if scalar == "-":
        assert read("a:\n  -") == {"a": [None]}
    else:
        assert read(f"a: {scalar}") == {"a": value}
        assert type(read(f"a: {scalar}")["a"]) is type(value)


def test_a_key_is_always_text() -> None:
    assert read("+79161234567: a\n1: b\ntrue: c\nnull: d") == {
        "+79161234567": "a",
        "1": "b",
        "true": "c",
        "null": "d",
    }


def test_json_is_read_too() -> None:
    document = read_document('{"a": [1, {"b": null}], "c": "Ж"}', "x.json")
    assert (document.data, document.is_json) == ({"a": [1, {"b": None}], "c": "Ж"}, True)


def test_what_begins_like_json_may_be_yaml() -> None:
    assert read("{a: [1, 2], b: c} # so") == {"a": [1, 2], "b": "c"}


def test_a_byte_order_mark_is_ignored() -> None:
    assert read("\ufeffa: 1") == {"a": 1}
    assert read('\ufeff{"a": 1}') == {"a": 1}


def test_anchors_and_merges_are_read() -> None:
    text = """
    base: &base {a: 1, b: 2}
    other: &other {b: 3, c: 4}
    one: {<<: *base, b: 5}
    two: {<<: [*base, *other], d: 6}
    list: [*base, &x text, *x]
    &key name: *key
    """
    data = read(text)
    assert data["one"] == {"a": 1, "b": 5}
    assert data["two"] == {"a": 1, "b": 2, "c": 4, "d": 6}
    assert data["list"] == [{"a": 1, "b": 2}, "text", "text"]
    assert data["name"] == "name"


def test_a_quoted_merge_sign_is_an_ordinary_key() -> None:
    assert read('"<<": 1') == {"<<": 1}


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 40))


@pytest.mark.rule("V-1")
@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", None, "is empty"),
        ("# only a comment\n", None, "is empty"),
        ("null", None, "is empty"),
        ("- a\n- b\n", 1, "must have fields at its top level"),
        ("text", 1, "must have fields at its top level"),
        ("[1, 2]", 1, "must have fields at its top level"),
        ("a: 1\nb: [1, 2\nc: 3\n", 3, "that begins in line 2"),
        ("a: 1\n b: 2\n", 2, "is not valid YAML"),
        ("a: b: c\n", 1, "is not valid YAML"),
        ("a:\n\t- b\n", 2, "is not valid YAML"),
        ('a: "open\n', 2, "is not valid YAML"),
        ("a: 1\nb: \x00\n", 2, "control characters"),
        ("a: 1\nb: \ud800\n", 2, "not text"),
        ("a: 1\nb: 2\na: 3\n", 3, "a stands twice in the same object"),
        ("x:\n  - {b: 1,\n     b: 2}\n", 3, "x[0].b stands twice in the same object"),
        ("a: &a {b: 1}\nc:\n  <<: *a\n  <<: *a\n", 4, "stands twice"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "tags are not supported"),
        ("a: !!int 5\n", 1, "tags are not supported"),
        ("a: !own {b: 1}\n", 1, "tags are not supported"),
        ("? [a]\n: 1\n", 1, "the name of a field must be plain text"),
        ("a: &a b\n*a : 1\n", 2, "the name of a field must be plain text"),
        ("a: *nothing\n", 1, "no anchor"),
        ("a: &a [*a]\n", 1, "no anchor"),
        ("a: 1\n<<: 5\n", 2, "<< takes objects only"),
        ("a: 1\n---\nb: 2\n", 2, "second document"),
        (f"{'x' * 201}: 1\n", 1, "more than 200 characters"),
        ("a: " + "[" * 40 + "]" * 40, 1, "more than 32 levels"),
        (LAUGHS, 7, "aliases unfold"),
        (CHAIN, 32, "aliases unfold"),
    ],
)
def test_what_nobody_means_is_refused_with_its_line(
    text: str, line: int | None, words: str
) -> None:
    at, message = refused(text)
    assert words in message
    assert at == line


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('{"a": 1,\n "b": }', 2, "is not valid JSON"),
        ('{"a": {"b": 1,\n "c": 2,\n "b": 3}}', 3, "a.b stands twice in the same object"),
        ('{"a": NaN}', None, "number"),
        ('{"a": ' + "9" * 5000 + "}", None, "number"),
        ('{"a": ' + "[" * 100_000, None, "levels"),
        ("[1]", 1, "must have fields"),
    ],
)
def test_bad_json_is_refused_with_its_line(text: str, line: int | None, words: str) -> None:
    at, message = refused(text, "x.json")
    assert words in message
    assert at == line


def test_a_text_of_monstrous_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_lines, "TEXT_CHARS_MAX", 10)
    assert refused("a: 1234567890") == (None, "is larger than 0 MB")


TEXT = """# comment
start: now

clinic:
  id: z
  branches:
    - id: a
      hours: ["06:00",
              "21:00"]
    -
      id: b
base: &base
  c: 1
events:
  - {at: x, remove: A}
  - <<: *base
    d: *base
"""
PATHS: list[tuple[Path, int]] = [
    ((), 2),
    (("start",), 2),
    (("clinic",), 4),
    (("clinic", "id"), 5),
    (("clinic", "branches", 0), 7),
    (("clinic", "branches", 0, "id"), 7),
    (("clinic", "branches", 0, "hours"), 8),
    (("clinic", "branches", 0, "hours", 1), 9),
    (("clinic", "branches", 1, "id"), 11),
    (("clinic", "branches", 1, "name"), 11),  # missing: what lacks it begins there
    (("clinic", "branches", 7), 6),
    (("until",), 2),
    (("events", 0, "remove"), 15),
    (("events", 1, "c"), 16),  # merged in: the place that merges it
    (("events", 1, "d", "c"), 17),
]


@pytest.mark.rule("V-1")
def test_a_field_is_found_by_its_path() -> None:
    document = read_document(TEXT, "x.yaml")
    assert document.lines([path for path, _ in PATHS]) == [line for _, line in PATHS]


@pytest.mark.rule("V-1")
def test_a_field_of_json_is_found_by_its_path() -> None:
    text = '{"a": [\n 1,\n {"b\\"}": "]",\n  "c": []},\n [], [\n[5]]],\n "d": {}\n}'
    document = read_document(text, "x.json")
    paths: list[tuple[Path, int]] = [
        ((), 1),
        (("a",), 1),
        (("a", 0), 2),
        (("a", 1), 3),
        (("a", 1, 'b"}'), 3),
        (("a", 1, "c"), 4),
        (("a", 2), 5),
        (("a", 3), 5),
        (("a", 3, 0, 0), 6),
        (("d",), 7),
        (("d", "e"), 7),
    ]
    assert document.lines([path for path, _ in paths]) == [line for _, line in paths]


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1, max_size=6), inner)
    ),
    max_leaves=20,
)
documents = st.dictionaries(st.text(min_size=1, max_size=6), values, min_size=1)


def every_path(data: object, path: Path = ()) -> list[Path]:
    inner: list[tuple[Any, Any]] = []
    if isinstance(data, dict):
        inner = list(data.items())
    elif isinstance(data, list):
        inner = list(enumerate(data))
    return [path, *(one for step, value in inner for one in every_path(value, (*path, step)))]


@given(documents, st.sampled_from([None, 1]))
def test_what_is_written_as_json_reads_back_and_every_field_is_found(
    data: Any, indent: int | None
) -> None:
    document = read_document(json.dumps(data, indent=indent), "x.json")
    assert document.data == data
    lines = document.lines(every_path(data))
    assert all(lines)
    assert [line for line in lines if line] == sorted(line for line in lines if line)


@given(documents, st.booleans())
def test_what_is_written_as_yaml_reads_back_and_every_field_is_found(data: Any, flow: bool) -> None:
    text = yaml.safe_dump(
        data, allow_unicode=False, default_style='"', default_flow_style=flow, sort_keys=False
    )
    text = text.replace("!!null ", "").replace("!!bool ", "").replace("!!int ", "")
    document = read_document(text, "x.yaml")
    assert every_path(document.data) == every_path(data)
    assert all(document.lines(every_path(data)))


@given(st.text(st.sampled_from("ab:-[]{}&*!#|>'\"%@`?,<~ \n\t10\ud800é"), max_size=40))
def test_nothing_but_invalid_input_is_ever_raised(text: str) -> None:
    for source in ("x.yaml", "x.json"):
        try:
            document = read_document(text, source)
        except InvalidInput:
            continue
        assert all(document.lines(every_path(document.data)))
