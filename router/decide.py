"""One message -> one verdict. Pure: everything that a decision rests on is an argument.

Arrives: a message, what the store knew (``Known``), the policy, the time. Leaves: a ``Verdict`` whose decision holds
its reasons and a snapshot of its inputs; snapshot, message and revision give the same verdict again. Called by
``router.service`` for real messages, and for what-if by whoever has a candidate policy.
"""

from dataclasses import dataclass
from datetime import datetime

from domain.decision import Decision, Step
from domain.identity import Organization
from domain.ids import format_number, parse_number
from domain.message import AWAITS_CHOICE, RELEASED, Alert, Automatic, Message
from domain.policy import CatalogEntry, Policy
from domain.status import on_requester_reply
from domain.ticket import UNASSIGNED, KnownTicket, Priority
from router.compiled import rules_of
from router.features import Features
from router.incidents import NOBODY_YET, RESOLVED_UNKNOWN, cause_of, way_of
from router.known import Known, to_snapshot
from router.steps.assign import Choice, Wanted, assign
from router.steps.audience import admit, audiences_met
from router.steps.classify import Hits, apply_rules, choose_catalog, choose_kind, start_catalog
from router.steps.clocks import start_clocks
from router.steps.correlate import Correlation, correlate
from router.steps.entitle import QUOTA_ASK, Entitlement, covered_by, entitle
from router.steps.identify import Requester, identify
from router.steps.line import choose_line
from router.steps.prioritise import prioritise, repeated
from router.verdict import Join, Open, Repeat, Verdict, Withhold

HELD: frozenset[str] = frozenset({"auto_reply", "bounce", "delivery_report", "loop"})
"""Automatic mail that answers us or nobody: it makes no ticket. A mailing list's or a bulk sender's mail may well be a
request: it makes one, flagged, so that it is never answered automatically."""
LETTABLE: frozenset[str] = frozenset({"auto_reply"})
"""What a rule may let through all the same."""

WAITS_FOR_CHOICE = "waits for its sender to say which request it belongs to"

_NAMES = {
    "auto_reply": "auto-reply",
    "bounce": "bounce",
    "delivery_report": "delivery report",
    "loop": "mail loop",
}


def decide(message: Message, known: Known, policy: Policy, now: datetime) -> Verdict:
    released = RELEASED in message.flags
    if known.first is not None and not released:
        envelope, number = known.first
        return Repeat(
            first_envelope=envelope, number=number, line=known.first_ticket.line if known.first_ticket else ""
        )
    held = _held_kind(message)
    if held is not None and held.kind not in LETTABLE:
        return _withheld(message, held, known)

    if known.ours and not released:
        return Withhold(reason="mail loop: it is a letter of our own that has come back")
    if AWAITS_CHOICE in message.flags and not released:
        return Withhold(reason=WAITS_FOR_CHOICE)
    requester = identify(message, known, policy.mail)
    correlation = correlate(message, known, policy, requester.check, now)
    case = _Case(message, known, policy, now, requester, correlation)
    if correlation.ticket is not None and held is None:
        return _join(case, correlation.ticket)
    if message.alert is not None and message.alert.status == "resolved" and not released:
        return Withhold(reason=RESOLVED_UNKNOWN)
    return _classified(case)


@dataclass(frozen=True, slots=True)
class _Case:
    """The inputs, and the two answers that stand before any rule is asked."""

    message: Message
    known: Known
    policy: Policy
    now: datetime
    requester: Requester
    correlation: Correlation

    @property
    def received_at(self) -> datetime:
        """The clock of another machine may run ahead; nobody is promised anything from a future moment."""
        return min(self.message.received_at, self.now)

    @property
    def flags(self) -> tuple[str, ...]:
        """Correlation's, and that another message has the same id: both are kept, and people are told."""
        own = self.message.channel == "email" and _plain(self.message.sender.address) in self.policy.mail.addresses
        return (
            *self.correlation.flags,
            *(("same_id_other_body",) if self.known.same_id else ()),
            *(("own_address",) if own else ()),
        )

    def decision(self, steps: tuple[Step, ...], line: str | None = None) -> Decision:
        linked = next((parse_number(step.outcome) for step in steps if step.step == "incident"), None)
        snapshot = to_snapshot(self.known, line, linked)
        suggested = [parse_number(step.outcome) for step in steps if step.step == "suggestion"]
        if suggested:
            # Not an input: kept beside them for pages, which show these tickets next to the new one.
            snapshot["suggestions"] = suggested
        return Decision(revision=self.policy.revision, decided_at=self.now, steps=steps, snapshot=snapshot)


