"""A small support organisation for the desk's tests: policy, agents, tickets in Russian and English, held messages."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from domain.clocks import ClockRecord, Segment
from domain.decision import Decision, Step, Tried
from domain.ids import BlobKey
from domain.message import Attachment
from domain.people import Agent
from domain.policy import (
    CatalogEntry,
    FormPolicy,
    Goal,
    Group,
    Kind,
    Line,
    MailPolicy,
    Plan,
    Policy,
    PriorityMatrix,
    Text,
)
from domain.ticket import Level, Priority
from domain.views import (
    AttachmentView,
    HeldRow,
    HistoryEntry,
    IdentityView,
    MessageView,
    RequesterView,
    TicketView,
)

NOON = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415408d763b8ecfe0a00044a0203f2d40a680000000049454e44ae426082"
)


def text(ru: str, en: str) -> Text:
    return Text(ru=ru, en=en)


def key_of(content: bytes) -> BlobKey:
    return BlobKey(hashlib.sha256(content).hexdigest())


def _entry(path: str, ru: str, en: str, line: str, form: bool = True) -> CatalogEntry:
    return CatalogEntry(path=path, title=text(ru, en), line=line, group=None, kind=None, form=form)


def _kind(key: str, type_: str, ru: str, en: str, regulation: Text) -> Kind:
    return Kind(
        key=key, type=type_, title=text(ru, en), impact=Level.MEDIUM, urgency=Level.MEDIUM, regulation=regulation
    )


CATALOG = (
    _entry("billing", "Оплата и документы", "Billing", "first"),
    _entry("billing/invoices", "Счета и акты", "Invoices", "first"),
    _entry("billing/refunds", "Возвраты", "Refunds", "second"),
    _entry("field", "Мобильная торговля", "Field sales", "first"),
    _entry("field/sync", "Обмен данными", "Data exchange", "second"),
    _entry("field/app", "Приложение на планшете", "Tablet app", "first"),
    _entry("internal", "Внутренние обращения", "Internal requests", "first"),
    _entry("internal/access", "Доступы и учётные записи", "Accounts and access", "first"),
    _entry("monitoring", "Мониторинг", "Monitoring", "second", form=False),
)
KINDS = (
    _kind(
        "outage",
        "incident",
        "Сбой обмена данными",
        "Data exchange failure",
        text(
            "Уточните версию программы и дату последней загрузки. Проверьте очередь обмена. Если она стоит дольше"
            " 30 минут, передайте на вторую линию.",
            "Ask for the program version and the date of the last load. Check the exchange queue. If it has stood"
            " still for more than 30 minutes, pass it to the second line.",
        ),
    ),
    _kind(
        "question",
        "question",
        "Вопрос",
        "Question",
        text("Ответьте по базе знаний.", "Answer from the knowledge base."),
    ),
    _kind(
        "document", "request", "Запрос документа", "Document request", text("Сверьте реквизиты.", "Check the details.")
    ),
    _kind("access", "request", "Доступ", "Access", text("Нужно согласие руководителя.", "The manager has to agree.")),
)


def _line(key: str, order: int, ru: str, en: str, stay: int | None, writes: bool = True) -> Line:
    groups = (Group(key="data", title=text("Обмен данными", "Data exchange")),) if key == "second" else ()
    return Line(
        key=key,
        order=order,
        title=text(ru, en),
        calendar="office",
        groups=groups,
        stay_s=stay,
        writes_to_customers=writes,
    )


LINES = (
    _line("first", 1, "Первая линия", "First line", 14_400),
    _line("second", 2, "Вторая линия", "Second line", 86_400),
    _line("third", 3, "Разработка", "Development", None, writes=False),
)


def _plan(key: str, ru: str, en: str, hours: int) -> Plan:
    goals = {priority: Goal(cell=f"{key}/{priority}", seconds=hours * 3600) for priority in Priority}
    titles = (text("Именной менеджер", "Personal manager"), text("Круглосуточно", "Round the clock"))
    return Plan(
        key=key,
        title=text(ru, en),
        calendar="office" if key == "standard" else "always",
        goals=MappingProxyType({"first_response": goals}),
        entitlements=titles if key == "premium" else (),
    )


def policy(revision: int = 7) -> Policy:
    plans = (_plan("standard", "Стандарт", "Standard", 4), _plan("premium", "Премиум", "Premium", 1))
    form = FormPolicy(
        slug="default",
        title=text("Обращение в поддержку", "Contact support"),
        intro=text(
            "Опишите, что случилось. Ответим на указанную почту или перезвоним.",
            "Tell us what happened. We answer by e-mail or call you back.",
        ),
        consent=text("Согласен на обработку персональных данных.", "I agree to my personal data being processed."),
        consent_version="2026-09",
        max_files=3,
        max_file_bytes=2_097_152,
        max_total_bytes=3_145_728,
    )
    return Policy(
        revision=revision,
        name=text("Северный ветер", "North Wind"),
        catalog=MappingProxyType({entry.path: entry for entry in CATALOG}),
        kinds=MappingProxyType({kind.key: kind for kind in KINDS}),
        lines=MappingProxyType({line.key: line for line in LINES}),
        plans=MappingProxyType({plan.key: plan for plan in plans}),
        calendars=MappingProxyType({}),
        rules=(),
        matrix=PriorityMatrix(cells=MappingProxyType({})),
        mail=MailPolicy(domains=frozenset({"example.org"}), addresses=frozenset({"support@example.org"})),
        forms=MappingProxyType(
            {
                "default": form,
                "embedded": replace(form, slug="embedded", embed_origins=frozenset({"https://shop.example.org"})),
            }
        ),
        letters=MappingProxyType({}),
        default_catalog="billing",
        default_kind="question",
        default_plan="standard",
        fallback_line="first",
    )


ANNA = Agent(id="01ANNA", email="anna@example.org", name="Анна Крылова", lines=frozenset({"first"}))
BORIS = Agent(id="01BORIS", email="boris@example.org", name="Борис Ли", lines=frozenset({"second", "third"}))
CHIEF = Agent(id="01CHIEF", email="chief@example.org", name="Вера Соколова", lines=frozenset({"first"}), admin=True)
AGENTS = (ANNA, BORIS, CHIEF)

HTML_MAIL = (
    '<div dir="ltr">Здравствуйте!<br><br>С утра <b>не проходит обмен</b> с планшетами торговых представителей.'
    '<ul><li>Калининград: 14 планшетов</li><li>Иркутск: 9 планшетов</li></ul><img src="cid:shot1" alt="снимок экрана">'
    '<img src="https://tracker.example.net/pixel.gif" width="1" height="1"><p>С уважением,<br>Ольга Пак</p></div>'
)
LONG_SUBJECT = (
    "Срочно: после вчерашнего обновления у всех торговых представителей филиала «Северо-Запад-Логистика» не "
    "выгружаются заказы, накладные и остатки, приложение показывает код ошибки E-4412-ОБМЕН-ТАЙМАУТ"
)
SUBJECTS: tuple[tuple[str, str, str, str, str, str], ...] = (
    (LONG_SUBJECT, "email", "p1", "second", "field/sync", "outage"),
    ("Не приходит акт сверки за октябрь", "email", "p3", "first", "billing/invoices", "document"),
    ("Invoice 2026/1183 shows the wrong VAT", "form", "p2", "first", "billing/invoices", "document"),
    ("Планшет не включается после падения", "telegram", "p3", "first", "field/app", "question"),
    ("Звонок: не могу войти в личный кабинет", "ivr", "p2", "first", "internal/access", "access"),
    ("CPU load on sync-03 above 95 % for 15 minutes", "alert", "p1", "second", "monitoring", "outage"),
    ("Как поменять контактное лицо в договоре?", "form", "p4", "first", "billing", "question"),
    ("Возврат по заказу 55-081", "email", "p3", "second", "billing/refunds", "document"),
    ("Access to the reporting database for a new colleague", "email", "p3", "first", "internal/access", "access"),
    ("Остатки на складе обновляются с задержкой в сутки", "telegram", "p2", "second", "field/sync", "outage"),
    ("Ошибка при печати накладной: «неверный формат даты»", "email", "p3", "third", "field/app", "outage"),
    ("Thank you, and one more question about refunds", "email", "p4", "first", "billing/refunds", "question"),
    ("Просим продлить тестовый период", "form", "p4", "first", "billing", "question"),
    ("Не могу прикрепить фото витрины", "telegram", "p3", "first", "field/app", "question"),
)
PEOPLE: tuple[tuple[str, str, str | None], ...] = (
    ("Ольга Пак", "olga.pak@severo-zapad.example", "Северо-Запад-Логистика"),
    ("Игорь Васильевич Красноперекопский", "i.v.krasnoperekopsky@torg.example", "ООО «Торговый дом Меридиан»"),
    ("James Whitfield", "j.whitfield@northgate.example", "Northgate Ltd"),
    ("Сауле Ахметова", "+7 701 555 01 42", None),
    ("", "+7 495 555-01-17", None),
    ("Monitoring", "prometheus", None),
)
PREVIEW = (
    "Здравствуйте! С утра не проходит обмен с планшетами: Калининград 14 штук, Иркутск 9.",
    "Добрый день, просим выслать акт сверки за октябрь в двух экземплярах.",
    "The VAT on page two is 18 % where it should be 20 %. Could you issue a corrected one?",
    "Упал со стола, экран тёмный, но вибрирует.",
    "Расшифровка звонка: «…ввожу пароль, а он пишет, что учётная запись заблокирована…»",
    "sync-03 load1=38.2 threshold=30 since 08:41 UTC",
)


def _clocks(number: int, at: datetime, priority: str, status: str) -> tuple[ClockRecord, ...]:
    hours = {"p1": 1, "p2": 4, "p3": 8, "p4": 24}[priority]
    due = at + timedelta(hours=hours, minutes=number * 7 % 50)
    met = status in ("waiting_requester", "feedback", "closed")
    state = "met" if met else "breached" if due < NOON else "running"
    answered = at + timedelta(minutes=35)
    segments = (
        Segment(start=at, until=at + timedelta(minutes=20), kind="running", why="the calendar of the plan is open"),
        Segment(start=at + timedelta(minutes=20), until=answered, kind="closed_hours", why="outside office hours"),
        Segment(start=answered, until=None, kind="running", why="the calendar of the plan is open"),
    )
    resolution = at + timedelta(hours=hours * 6)
    return (
        ClockRecord(
            id=f"{number}-f", target="first_response", state=state, calendar="office", cell=f"standard/{priority}",
            goal_s=hours * 3600, started_at=at, due_at=due, consumed_s=2700, segments=segments,
        ),
        ClockRecord(
            id=f"{number}-r", target="resolution", state="paused" if met else "running", calendar="office",
            cell=f"standard/{priority}", goal_s=hours * 6 * 3600, started_at=at, due_at=resolution, consumed_s=5400,
            segments=(
                Segment(start=at, until=answered, kind="running", why="the calendar of the plan is open"),
                Segment(start=answered, until=None, kind="paused" if met else "running", why="status"),
            ),
        ),
    )  # fmt: skip


def decision(path: str, kind: str, line: str, priority: str) -> Decision:
    return Decision(
        revision=7,
        decided_at=NOON - timedelta(hours=1),
        steps=(
            Step(
                step="requester",
                outcome="Северо-Запад-Логистика",
                because="The sender's card belongs to Северо-Запад-Логистика.",
            ),
            Step(step="correlation", outcome="new", because="Nothing links it to a ticket that exists."),
            Step(
                step="catalog",
                outcome=path,
                because="Rule sync-words (rules.yaml:12) matched: subject has the words «обмен».",
                rule="sync-words",
            ),
            Step(
                step="kind",
                outcome=kind,
                because="Rule sync-words (rules.yaml:12) matched: subject has the words «обмен».",
                rule="sync-words",
            ),
            Step(
                step="priority",
                outcome=priority,
                because="Impact is high, as usual for kind outage. Urgency is medium, as usual for kind outage."
                f" The matrix gives {priority} for the two.",
            ),
            Step(step="plan", outcome="standard", because="Without an organisation the plan is the default, standard."),
            Step(step="line", outcome=line, because=f"Catalog entry {path} belongs to line {line}."),
        ),
    )


def with_tried(found: Decision) -> Decision:
    tried = (
        Tried(rule="vip", matched=False, why="organization is none of «Меридиан»"),
        Tried(rule="invoice-words", matched=False, why="text has none of the words «счёт», «акт», «invoice»"),
        Tried(rule="sync-words", matched=True, why="subject has the words «обмен»"),
    )
    steps = tuple(replace(s, tried=tried) if s.step == "catalog" else s for s in found.steps)
    return replace(found, steps=steps)


def _attachments(number: int) -> tuple[AttachmentView, ...]:
    shot, report = PNG, f"отчёт {number}".encode()
    return (
        AttachmentView(
            id=f"A{number}1",
            file=Attachment(
                blob=key_of(shot), name="Снимок экрана 2026-11-23.png", size=len(shot), media_type="image/png"
            ),
        ),
        AttachmentView(
            id=f"A{number}2",
            file=Attachment(
                blob=key_of(report),
                name="Журнал обмена за двадцать третье ноября, филиал Калининград (полный).txt",
                size=len(report),
                media_type="text/plain",
            ),
        ),
        AttachmentView(
            id=f"A{number}3",
            file=Attachment(
                blob=key_of(shot),
                name="shot1.png",
                size=len(shot),
                media_type="image/png",
                content_id="shot1",
                inline=True,
            ),
        ),
    )


def message(
    number: int, at: datetime, channel: str, author: str, address: str, preview: str, rich: bool
) -> MessageView:
    return MessageView(
        id=f"M{number}",
        envelope_id=f"E{number}",
        at=at,
        direction="inbound",
        channel=channel,
        author=author,
        author_address=address,
        subject="",
        text=f"{preview}\n\nВерсия 4.12.1, последняя загрузка вчера в 18:40.\nПодскажите, что делать?",
        quoted="> Добрый день!\n> Обновление 4.12.1 установлено на все планшеты.\n> Служба внедрения" if rich else "",
        signature="--\nС уважением,\nОльга Пак\nНачальник отдела продаж" if rich else "",
        full_text=None,
        html=HTML_MAIL if rich else None,
        language="ru",
        recipients=("support@example.org",),
        raw=key_of(raw_of(number)),
        flags=("reply_to_mismatch",) if rich else (),
        attachments=_attachments(number) if rich else (),
    )


def raw_of(number: int) -> bytes:
    return (
        f"From: someone@example.net\r\nSubject: {number}\r\n\r\nТело письма {number} <script>alert(1)</script>".encode()
    )


STATUSES = (
    "classification",
    "classification",
    "in_progress",
    "in_progress",
    "waiting_requester",
    "internal",
    "feedback",
)


def ticket(number: int) -> TicketView:
    """Ticket 101 is the rich one: HTML, attachments, quotes."""
    place = number - 101
    subject, channel, priority, line, path, kind = SUBJECTS[place % len(SUBJECTS)]
    name, address, organization = PEOPLE[place % len(PEOPLE)]
    at = NOON - timedelta(minutes=23 + place * 41)
    status = STATUSES[place % len(STATUSES)]
    assignee = ANNA if status == "in_progress" and line == "first" else None
    first = message(number, at, channel, name, address, PREVIEW[place % len(PREVIEW)], rich=number == 101)
    requester = RequesterView(
        id=f"I{number}",
        name=name,
        identities=(
            IdentityView(id=f"I{number}", channel=channel, address=address, verified=channel == "email", name=name),
        ),
        organization=organization,
        plan="premium" if organization and "Северо" in organization else "standard",
    )
    return TicketView(
        number=number, subject=subject, status=status, substatus=None, priority=priority, impact="high",
        urgency="medium", channel=channel, account="support@example.org", requester=requester, catalog=path, kind=kind,
        line=line, group="data" if path == "field/sync" else None, assignee=assignee.id if assignee else None,
        assignee_name=assignee.name if assignee else None, policy_revision=7, created_at=at,
        updated_at=at + timedelta(minutes=3), language="ru",
        fields={"version": "4.12.1", "последняя загрузка": "22.11.2026"} if number == 101 else {},
        flags=("repeat",) if number == 101 else (), messages=(first,), clocks=_clocks(number, at, priority, status),
        decision=decision(path, kind, line, priority),
        history=(
            HistoryEntry(
                at=at, fact="ticket.created", by="router",
                detail={"channel": channel, "kind": kind, "catalog": path, "priority": priority, "plan": "standard"},
            ),
            HistoryEntry(at=at, fact="ticket.assigned", by="router", detail={"line": line}),
            HistoryEntry(
                at=at + timedelta(minutes=3), fact="ticket.status_changed", by="agent:01ANNA",
                detail={"old": "classification", "new": status, "line": line},
            ),
        ),
        suggestions=(102,) if number == 101 else (),
    )  # fmt: skip


def tickets(count: int = 28) -> dict[int, TicketView]:
    return {number: ticket(number) for number in range(101, 101 + count)}


def held() -> dict[str, HeldRow]:
    def row(number: int, outcome: str, reason: str, origin: str, subject: str, sender: str) -> HeldRow:
        return HeldRow(
            id=f"H{number}", envelope_id=f"E9{number}", outcome=outcome, channel="email", account="support@example.org",  # type: ignore[arg-type]
            at=NOON - timedelta(minutes=11 * number), reason=reason, origin=origin, subject=subject, sender=sender,
            raw=key_of(raw_of(900 + number)), detail={"deliveries": 5} if outcome == "quarantined" else {},
        )  # fmt: skip

    rows = (
        row(
            1, "quarantined", "more than 100 nested parts", "normalizer", "Fwd: Fwd: Fwd: отчёт", "ivan@partner.example"
        ),
        row(2, "quarantined", "the parser took longer than 20 s", "normalizer", "(((((((", "x@mailer.example"),
        row(
            3,
            "suppressed",
            "auto_reply: Auto-Submitted: auto-replied",
            "router",
            "Автоответ: в отпуске",
            "olga@shop.example",
        ),
        row(
            4, "suppressed", "bounce: message/delivery-status", "router", "Undelivered Mail", "mailer-daemon@mx.example"
        ),
        row(5, "suppressed", "rule spam-words", "router", "SEO-продвижение за 3 дня!!!", "promo@spam.example"),
    )
    return {each.id: each for each in rows}
