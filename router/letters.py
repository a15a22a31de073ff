"""Which letter of the policy fits a moment, and its words. Pure; called by ``router.act`` and ``router.service``.

A letter that is written by itself is never an answer to a program, never goes to a sender whose domain check failed,
and stops where a correspondent has had as many as the policy lets one have.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from domain.clocks import ClockRecord, is_open
from domain.commands import Actor
from domain.effects import Opened
from domain.facts import Fact, LettersMuted, MessageAppended, StatusChanged, TicketEscalated
from domain.identity import Identity
from domain.ids import format_number
from domain.message import Message
from domain.outgoing import Correspondence, Correspondent, Outgoing, Outlet
from domain.policy import Letter, Moment, Policy, Text
from domain.ports import Ids
from domain.status import Status
from domain.ticket import Ticket, TicketState
from router.setting import Setting, said

BY_ITSELF = Actor(id="router")
SILENT: frozenset[str] = frozenset(
    {"automatic", "no_auto_reply", "dmarc_fail", "own_address", "alert_firing", "alert_resolved"}
)
"""Flags of tickets about which nobody is written to by itself: a program reads it, it was asked for (RFC 3834,
``X-Auto-Response-Suppress``), it would go to somebody whose address was only used, or to ourselves. Or a monitoring
system filed it, which waits for no letter."""

_STATUS_WORDS: Mapping[Status, Text] = {
    Status.CLASSIFICATION: Text(ru="разбирается", en="being looked at"),
    Status.IN_PROGRESS: Text(ru="в работе", en="in work"),
    Status.WAITING_REQUESTER: Text(ru="ждёт вашего ответа", en="waiting for your answer"),
    Status.INTERNAL: Text(ru="в работе у другого отдела", en="in work at another department"),
    Status.FEEDBACK: Text(ru="решено", en="solved"),
    Status.CLOSED: Text(ru="закрыто", en="closed"),
}
_TIME_FORMATS = {"ru": "%d.%m.%Y %H:%M", "en": "%Y-%m-%d %H:%M"}
_ABOUT: Mapping[str, Text] = {
    "first_response warned": Text(ru="Скоро истекает срок первого ответа", en="The first answer is nearly due"),
    "first_response breached": Text(ru="Первый ответ просрочен", en="The first answer is overdue"),
    "next_response warned": Text(ru="Скоро истекает срок ответа", en="An answer is nearly due"),
    "next_response breached": Text(ru="Ответ просрочен", en="An answer is overdue"),
    "resolution warned": Text(ru="Скоро истекает срок решения", en="The solution is nearly due"),
    "resolution breached": Text(ru="Решение просрочено", en="The solution is overdue"),
    "line_stay warned": Text(ru="Скоро истекает время на линии", en="Its time on the line is nearly over"),
    "line_stay breached": Text(ru="Время на линии истекло", en="Its time on the line is over"),
    "nobody_eligible": Text(ru="Некому взять обращение", en="Nobody can take the ticket"),
    "letters_muted": Text(
        ru="Заявителю больше не уходят автоматические письма", en="The requester is sent no more letters by themselves"
    ),
    "ping_pong": Text(ru="Обращение ходит между линиями", en="The ticket goes to and fro between lines"),
}
_NOBODY = Text(ru="Уважаемый клиент", en="customer")
"""Who a letter speaks to whose name is not known."""
_AWAITED = ("first_response", "next_response", "resolution")


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A letter filled in."""

    subject: str
    body: str


def letter_on(moment: Moment, plan: str, line: str, policy: Policy) -> Letter | None:
    """The first letter of the policy that fits."""
    return next((letter for letter in policy.letters.values() if letter.fits(moment, plan, line)), None)


def write(
    letter: Letter,
    ticket: Ticket | TicketState,
    policy: Policy,
    *,
    language: str | None,
    correspondence: Correspondence,
    name: str = "",
    agent: str = "",
    text: str = "",
    url: str = "",
) -> Words:
    """Fills the letter's placeholders. What is not known is left out, and an empty paragraph with it."""
    line = policy.lines.get(ticket.line)
    title = line.title.in_language(language) if line else ticket.line
    values = {
        "number": format_number(ticket.number),
        "subject": ticket.subject,
        "name": name or _NOBODY.in_language(language),
        "organization": correspondence.organization,
        "agent": agent or correspondence.agent or title,
        "line": title,
        "priority": ticket.priority.value.upper(),
        "status": _STATUS_WORDS[ticket.status].in_language(language),
        "due": _due(ticket.clocks, policy, language),
        "text": text.strip("\n"),
        "url": url,
        "company": policy.name.in_language(language),
    }
    subject = letter.subject.in_language(language).format_map(values)
    body = letter.body.in_language(language).format_map(values)
    return Words(subject=" ".join(subject.split()), body=_without_gaps(body))


def _without_gaps(body: str) -> str:
    """At most one empty line in a row, none at either end."""
    kept: list[str] = []
    for line in (line.rstrip() for line in body.splitlines()):
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).strip("\n") + "\n"


