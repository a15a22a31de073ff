"""``priyom organization`` and ``priyom contact``: who customers are, what they bought, and who looks after them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Annotated, Any

import typer

from domain.errors import Conflict, Invalid
from domain.identity import Contract, Organization, contracted, ended
from domain.people import Agent
from gateway.commands.common import AsJson, DataDir, database_of, perform, say, say_json
from gateway.commands.people import policy_of
from gateway.system import SystemClock, UlidIds
from store import Database

organization = typer.Typer(help="Customers, and departments of our own.", no_args_is_help=True)
contact = typer.Typer(help="People of customers.", no_args_is_help=True)

SEGMENTS = ("external", "internal", "partner")
Name = Annotated[str, typer.Argument(help="Name, or id.")]
Domains = Annotated[list[str] | None, typer.Option("--domain", help="Mail domain of theirs; several may be given.")]
Plan = Annotated[str | None, typer.Option(help="Service plan of the contract.")]
Since = Annotated[str | None, typer.Option(help="First day of the contract.", show_default="today")]
Until = Annotated[str | None, typer.Option(help="Last day of the contract.", show_default="open-ended")]
Segment = Annotated[str | None, typer.Option(help="external, internal or partner.")]
Groups = Annotated[
    list[str] | None, typer.Option("--group", help="Group of customers, as audiences name it; several may be given.")
]
Department = Annotated[
    str | None, typer.Option(help="Mail address of their own department, which takes what is forwarded to it.")
]
Engineer = Annotated[str | None, typer.Option(help="Address of the agent who is their personal engineer.")]


@organization.command("add")
def add(
    name: Annotated[str, typer.Argument(help="As agents read it.")],
    domain: Domains = None,
    plan: Plan = None,
    since: Since = None,
    until: Until = None,
    segment: Segment = None,
    group: Groups = None,
    engineer: Engineer = None,
    department: Department = None,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Add an organisation and print its id."""

    async def work() -> None:
        if not name.strip():
            raise Invalid("NAME", "is empty")
        async with database_of(data) as database:
            if await database.people.organizations(name):
                raise Conflict(f"{name} is an organisation already")
            bare = Organization(id=UlidIds().new(), name=name.strip())
            made = await _changed(
                database, bare, domain=domain, plan=plan, since=since, until=until, segment=segment, group=group,
                engineer=engineer, department=department,
            )  # fmt: skip
            await database.people.add_organization(made, SystemClock().now())
            if as_json:
                say_json(_shown(made, await database.accounts.agents()))
            else:
                say(made.id)

    perform(work)


