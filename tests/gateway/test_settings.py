"""Settings: where they come from, and how a wrong one is named."""

from pathlib import Path

import pytest

from domain.errors import Permanent
from gateway import settings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_environment_wins_over_the_file(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / "priyom.toml").write_text('http = "127.0.0.1:1"\nhostname = "from-file"\n')
    monkeypatch.setenv("PRIYOM_HTTP", "127.0.0.1:2")
    found = settings.load()
    assert (found.http, found.hostname) == ("127.0.0.1:2", "from-file")
    assert settings.load(http="127.0.0.1:3", smtp=None).http == "127.0.0.1:3"


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("PRIYOM_HTTP", "nonsense", "PRIYOM_HTTP"),
        ("PRIYOM_SMTP", "127.0.0.1:99999", "PRIYOM_SMTP"),
        ("PRIYOM_GRACE", "soon", "PRIYOM_GRACE"),
        ("PRIYOM_SECRET", "short", "PRIYOM_SECRET"),
        ("PRIYOM_LOG_LEVEL", "loud", "PRIYOM_LOG_LEVEL"),
        ("PRIYOM_HTPP", "127.0.0.1:1", "PRIYOM_HTPP: there is no such setting"),
        ("PRIYOM_SECRET_FILE", "/no/such/file", "PRIYOM_SECRET_FILE: cannot read"),
    ],
)
def test_a_wrong_setting_is_named_as_it_was_written(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, named: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Permanent, match=named) as raised:
        settings.load()
    assert value not in str(raised.value) or variable != "PRIYOM_SECRET"


def test_a_file_that_is_no_toml_is_named(elsewhere: Path) -> None:
    (elsewhere / "priyom.toml").write_text("http = ")
    with pytest.raises(Permanent, match=r"priyom\.toml"):
        settings.load()


def test_a_key_that_the_file_has_and_nobody_knows_is_named(elsewhere: Path) -> None:
    (elsewhere / "priyom.toml").write_text('colour = "red"\n')
    with pytest.raises(Permanent, match="COLOUR"):
        settings.load()


def test_a_secret_may_come_from_a_file_and_is_not_shown(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / "s").write_text("0123456789abcdef0123456789abcdef\n")
    monkeypatch.setenv("PRIYOM_SECRET_FILE", str(elsewhere / "s"))
    found = settings.load()
    assert found.secret is not None
    assert found.secret.get_secret_value() == "0123456789abcdef0123456789abcdef"
    assert "0123456789abcdef" not in repr(found)


def test_every_setting_is_described_for_help() -> None:
    for name in settings.Settings.model_fields:
        assert f"PRIYOM_{name.upper()}" in settings.described()


@pytest.mark.parametrize(
    ("text", "pair"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:25", ("::1", 25)), (":0", ("0.0.0.0", 0))],
)
def test_addresses(text: str, pair: tuple[str, int]) -> None:
    assert settings.split_address(text) == pair
