"""A code by mail shows that an address and a chat are one person's; who guesses or asks too often gets nothing."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from config.loader import SAMPLE, compile_policy, load_folder
from domain.message import Address
from domain.outgoing import Delivery, Outlet
from gateway.requests import Requests
from gateway.system import UlidIds
from store import Database
from tests.fakes_desk import FakeClock
from tests.fakes_store import FixedPolicy
from tests.make import NOON, message, open_tickets

POLICY = FixedPolicy(compile_policy(load_folder(SAMPLE), 1))
MAIL = Outlet(channels=frozenset({"email"}))
ANNA, CHAT = "anna@romashka.example", ("telegram", "777")
UNUSED: Any = None


class Asking:
    """Anna has written a mail, and somebody in a chat says to be her."""

    def __init__(self, database: Database, ids: UlidIds, outlet: Outlet = MAIL) -> None:
        self.database = database
        self.clock = FakeClock(NOON)
        self.requests = Requests(database, UNUSED, UNUSED, POLICY, self.clock, ids, outlet)

    async def letters(self) -> Sequence[Delivery]:
        return await self.database.deliveries.claim("email", self.clock.now(), timedelta(minutes=1), 50)

    async def code(self, language: str = "ru") -> str:
        """That of the only letter that goes out for it."""
        assert await self.requests.send_code(*CHAT, ANNA.title(), language)
        (letter,) = await self.letters()
        assert (letter.address, letter.automatic, letter.message) == (ANNA, True, None)
        (code,) = re.findall(r"^\d{8}$", letter.text, re.MULTILINE)
        assert isinstance(code, str)
        return code

    async def own(self) -> set[int]:
        return {one.number for one in await self.requests.open(*CHAT)}


@pytest.fixture
async def asking(database: Database, ids: UlidIds) -> Asking:
    chat = Address(channel="telegram", address=CHAT[1], name="Аня")
    await open_tickets(database.store, [message(address=ANNA)])
    await open_tickets(database.store, [message(channel="telegram", sender=chat)])
    return Asking(database, ids)


async def test_a_code_that_comes_back_makes_the_chat_and_the_address_one_persons(asking: Asking) -> None:
    code = await asking.code()
    assert await asking.own() == {2}
    assert await asking.requests.prove(*CHAT, f" {code} ", "Аня")
    assert await asking.own() == {1, 2}
    assert not await asking.requests.prove(*CHAT, code, "Аня"), "it is good once"


async def test_a_code_is_good_from_who_asked_for_it_and_for_a_quarter_of_an_hour(asking: Asking) -> None:
    code = await asking.code("en")
    assert not await asking.requests.prove("telegram", "666", code, "Ева")
    asking.clock.pass_(minutes=15)
    assert not await asking.requests.prove(*CHAT, code, "Аня")
    assert await asking.own() == {2}


async def test_after_five_wrong_codes_the_right_one_is_refused_too(asking: Asking) -> None:
    code = await asking.code()
    for wrong in range(5):
        assert not await asking.requests.prove(*CHAT, f"{wrong}", "Аня")
    assert not await asking.requests.prove(*CHAT, code, "Аня")


async def test_an_address_that_nobody_wrote_from_gets_no_letter_and_the_answer_does_not_say_so(asking: Asking) -> None:
    assert await asking.requests.send_code(*CHAT, "ceo@romashka.example", "ru")
    assert await asking.letters() == []


async def test_who_asks_too_often_is_refused_and_an_address_is_written_to_three_times(asking: Asking) -> None:
    for _ in range(2):
        assert await asking.requests.send_code(*CHAT, ANNA, "ru")
    for other in ("1", "2"):
        assert await asking.requests.send_code("telegram", other, ANNA, "ru")
    assert len(await asking.letters()) == 3
    assert await asking.requests.send_code(*CHAT, ANNA, "ru")
    assert not await asking.requests.send_code(*CHAT, ANNA, "ru")
    asking.clock.pass_(minutes=15)
    await asking.code()


async def test_without_mail_to_send_no_code_is_promised(database: Database, ids: UlidIds) -> None:
    assert not await Asking(database, ids, Outlet()).requests.send_code(*CHAT, ANNA, "ru")
