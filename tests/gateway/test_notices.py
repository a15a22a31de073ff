"""Letters to agents: who is told of what, once, and never of a ticket that is not theirs to see."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from config.loader import SAMPLE, compile_policy, load_folder
from domain.outgoing import Outlet
from domain.people import Agent
from gateway import codec
from gateway.consumer import Delivery as BusDelivery
from gateway.notices import Notices, meant
from store import Database
from tests.fakes_store import FixedClock, FixedPolicy
from tests.make import NOON, message, open_tickets
from tests.router.test_act import ticket

POLICY = compile_policy(load_folder(SAMPLE), 1)
LEASE = timedelta(seconds=30)
MAIL = Outlet(channels=frozenset({"email"}), base_url="https://help.example.org")


def fact(identifier: str = "F1", **changes: Any) -> BusDelivery:
    data = {"ticket": 1, "at": NOON.isoformat(), "by": "timekeeper", "line": "first", "whom": ["line"]}
    data |= {"reaction": "late", "about": "first_response breached", **changes}
    payload = codec.FactPayload(id=identifier, fact="ticket.notice_due", data=data)
    return BusDelivery(subject="ticket.notice_due", payload=codec.encode(payload), envelope="E", attempt=1, sequence=1)


async def department(database: Database, outlet: Outlet = MAIL) -> Notices:
    await open_tickets(database.store, [message()], line="first")
    for name, lines, admin in (("vera", ["first"], False), ("oleg", ["second"], False), ("chef", ["first"], True)):
        await database.accounts.add_agent(email=f"{name}@example.org", name=name, lines=lines, admin=admin)
    return Notices(database, FixedPolicy(POLICY), FixedClock(NOON), outlet, language="ru")


async def letters(database: Database) -> list[tuple[str, str, str]]:
    taken = await database.deliveries.claim("email", NOON, LEASE, 50)
    return sorted((each.address, each.subject, each.text) for each in taken)


async def test_the_line_is_told_in_its_own_language_with_the_tickets_page(database: Database) -> None:
    notices = await department(database)
    assert await notices.handle([fact()]) == [None]
    found = await letters(database)
    assert [(address, subject) for address, subject, _ in found] == [
        ("chef@example.org", "[T-000001] Первый ответ просрочен"),
        ("vera@example.org", "[T-000001] Первый ответ просрочен"),
    ]
    assert "https://help.example.org/desk/tickets/T-000001" in found[0][2]


async def test_a_fact_that_comes_again_writes_to_nobody_twice(database: Database) -> None:
    notices = await department(database)
    await notices.handle([fact(), fact()])
    await notices.handle([fact()])
    assert len(await letters(database)) == 2
    await notices.handle([fact("F2")])
    assert len(await letters(database)) == 2


async def test_a_letter_to_an_agent_is_no_part_of_the_conversation_and_answers_nobody(database: Database) -> None:
    notices = await department(database)
    await notices.handle([fact(whom=["lead"])])
    (taken,) = await database.deliveries.claim("email", NOON, LEASE, 50)
    assert (taken.message, taken.automatic, taken.address) == (None, True, "chef@example.org")
    assert taken.references == ()


@pytest.mark.parametrize(
    "given",
    [
        fact(at=(NOON - timedelta(hours=7)).isoformat()),
        fact(ticket=99),
        fact(whom=[]),
    ],
    ids=["too late to help", "no such ticket", "nobody is meant"],
)
async def test_nobody_is_told(database: Database, given: BusDelivery) -> None:
    notices = await department(database)
    assert await notices.handle([given]) == [None]
    assert await letters(database) == []


async def test_without_mail_nothing_is_written(database: Database) -> None:
    notices = await department(database, Outlet())
    assert await notices.handle([fact()]) == [None]
    assert await letters(database) == []


async def test_what_cannot_be_read_is_a_dead_letter(database: Database) -> None:
    notices = await department(database)
    broken = fact(whom=None)
    (answer,) = await notices.handle([broken])
    assert "Unreadable notice" in getattr(answer, "public", "")


VERA = Agent(id="A1", email="v@example.org", name="Vera", lines=frozenset({"first"}))
SPLIT = replace(VERA, id="A2", groups=frozenset({("first", "other-group")}))
FAR = replace(VERA, id="A3", lines=frozenset({"second"}))
CHIEF = replace(VERA, id="A4", lines=frozenset(), admin=True)
LEAD = replace(VERA, id="A5", admin=True)


@pytest.mark.parametrize(
    ("whom", "agents", "told"),
    [
        ({"assignee"}, (VERA, SPLIT, FAR), ["A3"]),
        ({"line"}, (VERA, SPLIT, FAR, CHIEF), ["A1"]),
        ({"lead"}, (VERA, CHIEF, LEAD), ["A5"]),
        ({"lead"}, (VERA, CHIEF), ["A4"]),
        ({"assignee", "line", "lead"}, (VERA, FAR, LEAD), ["A3", "A1", "A5"]),
    ],
)
def test_who_is_meant(whom: set[str], agents: tuple[Agent, ...], told: list[str]) -> None:
    about = ticket(assignee="A3", group="a-group")
    assert [agent.id for agent in meant(whom, about, agents, POLICY)] == told
