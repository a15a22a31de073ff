"""Every channel of the table is whole: its settings, its page, its samples, its secrets, its ways in and out."""

import dataclasses
import inspect
import re
from pathlib import Path

import pytest

from channels.receiving import Receiver
from domain.ports import Sender
from gateway.accounts import Channel
from gateway.roles import ROLES
from gateway.topology import intake_subject, reply_subject
from gateway.wiring import CHANNELS

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "channels"
SAMPLES = ROOT / "tests" / "samples"
SECRET = re.compile(r"(^|_)(password|token|secret|key)$")

table = pytest.mark.parametrize(("adapter", "line"), CHANNELS.items(), ids=CHANNELS)


def test_there_are_channels_to_look_at() -> None:
    assert {"imap", "mail", "ivr", "telegram"} <= set(CHANNELS)


@table
def test_an_account_is_a_frozen_dataclass_that_says_what_it_means(adapter: str, line: Channel) -> None:
    parameters = getattr(line.settings, "__dataclass_params__", None)
    assert parameters is not None
    assert parameters.frozen
    assert len(inspect.getdoc(line.settings) or "") > 60


@table
def test_secrets_are_kept_out_of_what_is_printed(adapter: str, line: Channel) -> None:
    shown = [f.name for f in dataclasses.fields(line.settings) if SECRET.search(f.name) and f.repr]
    assert shown == []


@table
def test_its_page_has_a_line_for_each_setting(adapter: str, line: Channel) -> None:
    page = (PAGES / f"{adapter}.md").read_text(encoding="utf-8")
    missing = [f.name for f in dataclasses.fields(line.settings) if f"`{f.name}`" not in page]
    assert missing == []
    assert f"[channels.{adapter}." in page


@table
def test_there_are_samples_of_its_messages(adapter: str, line: Channel) -> None:
    assert len(list((SAMPLES / line.channel).iterdir())) >= 3


@table
def test_its_name_fits_the_bus_and_the_settings(adapter: str, line: Channel) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]{1,20}", adapter)
    assert intake_subject(line.channel) == f"intake.{line.channel}"
    assert reply_subject(line.channel) == f"reply.{line.channel}"


@table
def test_what_takes_in_and_sends_has_what_its_port_asks_for(adapter: str, line: Channel) -> None:
    if inspect.isclass(line.sender):
        assert isinstance(line.sender.repeatable, bool)
        assert _methods(Sender) <= _methods(line.sender)
    if inspect.isclass(line.receiver):
        assert _methods(Receiver) <= _methods(line.receiver)
    if line.receiver is not None:
        assert adapter in ROLES


def _methods(kind: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}


def test_the_pages_index_has_every_channel() -> None:
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    pages = {path.name for path in PAGES.glob("*.md")} - {"README.md"}
    assert {name for name in pages if f"({name})" in index} == pages
