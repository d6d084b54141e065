"""What was written is there again; half a line never is."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.journal import Journal


def test_records_come_back_in_order(tmp_path: Path) -> None:
    book = Journal(tmp_path / "book")
    assert book.records == ()
    book.write({"what": "put", "имя": "Зоя"})
    book.write({"n": 2}, durable=False)
    book.close()
    again = Journal(tmp_path / "book")
    assert again.records == ({"what": "put", "имя": "Зоя"}, {"n": 2})
    again.close()


@pytest.mark.rule("G-6")
@pytest.mark.parametrize("torn", [b"{", b'{"n": 2}', '{"имя": "Зо'.encode()[:-1]])
def test_a_line_that_was_being_written_is_cut_off(tmp_path: Path, torn: bytes) -> None:
    file = tmp_path / "book"
    file.write_bytes(b'{"n": 1}\n' + torn)
    book = Journal(file)
    assert book.records == ({"n": 1},)
    book.write({"n": 3})
    book.close()
    again = Journal(file)
    assert again.records == ({"n": 1}, {"n": 3})
    again.close()