def _plain(address: str) -> str:
    """Without its plus-tag."""
    local, _, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def _join(case: _Case, ticket: KnownTicket) -> Join:
    """What is still told of a call is nobody's answer: it leaves the ticket as it stands."""
    if case.message.alert is not None:
        return _told_by_alert(case, ticket, case.message.alert)
    answers = case.message.call is None and case.known.identity.id not in ticket.departments
    return Join(
        decision=case.decision((case.requester.step, *case.correlation.steps)),
        author=case.known.identity.id,
        number=ticket.number,
        line=ticket.line,
        old=ticket.status,
        status=on_requester_reply(ticket.status) if answers else ticket.status,
        answers=answers,
        flags=case.flags,
    )


def _told_by_alert(case: _Case, ticket: KnownTicket, alert: Alert) -> Join:
    """An alert fires again, or is over."""
    way = way_of(alert, ticket, ticket.kind, case.policy)
    over = alert.status == "resolved"
    why = NOBODY_YET if way else "The ticket stays as it is."
    step = Step(step="alert", outcome=alert.status, because=f"The alert is resolved. {why}" if over else "It fires.")
    return Join(
        decision=case.decision((case.requester.step, *case.correlation.steps, step)),
        author=case.known.identity.id,
        number=ticket.number,
        line=ticket.line,
        old=ticket.status,
        status=way[-1] if way else ticket.status,
        through=way[:-1],
        because="the alert is resolved" if over else "the alert fires again",
        answers=False,
        flags=case.correlation.flags,
    )


def _classified(case: _Case) -> Verdict:
    """What the rules make of it: held, let through to its ticket, or a ticket of its own."""
    policy, organization = case.policy, case.requester.organization
    covered = covered_by(organization, policy, case.received_at)
    start = start_catalog(case.message, policy)
    features = Features(case.message, organization=organization, plan=covered.plan.key, catalog=start.path)
    hits = apply_rules(rules_of(policy), features, chosen=start.chosen)
    held = _held(case, hits, features)
    if held is not None:
        return held
    if case.correlation.ticket is not None:
        return _join(case, case.correlation.ticket)
    entry, catalog_step = choose_catalog(hits, features, policy, start)
    ours = _is_ours(case)
    audiences = audiences_met(case.message, organization, covered.plan.key, policy, ours=ours)
    entry, audience_step, refusals = _admitted(case, entry, audiences)
    kind, kind_step = choose_kind(hits, features, policy, entry)
    entitled = entitle(
        covered,
        entry=entry,
        kind=kind,
        identity=case.known.identity,
        channel=case.message.channel,
        organization=organization,
        used=case.known.used.get(organization.id, {}) if organization else {},
        of_domain=_of_domain(case, organization),
        worked=case.known.worked.get(organization.id, {}) if organization else {},
        policy=policy,
    )
    plan = entitled.plan
    again = None
    if case.message.alert is None:  # what a system watches beside is no repeat of what it told before
        again = repeated(case.known.earlier, entry.path, kind.key, policy, case.received_at)
    cause = cause_of(case.message, entry.path, case.known.incidents, policy, case.received_at)
    ranked = prioritise(hits, features, policy, kind, plan, vip=case.known.identity.vip, repeated=again)
    line, group, line_step = choose_line(hits, features, policy, kind, entry)
    choice = _assigned(case, line.key, group, kind.key, ranked.priority, entitled, audiences)
    clocks, clocks_step = start_clocks(policy, plan, ranked.priority, kind.key, line.key, case.received_at)
    steps = (
        *(case.requester.step, *case.correlation.steps, *_parent_step(case), catalog_step),
        *((audience_step,) if audience_step else ()),
        *(kind_step, ranked.step, entitled.step, line_step),
        *((choice.step,) if choice else ()),
        clocks_step,
        *((cause[1],) if cause else ()),
    )
    return Open(
        decision=case.decision(steps, line.key),
        requester=case.known.identity.id,
        organization=organization.id if organization else None,
        plan=plan.key,
        catalog=entry.path,
        kind=kind.key,
        impact=ranked.impact,
        urgency=ranked.urgency,
        priority=ranked.priority,
        line=line.key,
        group=group,
        language=case.message.language or case.known.identity.language,
        clocks=clocks,
        assignee=choice.agent if choice else None,
        parent=case.known.parent.number if case.known.parent else None,
        incident=cause[0].number if cause else None,
        choice=choice,
        audiences=audiences,
        alarm=choice is not None and choice.alarm,
        flags=(
            *case.flags,
            *(("automatic",) if case.message.automatic else ()),
            *refusals,
            *entitled.flags,
            *(("vip",) if case.known.identity.vip else ()),
            *(("repeat",) if again else ()),
            *((UNASSIGNED,) if choice and choice.alarm else ()),
        ),
    )


