"""The process' configuration: read once, every mistake named by file, line and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import InvalidInput
from gateway.settings import SECRET_BYTES_MAX, Loaded, Settings, load

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


def written(folder: Path, text: str) -> Path:
    file = folder / "gateway.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def refused(folder: Path, text: str) -> str:
    with pytest.raises(InvalidInput) as told:
        load(written(folder, text))
    return str(told.value)


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load(None).settings
    assert settings == Settings()
    assert (settings.listen.host, settings.listen.port) == ("127.0.0.1", 8080)
    assert settings.webhooks.allow_private is False
    assert settings.log.show_personal_data is False


def test_the_annotated_file_states_the_defaults() -> None:
    assert load(Path(__file__).parents[1] / "config" / "gateway.yaml").settings == Settings()


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert load(written(tmp_path, "{}\n")).settings == Settings()


@pytest.mark.parametrize(
    ("text", "line", "field"),
    [
        ("lissten:\n  port: 1\n", 1, "lissten"),
        ("listen:\n  port: 1\n  prot: 2\n", 3, "listen.prot"),
        ("listen:\n  port: http\n", 2, "listen.port"),
        ("listen:\n  port: 70000\n", 2, "listen.port"),
        ("listen:\n  trusted_proxies: [10.0.0.1/8]\n", 2, "listen.trusted_proxies[0]"),
        ("listen: 8080\n", 1, "listen"),
        ("\n\nlog:\n  level: loud\n", 4, "log.level"),
        ("log:\n  show_personal_data: often\n", 2, "log.show_personal_data"),
        ("store:\n  partitions: 0\n", 2, "store.partitions"),
        ("store:\n  retention_days: 1.5\n", 2, "store.retention_days"),
        ("public_url: visits.example\n", 1, "public_url"),
        ("link_secret: short\n", 1, "link_secret"),
        ("schedules:\n  a:\n    webhook:\n      url: ftp://x\n      secret: x\n", 4,
         "schedules.a.webhook.url"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_by_file_line_and_field(
    tmp_path: Path, text: str, line: int, field: str
) -> None:
    told = refused(tmp_path, text)
    assert told.startswith(f"{tmp_path}/gateway.yaml: line {line}: {field}: "), told


@pytest.mark.parametrize(
    "text", ["listen: [\n", "a: 1\na: 2\n", "- 1\n", "\x00", "!!python/object:os.system {}\n"]
)
def test_what_is_no_yaml_mapping_is_refused(tmp_path: Path, text: str) -> None:
    assert str(tmp_path) in refused(tmp_path, text)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for name, content in (("missing.yaml", None), ("binary.yaml", b"\xff\xfe\x00")):
        file = tmp_path / name
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(InvalidInput, match=name):
            load(file)
    with pytest.raises(InvalidInput):
        load(tmp_path)


def test_values_may_stand_in_the_environment_and_in_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    (tmp_path / "link").write_text("a secret of sixteen and more\n", encoding="utf-8")
    settings = load(
        written(
            tmp_path,
            "link_secret: file:link\n"
            "schedules: {a: {webhook: {url: 'https://a.example', secret: 'env:HOOK_SECRET'}}}\n"
            "whatsapp: {app_secrets: ['env:HOOK_SECRET']}\n",
        )
    ).settings
    assert settings.link_secret == "a secret of sixteen and more"
    assert settings.schedules["a"].webhook.secret == SECRET
    assert settings.whatsapp == {"app_secrets": [SECRET]}


@pytest.mark.parametrize(
    ("text", "line", "field"),
    [
        ("log: {}\nlink_secret: env:NOT_SET_ANYWHERE\n", 2, "link_secret"),
        ("log: {}\nlink_secret: file:missing\n", 2, "link_secret"),
        ("whatsapp:\n  app_secrets:\n    - env:NOT_SET_ANYWHERE\n", 3, "whatsapp.app_secrets[0]"),
    ],
)
def test_a_value_that_is_not_there_is_named(
    tmp_path: Path, text: str, line: int, field: str
) -> None:
    assert f"line {line}: {field}: " in refused(tmp_path, text)


def test_a_secret_that_is_wrong_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", "hunter2")
    told = refused(
        tmp_path,
        "schedules:\n  a:\n    webhook:\n      url: https://a.example\n"
        "      secret: env:HOOK_SECRET\n",
    )
    assert "line 5: schedules.a.webhook.secret" in told
    assert "hunter2" not in told


def test_a_secret_file_is_read_up_to_a_limit(tmp_path: Path) -> None:
    (tmp_path / "big").write_text("x" * (SECRET_BYTES_MAX * 2), encoding="utf-8")
    assert "link_secret" in refused(tmp_path, "link_secret: file:big\n")


def test_a_later_finding_gets_its_line(tmp_path: Path) -> None:
    loaded = load(written(tmp_path, "log: {}\nwhatsapp:\n  senders: []\n"))
    error = loaded.invalid([(("whatsapp", "senders"), "must not be empty")])
    assert str(error).endswith("gateway.yaml: line 3: whatsapp.senders: must not be empty")
    without = Loaded(Settings(), "defaults", None).invalid([(("log",), "odd")])
    assert str(without) == "defaults: log: odd"
