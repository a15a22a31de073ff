"""What the API says of agents, and does to them: cards for administrators, presence also for the agent whose it is."""

from typing import TypeVar

from aiohttp import web
from msgspec import UnsetType

from desk.api import models, requests
from desk.api.actions import body_of
from desk.api.handlers import Call, reply
from desk.api.problems import Refused
from domain.cards import check_change, check_presence
from domain.errors import NotFound
from domain.people import Agent, AgentChange, Keep

T = TypeVar("T")
MYSELF = "me"
"""Stands for the signed-in agent's own id."""


async def agents(call: Call) -> web.Response:
    found = await call.desk.accounts.agents()
    return reply(models.AgentList(items=tuple(shown(each) for each in found)))


async def change(call: Call) -> web.Response:
    """Raises ``Invalid`` that names the part, as does every check of a card."""
    given = await body_of(call.request, requests.AgentChange)
    agent = await call.desk.accounts.agent(_whose(call))
    if agent is None:
        raise NotFound("There is no such agent")
    groups = _set(given.groups)
    wanted = AgentChange(
        name=_set(given.name),
        lines=None if (lines := _set(given.lines)) is None else frozenset(lines),
        groups=None if groups is None else frozenset((line, each) for line, own in groups.items() for each in own),
        skills=_set(given.skills),
        audiences=None if (audiences := _set(given.audiences)) is None else frozenset(audiences),
        calendar=Keep.KEEP if isinstance(given.calendar, UnsetType) else given.calendar,
        capacity=Keep.KEEP if isinstance(given.capacity, UnsetType) else given.capacity,
        admin=_set(given.admin),
        active=_set(given.active),
    )
    check_change(agent, wanted, call.desk.policy.current)
    return reply(shown(await call.desk.accounts.change_agent(agent.id, wanted)))


async def presence(call: Call) -> web.Response:
    given = await body_of(call.request, requests.PresenceChange)
    until = given.until
    check_presence(given.presence, until, call.desk.clock.now())
    return reply(shown(await call.desk.accounts.set_presence(_whose(call), given.presence, until)))


def _whose(call: Call) -> str:
    """The agent's id of the path. Raises ``Refused`` 403 where it is somebody else's and who asks no administrator."""
    named = call.request.match_info["id"]
    if call.me is None:
        return named
    own = call.me.session.agent.id
    if named in (MYSELF, own):
        return own
    if not call.scope.admin:
        raise Refused(403)
    return named


def _set(value: T | UnsetType) -> T | None:
    return None if isinstance(value, UnsetType) else value


def shown(agent: Agent) -> models.Agent:
    groups: dict[str, list[str]] = {}
    for line, group in sorted(agent.groups):
        groups.setdefault(line, []).append(group)
    return models.Agent(
        id=agent.id,
        email=agent.email,
        name=agent.name,
        lines=tuple(sorted(agent.lines)),
        groups={line: tuple(own) for line, own in groups.items()},
        skills=dict(sorted(agent.skills.items())),
        audiences=tuple(sorted(agent.audiences)),
        calendar=agent.calendar,
        capacity=agent.capacity,
        admin=agent.admin,
        active=agent.active,
        presence=agent.presence,
        away_until=agent.away_until,
    )
