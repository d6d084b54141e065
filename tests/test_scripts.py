from __future__ import annotations

from pathlib import Path

import pytest

from gateway.core.wording import ABOUTS
from gateway.errors import InvalidInput
from gateway.scripts import (
    LANGUAGES,
    SCRIPTS_FOLDER,
    WHEN_SENT,
    load_scripts,
    load_texts,
    messages_page,
    read_folder,
    read_scripts,
    read_words,
    scripts_page,
)

RUSSIAN = (SCRIPTS_FOLDER / "messages.ru.yaml").read_text(encoding="utf-8")


def refused(text: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        read_words(text, "own.yaml")
    return caught.value


@pytest.mark.rule("G-10")
def test_the_products_texts_are_russian_and_english() -> None:
    texts = load_texts()
    assert texts.languages == LANGUAGES == ("ru", "en")
    assert load_texts() is texts


@pytest.mark.rule("W-3")
def test_a_clinics_own_folder_is_read(tmp_path: Path) -> None:
    for language in LANGUAGES:
        text = (SCRIPTS_FOLDER / f"messages.{language}.yaml").read_text(encoding="utf-8")
        (tmp_path / f"messages.{language}.yaml").write_text(
            text.replace("confirm: Confirm", "confirm: Yes, I will come"), encoding="utf-8"
        )
    texts = read_folder(tmp_path)
    assert "Yes, I will come" in texts.by_language["en"].buttons.values()


@pytest.mark.rule("W-3")
def test_a_file_that_a_clinic_does_not_change_is_the_products(tmp_path: Path) -> None:
    assert read_folder(tmp_path).by_language["ru"].buttons == load_texts().by_language["ru"].buttons
    assert read_scripts(tmp_path).of("en") == load_scripts().of("en")


@pytest.mark.rule("W-3")
def test_a_misplaced_file_is_named(tmp_path: Path) -> None:
    english = (SCRIPTS_FOLDER / "messages.en.yaml").read_text(encoding="utf-8")
    (tmp_path / "messages.ru.yaml").write_text(english, encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"line \d+: language: 'en' in the file of 'ru'"):
        read_folder(tmp_path)


@pytest.mark.rule("W-3")
def test_a_refusal_names_file_line_field_and_reason() -> None:
    text = RUSSIAN.replace("Подтвердите: {link}", "Подтвердите!")
    line = 1 + next(n for n, row in enumerate(text.splitlines()) if "Подтвердите!" in row)
    error = refused(text)
    expected = f"own.yaml: line {line}: messages.confirmation.sms: does not name {{link}}"
    assert str(error) == expected
    assert error.source == "own.yaml"


@pytest.mark.rule("W-3")
def test_what_is_missing_is_named_with_the_line_of_what_it_is_missing_from() -> None:
    text = RUSSIAN.replace("  cancel: Отменить\n", "")
    line = 1 + text.splitlines().index(next(r for r in text.splitlines() if "buttons:" in r))
    assert str(refused(text)) == f"own.yaml: line {line}: buttons.cancel: missing"
    assert refused("language: ru").problems[0].line is None


@pytest.mark.rule("W-3")
def test_a_field_given_twice_is_refused() -> None:
    text = RUSSIAN.replace("  cancel: Отменить\n", "  cancel: Отменить\n  cancel: Отказаться\n")
    assert str(refused(text)).endswith("buttons.cancel: stands twice in the same object")


@pytest.mark.rule("W-3")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: [1",
            "own.yaml: line 2: is not valid YAML: did not find expected ',' or ']' "
            "while parsing a flow sequence that begins in line 1",
        ),
        ("a: \x00", "own.yaml: line 1: holds control characters"),
        ("", "own.yaml: is empty"),
        ("- a", "own.yaml: line 1: must have fields at its top level"),
        ("a: " + 40 * "[" + 40 * "]", "own.yaml: line 1: has more than 32 levels"),
    ],
)
def test_a_file_that_is_no_such_file_is_refused(text: str, message: str) -> None:
    assert str(refused(text)) == message


@pytest.mark.rule("W-3")
def test_an_alias_without_an_end_is_refused() -> None:
    text = RUSSIAN.replace("\nbuttons:", "\nbuttons: &all\n  all: *all", 1)
    line = 1 + next(n for n, row in enumerate(text.splitlines()) if "*all" in row)
    assert str(refused(text)) == f"own.yaml: line {line}: this alias has no anchor before it"


@pytest.mark.rule("W-2")
def test_the_page_of_samples_is_current_and_complete() -> None:
    page = messages_page(load_texts())
    written = (Path(__file__).parents[1] / "docs" / "messages.md").read_text(encoding="utf-8")
    assert page in written, "docs/messages.md is stale: run `make docs`"
    assert set(WHEN_SENT) == set(ABOUTS)
    for about in ABOUTS:
        assert page.count(f"### `{about}`\n") == len(LANGUAGES)


@pytest.mark.rule("C-3", "W-3")
def test_a_clinics_own_dialogue_is_read_and_must_be_translated(tmp_path: Path) -> None:
    own = (SCRIPTS_FOLDER / "confirm_visit.ru.yaml").read_text(encoding="utf-8")
    (tmp_path / "confirm_visit.ru.yaml").write_text(
        own.replace("Мы не получили ответа.", "Мы вас не услышали."), encoding="utf-8"
    )
    assert read_scripts(tmp_path).of("ru").words("goodbye", {})[0] == "Мы вас не услышали."
    (tmp_path / "confirm_visit.ru.yaml").write_text(
        own.replace("goodbye", "farewell"), encoding="utf-8"
    )
    with pytest.raises(InvalidInput, match=r"confirm_visit\.\*\.yaml: states\.goodbye: missing"):
        read_scripts(tmp_path)


def test_the_page_of_dialogues_shows_facts_and_diagrams() -> None:
    page = scripts_page(load_scripts())
    assert "| `{name}` |" in page
    assert page.count("```mermaid") == len(LANGUAGES)
