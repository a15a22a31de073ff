"""Seeded letters that call a policy's rules, with what the store would know of those who wrote them: the inputs of
``router.decide`` without a store.

A third are mails of the corpus; of the rest each carries what one rule asks for (words in the language of the letter,
the segment, the channel), among sentences that mean nothing. One in five is an employee's, most others have a contract.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from bench.history import messages
from domain.identity import Contract, Identity, Organization, mail_domain
from domain.message import Address, Attachment, Message
from domain.people import Worker
from domain.policy import Condition, Policy, Rule
from domain.status import Status
from domain.ticket import Earlier, KnownTicket, Priority
from router.known import Known
from router.steps.assign import automatic

START = datetime(2026, 3, 2, 4, tzinfo=UTC)
"""A Monday morning in Moscow; letters come over two days and two nights."""
_SPREAD_S = 2 * 86_400
_AGENTS_A_LINE = 8
_CORPUS = 0.35

_AMONG = {
    "ru": (
        "Здравствуйте, коллеги!",
        "Пишу вам из города Тверь, мы работаем с вами третий год.",
        "Раньше такого не было, никто ничего не трогал.",
        "Попробовали ещё раз через полчаса, результат тот же.",
        "Коллега из соседнего кабинета видит то же самое.",
        "Если нужны подробности, напишите, какие именно, и я пришлю.",
        "Меня можно найти на месте с девяти до шести, после обеда я на складе.",
        "Подскажите, пожалуйста, что нам делать дальше и чего от нас ждёте вы.",
        "Номер нашего договора вы знаете, продублирую его в конце письма.",
        "Мы уже обращались с похожим случаем осенью, тогда помогли быстро.",
        "С уважением, Ирина Николаевна, заместитель начальника отдела.",
        "Ждём ответа в течение дня, начальство спрашивает каждый час.",
    ),
    "en": (
        "Hello, dear colleagues,",
        "I am writing on behalf of our branch office in the north.",
        "Nobody has touched anything since Friday, as far as I know.",
        "We tried once more half an hour later with the same result.",
        "My colleague next door sees exactly the same picture.",
        "Let me know which details you want and I will gladly provide them.",
        "You can find me at my place from nine to six, after lunch in the yard.",
        "Please tell us what to do next and what you expect from our side.",
        "You know the number of our agreement, it is repeated below.",
        "There was a similar case last autumn and you were quick to help.",
        "Kind regards, Irina, deputy head of the department.",
        "The management asks every hour, so a word today would be kind.",
    ),
}
_AROUND = {
    "ru": ("У нас вот что: {}.", "Коротко: {}.", "Со вчерашнего дня {}.", "Снова {}, и непонятно почему."),
    "en": ("This is what we have: {}.", "In short: {}.", "Since yesterday: {}.", "Again {}, and nobody knows why."),
}


@dataclass(frozen=True, slots=True)
class Letter:
    message: Message
    known: Known


@dataclass(slots=True)
class _Call:
    """What a rule asks of a message: phrases, and everything else by name."""

    phrases: list[str] = field(default_factory=list)
    asks: dict[str, Any] = field(default_factory=dict)


def letters(policy: Policy, count: int, *, seed: int = 1) -> Sequence[Letter]:
    """The same seed makes the same letters, every one another."""
    rng = random.Random(seed)
    people = _People(policy, rng)
    plain = messages(int(count * _CORPUS), seed=seed)
    rules = [(rule, language) for rule in policy.rules for language in ("ru", "en")]
    rng.shuffle(rules)
    made = [people.writes(_moved(each, number, rng), None) for number, each in enumerate(plain)]
    for number in range(count - len(plain)):
        rule, language = rules[number % len(rules)]
        made.append(_called(policy, rule, language, number, rng, people))
    rng.shuffle(made)
    return made


def _moved(message: Message, number: int, rng: random.Random) -> Message:
    return replace(message, envelope_id=f"C{number:08}", received_at=_at(rng))


def _at(rng: random.Random) -> datetime:
    return START + timedelta(seconds=rng.randrange(_SPREAD_S))


def _called(policy: Policy, rule: Rule, language: str, number: int, rng: random.Random, people: "_People") -> Letter:
    call = _Call()
    _collect(policy, rule.when, language, rng, call)
    sentences = rng.choices(_AMONG[language], k=rng.choice((2, 3, 4, 5, 7, 9, 12, 16)))
    for phrase in call.phrases:
        sentences.insert(rng.randint(1, len(sentences)), rng.choice(_AROUND[language]).format(phrase))
    named = call.asks.get("attachment.name") or call.asks.get("attachment.type")
    message = Message(
        envelope_id=f"L{number:08}",
        channel=call.asks.get("channel", "email"),
        account="support",
        adapter="smtp",
        received_at=_at(rng),
        key=f"letter-{number}",
        sender=Address(channel="email", address=call.asks.get("sender.domain", "")),
        subject=call.phrases[0] if call.phrases and rng.random() < 0.5 else rng.choice(_AMONG[language]),
        text="\n".join(sentences),
        raw="0" * 64,  # type: ignore[arg-type]
        size=1000,
        native_id=f"letter-{number}@bench.example",
        recipients=("support@example.org",),
        language=language,
        attachments=(_attachment(call.asks),) if named else (),
        fields={key.removeprefix("fields."): value for key, value in call.asks.items() if key.startswith("fields.")},
    )
    return people.writes(message, call.asks)


def _attachment(asks: Mapping[str, Any]) -> Attachment:
    name, type_ = str(asks.get("attachment.name", "screen.png")), str(asks.get("attachment.type", "image/"))
    return Attachment(blob="1" * 64, name=f"a{name}", size=1, media_type=f"{type_}png")  # type: ignore[arg-type]


def _collect(policy: Policy, condition: Condition, language: str, rng: random.Random, call: _Call) -> None:
    """What would meet a condition, into ``call``; what a rule forbids is not looked at."""
    if condition.op == "all":
        for child in condition.children:
            _collect(policy, child, language, rng, call)
    elif condition.op == "any":
        _collect(policy, rng.choice(condition.children), language, rng, call)
    elif condition.op == "words":
        own = [str(raw) for raw in condition.values if _language(str(raw)) == language]
        call.phrases.append(rng.choice(own or [str(raw) for raw in condition.values]))
    elif condition.op != "none" and condition.field == "catalog":
        _lead_to(policy, str(condition.values[0]), language, rng, call)
    elif condition.op != "none" and condition.field is not None:
        call.asks[condition.field] = condition.values[0]


def _lead_to(policy: Policy, path: str, language: str, rng: random.Random, call: _Call) -> None:
    """What makes some rule set that catalog entry."""
    rules = [rule for rule in policy.rules if rule.sets.get("catalog", "").startswith(path)]
    if rules:
        _collect(policy, rng.choice(rules).when, language, rng, call)


def _language(phrase: str) -> str:
    return "ru" if any("а" <= letter <= "я" for letter in phrase.casefold()) else "en"


class _People:
    """Who writes: organisations with contracts, departments of our own, and what was asked before."""

    def __init__(self, policy: Policy, rng: random.Random) -> None:
        self._policy, self._rng = policy, rng
        plans = sorted(policy.plans)
        self._customers = [self._organization(number, "external", rng.choice(plans)) for number in range(60)]
        self._staff = [self._organization(100 + number, "internal", "internal") for number in range(4)]
        self._partners = [self._organization(200 + number, "partner", rng.choice(plans)) for number in range(4)]
        lines = sorted(automatic(policy))
        self._workers = [self._worker(line, number) for line in lines for number in range(_AGENTS_A_LINE)]

    def writes(self, message: Message, asks: Mapping[str, Any] | None) -> Letter:
        rng, asks = self._rng, asks or {}
        organization = self._of(asks)
        address = f"person{rng.randrange(40)}@{organization.domains[0]}" if organization else "someone@mail.ru"
        if "sender.domain" in asks:
            organization, address = None, f"robot@{asks['sender.domain']}"
        sender = Address(channel=message.sender.channel, address=address, name=message.sender.name)
        identity = Identity(
            id=f"I{rng.randrange(10_000):05}",
            channel="email",
            address=address,
            organization_id=organization.id if organization else None,
            vip=rng.random() < 0.05,
            contact=rng.random() < 0.5,
            language=message.language,
        )
        owner = organization if organization and mail_domain(address) in organization.domains else None
        given = rng.randrange(len(self._workers))  # somebody got the ticket before: as in a batch, they are another now
        self._workers[given] = replace(self._workers[given], assigned_at=message.received_at)
        known = Known(
            identity=identity,
            organization=organization,
            domain_organization=owner,
            conversations=(self._ticket(identity),) if rng.random() < 0.05 else (),
            earlier=tuple(self._earlier() for _ in range(rng.choice((0, 0, 0, 1, 2, 3)))),
            used={organization.id: {"how-to": rng.randrange(20), "malfunction": 3}} if organization else {},
            workers=tuple(self._workers),
        )
        return Letter(replace(message, sender=sender), known)

    def _of(self, asks: Mapping[str, Any]) -> Organization | None:
        rng = self._rng
        segment = asks.get("segment")
        if segment == "internal" or (segment is None and rng.random() < 0.05):
            return rng.choice(self._staff)
        if segment == "partner":
            return rng.choice(self._partners)
        if "plan" in asks:
            return next(each for each in self._customers if each.contracts[0].plan == asks["plan"])
        return rng.choice(self._customers) if rng.random() < 0.8 else None

    def _organization(self, number: int, segment: str, plan: str) -> Organization:
        contract = Contract(id=f"C{number}", plan=plan, since=date(2025, 1, 1), until=date(2026, 12, 31))
        earlier = Contract(id=f"B{number}", plan=plan, since=date(2024, 1, 1), until=date(2024, 12, 31))
        return Organization(
            id=f"O{number:03}",
            name=f"Organisation {number}",
            domains=(f"firma{number}.example",),
            segment=segment,
            contracts=(contract, earlier) if number % 10 else (earlier,),
        )

    def _worker(self, line: str, number: int) -> Worker:
        rng = self._rng
        return Worker(
            id=f"A-{line}-{number}",
            name="",
            lines=frozenset({line}),
            skills={skill: rng.randint(1, 10) for skill in sorted(self._policy.skills) if rng.random() < 0.7},
            presence="on" if rng.random() < 0.85 else "break",
            in_hand={priority.value: rng.randrange(4) for priority in Priority},
            assigned_at=START - timedelta(minutes=rng.randrange(600)),
        )

    def _earlier(self) -> Earlier:
        rng, entry = self._rng, self._rng.choice(list(self._policy.catalog.values()))
        return Earlier(
            number=rng.randrange(1, 99_999),
            at=START - timedelta(hours=rng.randrange(1, 400)),
            catalog=entry.path,
            kind=rng.choice(list(self._policy.kinds)),
            line=entry.line,
            assignee=rng.choice(self._workers).id,
        )

    def _ticket(self, identity: Identity) -> KnownTicket:
        return KnownTicket(
            number=self._rng.randrange(1, 99_999),
            status=Status.WAITING_REQUESTER,
            line="first",
            requester=identity.id,
            participants=frozenset({identity.id}),
        )
