"""``docs/adding-a-channel.md``, done as it says: its file, its line, its sample; a message in, an answer out."""

import asyncio
import importlib.util
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from channels.health import Health
from channels.receiving import Receiving
from config.loader import SAMPLE, compile_policy, load_folder
from domain.commands import Actor, Reply
from domain.outgoing import Outlet
from domain.views import Filter, Scope
from gateway import logs, roles, wiring
from gateway.accounts import Channel, accounts_of
from gateway.bus import Bus
from gateway.consumer import Consumer
from gateway.intake import BusIntake
from gateway.normalizing import Normalizing
from gateway.outbound import Outbound
from gateway.parsing import Parser
from gateway.routing import Routing
from gateway.system import SystemClock, UlidIds
from gateway.topology import NORMALIZER, ROUTER
from router.actions import TicketActions
from router.service import Router
from store import Database
from store.blobs import FileBlobs
from tests.fakes_store import FixedPolicy
from tests.gateway.conftest import blobs, bus, database, running, stop, template, until

__all__ = ["blobs", "bus", "database", "stop", "template"]

PAGE = (Path(__file__).parents[2] / "docs" / "adding-a-channel.md").read_text(encoding="utf-8")
EVERY = Scope(reader="t", lines=None)
SECRET = b"s" * 32


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def fax(tmp_path: Path) -> Iterator[ModuleType]:
    """The page's file as a module."""
    path = tmp_path / "fax.py"
    path.write_text(blocks("python")[0], encoding="utf-8")
    spec = importlib.util.spec_from_file_location("channels.fax", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["channels.fax"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["channels.fax"]


def line_of(fax: ModuleType) -> Channel:
    """The page's line of the table."""
    table: dict[str, Channel] = eval("{" + blocks("python")[1] + "}", {"Channel": Channel, **vars(fax)})
    return table["fax"]


def test_the_pages_settings_are_the_files(fax: ModuleType) -> None:
    given = tomllib.loads(blocks("toml")[0])["channels"]
    (account,) = accounts_of(given, "fax", line_of(fax).settings).values()
    assert {field.name for field in fields(account)} == {"inbox", "outbox", "poll_s"}
    assert account.inbox == Path("/var/spool/fax/in")


def test_a_role_comes_with_the_line(fax: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "CHANNELS", {**wiring.CHANNELS, "fax": line_of(fax)})
    assert "fax" in roles.receivers()


async def test_a_message_comes_in_and_its_answer_goes_out(
    fax: ModuleType,
    tmp_path: Path,
    bus: Bus,
    database: Database,
    blobs: FileBlobs,
    clock: SystemClock,
    ids: UlidIds,
    stop: asyncio.Event,
) -> None:
    inbox, outbox = tmp_path / "in", tmp_path / "out"
    inbox.mkdir()
    outbox.mkdir()
    line = line_of(fax)
    account = line.settings(inbox=inbox, outbox=outbox, poll_s=0.05)
    health = Health(database.channels, clock, adapter="fax", account="office", channel="fax")
    refused: list[str] = []
    intake = BusIntake(bus, blobs, clock, ids, spool=None)
    policy = FixedPolicy(compile_policy(load_folder(SAMPLE), 1))
    given = Receiving(
        account="office", intake=intake, blobs=blobs, bookmarks=database.channels, requests=_nobody(), policy=policy,
        health=health, clock=clock, ids=ids, log=logs.get(), refused=refused.append,
    )  # fmt: skip
    assert line.receiver is not None
    assert line.sender is not None
    outlet = Outlet(channels=frozenset({"fax"}))
    parser = Parser(workers=1, limit_s=5)
    await asyncio.to_thread(parser.open)
    routing = Routing(Router(database.store, policy, clock, ids, SECRET, outlet), blobs, clock, _nothing_new)
    actions = TicketActions(database.store, policy, clock, ids, outlet)
    outbound = Outbound(database, blobs, clock, SECRET, {"fax": {"office": line.sender(account, health)}}, outlet)

    async def messages(number: int) -> list[Any]:
        found = await database.views.queue(EVERY, Filter())
        if not any(row.number == number for row in found.items):
            return []
        return list((await database.views.ticket(EVERY, number)).messages)

    async with (
        running(Consumer(bus, NORMALIZER, Normalizing(bus, blobs, parser).handle).run(stop), stop),
        running(Consumer(bus, ROUTER, routing.handle).run(stop), stop),
        running(line.receiver(account, given).run(stop), stop),
    ):
        sample = json.loads(blocks("json")[0])
        number = sample["sender"]["address"]
        (inbox / f"{number}-{sample['id']}.txt").write_text(sample["text"], encoding="utf-8")
        first = await until(lambda: messages(1))
        assert (first[0].text, first[0].author_address) == (sample["text"], number)
        assert not list(inbox.iterdir())

        (inbox / f"{number}-{sample['id']}.txt").write_text(sample["text"], encoding="utf-8")  # once more
        vera = Actor(id="agent:A1", name="Вера")
        await actions.act(EVERY, 1, Reply(text="Счёт отправлен."), vera)
        while not list(outbox.iterdir()):
            await outbound.step("fax")
        assert any("Счёт отправлен." in path.read_text(encoding="utf-8") for path in outbox.iterdir())

        (inbox / f"{number}-next.txt").write_text("Спасибо!", encoding="utf-8")
        await until(lambda: _has(messages, "Спасибо!"))
    assert [message.text for message in await messages(1) if message.direction == "inbound"] == [
        sample["text"],
        "Спасибо!",
    ]
    (told,) = await database.channels.states()
    assert (told.adapter, told.account, told.condition) == ("fax", "office", "connected")
    await asyncio.to_thread(parser.close)


async def _has(messages: Any, text: str) -> bool:
    return any(message.text == text for message in await messages(1))


async def _nothing_new() -> None:
    pass


def _nobody() -> Any:
    """The example asks nobody about their own requests."""
    return None
