"""The timekeeper: what happens to tickets because time passes.

A timer that comes due fires in a transaction of its own, with all others that are due, so that ten thousand in one
second are as exact as one. What follows (facts, and what the policy's reactions do) is done in batches, each firing
gone in the same transaction that has its effects: so each happens once, whoever dies in between, in any number of
processes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.clocks import DUE, ClockRecord, is_open, told
from domain.commands import Actor, Classify, Command, Escalate, Mark, Reassign, SetStatus
from domain.effects import EVENTS, Changed, Firing
from domain.errors import Fault
from domain.facts import Fact, NoticeDue, SlaBreached, SlaWarned
from domain.outgoing import NO_OUTLET, Outlet
from domain.policy import Policy, Reaction
from domain.ports import Clock, Ids, PolicySource
from domain.status import RUNNING, Status
from domain.ticket import TicketState
from domain.unitofwork import Store
from router.act import act
from router.internal import settle_parents
from router.leaving import leave, reassigning
from router.letters import letter_on, letters_for
from router.setting import Setting
from router.steps.assign import automatic, busier
from router.steps.entitle import QUOTA_ASK
from router.steps.prioritise import raise_by

BY = Actor(id="timekeeper")
_FIRED_AT_ONCE = 20_000
_TOGETHER = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """``failed``: tickets on which not everything could be done that should follow, and why; what came before that
    stands."""

    count: int
    failed: Mapping[int, Exception]


class Timekeeper:
    def __init__(self, store: Store, policy: PolicySource, clock: Clock, ids: Ids, outlet: Outlet = NO_OUTLET) -> None:
        self._outlet = outlet
        self._store = store
        self._policy = policy
        self._clock = clock
        self._ids = ids

    async def fire(self) -> int:
        """Fires what has come due; returns how many."""
        async with self._store.begin(person=True) as uow:
            return await uow.fire(self._clock.now(), _FIRED_AT_ONCE)

    async def follow(self) -> Followed:
        """Does what follows from some of what has fired."""
        failed: dict[int, Exception] = {}
        async with self._store.begin() as uow:
            fired = await uow.firings(_TOGETHER)
            if not fired:
                return Followed(count=0, failed=failed)
            now = self._clock.now()
            tickets = dict(await uow.states(sorted({each.number for each in fired})))
            policy = self._policy.current
            lines = automatic(policy)
            workers = tuple(await uow.workers(lines)) if lines else ()
            writes = self._outlet.channels and any(_may_tell(each, policy) for each in fired)
            setting = Setting(
                policy=policy,
                now=now,
                actor=BY,
                ids=self._ids,
                agents={},
                workers=workers,
                outlet=self._outlet,
                correspondences=await uow.correspondences(sorted(tickets), now) if writes else {},
            )
            changes: list[Changed] = []
            for each in fired:
                if each.number not in tickets:
                    continue
                try:
                    for changed in follow(tickets[each.number], each, setting):
                        tickets[each.number] = changed.after
                        changes.append(changed)
                except Exception as fault:  # one ticket's fault must not stop the clocks of all others
                    failed[each.number] = fault
            changes = as_one(changes)
            await uow.change(changes, now)
            await settle_parents(uow, changes, setting)
            await uow.done([each.id for each in fired])
        return Followed(count=len(fired), failed=failed)

    async def hand_over(self) -> Followed:
        """Takes some of the tickets that have to leave their agents, who are away or not active any more. ``count``:
        how many left; with 0 nothing is to be done now."""
        policy = self._policy.current
        failed: dict[int, Exception] = {}
        changes: list[Changed] = []
        async with self._store.begin() as uow:
            now = self._clock.now()
            leaving = await uow.leaving(now, reassigning(policy), _TOGETHER)
            if not leaving:
                return Followed(count=0, failed=failed)
            tickets = await uow.states([each.number for each in leaving])
            lines = automatic(policy)
            workers = {worker.id: worker for worker in await uow.workers(lines)} if lines else {}
            for each in leaving:
                ticket = tickets.get(each.number)
                if ticket is None or ticket.assignee != each.agent or ticket.status is Status.CLOSED:
                    continue
                setting = Setting(
                    policy=policy, now=now, actor=BY, ids=self._ids, agents={}, workers=tuple(workers.values())
                )
                try:
                    changed = leave(ticket, each, setting)
                except Exception as fault:  # one ticket's fault must not keep all others with who is gone
                    failed[each.number] = fault
                    continue
                changes.append(changed)
                agent = workers.get(changed.after.assignee or "")
                if agent is not None and ticket.status in RUNNING:
                    workers[agent.id] = busier(agent, ticket.priority.value, now)
            await uow.change(changes, now)
        return Followed(count=len(changes), failed=failed)

    async def share_out(self) -> int:
        """Gives tickets that are nobody's to agents who can have them now, on lines that share theirs out, the most
        urgent first; returns how many."""
        policy = self._policy.current
        lines = automatic(policy)
        if not lines:
            return 0
        given = 0
        async with self._store.begin() as uow:
            numbers = await uow.unassigned(lines, _TOGETHER)
            if not numbers:
                return 0
            workers = {worker.id: worker for worker in await uow.workers(lines)}
            tickets = await uow.states(numbers)
            now = self._clock.now()
            changes: list[Changed] = []
            for number in numbers:
                ticket = tickets.get(number)
                if ticket is None or ticket.assignee is not None or QUOTA_ASK in ticket.flags:
                    continue
                setting = Setting(
                    policy=policy, now=now, actor=BY, ids=self._ids, agents={}, workers=tuple(workers.values())
                )
                changed = act(ticket, Reassign(), setting)
                if changed.facts:
                    changes.append(changed)
                agent = workers.get(changed.after.assignee or "")
                if agent is not None:
                    given += 1
                    workers[agent.id] = busier(agent, ticket.priority.value, now)
            await uow.change(changes, now)
        return given

    async def next_at(self) -> datetime | None:
        """When the next timer is due."""
        async with self._store.begin() as uow:
            return await uow.next_timer()


def as_one(changes: Sequence[Changed]) -> list[Changed]:
    """One change a ticket, so that it is written once however many reactions it had: the facts of all in their order,
    the timers of the last that set any."""
    found: dict[int, Changed] = {}
    for each in changes:
        assert (each.note, each.link, each.work) == (None, None, None), "nothing that follows has these"
        number = each.after.number
        first = found.get(number)
        found[number] = (
            each
            if first is None
            else replace(
                first,
                after=each.after,
                facts=(*first.facts, *each.facts),
                timers=first.timers if each.timers is None else each.timers,
                events=(*first.events, *each.events),
                letters=(*first.letters, *each.letters),
            )
        )
    return list(found.values())


def follow(ticket: TicketState, firing: Firing, setting: Setting) -> Iterator[Changed]:
    """What a firing does to its ticket, as it stands now: nothing where it does not concern it any more."""
    if firing.timer.what == "close":
        if ticket.status is Status.FEEDBACK:
            yield act(ticket, SetStatus(status=Status.CLOSED, reason="nobody objected", by_process=True), setting)
        return
    if firing.timer.what == "remind":
        yield from _remind(ticket, setting)
        return
    if firing.timer.what in EVENTS:
        yield from _event(ticket, firing.timer.what, setting)
        return
    clock = next((each for each in ticket.clocks if each.id == firing.timer.clock), None)
    share = firing.timer.share
    if clock is None or not is_open(clock) or clock.segments[-1].kind != "running" or share in clock.fired:
        return
    noted = told(clock, share)
    clocks = tuple(noted if each.id == clock.id else each for each in ticket.clocks)
    after = replace(ticket, clocks=clocks)
    yield Changed(before=ticket, after=after, facts=(_fact(ticket, noted, share, setting),))
    event = "breached" if share >= DUE else "warned"
    for reaction in reactions(ticket, event, setting.policy, clock=clock, share=share):
        for changed in react(after, reaction, f"{clock.target} {event}", setting):
            after = changed.after
            yield changed


def _remind(ticket: TicketState, setting: Setting) -> Iterator[Changed]:
    """Once for each time that it waits: its timer is set anew with whatever else changes of the ticket."""
    correspondence = setting.correspondences.get(ticket.number)
    letter = letter_on("reminder", ticket.plan, ticket.line, setting.policy)
    if ticket.status is not Status.WAITING_REQUESTER or correspondence is None or letter is None:
        return
    reminded_at = correspondence.written.get(letter.key)
    if reminded_at is not None and ticket.status_at is not None and reminded_at >= ticket.status_at:
        return
    letters, facts = letters_for(ticket, ("reminder",), correspondence, setting)
    if facts:
        yield Changed(before=ticket, after=ticket, facts=facts, letters=letters)


def _may_tell(firing: Firing, policy: Policy) -> bool:
    """Whether a letter to the requester may follow from it."""
    if firing.timer.what in ("close", "remind"):
        return True
    return any(letter.enabled and letter.on == "escalated" for letter in policy.letters.values())


def _event(ticket: TicketState, what: str, setting: Setting) -> Iterator[Changed]:
    """What follows from an event that is over: nothing where the ticket is closed, or somebody has it meanwhile."""
    if ticket.status is Status.CLOSED or (what == "nobody_eligible" and ticket.assignee is not None):
        return
    for reaction in reactions(ticket, what, setting.policy):
        for changed in react(ticket, reaction, what, setting):
            ticket = changed.after
            yield changed


def _fact(ticket: TicketState, clock: ClockRecord, share: int, setting: Setting) -> Fact:
    """Dated by the moment itself: a timekeeper that was away tells late, and not otherwise."""
    if share >= DUE:
        return SlaBreached(
            ticket=ticket.number,
            at=setting.now,
            by=setting.actor.id,
            line=ticket.line,
            target=clock.target,
            cell=clock.cell,
            due_at=clock.due_at,
            assignee=ticket.assignee,
        )
    return SlaWarned(
        ticket=ticket.number,
        at=setting.now,
        by=setting.actor.id,
        line=ticket.line,
        target=clock.target,
        cell=clock.cell,
        share=share,
        due_at=clock.due_at,
        assignee=ticket.assignee,
    )


def reactions(
    ticket: TicketState, event: str, policy: Policy, *, clock: ClockRecord | None = None, share: int = 0
) -> Sequence[Reaction]:
    """The policy's reactions that an event calls, in order."""
    kind = policy.kinds.get(ticket.kind)
    type_ = kind.type if kind else ""
    return [
        each
        for each in policy.reactions
        if each.on == event
        and (clock is None or not each.targets or clock.target in each.targets)
        and (event != "warned" or each.share is None or each.share == share)
        and each.fits(ticket.plan, ticket.priority, type_, ticket.kind, ticket.line)
    ]