def _is_ours(case: _Case) -> bool:
    """A colleague asks on behalf of a ticket, or a system that watches for us."""
    return case.known.parent is not None or case.message.alert is not None


def _of_domain(case: _Case, organization: Organization | None) -> bool:
    owner = case.known.domain_organization
    return organization is not None and owner is not None and owner.id == organization.id


def _admitted(
    case: _Case, entry: CatalogEntry, audiences: frozenset[str]
) -> tuple[CatalogEntry, Step | None, tuple[str, ...]]:
    """Whoever asks for us may use every entry that is not retired."""
    if _is_ours(case) and not entry.retired:
        return entry, None, ()
    return admit(entry, audiences, case.policy)


def _parent_step(case: _Case) -> tuple[Step, ...]:
    if case.known.parent is None:
        return ()
    number = format_number(case.known.parent.number)
    return (Step(step="parent", outcome=number, because=f"{number} asks for it, inside the house."),)


def _assigned(
    case: _Case,
    line: str,
    group: str | None,
    kind: str,
    priority: Priority,
    entitled: Entitlement,
    audiences: frozenset[str],
) -> Choice | None:
    """None where the line's agents take tickets themselves, or somebody has to agree first."""
    if case.policy.lines[line].assignment.mode == "manual" or QUOTA_ASK in entitled.flags:
        return None
    earlier = case.known.earlier if case.message.alert is None else ()
    previous = next((each.assignee for each in earlier if each.line == line and each.assignee), None)
    organization = case.requester.organization
    wanted = Wanted(
        line=line,
        group=group,
        kind=kind,
        priority=priority,
        engineer=organization.engineer if organization else None,
        previous=previous,
        audiences=audiences,
    )
    return assign(wanted, case.known.workers, case.policy, case.now)


def _held_kind(message: Message) -> Automatic | None:
    """What makes this an automatic message that is held, unless a person has sent it through."""
    automatic = message.automatic
    return automatic if automatic is not None and automatic.kind in HELD and RELEASED not in message.flags else None


def _held(case: _Case, hits: Hits, features: Features) -> Withhold | None:
    held = _held_kind(case.message)
    if held is not None and "let_through" not in hits:
        return _withheld(case.message, held, case.known)
    if RELEASED in case.message.flags or case.known.parent is not None:
        return None
    hit = hits.get("suppress")
    if hit is None or case.correlation.ticket is not None:
        return None
    return Withhold(reason=f"{hit.value}: {hit.sentence(features)}")


def _withheld(message: Message, automatic: Automatic, known: Known) -> Withhold:
    about = known.reported or (known.tokens[0] if known.tokens else None)
    reports = message.bounces if automatic.kind in ("bounce", "delivery_report") else ()
    return Withhold(
        reason=f"{_NAMES.get(automatic.kind, automatic.kind)}: {automatic.because}",
        number=about.number if about else None,
        line=about.line if about else "",
        reports=reports if about else (),
    )
