"""One command on one ticket -> what it changes, or why it may not be. Pure: everything it rests on is an argument.

Called by ``router.actions`` for agents and API clients, by the timekeeper for what comes due, and by ``router.calling``
for what is still told of a call.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from domain.clocks import ClockRecord
from domain.commands import (
    AddNote,
    Assign,
    Classify,
    Command,
    Escalate,
    LinkTo,
    LogWork,
    Mark,
    Reassign,
    Reply,
    Return,
    SetStatus,
    Tick,
)
from domain.effects import Changed
from domain.errors import Invalid, Refused
from domain.facts import (
    Fact,
    NobodyEligible,
    SlaEnded,
    StatusChanged,
    TicketAssigned,
    TicketClassified,
    TicketEscalated,
    TicketReturned,
)
from domain.policy import Line, Policy
from domain.status import MOVES, Status, may_move
from domain.ticket import UNASSIGNED, Priority, TicketState
from router import annotate
from router.clockwork import answered, events_of, moved, over, reclassified, reopened, settled, timers_of
from router.forwarding import NOWHERE, sent_on
from router.guards import may_move_on, may_pass_on, route
from router.replying import reply, told_of
from router.setting import Setting, said
from router.steps.assign import Wanted, assign, automatic
from router.steps.entitle import QUOTA_ASK
from router.steps.prioritise import raise_by
from router.verdict import Open


def act(ticket: TicketState, command: Command, setting: Setting) -> Changed:
    """Raises ``Invalid`` for a value that is not there, ``Refused`` for what the process does not allow now."""
    changed = _ACTS[type(command)](ticket, command, setting)
    return _finished(ticket, changed, setting, answering=isinstance(command, Reply))


def classify_anew(
    ticket: TicketState, verdict: Open, fields: Mapping[str, Any], because: str, setting: Setting
) -> Changed:
    """An open ticket as the rules have it once more is known of the request; with nothing to change, no facts."""
    policy = setting.policy
    after = replace(
        ticket,
        catalog=verdict.catalog,
        kind=verdict.kind,
        impact=verdict.impact,
        urgency=verdict.urgency,
        priority=verdict.priority,
        requester=verdict.requester,
        organization=verdict.organization,
        plan=verdict.plan,
        fields=fields,
    )
    if verdict.line != ticket.line:
        after = _on_line(after, policy.lines[verdict.line], verdict.group, fields, setting)
    elif verdict.group != ticket.group:
        flags = tuple(flag for flag in ticket.flags if flag != UNASSIGNED)
        after = replace(after, group=verdict.group, assignee=None, flags=flags)
    goes_on = (after.line, after.group) != (ticket.line, ticket.group)
    changed = _differences(ticket, after)
    if not changed and after.plan == ticket.plan:
        return Changed(before=ticket, after=after, facts=())
    after = replace(after, clocks=reclassified(after, policy, setting.now, setting.ids))
    classified = TicketClassified(**said(ticket, setting), line=after.line, changed=changed, because=because)
    facts: tuple[Fact, ...] = (classified,) if changed else ()
    told = Changed(before=ticket, after=after, facts=facts)
    if goes_on:
        told = replace(told, facts=(*facts, _assigned(after, setting, because)))
        told = _shared_out(told, setting) if QUOTA_ASK not in verdict.flags else told
    return _finished(ticket, told, setting, answering=False)


def _finished(ticket: TicketState, changed: Changed, setting: Setting, *, answering: bool) -> Changed:
    """With the clocks that stopped, the timers and the letters that follow."""
    after = changed.after
    stopped = tuple(_ended(clock, after, setting) for clock in over(ticket.clocks, after.clocks))
    moved_on = (after.clocks, after.status, after.kind) != (ticket.clocks, ticket.status, ticket.kind)
    timers = timers_of(after, setting.policy) if moved_on else None
    letters, muted = told_of(changed, setting, answering=answering)
    forwards, sent, known = sent_on(changed, setting)
    if not known and NOWHERE not in after.flags:
        changed = replace(changed, after=replace(after, flags=(*after.flags, NOWHERE)))
    facts = (*changed.facts, *stopped, *muted, *sent)
    events = events_of(facts, setting.policy, setting.now)
    written = (*changed.letters, *letters, *forwards)
    return replace(changed, facts=facts, timers=timers, events=events, letters=written)


def _ended(clock: ClockRecord, after: TicketState, setting: Setting) -> SlaEnded:
    return SlaEnded(
        **said(after, setting),
        line=after.line,
        target=clock.target,
        cell=clock.cell,
        state=clock.state,
        goal_s=clock.goal_s,
        consumed_s=clock.consumed_s,
        assignee=after.assignee,
    )


def _reply(ticket: TicketState, command: Reply, setting: Setting) -> Changed:
    _open_only(ticket)
    written = reply(ticket, command, setting)
    after = replace(ticket, clocks=answered(ticket, setting.policy, setting.now))
    wanted = command.status
    if wanted is None and ticket.status is Status.CLASSIFICATION:
        wanted = Status.IN_PROGRESS
    if wanted is None:
        return replace(written, after=after)
    moving = SetStatus(status=wanted, substatus=command.substatus, fields=command.fields)
    moved_on = _status(after, moving, setting)
    return replace(written, after=moved_on.after, facts=(*written.facts, *moved_on.facts))


def _status(ticket: TicketState, command: SetStatus, setting: Setting) -> Changed:
    old, new = ticket.status, command.status
    if old == new and command.substatus == ticket.substatus and not command.fields:
        return Changed(before=ticket, after=ticket, facts=())
    if old != new and not may_move(old, new):
        allowed = ", ".join(sorted(MOVES[old])) or "nothing"
        raise Refused(f"From {old} a ticket may go to {allowed}, not to {new}.")
    may_move_on(ticket, command, setting.policy, by_itself=command.by_process)
    return _to_status(ticket, command, setting)


def _to_status(ticket: TicketState, command: SetStatus, setting: Setting) -> Changed:
    old, new, policy = ticket.status, command.status, setting.policy
    closed_at = ticket.closed_at if old == new else setting.now if new is Status.CLOSED else None
    after = replace(
        ticket,
        status=new,
        substatus=command.substatus,
        closed_at=closed_at,
        status_at=ticket.status_at if old == new else setting.now,
        fields={**ticket.fields, **command.fields},
    )
    if old is Status.CLOSED and new is not Status.CLOSED:
        after = replace(after, clocks=reopened(after, policy, setting.now, setting.ids))
    after = replace(after, clocks=settled(after, policy, setting.now))
    fact = StatusChanged(
        **said(ticket, setting),
        old=old,
        new=new,
        substatus=command.substatus,
        line=ticket.line,
        because=command.reason,
    )
    return Changed(before=ticket, after=after, facts=(fact,))


def _assign(ticket: TicketState, command: Assign, setting: Setting) -> Changed:
    _open_only(ticket)
    if command.agent is not None:
        agent = setting.agents.get(command.agent)
        if agent is None:
            raise Invalid("assignee", "no such agent")
        missing = []
        if not agent.active:
            missing.append(("assignee", f"{agent.name} is not active"))
        if ticket.line not in agent.lines:
            missing.append(("assignee", f"{agent.name} does not work on line {ticket.line}"))
        if agent.audiences and agent.audiences.isdisjoint(ticket.audiences):
            missing.append(("assignee", f"{agent.name} does not serve this requester's audience"))
        if missing:
            raise Refused("This agent cannot have the ticket.", tuple(missing))
    if command.agent == ticket.assignee:
        return Changed(before=ticket, after=ticket, facts=())
    after = replace(ticket, assignee=command.agent)
    return Changed(before=ticket, after=after, facts=(_assigned(after, setting, command.reason),))


def _escalate(ticket: TicketState, command: Escalate, setting: Setting) -> Changed:
    _open_only(ticket)
    _reason(command.reason)
    lines = route(ticket, setting.policy)
    place = next((at for at, line in enumerate(lines) if line.key == ticket.line), None)
    here = _order(ticket.line, setting.policy)
    above = [line for line in lines if line.order > here] if place is None else lines[place + 1 :]
    line = _chosen_line(command.line, above, ticket, setting.policy, "above")
    fields = {**ticket.fields, **command.fields}
    if not command.by_process:
        may_pass_on(ticket, fields, setting.policy)
    after = _on_line(ticket, line, command.group, fields, setting)
    fact = TicketEscalated(
        **said(ticket, setting), line=line.key, old=ticket.line, group=command.group, because=command.reason
    )
    return _shared_out(Changed(before=ticket, after=after, facts=(fact,)), setting)


def _return(ticket: TicketState, command: Return, setting: Setting) -> Changed:
    _open_only(ticket)
    _reason(command.reason)
    here = _order(ticket.line, setting.policy)
    lines = setting.policy.lines
    downwards = sorted(lines, key=lambda key: -lines[key].order)
    keys = dict.fromkeys((*reversed(ticket.visits), *downwards))
    below = [lines[key] for key in keys if key in lines and lines[key].order < here]
    line = _chosen_line(command.line, below, ticket, setting.policy, "below")
    after = _on_line(ticket, line, command.group, ticket.fields, setting)
    fact = TicketReturned(
        **said(ticket, setting),
        line=line.key,
        old=ticket.line,
        group=command.group,
        because=command.reason,
        times=1 + _returns(ticket.visits, setting.policy),
    )
    return _shared_out(Changed(before=ticket, after=after, facts=(fact,)), setting)


def _classify(ticket: TicketState, command: Classify, setting: Setting) -> Changed:
    _open_only(ticket)
    policy = setting.policy
    catalog, kind = command.catalog or ticket.catalog, command.kind or ticket.kind
    if command.catalog is not None and command.catalog not in policy.catalog:
        raise Invalid("catalog", "no such entry")
    if command.kind is not None and command.kind not in policy.kinds:
        raise Invalid("kind", "no such kind")
    usual = policy.kinds[command.kind] if command.kind is not None and command.kind != ticket.kind else None
    impact = command.impact or (usual.impact if usual else ticket.impact)
    urgency = command.urgency or (usual.urgency if usual else ticket.urgency)
    priority = command.priority or _priority(ticket, impact, urgency, policy)
    line = _line_of(catalog, kind, policy)
    follows = line is not None and _line_of(ticket.catalog, ticket.kind, policy) == ticket.line != line
    after = replace(
        ticket,
        catalog=catalog,
        kind=kind,
        impact=impact,
        urgency=urgency,
        priority=priority,
        fields={**ticket.fields, **command.fields},
    )
    if line is not None and follows:
        after = _on_line(after, policy.lines[line], policy.catalog[catalog].group, after.fields, setting)
    changed = _differences(ticket, after)
    if not changed:
        return Changed(before=ticket, after=ticket, facts=())
    after = replace(after, clocks=reclassified(after, policy, setting.now, setting.ids))
    classified = TicketClassified(**said(ticket, setting), line=after.line, changed=changed, because=command.reason)
    facts: tuple[Fact, ...] = (classified,)
    if not follows:
        return Changed(before=ticket, after=after, facts=facts)
    facts = (*facts, _assigned(after, setting, f"{catalog} belongs to line {line}"))
    return _shared_out(Changed(before=ticket, after=after, facts=facts), setting)


def _reassign(ticket: TicketState, command: Reassign, setting: Setting) -> Changed:
    _open_only(ticket)
    unchanged = Changed(before=ticket, after=ticket, facts=())
    return _shared_out(unchanged, setting, without=ticket.assignee, because=command.reason)


def _shared_out(changed: Changed, setting: Setting, *, without: str | None = None, because: str = "") -> Changed:
    """Gives the ticket to an agent of its line, where the line shares its tickets out."""
    ticket = changed.after
    if ticket.line not in automatic(setting.policy):
        return changed
    wanted = Wanted(
        line=ticket.line,
        group=ticket.group,
        kind=ticket.kind,
        priority=ticket.priority,
        engineer=ticket.engineer,
        previous=ticket.held_by.get(ticket.line),
        without=without,
        audiences=ticket.audiences,
    )
    choice = assign(wanted, setting.workers, setting.policy, setting.now)
    if choice.alarm:
        told_already = UNASSIGNED in ticket.flags
        flags = ticket.flags if told_already else (*ticket.flags, UNASSIGNED)
        alarm = NobodyEligible(
            **said(ticket, setting), line=ticket.line, group=ticket.group, considered=len(choice.considered)
        )
        facts = changed.facts if told_already else (*changed.facts, alarm)
        return replace(changed, after=replace(ticket, flags=flags), facts=facts)
    flags = tuple(flag for flag in ticket.flags if flag != UNASSIGNED)
    after = replace(ticket, assignee=choice.agent, flags=flags)
    why = f"{because}: {choice.because}" if because else choice.because
    return replace(changed, after=after, facts=(*changed.facts, _assigned(after, setting, why)))


_ACTS = cast(
    "dict[type, Callable[[TicketState, Command, Setting], Changed]]",
    {
        AddNote: annotate.note,
        Reply: _reply,
        SetStatus: _status,
        Assign: _assign,
        Escalate: _escalate,
        Return: _return,
        Classify: _classify,
        LinkTo: annotate.link,
        Mark: annotate.mark,
        Reassign: _reassign,
        Tick: annotate.tick,
        LogWork: annotate.work,
    },
)


def _assigned(ticket: TicketState, setting: Setting, because: str) -> TicketAssigned:
    return TicketAssigned(
        **said(ticket, setting), line=ticket.line, group=ticket.group, assignee=ticket.assignee, because=because
    )


def _open_only(ticket: TicketState) -> None:
    if ticket.status is Status.CLOSED:
        raise Refused("The ticket is closed; a new message of the requester, or status in_progress, opens it again.")


def _reason(reason: str) -> None:
    if not reason.strip():
        raise Invalid("reason", "is empty: say why, for whoever gets the ticket")


def _order(line: str, policy: Policy) -> int:
    """Where a line that the policy has dropped would stand: below all."""
    return policy.lines[line].order if line in policy.lines else 0


def _chosen_line(named: str | None, offered: Sequence[Line], ticket: TicketState, policy: Policy, where: str) -> Line:
    if named is None:
        if not offered:
            raise Refused(f"No line is {where} {ticket.line}.")
        return offered[0]
    if named not in policy.lines:
        raise Invalid("line", "no such line")
    if policy.lines[named] not in offered:
        raise Refused(f"Line {named} is not {where} {ticket.line}.")
    return policy.lines[named]


def _on_line(
    ticket: TicketState, line: Line, group: str | None, fields: Mapping[str, Any], setting: Setting
) -> TicketState:
    if group is not None and group not in {each.key for each in line.groups}:
        raise Invalid("group", f"line {line.key} has no such group")
    visits = (*ticket.visits, line.key)
    flags = tuple(flag for flag in ticket.flags if flag != UNASSIGNED)
    there = replace(ticket, line=line.key, group=group, assignee=None, fields=fields, visits=visits, flags=flags)
    there = replace(there, clocks=moved(there, setting.policy, setting.now, setting.ids))
    return replace(there, clocks=settled(there, setting.policy, setting.now))


def _returns(visits: Sequence[str], policy: Policy) -> int:
    orders = [_order(line, policy) for line in visits]
    return sum(after < before for before, after in itertools.pairwise(orders))


def _line_of(catalog: str, kind: str, policy: Policy) -> str | None:
    """The line that catalog and kind name; None where either is not in the policy any more."""
    if catalog not in policy.catalog or kind not in policy.kinds:
        return None
    line = policy.kinds[kind].line or policy.catalog[catalog].line
    return line if line in policy.lines else None


def _priority(ticket: TicketState, impact: Any, urgency: Any, policy: Policy) -> Priority:
    if (impact, urgency) == (ticket.impact, ticket.urgency):
        return ticket.priority
    plan = policy.plans.get(ticket.plan) or policy.plans[policy.default_plan]
    return raise_by(policy.matrix.cells[impact, urgency], plan.raises_priority)


_COMPARED = ("catalog", "kind", "impact", "urgency", "priority", "line", "group")


def _differences(before: TicketState, after: TicketState) -> dict[str, Any]:
    """Attribute -> [old, new]. Of fields the names alone: what they hold may be personal, and facts travel."""
    pairs = ((name, getattr(before, name), getattr(after, name)) for name in _COMPARED)
    changed: dict[str, Any] = {name: [old, new] for name, old, new in pairs if old != new}
    named = sorted(name for name, value in after.fields.items() if before.fields.get(name) != value)
    return {**changed, "fields": named} if named else changed
