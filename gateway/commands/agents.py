"""``priyom agent set``, ``presence`` and ``remove``: what assignment knows of an agent, and when they leave.

Arrives: an address and options. Leaves: the card as it is then; open tickets of who goes away or is removed are given
to others by the timekeeper, within a second or two. Works while nothing runs: then as soon as something does.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, get_args

import typer

from domain.cards import check_change, check_presence
from domain.errors import Invalid
from domain.people import Agent, AgentChange, Keep, Presence
from gateway.commands.common import AsJson, DataDir, database_of, perform, say, say_json
from gateway.commands.people import agent, agent_of, card, policy_of
from gateway.system import SystemClock

__all__ = ["agent"]

Email = Annotated[str, typer.Argument(help="The agent's address.")]
_OPTIONS = {"lines": "--line", "groups": "--group", "skills": "--skill", "audiences": "--audience"}


@agent.command("set")
def set_agent(
    email: Email,
    name: Annotated[str | None, typer.Option(help="As customers and colleagues read it.")] = None,
    line: Annotated[list[str] | None, typer.Option(help="A line of the policy; those given are all they have.")] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="LINE/GROUP; those given are all they have. '' for every group.")
    ] = None,
    skill: Annotated[
        list[str] | None, typer.Option(help="KEY=LEVEL, 1 to 10; those given are all they have. '' for none.")
    ] = None,
    audience: Annotated[
        list[str] | None, typer.Option(help="Whose requests they serve; those given are all. '' for everybody's.")
    ] = None,
    calendar: Annotated[str | None, typer.Option(help="Their shifts; '' for the line's.")] = None,
    capacity: Annotated[int | None, typer.Option(help="Weight they may have in hand; 0 for the line's.")] = None,
    admin: Annotated[bool | None, typer.Option("--admin/--no-admin", help="Sees every line and what is held.")] = None,
    active: Annotated[bool, typer.Option("--active", help="Brings back who was removed.")] = False,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Change what assignment knows of an agent. What is not named stays as it is."""

    async def work() -> None:
        async with database_of(data) as database:
            found = await agent_of(database, email)
            change = AgentChange(
                name=name,
                lines=None if line is None else frozenset(_given(line)),
                groups=None if group is None else frozenset(_group(each) for each in _given(group)),
                skills=None if skill is None else dict(_skill(each) for each in _given(skill)),
                audiences=None if audience is None else frozenset(_given(audience)),
                calendar=Keep.KEEP if calendar is None else calendar or None,
                capacity=Keep.KEEP if capacity is None else capacity or None,
                admin=admin,
                active=True if active else None,
            )
            try:
                check_change(found, change, await policy_of(database, "--line"))
            except Invalid as fault:
                raise Invalid(_OPTIONS.get(fault.field, f"--{fault.field}"), fault.why) from None
            _show(await database.accounts.change_agent(found.id, change), as_json=as_json)

    perform(work)


def _given(words: Sequence[str]) -> list[str]:
    """An empty word alone stands for none."""
    return [] if list(words) == [""] else list(words)


def _group(text: str) -> tuple[str, str]:
    line, slash, group = text.partition("/")
    if not (line and slash and group):
        raise Invalid("--group", f"{text!r} is not LINE/GROUP")
    return line, group


def _skill(text: str) -> tuple[str, int]:
    key, _, level = text.partition("=")
    if not key or not level.isdecimal() or not level.isascii():
        raise Invalid("--skill", f"{text!r} is not KEY=LEVEL")
    return key, int(level)


@agent.command("presence")
def set_presence(
    email: Email,
    presence: Annotated[str, typer.Argument(help="on, break or away.")],
    until: Annotated[
        str | None,
        typer.Option(help="When it ends by itself: 2026-11-23T18:00+03:00.", show_default=False),
    ] = None,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Say whether an agent is here. Of who is away, lines that say so give the open tickets to others."""

    async def work() -> None:
        known = {each: each for each in get_args(Presence)}
        if presence not in known:
            raise Invalid("PRESENCE", f"{presence!r} is not one of {', '.join(known)}")
        moment = None if until is None else _moment(until)
        try:
            check_presence(known[presence], moment, SystemClock().now())
        except Invalid as fault:
            raise Invalid("--until", fault.why) from None
        async with database_of(data) as database:
            found = await agent_of(database, email)
            _show(await database.accounts.set_presence(found.id, known[presence], moment), as_json=as_json)

    perform(work)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("--until", f"{text!r} is not a time, such as 2026-11-23T18:00+03:00") from None
    if moment.tzinfo is None:
        raise Invalid("--until", f"{text!r} does not say in which zone: write 2026-11-23T18:00+03:00, or Z for UTC")
    return moment


@agent.command("remove")
def remove(email: Email, data: DataDir = None, as_json: AsJson = False) -> None:
    """End an agent's work here: signed out, no tickets any more. What they did stays, under their name."""

    async def work() -> None:
        async with database_of(data) as database:
            found = await agent_of(database, email)
            _show(await database.accounts.change_agent(found.id, AgentChange(active=False)), as_json=as_json)

    perform(work)


def _show(found: Agent, *, as_json: bool) -> None:
    if as_json:
        say_json(card(found))
        return
    for key, value in card(found).items():
        words = [f"{skill}={level}" for skill, level in value.items()] if isinstance(value, dict) else value
        shown = ", ".join(words) if isinstance(words, list) else words
        if shown not in (None, ""):
            say(f"{key + ':':12} {str(shown).lower() if isinstance(shown, bool) else shown}")
