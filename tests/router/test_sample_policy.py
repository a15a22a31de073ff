"""The policy that comes along, on letters as customers write them: where each lands, and why."""

import pytest

from config.loader import SAMPLE, compile_policy, load_folder
from domain.policy import Policy
from router.decide import decide
from router.verdict import Open, Withhold
from tests.router.make import automatic, known, message
from tests.router.policies import NOW


@pytest.fixture(scope="module")
def sample() -> Policy:
    return compile_policy(load_folder(SAMPLE), 1)


# subject, text, catalog, kind, priority, line and group
LETTERS = [
    (
        "Планшеты не синхронизируются",
        "У всех агентов с утра не выгружаются заказы, срочно!",
        *("field/sync", "sync-failure", "p1", "first/field"),
    ),
    (
        "Tablets do not sync",
        "The app does not synchronize orders since this morning",
        *("field/sync", "sync-failure", "p2", "first/field"),
    ),
    ("", "Не могу войти в программу, забыла пароль", "account/access", "login", "p3", "first/billing"),
    ("Password reset", "I am locked out", "account/access", "login", "p3", "first/billing"),
    (
        "Акт сверки",
        "Пришлите, пожалуйста, за третий квартал",
        *("account/billing", "documents-request", "p4", "first/billing"),
    ),
    ("Не печатаются этикетки", "Принтер выдаёт ошибку", "warehouse/labelling", "malfunction", "p3", "first/warehouse"),
    ("Scanner", "The handheld shows an error", "warehouse/equipment", "malfunction", "p3", "first/warehouse"),
    ("", "После инвентаризации остатки не сходятся", "warehouse/stock", "data-error", "p3", "first/warehouse"),
    (
        "Обмен",
        "Нужно настроить обмен: выгрузка остатков в бухгалтерию",
        *("warehouse/exchange", "integration-setup", "p3", "second/warehouse"),
    ),
    ("НДС", "Книга продаж: неверная сумма", "accounting/reporting/vat", "data-error", "p3", "first/accounting"),
    (
        "Вопрос",
        "Как отразить НДС при возврате аванса?",
        *("accounting/reporting/vat", "consultation", "p3", "second/accounting"),
    ),
    ("Payroll", "How do I enter sick leave?", "accounting/payroll", "how-to", "p4", "first/accounting"),
    ("Тормозит", "Отчёт по зарплате открывается минуту", "accounting/payroll", "performance", "p3", "first/accounting"),
    ("Everything is down", "Nothing works for the whole company, urgent", "general/other", "outage", "p1", "first"),
    ("Программа не запускается", "Работа остановилась у всех", "general/other", "outage", "p1", "first"),
    ("Жалоба", "Третий день без ответа", "general/other", "complaint", "p2", "first"),
    ("Сломалось", "Приложение вылетает на карточке визита", "field/routes", "malfunction", "p3", "first/field"),
    ("Не срочно", "Как будет время, подскажите про маршруты", "field/routes", "how-to", "p4", "first/field"),
    ("New employee", "Please add a user", "account/access", "new-user", "p3", "first/billing"),
    ("Hello", "When are you open?", "general/other", "how-to", "p4", "first"),
]


@pytest.mark.parametrize(("subject", "text", "catalog", "kind", "priority", "line"), LETTERS)
def test_a_letter_lands_where_it_belongs(
    subject: str, text: str, catalog: str, kind: str, priority: str, line: str, sample: Policy
) -> None:
    decision = decide(message(text, subject), known(), sample, NOW).decision  # type: ignore[union-attr]
    steps = ("catalog", "kind", "priority", "line")
    assert tuple(decision.outcome(step) for step in steps) == (catalog, kind, priority, line)


def test_mail_to_billing_starts_at_its_entry(sample: Policy) -> None:
    verdict = decide(message("Hello", recipients=("billing@example.org",)), known(), sample, NOW)
    assert isinstance(verdict, Open)
    assert (verdict.catalog, verdict.kind) == ("account/billing", "documents-request")


def test_monitoring_makes_tickets_by_mail_and_by_its_own_channel(sample: Policy) -> None:
    by_mail = message("disk full", sender="probe@monitoring.example.org", automatic=automatic("bulk"))
    by_channel = message("disk full", channel="alert")
    for sent in (by_mail, by_channel):
        verdict = decide(sent, known(), sample, NOW)
        assert isinstance(verdict, Open)
        assert (verdict.catalog, verdict.kind, verdict.line, verdict.group) == (
            "general/monitoring",
            "monitoring-alert",
            "second",
            "operations",
        )


def test_our_own_newsletter_makes_none(sample: Policy) -> None:
    verdict = decide(message("", "Дайджест за май", sender="post@news.example.org"), known(), sample, NOW)
    assert isinstance(verdict, Withhold)
    assert verdict.reason.startswith("our own newsletter: Rule our-newsletter (rules.yaml:5) matched: ")


def test_every_rule_of_the_sample_says_where_it_stands(sample: Policy) -> None:
    text = load_folder(SAMPLE)["rules.yaml"].splitlines()
    for rule in sample.rules:
        file, _, line = rule.where.partition(":")
        assert (file, text[int(line) - 1].strip()) == ("rules.yaml", f"- key: {rule.key}")