def _due(clocks: Sequence[ClockRecord], policy: Policy, language: str | None) -> str:
    """The nearest moment that the requester is promised something for, in the zone of its calendar."""
    awaited = [clock for clock in clocks if is_open(clock) and clock.target in _AWAITED]
    if not awaited:
        return ""
    nearest = min(awaited, key=lambda clock: clock.due_at)
    calendar = policy.calendars.get(nearest.calendar)
    zone = ZoneInfo(calendar.parts[0].zone if calendar and calendar.parts else calendar.zone if calendar else "UTC")
    return nearest.due_at.astimezone(zone).strftime(_TIME_FORMATS["ru" if language == "ru" else "en"])


def about(what: str, language: str | None) -> str:
    """What a notice to agents is about, in their words."""
    known = _ABOUT.get(what)
    return known.in_language(language) if known is not None else what.replace("_", " ")


def acknowledged(
    effect: Opened,
    message: Message,
    identity: Identity,
    policy: Policy,
    *,
    mailed: tuple[int, int],
    outlet: Outlet,
    organization: str,
    ids: Ids,
    now: datetime,
) -> Opened:
    """The new ticket with the letter that tells its requester so, where there is to be one."""
    ticket = effect.ticket
    silent = SILENT.intersection(ticket.flags) or ticket.parent is not None or identity.channel not in outlet.channels
    letter = None if silent else _greeting(effect, policy)
    if letter is None:
        return effect
    if over_budget(mailed, policy):
        fact = LettersMuted(
            ticket=ticket.number, at=now, by=BY_ITSELF.id, line=ticket.line, identity=identity.id, count=max(mailed)
        )
        return replace(effect, facts=(*effect.facts, fact))
    person = Correspondent(id=identity.id, channel=identity.channel, account=message.account, name=identity.name)
    correspondence = Correspondence(people=(person,), organization=organization)
    return replace(effect, letters=(_by_itself(letter, ticket, person, correspondence, policy, ids),))


def _greeting(effect: Opened, policy: Policy) -> Letter | None:
    """Who asks about a trouble that is in work already is told so, where the policy has words for it."""
    plan, line = effect.ticket.plan, effect.ticket.line
    known = letter_on("known_incident", plan, line, policy) if effect.caused_by is not None else None
    return known or letter_on("opened", plan, line, policy)


def over_budget(mailed: tuple[int, int], policy: Policy) -> bool:
    """Whether a correspondent has had their share of letters of the last hour, or of the last day."""
    return mailed[0] >= policy.budget.per_hour or mailed[1] >= policy.budget.per_day


def _by_itself(
    letter: Letter,
    ticket: Ticket | TicketState,
    person: Correspondent,
    correspondence: Correspondence,
    policy: Policy,
    ids: Ids,
    text: str = "",
) -> Outgoing:
    words = write(
        letter,
        ticket,
        policy,
        language=ticket.language,
        correspondence=correspondence,
        name=person.name,
        text=text,
    )
    return Outgoing(
        id=ids.new(),
        delivery=ids.new(),
        author=BY_ITSELF,
        to=person.id,
        channel=person.channel,
        account=person.account,
        subject=words.subject,
        text=words.body,
        letter=letter.key,
        automatic=True,
        language=ticket.language,
    )


def moment_of(fact: Fact) -> Moment | None:
    """The moment that a fact is, where requesters may want to hear of it."""
    match fact:
        case TicketEscalated():
            return "escalated"
        case StatusChanged(new="waiting_requester"):
            return "waiting"
        case StatusChanged(new="feedback"):
            return "solved"
        case StatusChanged(old="feedback", new="closed", by="timekeeper"):
            return "closed"
        case StatusChanged(old="classification" | "waiting_requester", new="closed"):
            return "solved"
    return None


def letters_for(
    ticket: TicketState, moments: Sequence[Moment], correspondence: Correspondence, setting: Setting
) -> tuple[tuple[Outgoing, ...], tuple[Fact, ...]]:
    """The letters that the requester gets because of these moments, and what is to be noted beside them."""
    person = reachable(correspondence.people, setting.outlet)
    if SILENT.intersection(ticket.flags) or ticket.parent is not None or person is None:
        return (), ()
    letters: list[Outgoing] = []
    facts: list[Fact] = []
    for moment in moments:
        letter = letter_on(moment, ticket.plan, ticket.line, setting.policy)
        if letter is None:
            continue
        hour, day = correspondence.mailed.get(person.id, (0, 0))
        mailed = (hour + len(letters), day + len(letters))
        if over_budget(mailed, setting.policy):
            muted = LettersMuted(**said(ticket, setting), line=ticket.line, identity=person.id, count=max(mailed))
            return tuple(letters), (*facts, muted)
        text = correspondence.last_words if moment == "reminder" else ""
        written = _by_itself(letter, ticket, person, correspondence, setting.policy, setting.ids, text)
        letters.append(written)
        facts.append(
            MessageAppended(**said(ticket, setting), message=written.id, direction="outbound", line=ticket.line)
        )
    return tuple(letters), tuple(facts)


def reachable(people: Sequence[Correspondent], outlet: Outlet) -> Correspondent | None:
    """Whom a letter goes to by itself: the requester's side that wrote last, else any that is known to be theirs."""
    able = [each for each in people if each.channel in outlet.channels and not each.unreachable]
    able = [each for each in able if each.requester]
    wrote = (each for each in able if each.wrote)
    return next(wrote, None) or next((each for each in able if each.verified), None)
