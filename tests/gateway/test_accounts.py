"""Accounts of channels in the settings: where they come from, and how a wrong one is named."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from domain.errors import Permanent
from gateway import settings
from gateway.accounts import Channel, accounts_of, check


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    host: str
    password: str = field(repr=False)
    port: int = 143
    folders: tuple[str, ...] = ("INBOX",)

    def __post_init__(self) -> None:
        if not self.folders:
            raise ValueError("folders: at least one is needed")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_account_stands_in_the_file_and_its_secret_in_the_environment(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere / "priyom.toml").write_text('[channels.mailbox.support]\nhost = "mail"\nfolders = ["INBOX", "Sent"]\n')
    monkeypatch.setenv("PRIYOM_CHANNELS__MAILBOX__SUPPORT__PASSWORD", "planted")
    monkeypatch.setenv("PRIYOM_CHANNELS__MAILBOX__SUPPORT__PORT", "1143")
    found = accounts_of(settings.load().channels, "mailbox", Mailbox)
    assert found == {"support": Mailbox(host="mail", password="planted", port=1143, folders=("INBOX", "Sent"))}
    assert "planted" not in repr(found)


def test_an_account_may_stand_in_the_environment_alone_with_its_lists_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    for field_name, text in {"HOST": "mail", "PASSWORD": "123", "FOLDERS": '["INBOX", "Заявки"]'}.items():
        monkeypatch.setenv(f"PRIYOM_CHANNELS__MAILBOX__SUPPORT__{field_name}", text)
    found = accounts_of(settings.load().channels, "mailbox", Mailbox)
    assert found == {"support": Mailbox(host="mail", password="123", folders=("INBOX", "Заявки"))}
    monkeypatch.setenv("PRIYOM_CHANNELS__MAILBOX__SUPPORT__FOLDERS", "INBOX")
    with pytest.raises(Permanent, match=r"channels\.mailbox\.support\.folders: Invalid JSON"):
        accounts_of(settings.load().channels, "mailbox", Mailbox)


def test_a_secret_may_lie_in_a_file(elsewhere: Path) -> None:
    (elsewhere / "secret").write_text("from a file\n")
    given = {"mailbox": {"support": {"host": "mail", "password_file": str(elsewhere / "secret")}}}
    assert accounts_of(given, "mailbox", Mailbox)["support"].password == "from a file"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"host": "h"}, "channels.mailbox.support.password: is needed"),
        ({"host": "h", "password": "p", "port": "many"}, "channels.mailbox.support.port: Input should be a valid int"),
        ({"host": "h", "password": "p", "hots": "x"}, "channels.mailbox.support.hots: there is no such setting"),
        ({"host": "h", "password": "p", "folders": []}, "channels.mailbox.support: folders: at least one"),
        ({"host": "h", "password_file": "/no/such"}, "channels.mailbox.support.password_file: cannot read /no/such"),
        ({"host": "h", "password": "p", "password_file": "/x"}, "password_file: password is given as well"),
    ],
)
def test_what_is_wrong_in_an_account_is_named_as_it_is_written(given: dict[str, object], named: str) -> None:
    with pytest.raises(Permanent, match=named):
        accounts_of({"mailbox": {"support": given}}, "mailbox", Mailbox)


def test_unknown_channels_and_names_that_would_not_fit_an_address_are_refused() -> None:
    channels = {"mailbox": Channel(channel="email", settings=Mailbox)}
    with pytest.raises(Permanent, match=r"channels\.pigeon: there is no such channel; there are mailbox"):
        check({"pigeon": {"a": {}}}, channels)
    with pytest.raises(Permanent, match="an account's name is of"):
        check({"mailbox": {"Support Desk": {}}}, channels)