@organization.command("set")
def set_organization(
    name: Name,
    rename: Annotated[str | None, typer.Option(help="Its name from now on.")] = None,
    domain: Domains = None,
    plan: Plan = None,
    since: Since = None,
    until: Until = None,
    segment: Segment = None,
    group: Groups = None,
    engineer: Engineer = None,
    department: Department = None,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Change an organisation. What is not named stays; domains and groups that are given are all it has, '' is none.

    --plan is a further contract: the one that runs when it begins ends the day before. --until alone ends the last."""

    async def work() -> None:
        async with database_of(data) as database:
            found = await _one(database, "NAME", name)
            if rename is not None:
                if not rename.strip():
                    raise Invalid("--rename", "is empty")
                if any(each.id != found.id for each in await database.people.organizations(rename)):
                    raise Conflict(f"{rename} is an organisation already")
                found = replace(found, name=rename.strip())
            changed = await _changed(
                database, found, domain=domain, plan=plan, since=since, until=until, segment=segment, group=group,
                engineer=engineer, department=department,
            )  # fmt: skip
            await database.people.save_organization(changed)
            _show([changed], await database.accounts.agents(), as_json=as_json)

    perform(work)


@organization.command("list")
def list_organizations(data: DataDir = None, as_json: AsJson = False) -> None:
    """Every organisation with its contracts."""

    async def work() -> None:
        async with database_of(data) as database:
            found, agents = await database.people.organizations(), await database.accounts.agents()
        if as_json:
            say_json({"organizations": [_shown(each, agents) for each in found]})
        else:
            _show(found, agents, as_json=False)

    perform(work)


@contact.command("add")
def add_contact(
    email: Annotated[str, typer.Argument(help="Address the person writes from.")],
    organization: Annotated[str, typer.Option(help="Name or id of the person's organisation.")],
    name: Annotated[str | None, typer.Option(help="As agents read it.")] = None,
    vip: Annotated[
        bool | None, typer.Option("--vip/--no-vip", help="Served a step sooner, where the policy says.")
    ] = None,
    named: Annotated[
        bool | None, typer.Option("--named/--no-named", help="One of the contacts that the contract names.")
    ] = None,
    data: DataDir = None,
) -> None:
    """Say to whom an address belongs. For one that is known already this changes what is named."""

    async def work() -> None:
        if email.count("@") != 1 or not all(email.split("@")):
            raise Invalid("EMAIL", f"{email!r} is not an address")
        async with database_of(data) as database:
            theirs = await _one(database, "--organization", organization)
            now = SystemClock().now()
            say(await database.people.set_contact(email, theirs.id, now, name=name, vip=vip, named=named))

    perform(work)


async def _one(database: Database, option: str, named: str) -> Organization:
    found = await database.people.organizations(named)
    if not found:
        raise Invalid(option, f"{named!r} is no organisation; `priyom organization list` shows them")
    if len(found) > 1:
        raise Invalid(option, f"{named!r} are several: {', '.join(each.id for each in found)}; name one by its id")
    return found[0]


async def _changed(
    database: Database,
    found: Organization,
    *,
    domain: Sequence[str] | None,
    plan: str | None,
    since: str | None,
    until: str | None,
    segment: str | None,
    group: Sequence[str] | None,
    engineer: str | None,
    department: str | None,
) -> Organization:
    policy = await policy_of(database, "--plan")
    if domain is not None:
        own = dict.fromkeys(_domain(each, policy.mail.public_domains) for each in domain if each)
        found = replace(found, domains=tuple(own))
    if group is not None:
        found = replace(found, groups=frozenset(each.strip() for each in group if each.strip()))
    if segment is not None:
        if segment not in SEGMENTS:
            raise Invalid("--segment", f"{segment!r} is not one of {', '.join(SEGMENTS)}")
        found = replace(found, segment=segment)
    if engineer is not None:
        found = replace(found, engineer=await _engineer(database, engineer) if engineer else None)
    if department is not None:
        if department and department.count("@") != 1:
            raise Invalid("--department", f"{department!r} is no mail address")
        found = replace(found, department=department.strip().lower())
    if plan is None and since is not None:
        raise Invalid("--since", "goes with --plan")
    try:
        if plan is not None:
            if plan not in policy.plans:
                raise Invalid("plan", f"{plan!r} is not a plan of the policy; there are {', '.join(policy.plans)}")
            first = SystemClock().now().date() if since is None else _day("since", since)
            last = None if until is None else _day("until", until)
            return contracted(found, Contract(id=UlidIds().new(), plan=plan, since=first, until=last))
        return found if until is None else ended(found, _day("until", until))
    except Invalid as fault:
        raise Invalid(f"--{fault.field}", fault.why) from None


def _domain(text: str, public: frozenset[str]) -> str:
    domain = text.strip().lower()
    if "@" in domain or "." not in domain.strip(".") or any(mark.isspace() for mark in domain):
        raise Invalid("--domain", f"{text!r} is not a mail domain")
    if domain in public:
        raise Invalid("--domain", f"anyone may have an address at {domain}, so it tells nothing about an organisation")
    return domain


def _day(field: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid(field, f"{text!r} is not a day, such as 2026-11-23") from None


async def _engineer(database: Database, email: str) -> str:
    agent = await database.accounts.agent_by_email(email)
    if agent is None or not agent.active:
        raise Invalid("--engineer", f"{email} is no active agent's address")
    return agent.id


def _shown(found: Organization, agents: Sequence[Agent]) -> dict[str, Any]:
    return {
        "id": found.id,
        "name": found.name,
        "segment": found.segment,
        "domains": list(found.domains),
        "groups": sorted(found.groups),
        "engineer": next((agent.email for agent in agents if agent.id == found.engineer), None),
        "department": found.department or None,
        "contracts": [
            {
                "plan": each.plan,
                "since": each.since.isoformat(),
                "until": each.until.isoformat() if each.until else None,
            }
            for each in found.contracts
        ],
    }


def _show(found: Sequence[Organization], agents: Sequence[Agent], *, as_json: bool) -> None:
    for each in found:
        told = _shown(each, agents)
        if as_json:
            say_json(told)
            continue
        parts = [told["id"], told["name"], told["segment"], ", ".join(told["domains"]), ", ".join(told["groups"])]
        parts += [f"{c['plan']} {c['since']}..{c['until'] or ''}" for c in told["contracts"]]
        parts += [f"engineer {told['engineer']}"] if told["engineer"] else []
        say("  ".join(part for part in parts if part))
