"""``priyom agent add``, ``link``, ``list``, and ``priyom token``. Changes of agents are ``gateway.commands.agents``."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from config.loader import compile_policy
from domain.errors import Invalid
from domain.people import Agent, TokenScope
from domain.policy import Policy
from gateway.commands.common import AsJson, DataDir, database_of, load, perform, say, say_json
from gateway.system import SystemClock
from store import Database

agent = typer.Typer(help="The people who work tickets.", no_args_is_help=True)
token = typer.Typer(help="Tokens of the API.", no_args_is_help=True)

LINK_VALID = timedelta(minutes=15)
Line = Annotated[list[str], typer.Option("--line", help="A line of the policy; may be given several times.")]


@agent.command("add")
def add(
    email: Annotated[str, typer.Argument(help="The agent's address.")],
    name: Annotated[str, typer.Option("--name", help="As customers and colleagues read it.")],
    line: Line,
    admin: Annotated[bool, typer.Option("--admin", help="Sees every line and what made no ticket.")] = False,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Add an agent and print a one-time sign-in link (15 minutes)."""

    async def work() -> None:
        if "@" not in email.strip("@"):
            raise Invalid("EMAIL", f"{email!r} is not an address")
        async with database_of(data) as database:
            await _known_lines(database, line)
            added = await database.accounts.add_agent(email=email, name=name, lines=line, admin=admin)
            await _show_link(database, added.id, data, as_json=as_json)

    perform(work)


@agent.command("link")
def link(
    email: Annotated[str, typer.Argument(help="The agent's address.")], data: DataDir = None, as_json: AsJson = False
) -> None:
    """Print a new one-time sign-in link for an agent."""

    async def work() -> None:
        async with database_of(data) as database:
            found = await agent_of(database, email)
            if not found.active:
                raise Invalid("EMAIL", f"{email} was removed; `priyom agent set {email} --active` brings them back")
            await _show_link(database, found.id, data, as_json=as_json)

    perform(work)


@agent.command("list")
def list_agents(data: DataDir = None, as_json: AsJson = False) -> None:
    """Who works here: lines, groups, skills, audiences, presence, and who was removed."""

    async def work() -> None:
        async with database_of(data) as database:
            found = await database.accounts.agents()
        if as_json:
            say_json({"agents": [card(each) for each in found]})
            return
        for each in found:
            say("  ".join([each.email, each.name, *_told(each)]))

    perform(work)


def card(agent: Agent) -> dict[str, Any]:
    """An agent as ``--json`` shows them."""
    return {
        "email": agent.email,
        "name": agent.name,
        "lines": sorted(agent.lines),
        "groups": sorted(f"{line}/{group}" for line, group in agent.groups),
        "skills": dict(sorted(agent.skills.items())),
        "audiences": sorted(agent.audiences),
        "calendar": agent.calendar,
        "capacity": agent.capacity,
        "admin": agent.admin,
        "active": agent.active,
        "presence": agent.presence,
        "away_until": agent.away_until.isoformat() if agent.away_until else None,
    }


def _told(agent: Agent) -> list[str]:
    if not agent.active:
        return ["removed"]
    until = f" until {agent.away_until.isoformat(timespec='minutes')}" if agent.away_until else ""
    own = [f"{name} {value}" for name, value in (("calendar", agent.calendar), ("capacity", agent.capacity)) if value]
    return [
        ", ".join(sorted(agent.lines)) or "no line",
        *([f"({', '.join(sorted(f'{line}/{group}' for line, group in agent.groups))})"] if agent.groups else []),
        *([", ".join(f"{skill}={level}" for skill, level in sorted(agent.skills.items()))] if agent.skills else []),
        *([f"for {', '.join(sorted(agent.audiences))}"] if agent.audiences else []),
        *own,
        f"{agent.presence}{until}",
        *(["admin"] if agent.admin else []),
    ]


async def agent_of(database: Database, email: str) -> Agent:
    """Raises ``Invalid`` where the address is nobody's."""
    found = await database.accounts.agent_by_email(email)
    if found is None:
        raise Invalid("EMAIL", f"{email} is no agent's address")
    return found


async def policy_of(database: Database, field: str) -> Policy:
    """The running policy. Raises ``Invalid`` for the option that needs it, where there is none yet."""
    head = await database.revisions.get(await database.revisions.head_number())
    if head is None:
        raise Invalid(field, "there is no policy yet to take it from; apply one with `priyom policy apply`")
    return compile_policy(head.documents, head.revision)


async def _known_lines(database: Database, lines: list[str]) -> None:
    known = (await policy_of(database, "--line")).lines
    for line in lines:
        if line not in known:
            raise Invalid("--line", f"{line!r} is not a line of the policy; there are {', '.join(known)}")


async def _show_link(database: Database, agent_id: str, data: Path | None, *, as_json: bool) -> None:
    secret = await database.accounts.new_link(agent_id, SystemClock().now(), LINK_VALID)
    url = f"{base_url(data)}/desk/sign-in/{secret}"
    if as_json:
        say_json({"link": url, "valid_minutes": LINK_VALID.seconds // 60})
    else:
        say(url)


def base_url(data: Path | None) -> str:
    """How people reach the pages: as configured, else where the running instance listens."""
    settings = load(data_dir=data)
    if settings.base_url:
        return settings.base_url.rstrip("/")
    try:
        text = (settings.data_dir / "endpoints.json").read_text(encoding="utf-8")
        return str(json.loads(text)["http"])
    except (OSError, ValueError, KeyError):
        return f"http://{settings.http}"


@token.command("create")
def create(
    name: Annotated[str, typer.Option("--name", help="What it is for.")],
    scope: Annotated[str, typer.Option("--scope", help="read, agent or admin.")],
    data: DataDir = None,
) -> None:
    """Make an API token and print it. It is shown this once."""
    scopes: dict[str, TokenScope] = {"read": "read", "agent": "agent", "admin": "admin"}

    async def work() -> None:
        if scope not in scopes:
            raise Invalid("--scope", f"{scope!r} is not one of {', '.join(scopes)}")
        async with database_of(data) as database:
            say(await database.accounts.add_token(name=name, scope=scopes[scope], now=SystemClock().now()))

    perform(work)