def react(ticket: TicketState, reaction: Reaction, about: str, setting: Setting) -> Iterator[Changed]:
    """What a reaction does, one change after the other. What the process does not allow as the ticket stands (there is
    no line above) is left out; who is to be told is told all the same."""
    for command in _commands(ticket, reaction, about):
        try:
            changed = act(ticket, command, setting)
        except Fault:
            continue
        if changed.facts:
            ticket = changed.after
            yield changed
    if reaction.notify:
        notice = NoticeDue(
            ticket=ticket.number,
            at=setting.now,
            by=setting.actor.id,
            line=ticket.line,
            whom=tuple(sorted(reaction.notify)),
            reaction=reaction.key,
            about=about,
            assignee=ticket.assignee,
        )
        yield Changed(before=ticket, after=ticket, facts=(notice,))


def _commands(ticket: TicketState, reaction: Reaction, about: str) -> Iterator[Command]:
    because = f"reaction {reaction.key}: {about.replace('_', ' ')}"
    if reaction.mark is not None:
        yield Mark(flag=reaction.mark, reason=because)
    if reaction.raise_priority:
        raised = raise_by(ticket.priority, reaction.raise_priority)
        if raised != ticket.priority:
            yield Classify(priority=raised, reason=because)
    if reaction.escalate or reaction.escalate_to is not None:
        yield Escalate(line=reaction.escalate_to, reason=because, by_process=True)
    elif reaction.reassign:
        yield Reassign(reason=because)
