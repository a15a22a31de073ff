"""Views as the API shows them."""

from msgspec import UNSET

from desk.api import models
from domain.clocks import ClockRecord
from domain.decision import Decision
from domain.ids import format_number
from domain.outgoing import DeliveryView
from domain.views import AttachmentView, HeldRow, MessageView, Page, QueueRow, Receipt, RequesterView, TicketView

TOTAL_CAP = 1000


def item(row: QueueRow) -> models.TicketItem:
    return models.TicketItem(
        number=format_number(row.number),
        subject=row.subject,
        status=row.status,
        priority=row.priority,
        channel=row.channel,
        requester=models.RequesterBrief(name=row.requester_name, address=row.requester_address),
        organization=row.organization,
        plan=row.plan,
        catalog=row.catalog,
        kind=row.kind,
        line=row.line,
        group=row.group,
        assignee=row.assignee,
        created_at=row.created_at,
        updated_at=row.updated_at,
        due=models.Due(target=row.due_target, at=row.due_at) if row.due_at else None,
        preview=row.preview,
        attachments=row.attachments,
        flags=row.flags,
    )


def ticket_list(page: Page) -> models.TicketList:
    return models.TicketList(
        items=tuple(item(row) for row in page.items),
        next=page.next,
        total=models.AtLeast(at_least=TOTAL_CAP) if page.capped else page.total,
    )


def ticket(found: TicketView, explained: Decision | None, *, explain: bool) -> models.Ticket:
    decided = explained or found.decision
    return models.Ticket(
        number=format_number(found.number),
        subject=found.subject,
        status=found.status,  # type: ignore[arg-type]
        priority=found.priority,  # type: ignore[arg-type]
        impact=found.impact,
        urgency=found.urgency,
        channel=found.channel,
        requester=requester(found.requester),
        catalog=found.catalog,
        kind=found.kind,
        line=found.line,
        group=found.group,
        assignee=found.assignee,
        substatus=found.substatus,
        policy_revision=found.policy_revision,
        version=found.version,
        created_at=found.created_at,
        fields=dict(found.fields),
        messages=tuple(message(each) for each in found.messages),
        clocks=tuple(clock(each, explain=explain) for each in found.clocks),
        decision=decision(decided, explain=explain) if decided else None,
        links=tuple(
            models.LinkTo(
                ticket=format_number(each.number),
                relation=each.relation,  # type: ignore[arg-type]
                direction="inward" if each.theirs else "outward",
            )
            for each in found.links
        ),
        checks=found.checks,
        audiences=found.audiences,
        history=tuple(
            models.History(at=entry.at, fact=entry.fact, by=entry.by, detail=dict(entry.detail))
            for entry in found.history
        ),
    )


def requester(found: RequesterView) -> models.Requester:
    return models.Requester(
        id=found.id,
        name=found.name,
        identities=tuple(
            models.Identity(
                id=each.id,
                channel=each.channel,
                address=each.address,
                verified=each.verified,
                unreachable=each.unreachable,
            )
            for each in found.identities
        ),
        organization=found.organization,
        plan=found.plan,
    )


def message(found: MessageView) -> models.Message:
    ways = tuple(_delivery(each) for each in found.deliveries)
    return models.Message(
        id=found.id,
        at=found.at,
        direction=found.direction,
        channel=found.channel,
        author=found.author,
        text=found.text,
        quoted=found.quoted,
        html=found.html,
        delivery=ways[-1] if ways else None,
        deliveries=ways,
        attachments=tuple(attachment(each) for each in found.attachments),
    )


def _delivery(found: DeliveryView) -> models.DeliveryInfo:
    return models.DeliveryInfo(
        id=found.id,
        state=found.state,
        channel=found.channel,
        address=found.address,
        attempts=found.attempts,
        error=found.error,
        automatic=found.automatic,
        letter=found.letter,
        next_at=found.next_at,
        settled_at=found.settled_at,
    )


def attachment(found: AttachmentView) -> models.Attachment:
    return models.Attachment(
        id=found.id,
        name=found.file.name,
        size=found.file.size,
        media_type=found.file.media_type,
        url=f"/api/v1/attachments/{found.id}",
    )


def clock(found: ClockRecord, *, explain: bool) -> models.Clock:
    segments = tuple(
        models.Segment(start=each.start, until=each.until, kind=each.kind, why=each.why) for each in found.segments
    )
    return models.Clock(
        target=found.target,
        state=found.state,
        started_at=found.started_at,
        due_at=found.due_at,
        consumed_s=found.consumed_s,
        segments=segments if explain else UNSET,
    )


def decision(found: Decision, *, explain: bool) -> models.Decision:
    steps = (
        models.Step(
            step=each.step,
            outcome=each.outcome,
            because=each.because,
            tried=tuple(models.Tried(rule=t.rule, matched=t.matched, why=t.why) for t in each.tried)
            if explain
            else UNSET,
        )
        for each in found.steps
    )
    return models.Decision(revision=found.revision, steps=tuple(steps))


def receipt(found: Receipt) -> models.Receipt:
    return models.Receipt(state=found.state, ticket=format_number(found.ticket) if found.ticket is not None else UNSET)


def held(found: HeldRow) -> models.Held:
    return models.Held(
        id=found.id,
        outcome=found.outcome,
        channel=found.channel,
        account=found.account,
        at=found.at,
        reason=found.reason,
        origin=found.origin,
        subject=found.subject,
        sender=found.sender,
        released_at=found.released_at,
        ticket=format_number(found.ticket) if found.ticket is not None else None,
        detail=dict(found.detail),
    )
