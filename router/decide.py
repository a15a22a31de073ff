"""One message -> one verdict. Pure: everything that a decision rests on is an argument.

Arrives: a message, what the store knew (``Known``), the policy, the time. Leaves: a ``Verdict`` whose decision holds
its reasons and a snapshot of its inputs; snapshot, message and revision give the same verdict again. Called by
``router.service`` for real messages, and for what-if by whoever has a candidate policy.
"""

from datetime import datetime

from domain.decision import Decision, Step
from domain.ids import parse_number
from domain.message import RELEASED, Automatic, Message
from domain.policy import Policy
from domain.status import on_requester_reply
from domain.ticket import KnownTicket
from router.compiled import rules_of
from router.features import Features
from router.known import Known, to_snapshot
from router.steps.classify import Hits, apply_rules, choose_catalog, choose_kind, start_catalog
from router.steps.clocks import start_clocks
from router.steps.correlate import Correlation, correlate
from router.steps.entitle import entitle
from router.steps.identify import Requester, identify
from router.steps.line import choose_line
from router.steps.prioritise import prioritise
from router.verdict import Join, Open, Repeat, Verdict, Withhold

LETTABLE = frozenset({"auto_reply", "list", "bulk"})
"""Automatic mail that a rule may let through. Reports and loops never make a ticket."""

_NAMES = {
    "auto_reply": "auto-reply",
    "bounce": "bounce",
    "delivery_report": "delivery report",
    "list": "mailing list",
    "bulk": "bulk mail",
    "loop": "mail loop",
}


def decide(message: Message, known: Known, policy: Policy, now: datetime) -> Verdict:
    released = RELEASED in message.flags
    if known.first is not None and not released:
        envelope, number = known.first
        return Repeat(
            first_envelope=envelope, number=number, line=known.first_ticket.line if known.first_ticket else ""
        )
    if message.automatic is not None and not released and message.automatic.kind not in LETTABLE:
        return _withheld(message, message.automatic, known)

    requester = identify(message, known, policy.mail)
    correlation = correlate(message, known, policy, requester.check, now)
    if correlation.ticket is not None and (message.automatic is None or released):
        return _join(message, known, policy, now, requester, correlation, correlation.ticket)

    return _Opening(message, known, policy, now, requester, correlation).verdict()


def _join(
    message: Message,
    known: Known,
    policy: Policy,
    now: datetime,
    requester: Requester,
    correlation: Correlation,
    ticket: KnownTicket,
) -> Join:
    return Join(
        decision=_decision(known, policy, now, (requester.step, *correlation.steps)),
        author=known.identity.id,
        number=ticket.number,
        line=ticket.line,
        old=ticket.status,
        status=on_requester_reply(ticket.status),
        flags=correlation.flags,
    )


class _Opening:
    """The way of a message that may open a ticket: plan, rules, catalog, kind, priority, line, clocks."""

    def __init__(
        self,
        message: Message,
        known: Known,
        policy: Policy,
        now: datetime,
        requester: Requester,
        correlation: Correlation,
    ) -> None:
        self.message, self.known, self.policy, self.now = message, known, policy, now
        self.requester, self.correlation = requester, correlation
        # A clock of another machine may run ahead; nobody is promised anything from a future moment.
        self.received_at = min(message.received_at, now)

    def verdict(self) -> Verdict:
        plan, plan_step = entitle(self.requester.organization, self.policy, self.received_at)
        start = start_catalog(self.message, self.policy)
        features = Features(self.message, organization=self.requester.organization, plan=plan.key, catalog=start[0])
        hits = apply_rules(rules_of(self.policy), features, chosen=start[2])
        held = self._held(hits, features)
        if held is not None:
            return held
        ticket = self.correlation.ticket
        if ticket is not None:
            return _join(self.message, self.known, self.policy, self.now, self.requester, self.correlation, ticket)
        entry, catalog_step = choose_catalog(hits, features, self.policy, start)
        kind, kind_step = choose_kind(hits, features, self.policy, entry)
        ranked = prioritise(hits, features, self.policy, kind, plan)
        line, group, line_step = choose_line(hits, features, self.policy, kind, entry)
        clocks, clocks_step = start_clocks(self.policy, plan, ranked.priority, self.received_at)
        steps = (
            self.requester.step,
            *self.correlation.steps,
            catalog_step,
            kind_step,
            ranked.step,
            plan_step,
            line_step,
            clocks_step,
        )
        organization = self.requester.organization
        return Open(
            decision=_decision(self.known, self.policy, self.now, steps),
            requester=self.known.identity.id,
            organization=organization.id if organization else None,
            plan=plan.key,
            catalog=entry.path,
            kind=kind.key,
            impact=ranked.impact,
            urgency=ranked.urgency,
            priority=ranked.priority,
            line=line.key,
            group=group,
            language=self.message.language or self.known.identity.language,
            clocks=clocks,
            flags=(*self.correlation.flags, *(("automatic",) if self.message.automatic else ())),
        )

    def _held(self, hits: Hits, features: Features) -> Withhold | None:
        if RELEASED in self.message.flags:
            return None
        if self.message.automatic is not None and "let_through" not in hits:
            return _withheld(self.message, self.message.automatic, self.known)
        hit = hits.get("suppress")
        if hit is None or self.correlation.ticket is not None:
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


def _decision(known: Known, policy: Policy, now: datetime, steps: tuple[Step, ...]) -> Decision:
    snapshot = to_snapshot(known)
    suggested = [parse_number(step.outcome) for step in steps if step.step == "suggestion"]
    if suggested:
        # Not an input: kept beside them for pages, which show these tickets next to the new one.
        snapshot["suggestions"] = suggested
    return Decision(revision=policy.revision, decided_at=now, steps=steps, snapshot=snapshot)
