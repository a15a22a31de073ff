"""Letters to agents whom a reaction of the policy wants told: a deadline is near, nobody could take a ticket.

Arrives: ``ticket.notice_due`` of the stream TICKET. Leaves: a delivery for each agent, under an id that is made of the
fact's, so that a fact which comes twice writes to nobody twice.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from domain.errors import Permanent
from domain.outgoing import Correspondence, Notice, Outlet
from domain.people import Agent
from domain.policy import Policy
from domain.ports import Clock, PolicySource
from domain.status import Status
from domain.ticket import TicketState
from domain.views import scope_of
from gateway import codec, logs
from gateway.consumer import Answer, Delivery
from router.letters import about, letter_on, write
from store import Database

log = logs.get()

_STALE = timedelta(hours=6)
"""What was to be told so long ago helps nobody any more."""


class Notices:
    """``language``: agents' own."""

    def __init__(
        self, database: Database, policy: PolicySource, clock: Clock, outlet: Outlet, *, language: str
    ) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._outlet = outlet
        self._language = language

    async def handle(self, deliveries: Sequence[Delivery]) -> Sequence[Answer]:
        """``gateway.consumer.Handler``."""
        answers: list[Answer] = []
        for delivery in deliveries:
            try:
                fact = codec.decode_fact(delivery.payload)
                notices = await self._notices(fact.id, fact.data)
            except (Permanent, KeyError, TypeError, ValueError) as fault:
                answers.append(Permanent("Unreadable notice", reason=f"{type(fault).__name__}: {fault}"))
                continue
            await self._database.deliveries.notify(notices, self._clock.now())
            answers.append(None)
        return answers

    async def _notices(self, fact_id: str, data: Any) -> Sequence[Notice]:
        policy = self._policy.current
        number, whom = int(data["ticket"]), set(data["whom"])
        late = self._clock.now() - datetime.fromisoformat(data["at"]) > _STALE
        if late or "email" not in self._outlet.channels:
            return ()
        async with self._database.store.begin() as uow:
            ticket = (await uow.states([number])).get(number)
            known = await uow.correspondences([number], self._clock.now())
        letter = letter_on("notice", ticket.plan, ticket.line, policy) if ticket is not None else None
        if ticket is None or letter is None or ticket.status is Status.CLOSED:
            return ()
        agents = [agent for agent in await self._database.accounts.agents() if agent.active]
        words = write(
            letter,
            ticket,
            policy,
            language=self._language,
            correspondence=known.get(number, Correspondence()),
            text=about(str(data["about"]), self._language),
            url=f"{self._outlet.base_url}/desk/tickets/T-{number:06d}" if self._outlet.base_url else "",
        )
        return [
            Notice(
                delivery=_stable(fact_id, agent.id),
                agent=agent.id,
                number=number,
                subject=words.subject,
                text=words.body,
                letter=letter.key,
                language=self._language,
            )
            for agent in meant(whom, ticket, agents, policy)
        ]


def meant(whom: Iterable[str], ticket: TicketState, agents: Sequence[Agent], policy: Policy) -> list[Agent]:
    """The agents who are told, each once: who has the ticket, who works on its line and may see it, and who leads
    there: the line's administrators, or all of them where it has none."""
    wanted = set(whom)
    found = [agent for agent in agents if "assignee" in wanted and agent.id == ticket.assignee]
    if "line" in wanted:
        found += [agent for agent in agents if ticket.line in agent.lines and scope_of(agent, policy).sees(ticket)]
    if "lead" in wanted:
        leads = [agent for agent in agents if agent.admin]
        found += [agent for agent in leads if ticket.line in agent.lines] or leads
    return list({agent.id: agent for agent in found}.values())


def _stable(fact_id: str, agent: str) -> str:
    return hashlib.sha256(f"{fact_id}:{agent}".encode()).hexdigest()[:26]
