"""Logs hold no patient, no number and no secret, whatever went wrong."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from gateway import log as logs
from gateway.errors import InvalidInput, NotFound, Problem, StoreUnavailable

NUMBER = "+79161234567"


class Written:
    """A logger of its own and the lines that it writes."""

    def __init__(self, *, show: bool = False) -> None:
        self._out = io.StringIO()
        self.logger = logging.Logger("test")  # noqa: LOG001 - of its own
        handler = logging.StreamHandler(self._out)
        handler.setFormatter(logs.JsonFormatter(show_personal_data=show))
        self.logger.addHandler(handler)

    def line(self) -> dict[str, Any]:
        (text,) = self._out.getvalue().splitlines()
        return dict(json.loads(text))


@pytest.fixture
def written() -> Written:
    return Written()


def test_a_line_is_one_json_object(written: Written) -> None:
    written.logger.warning("something\nhappened", extra={"clinic": "zdorovie", "count": 3})
    line = written.line()
    assert line["message"] == "something\nhappened"
    assert (line["level"], line["logger"]) == ("warning", "test")
    assert (line["clinic"], line["count"]) == ("zdorovie", 3)
    assert line["at"].endswith("+00:00")


@pytest.mark.parametrize(
    "text",
    [
        NUMBER,
        NUMBER.lstrip("+"),
        "89161234567",
        f"to {NUMBER}, twice",
        f"to={NUMBER}",
        f"tel:{NUMBER}",
        f"contact:zdorovie:{NUMBER}",
        f'{{"to":"{NUMBER}"}}',
        f"({NUMBER})",
        "+7 916 123-45-67",
        "+7 (916) 123-45-67",
        f"{NUMBER}{chr(10)}{NUMBER}",
    ],
)
def test_a_number_never_appears_whole(written: Written, text: str) -> None:
    written.logger.info(text, extra={"other": text, "many": [text], "pii.to": text})
    shown = json.dumps(written.line(), ensure_ascii=False)
    digits = "".join(char for char in shown if char.isdigit())
    assert "9161234567" not in digits


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T08:00:00.123456+00:00",
        "1795420800.123",
        "12:30:45",
        "wamid.HBgLNzkxNjEyMzQ1Njc4",
        "port 8080",
        "a1234567890b",
        "-1234567890",
        "10.0.0.1:6379",
        "+5",
    ],
)
def test_what_is_no_number_stays_as_it_is(text: str) -> None:
    assert logs.mask(text) == text


@pytest.mark.parametrize(
    "secret",
    [
        "Bearer EAAtoken1234567890",
        "bearer chk_0123456789abcdef01234567",
        "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3",
        "chk_0123456789abcdef01234567",
    ],
)
def test_secrets_are_left_out(written: Written, secret: str) -> None:
    written.logger.info("with %s!", secret, extra={"header": secret})
    shown = json.dumps(written.line())
    assert secret.split("_")[-1].split()[-1] not in shown


def test_personal_data_are_masked_whole(written: Written) -> None:
    extra = logs.personal(name="Мария", text=f"Мария, {NUMBER}", to=NUMBER)
    written.logger.info("sent", extra=extra)
    line = written.line()
    assert (line["pii.name"], line["pii.text"]) == ("•••", "•••")
    assert line["pii.to"] == "+791•••67"


def test_arguments_of_a_message_are_masked(written: Written) -> None:
    written.logger.info("to %s", NUMBER)
    assert written.line()["message"] == "to +791•••67"


def fails(error: BaseException, cause: BaseException | None = None) -> None:
    if cause is None:
        raise error
    try:
        raise cause  # noqa: TRY301
    except BaseException as caught:
        raise error from caught


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ValueError("Сидорова"), None),
        (KeyError(f"Сидорова {NUMBER}"), None),
        (InvalidInput(Problem("patient.last_name", "Сидорова")), None),
        (RuntimeError("hidden"), ValueError("Сидорова")),
        (NotFound("no appointment 'Сидорова'"), None),
    ],
)
def test_what_an_exception_says_is_data(
    written: Written, error: Exception, cause: Exception | None
) -> None:
    try:
        fails(error, cause)
    except Exception:
        written.logger.exception("it broke")
    line = written.line()
    assert line["error"] == type(error).__name__
    assert "Сидорова" not in json.dumps(line, ensure_ascii=False)
    assert "test_log.py" in line["trace"]
    if cause is not None:
        assert "ValueError" in line["trace"]


def test_what_a_group_of_exceptions_says_is_data(written: Written) -> None:
    words = ("Сидорова", "Мария")
    group = ExceptionGroup(words[0], [ValueError(words[0]), KeyError(words[1])])
    try:
        fails(group)
    except ExceptionGroup:
        written.logger.exception("they broke")
    trace = written.line()["trace"]
    assert "Сидорова" not in trace
    assert "Мария" not in trace
    assert "KeyError" in trace


def test_errors_of_the_system_are_told(written: Written) -> None:
    try:
        fails(StoreUnavailable("away"), OSError(28, f"No space left for contact:{NUMBER}"))
    except StoreUnavailable:
        written.logger.exception("it broke")
    trace = written.line()["trace"]
    assert "No space left" in trace
    assert "StoreUnavailable" in trace
    assert NUMBER not in trace


def test_a_developer_may_see_everything() -> None:
    written = Written(show=True)
    try:
        fails(ValueError("Сидорова"))
    except ValueError:
        written.logger.exception("to %s", NUMBER, extra=logs.personal(name="Мария"))
    line = written.line()
    assert line["message"] == f"to {NUMBER}"
    assert line["pii.name"] == "Мария"
    assert "Сидорова" in line["trace"]


def test_an_attribute_that_is_no_json_is_written_all_the_same(written: Written) -> None:
    written.logger.info("odd", extra={"odd": object, "set": {1}, "none": None, "yes": True})
    line = written.line()
    assert (line["none"], line["yes"], line["set"]) == (None, True, "{1}")


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    before = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:], _ = before
    logger.setLevel(before[1])
    logging.getLogger("aiohttp.access").setLevel(logging.NOTSET)


def test_every_log_of_the_process_is_masked(root: logging.Logger) -> None:
    out = io.StringIO()
    logs.set_up("info", stream=out)
    logging.getLogger("anybody").info("to %s", NUMBER)
    logging.getLogger("anybody").debug("not at this level")
    (line,) = out.getvalue().splitlines()
    assert json.loads(line)["message"] == "to +791•••67"
    assert len(root.handlers) == 1
