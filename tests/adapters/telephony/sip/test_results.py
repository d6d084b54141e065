"""What the end of a call means to the product."""

from __future__ import annotations

import pytest

from adapters.telephony.sip.protocol import EndedBy
from adapters.telephony.sip.results import TABLE, Ending, failure, meaning, table_as_markdown
from gateway.core.model import CallResult
from gateway.ports.telephony import NotAnswered, NotPlaced


@pytest.mark.rule("C-6")
@pytest.mark.parametrize(
    ("end", "result"),
    [
        (Ending(486, "remote", False), CallResult.BUSY),
        (Ending(600, "remote", True), CallResult.BUSY),
        (Ending(603, "remote", True), CallResult.REJECTED),
        (Ending(607, "remote", True), CallResult.REJECTED),
        (Ending(608, "remote", False), CallResult.REJECTED),
        (Ending(403, "remote", True), CallResult.REJECTED),
        (Ending(403, "remote", False, 21), CallResult.REJECTED),
        (Ending(404, "remote", False), CallResult.UNREACHABLE),
        (Ending(410, "remote", False), CallResult.UNREACHABLE),
        (Ending(484, "remote", False), CallResult.UNREACHABLE),
        (Ending(604, "remote", False), CallResult.UNREACHABLE),
        (Ending(302, "remote", False), CallResult.UNREACHABLE),
        (Ending(699, "remote", False), CallResult.UNREACHABLE),
        (Ending(480, "remote", True), CallResult.NO_ANSWER),
        (Ending(480, "remote", False), CallResult.UNREACHABLE),
        (Ending(480, "remote", False, 19), CallResult.NO_ANSWER),
        (Ending(480, "remote", True, 20), CallResult.UNREACHABLE),
        (Ending(408, "remote", True), CallResult.NO_ANSWER),
        (Ending(408, "timeout", True), CallResult.NO_ANSWER),
        (Ending(487, "remote", True), CallResult.NO_ANSWER),
        (Ending(487, "remote", False), CallResult.UNREACHABLE),
        (Ending(503, "remote", False, 17), CallResult.BUSY),
        (Ending(502, "remote", False, 27), CallResult.UNREACHABLE),
        (Ending(500, "remote", False, 1), CallResult.UNREACHABLE),
        (Ending(408, "remote", False, 18), CallResult.NO_ANSWER),
    ],
)
def test_a_person_or_number_that_could_not_be_asked_is_an_attempt(
    end: Ending, result: CallResult
) -> None:
    error = failure(end)
    assert isinstance(error, NotAnswered)
    assert (error.result, error.code) == (result, str(end.code))


@pytest.mark.rule("C-6", "G-6")
@pytest.mark.parametrize(
    "end",
    [
        Ending(500, "remote", True),
        Ending(503, "remote", True, 34),
        Ending(504, "remote", True),
        Ending(488, "remote", True),
        Ending(503, "transport", True),
        Ending(408, "timeout", True),
    ],
)
def test_a_telephone_that_has_rung_is_not_dialled_again(end: Ending) -> None:
    error = failure(end)
    assert isinstance(error, NotAnswered)
    assert error.result is CallResult.NO_ANSWER


@pytest.mark.rule("C-6")
@pytest.mark.parametrize(
    ("end", "code", "alert"),
    [
        (Ending(503, "transport", False), "trunk_unreachable", False),
        (Ending(0, "transport", False), "trunk_unreachable", False),
        (Ending(408, "timeout", False), "trunk_timeout", False),
        (Ending(408, "remote", False), "trunk_timeout", False),
        (Ending(503, "remote", False), "trunk_fails", False),
        (Ending(503, "remote", False, 34), "trunk_fails", False),
        (Ending(482, "remote", False), "trunk_loop", False),
        (Ending(401, "remote", False), "credentials_refused", True),
        (Ending(407, "remote", False, 21), "credentials_refused", True),
        (Ending(402, "remote", False), "payment_required", True),
        (Ending(403, "remote", False), "trunk_forbids", True),
        (Ending(488, "remote", False), "media_refused", True),
        (Ending(606, "remote", False), "media_refused", True),
        (Ending(400, "remote", False), "trunk_refuses", True),
        (Ending(499, "remote", False), "trunk_refuses", True),
        (Ending(0, "local", False), "trunk_fails", False),
    ],
)
def test_trouble_of_the_trunk_is_no_attempt(end: Ending, code: str, alert: bool) -> None:
    error = failure(end)
    assert isinstance(error, NotPlaced)
    assert (error.code, error.alert) == (code, alert)


@pytest.mark.parametrize("by", ["remote", "local", "timeout", "transport"])
@pytest.mark.parametrize("ringing", [True, False])
def test_every_end_has_a_meaning(by: EndedBy, ringing: bool) -> None:
    for code in (0, *range(300, 700)):
        for cause in (0, 1, 16, 17, 31, 38, 127):
            row = meaning(Ending(code, by, ringing, cause))
            assert row.result is not None or row.name


def test_no_row_is_hidden_behind_others() -> None:
    ends = [
        Ending(code, by, ringing, cause)  # type: ignore[arg-type]  # the words of EndedBy
        for code in (0, *range(300, 700))
        for by in ("remote", "local", "timeout", "transport")
        for ringing in (True, False)
        for cause in (0, 1, 17, 18, 21)
    ]
    assert {id(meaning(end)) for end in ends} == {id(row) for row in TABLE}


def test_the_table_of_the_documents_has_every_row() -> None:
    lines = table_as_markdown().splitlines()
    assert len(lines) == len(TABLE) + 2
    assert "| busy: 486, 600 | `busy` |  |  |" in lines
    assert all(line.count("|") == 5 for line in lines)
