"""A verdict -> the effect that the store writes, with its number, ids and facts. Called by ``router.service``."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any

from domain.clocks import ClockRecord, paused
from domain.effects import Appended, Effect, Opened, Repeated, Suppressed
from domain.facts import (
    DeliveryReported,
    DuplicateReceived,
    Fact,
    MessageAppended,
    NobodyEligible,
    SlaEnded,
    StatusChanged,
    TicketAssigned,
    TicketCreated,
    TicketLinked,
)
from domain.message import Message
from domain.policy import Policy
from domain.ports import Ids
from domain.status import Status
from domain.ticket import Ticket, TicketState
from router.clockwork import answered_back, begun, clock_timers, events_of, over, reopened, settled, timers_of
from router.verdict import Join, Open, Repeat, Verdict, Withhold

BY = "router"


def enact(
    verdict: Verdict,
    message: Message,
    *,
    number: int,
    policy: Policy,
    state: TicketState | None,
    ids: Ids,
    now: datetime,
) -> Effect:
    """``number`` is used only where a ticket is opened; ``state`` is that of a ticket which the message moves."""
    if isinstance(verdict, Open):
        return _opened(verdict, message, number, policy, ids, now)
    if isinstance(verdict, Join):
        return _appended(verdict, message, policy, state, ids, now)
    if isinstance(verdict, Repeat):
        return _repeated(verdict, message, now)
    return _suppressed(verdict, message, now)


def _opened(verdict: Open, message: Message, number: int, policy: Policy, ids: Ids, now: datetime) -> Opened:
    envelope = message.envelope_id
    ticket = Ticket(
        number=number,
        subject=message.subject,
        status=Status.CLASSIFICATION,
        priority=verdict.priority,
        impact=verdict.impact,
        urgency=verdict.urgency,
        channel=message.channel,
        account=message.account,
        requester=verdict.requester,
        organization=verdict.organization,
        plan=verdict.plan,
        catalog=verdict.catalog,
        kind=verdict.kind,
        line=verdict.line,
        group=verdict.group,
        assignee=verdict.assignee,
        policy_revision=verdict.decision.revision,
        created_at=now,
        language=verdict.language,
        fields=message.fields,
        flags=_flags(message.flags, verdict.flags),
        clocks=_begun(verdict, policy, ids, now),
        parent=verdict.parent,
        audiences=verdict.audiences,
    )
    created = TicketCreated(
        ticket=number,
        at=now,
        by=BY,
        envelope=envelope,
        channel=message.channel,
        kind=verdict.kind,
        catalog=verdict.catalog,
        priority=verdict.priority,
        plan=verdict.plan,
        revision=verdict.decision.revision,
    )
    said: dict[str, Any] = {"ticket": number, "at": now, "by": BY, "envelope": envelope}
    where: dict[str, Any] = {"line": verdict.line, "group": verdict.group}
    facts: tuple[Fact, ...] = (created, TicketAssigned(**said, **where, assignee=verdict.assignee))
    if verdict.alarm:
        facts = (*facts, NobodyEligible(**said, **where, considered=len(verdict.considered)))
    if verdict.incident is not None:
        facts = (*facts, TicketLinked(**said, line=verdict.line, other=verdict.incident, relation="caused_by"))
    return Opened(
        message=replace(message, flags=ticket.flags),
        author=verdict.requester,
        ticket=ticket,
        decision=verdict.decision,
        facts=facts,
        message_id=ids.new(),
        timers=(*clock_timers(ticket.clocks, policy), *events_of(facts, policy, now)),
        caused_by=verdict.incident,
    )


def _begun(verdict: Open, policy: Policy, ids: Ids, now: datetime) -> tuple[ClockRecord, ...]:
    """The clocks of a new ticket. On a line that sends its tickets on, those of the customer begin standing still."""
    clocks = [begun(start, ids, "the ticket was opened") for start in verdict.clocks]
    line = policy.lines[verdict.line]
    if line.forwards_to is None or not line.pauses:
        return tuple(clocks)
    why = f"line {line.key} sends it on"
    return tuple(
        clock if clock.target == "line_stay" else paused(clock, policy.calendars[clock.calendar], now, why)
        for clock in clocks
    )


def _appended(
    verdict: Join, message: Message, policy: Policy, state: TicketState | None, ids: Ids, now: datetime
) -> Appended:
    message_id = ids.new()
    flags = _flags(message.flags, verdict.flags)
    after = _after_reply(verdict, policy, state, ids, now)
    facts: tuple[Fact, ...] = (
        MessageAppended(
            ticket=verdict.number,
            at=now,
            by=BY,
            envelope=message.envelope_id,
            message=message_id,
            direction="inbound",
            line=verdict.line,
            flags=verdict.flags,
        ),
    )
    facts = (*facts, *_moves(verdict, message, now))
    if after is not None and state is not None:
        facts = (*facts, *(_ended(clock, after, message, now) for clock in over(state.clocks, after.clocks)))
    return Appended(
        message=replace(message, flags=flags),
        author=verdict.author,
        number=verdict.number,
        decision=verdict.decision,
        facts=facts,
        message_id=message_id,
        status=verdict.status if verdict.status != verdict.old else None,
        clocks=after.clocks if after else None,
        timers=timers_of(after, policy) if after else None,
    )


def _moves(verdict: Join, message: Message, now: datetime) -> Iterator[StatusChanged]:
    way = (verdict.old, *verdict.through, verdict.status)
    for old, new in pairwise(way):
        if old != new:
            yield StatusChanged(
                ticket=verdict.number,
                at=now,
                by=BY,
                envelope=message.envelope_id,
                old=old,
                new=new,
                line=verdict.line,
                because=verdict.because,
            )


def _ended(clock: ClockRecord, ticket: TicketState, message: Message, now: datetime) -> SlaEnded:
    return SlaEnded(
        ticket=ticket.number,
        at=now,
        by=BY,
        envelope=message.envelope_id,
        line=ticket.line,
        target=clock.target,
        cell=clock.cell,
        state=clock.state,
        goal_s=clock.goal_s,
        consumed_s=clock.consumed_s,
        assignee=ticket.assignee,
    )


def _after_reply(
    verdict: Join, policy: Policy, state: TicketState | None, ids: Ids, now: datetime
) -> TicketState | None:
    """The ticket once its requester wrote: what was paused runs on, and an answer is owed again. None: as before."""
    if state is None:
        return None
    after = state
    if verdict.status != verdict.old:
        closed_at = now if verdict.status is Status.CLOSED else None
        after = replace(state, status=verdict.status, substatus=None, status_at=now, closed_at=closed_at)
    if verdict.old is Status.CLOSED and verdict.status is not Status.CLOSED:
        after = replace(after, clocks=reopened(after, policy, now, ids))
    after = replace(after, clocks=settled(after, policy, now))
    if verdict.answers:
        after = replace(after, clocks=answered_back(after, policy, now, ids))
    return None if after.clocks == state.clocks else after


def _repeated(verdict: Repeat, message: Message, now: datetime) -> Repeated:
    facts: tuple[Fact, ...] = ()
    # A monitoring system says again and again that what it watches still stands: no news for the ticket.
    if verdict.number is not None and message.alert is None:
        fact = DuplicateReceived(
            ticket=verdict.number,
            at=now,
            by=BY,
            envelope=message.envelope_id,
            line=verdict.line,
            adapter=message.adapter,
            detail={"recipients": len(message.recipients)},
        )
        facts = (fact,)
    return Repeated(message=message, number=verdict.number, first_envelope=verdict.first_envelope, facts=facts)


def _suppressed(verdict: Withhold, message: Message, now: datetime) -> Suppressed:
    facts = tuple(
        DeliveryReported(
            ticket=verdict.number,
            at=now,
            by=BY,
            envelope=message.envelope_id,
            line=verdict.line,
            action=report.action,
            status=report.status,
        )
        for report in verdict.reports
        if verdict.number is not None
    )
    return Suppressed(message=message, reason=verdict.reason, number=verdict.number, facts=facts)


def _flags(own: tuple[str, ...], added: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*own, *added)))
