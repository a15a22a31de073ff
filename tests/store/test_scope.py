"""What a reader sees: the same by ``Scope.sees`` and by both databases, and in every query."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, combinations, product
from typing import TypeVar

import pytest
from sqlalchemy import select

from domain.commands import Actor, LinkTo, SetStatus
from domain.effects import Changed, Link
from domain.errors import Invalid, NotFound
from domain.facts import TicketLinked
from domain.people import Agent, AgentChange
from domain.status import Status
from domain.views import Filter, LinkView, Scope, scope_of
from gateway.system import SystemClock, UlidIds
from router.actions import TicketActions
from store import Database
from store.recall import tickets
from store.views.scope import visible
from tests.fakes_store import FixedPolicy
from tests.make import NOON, attachment, message, open_tickets, opened
from tests.router.policies import make_policy

T = TypeVar("T")
KEYS = ("vip", "vip-2", "v_p")
"""One begins another, and one would be a pattern that fits another."""


def subsets(of: Sequence[T]) -> list[frozenset[T]]:
    return [frozenset(each) for each in chain.from_iterable(combinations(of, n) for n in range(len(of) + 1))]


async def test_both_databases_show_what_the_scope_says_for_every_card_and_every_standing(database: Database) -> None:
    agents = [
        await database.accounts.add_agent(email=f"{name}@x.example", name=name, lines=["first"], admin=False)
        for name in ("me", "colleague")
    ]
    me, colleague = (agent.id for agent in agents)
    standings = list(product(("first", "second", "third"), (None, "a", "b"), (None, me, colleague), subsets(KEYS)))
    async with database.store.begin() as uow:
        sources = [message() for _ in standings]
        known = await uow.recall(sources[:1], NOON)
        requester = known.identities["email", sources[0].sender.address].id
        numbers = list(await uow.next_numbers(len(standings)))
        effects = [
            opened(number, requester, source, line=line, group=group, assignee=assignee, audiences=audiences)
            for number, source, (line, group, assignee, audiences) in zip(numbers, sources, standings, strict=True)
        ]
        await uow.save(effects, NOON)
    async with database.store.begin() as uow:
        states = (await uow.states(numbers)).values()
    assert [(s.line, s.group, s.assignee, s.audiences) for s in states] == standings
    cards = product(
        subsets(("first", "second")), subsets((("first", "a"), ("first", "b"), ("second", "a"))), subsets(KEYS)
    )
    some = frozenset({"first", "second"})
    scopes = [
        *(Scope(reader=me, lines=some, own_only=own, groups=groups, audiences=met) for own, groups, met in cards),
        Scope(reader=me, lines=frozenset()),
        Scope(reader="t", lines=None),
    ]
    assert (len(states), len(scopes)) == (216, 258)
    async with database.engines.read.connect() as connection:
        for scope in scopes:
            query = select(tickets.c.number).where(visible(scope)).order_by(tickets.c.number)
            shown = (await connection.execute(query)).scalars().all()
            assert shown == [state.number for state in states if scope.sees(state)], scope


def test_a_card_with_groups_and_audiences_narrows_the_scope_and_an_administrators_does_not() -> None:
    groups = frozenset({("first", "money"), ("third", "x")})
    anna = Agent(id="A", email="a@x.example", name="A", lines=frozenset({"first", "second"}), groups=groups)
    anna = replace(anna, audiences=frozenset({"vip"}))
    assert scope_of(anna, make_policy()) == Scope(
        reader="A",
        lines=frozenset({"first", "second"}),
        groups=frozenset({("first", "money")}),
        audiences=frozenset({"vip"}),
    )
    assert scope_of(replace(anna, admin=True), make_policy()) == Scope(reader="A", lines=None, admin=True)


CARDS = {
    "line": AgentChange(lines=frozenset({"second"})),
    "group": AgentChange(groups=frozenset({("first", "experts")})),
    "audience": AgentChange(audiences=frozenset({"vip-2"})),
}
"""Cards of agents for whom the canary, in the first line's group ``money`` and of a ``vip``, is not there."""


async def _reader(database: Database, change: AgentChange | None) -> tuple[str, Scope]:
    agent = await database.accounts.add_agent(email="r@x.example", name="R", lines=["first"], admin=False)
    if change is not None:
        agent = await database.accounts.change_agent(agent.id, change)
    return agent.id, scope_of(agent, make_policy())


async def _canary(database: Database) -> int:
    source = message(subject="Канарейка", text="канарейка", html="<p>x</p>", attachments=(attachment(),))
    (number,) = await open_tickets(database.store, [source], group="money", audiences=frozenset({"vip"}))
    return number


@pytest.mark.parametrize("card", CARDS)
async def test_a_ticket_outside_of_the_card_is_in_no_query(database: Database, card: str) -> None:
    number = await _canary(database)
    every = Scope(reader="t", lines=None)
    shown = (await database.views.ticket(every, number)).messages[0]
    reader, scope = await _reader(database, CARDS[card])
    views = database.views
    for read in (
        views.ticket(scope, number),
        views.opening_message(scope, number),
        views.attachment(scope, shown.attachments[0].id),
        views.raw_key(scope, shown.id),
        views.message_html(scope, shown.id),
    ):
        with pytest.raises(NotFound):
            await read
    for wanted in (Filter(), Filter(q="канарейка"), Filter(q=f"T-{number}"), Filter(line=("first",))):
        assert (await views.queue(every, wanted)).total == 1
        page = await views.queue(scope, wanted)
        assert (page.items, page.total, page.next) == ((), 0, None)
    assert await views.rows(scope, [number]) == []
    assert (len(await views.counts(every, NOON)), await views.counts(scope, NOON)) == (1, [])
    actions = TicketActions(database.store, FixedPolicy(make_policy()), SystemClock(), UlidIds())
    me = Actor(id=f"agent:{reader}", agent=reader)
    with pytest.raises(NotFound):
        await actions.act(scope, number, SetStatus(status=Status.IN_PROGRESS), me)


@pytest.mark.parametrize("card", [None, *CARDS])
async def test_links_and_requests_name_no_ticket_outside_of_the_card(database: Database, card: str | None) -> None:
    canary = await _canary(database)
    _, scope = await _reader(database, CARDS[card] if card else None)
    line = "second" if card == "line" else "first"
    mine = {"line": line, "audiences": frozenset({"vip-2"})}
    (near,) = await open_tickets(database.store, [message()], parent=canary, **mine)
    (child,) = await open_tickets(database.store, [message()], parent=near, group="money", audiences=frozenset({"vip"}))
    async with database.store.begin() as uow:
        state = (await uow.states([near]))[near]
        fact = TicketLinked(ticket=near, at=NOON, by="t", line=line, other=canary, relation="relates_to")
        tied = Link(other=canary, relation="relates_to")
        await uow.change([Changed(before=state, after=state, facts=(fact,), link=tied)], NOON)
    links = (await database.views.ticket(scope, near)).links
    if card is None:
        assert links == (
            LinkView(number=canary, relation="relates_to", theirs=False),
            LinkView(number=canary, relation="requested_by", theirs=False),
            LinkView(number=child, relation="requested_by", theirs=True),
        )
        return
    assert links == ()
    actions = TicketActions(database.store, FixedPolicy(make_policy()), SystemClock(), UlidIds())
    with pytest.raises(Invalid, match="no such ticket"):
        await actions.act(scope, near, LinkTo(other=canary, relation="relates_to"), Actor(id="t"))
