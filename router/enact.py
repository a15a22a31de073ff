"""A verdict -> the effect that the store writes, with its number, ids and facts. Called by ``router.service``."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from domain.effects import Appended, Effect, Opened, Repeated, Suppressed
from domain.facts import (
    DeliveryReported,
    DuplicateReceived,
    Fact,
    MessageAppended,
    NobodyEligible,
    StatusChanged,
    TicketAssigned,
    TicketCreated,
)
from domain.message import Message
from domain.policy import Policy
from domain.ports import Ids
from domain.status import Status
from domain.ticket import Ticket, TicketState
from router.clockwork import answered_back, begun, clock_timers, events_of, reopened, settled, timers_of
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
        clocks=tuple(begun(start, ids, "the ticket was opened") for start in verdict.clocks),
        parent=verdict.parent,
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
    return Opened(
        message=replace(message, flags=ticket.flags),
        author=verdict.requester,
        ticket=ticket,
        decision=verdict.decision,
        facts=facts,
        message_id=ids.new(),
        timers=(*clock_timers(ticket.clocks, policy), *events_of(facts, policy, now)),
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
    if verdict.status != verdict.old:
        changed = StatusChanged(
            ticket=verdict.number,
            at=now,
            by=BY,
            envelope=message.envelope_id,
            old=verdict.old,
            new=verdict.status,
            line=verdict.line,
            because="the requester wrote",
        )
        facts = (*facts, changed)
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


def _after_reply(
    verdict: Join, policy: Policy, state: TicketState | None, ids: Ids, now: datetime
) -> TicketState | None:
    """The ticket once its requester wrote: what was paused runs on, and an answer is owed again. None: as before."""
    if state is None:
        return None
    after = state
    if verdict.status != verdict.old:
        after = replace(state, status=verdict.status, substatus=None, status_at=now, closed_at=None)
    if verdict.old is Status.CLOSED:
        after = replace(after, clocks=reopened(after, policy, now, ids))
    after = replace(after, clocks=settled(after, policy, now))
    after = replace(after, clocks=answered_back(after, policy, now, ids))
    return None if after.clocks == state.clocks else after


def _repeated(verdict: Repeat, message: Message, now: datetime) -> Repeated:
    facts: tuple[Fact, ...] = ()
    if verdict.number is not None:
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
