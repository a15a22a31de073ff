"""The small deciding parts: order, membership, times, drawings, words, translations."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from desk import i18n, reasons, times, words
from desk.pages.form import grouped
from desk.pages.queue import matches, order_key
from desk.pages.timeline import Bar, Drawing, draw
from domain.clocks import ClockRecord, Segment
from domain.views import Filter, HistoryEntry, Sort
from tests.fakes_desk import row_of
from tests.fakes_desk_data import CATALOG, NOON, policy, ticket, tickets


@pytest.fixture(autouse=True)
def english() -> None:
    i18n.speaking.set("en")
    times.zone.set(ZoneInfo("Europe/Moscow"))


@pytest.mark.parametrize("locale", i18n.LOCALES)
def test_every_message_has_words_and_no_words_are_left_over(locale: str) -> None:
    assert i18n.missing(locale) == []


def test_the_check_sees_code_templates_and_the_forms_mistakes() -> None:
    found = {message if isinstance(message, str) else message[0] for _, message in i18n.extracted()}
    assert {"In progress", "Why is it here", "At most {limit} characters.", "%(count)s ticket"} <= found
    assert len(found) > 200


def test_a_gap_is_named_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "extracted", lambda: iter([("x.html:1", "Never translated")]))
    gaps = i18n.missing("ru")
    assert gaps[0] == "x.html:1: 'Never translated' is not translated"
    assert "is not used any more" in gaps[1]


@pytest.mark.parametrize(
    ("seconds", "english", "russian"),
    [
        (20, "in under a minute", "меньше чем через минуту"),
        (-3 * 60, "3 min overdue", "просрочено 3 мин"),
        (130 * 60, "in 2 h 10 min", "через 2 ч 10 мин"),
        (-26 * 3600, "1 d 2 h overdue", "просрочено 1 д 2 ч"),
        (48 * 3600, "in 2 d", "через 2 д"),
    ],
)
def test_due_times_are_read_at_a_glance(seconds: int, english: str, russian: str) -> None:
    at = NOON + timedelta(seconds=seconds)
    i18n.speaking.set("en")
    assert times.due(at, NOON).replace("\u00a0", " ") == english
    i18n.speaking.set("ru")
    assert times.due(at, NOON).replace("\u00a0", " ") == russian


def test_times_are_the_readers_own() -> None:
    assert times.exact(datetime(2026, 11, 23, 21, 30, tzinfo=UTC)) == "24 Nov 2026, 00:30"
    assert times.short(NOON, NOON) == "12:00"
    assert times.short(NOON - timedelta(days=400), NOON) == "19 Oct 2025, 12:00"
    assert str(times.zone_of("Asia/Irkutsk", "UTC")) == "Asia/Irkutsk"
    for strange in ("../../etc/passwd", "Mars/Olympus", "x" * 200, None, ""):
        assert str(times.zone_of(strange, "UTC")) == "UTC"


@pytest.mark.parametrize("sort", ["urgency", "newest", "oldest", "updated"])
def test_the_order_key_sorts_as_the_list_does(sort: Sort) -> None:
    rows = [row_of(found) for found in tickets().values()]
    far = datetime(9999, 1, 1, tzinfo=UTC)
    expected = {
        "urgency": sorted(rows, key=lambda r: (r.priority, r.due_at or far, r.number)),
        "newest": sorted(rows, key=lambda r: (r.created_at, r.number), reverse=True),
        "oldest": sorted(rows, key=lambda r: (r.created_at, r.number)),
        "updated": sorted(rows, key=lambda r: (r.updated_at, r.number), reverse=True),
    }[sort]
    assert [r.number for r in sorted(rows, key=lambda r: order_key(r, sort))] == [r.number for r in expected]


def test_a_row_belongs_to_the_list_by_every_filter() -> None:
    row = row_of(ticket(103))
    assert matches(row, Filter())
    assert matches(row, Filter(line=("first",), assignee=("01ANNA",), status=("in_progress",), open_only=True))
    for wanted in (
        Filter(line=("second",)),
        Filter(assignee=("none",)),
        Filter(priority=("p1",)),
        Filter(channel=("email",)),
        Filter(status=("closed",)),
    ):
        assert not matches(row, wanted)


def test_a_clock_is_drawn_to_scale() -> None:
    clock = ClockRecord(
        id="c", target="resolution", state="running", calendar="office", cell="standard/p2", goal_s=7200,
        started_at=NOON, due_at=NOON + timedelta(minutes=100), consumed_s=1800,
        segments=(
            Segment(start=NOON, until=NOON + timedelta(minutes=30), kind="running", why=""),
            Segment(start=NOON + timedelta(minutes=30), until=None, kind="closed_hours", why=""),
        ),
    )  # fmt: skip
    assert draw(clock, NOON + timedelta(minutes=60)) == Drawing(
        bars=(Bar(x=0.0, width=86.5, kind="running"), Bar(x=86.5, width=86.6, kind="closed_hours")),
        due_x=288.5,
        now_x=173.1,
        share=25,
    )


def test_an_overdue_clock_shows_how_far_the_present_has_run() -> None:
    clock = ClockRecord(
        id="c", target="first_response", state="breached", calendar="office", cell="x/p1", goal_s=60, started_at=NOON,
        due_at=NOON + timedelta(minutes=1), consumed_s=6000,
        segments=(Segment(start=NOON, until=None, kind="running", why=""),),
    )  # fmt: skip
    drawing = draw(clock, NOON + timedelta(minutes=100))
    assert drawing.now_x is not None
    assert drawing.now_x > drawing.due_x
    assert drawing.share == 999


def test_history_is_told_in_words() -> None:
    detail = {"old": "classification", "new": "in_progress", "line": "first"}
    entry = HistoryEntry(at=NOON, fact="ticket.status_changed", by="agent:01ANNA", detail=detail)
    assert words.fact(policy(), entry, {}) == "Status: New → In progress"
    assert words.actor("agent:01ANNA", {"01ANNA": "Анна"}) == "Анна"
    assert words.actor("agent:gone", {}) == "An agent"
    strange = HistoryEntry(at=NOON, fact="ticket.something_new", by="router", detail={"{x.__class__}": "{0}"})
    assert words.fact(policy(), strange, {}) == "Something new"


@pytest.mark.parametrize(
    ("fact", "by", "detail", "told"),
    [
        (
            "ticket.assigned",
            "timekeeper",
            {"line": "first", "left": "01ANNA", "because": "Its agent is away."},
            "Placed on the line «First line» — Анна is away",
        ),
        (
            "ticket.assigned",
            "timekeeper",
            {"line": "first", "left": "01ANNA", "because": "Its agent does not work here any more: It is the agent."},
            "Placed on the line «First line» — Анна does not work here any more",
        ),
        (
            "ticket.classified",
            "agent:01ANNA",
            {"line": "second", "changed": {"priority": ["p3", "p1"], "line": ["first", "second"], "fields": ["phone"]}},
            "Classified: Priority: P3 → P1; Line: First line → Second line; Details: Phone number",
        ),
        (
            "ticket.returned",
            "token:crm",
            {"line": "first", "old": "second", "because": "not an error"},
            "Passed back to the line «First line» — not an error",
        ),
        ("ticket.assigned", "agent:01ANNA", {"line": "first", "assignee": "01ANNA"}, "Given to Анна"),
        ("ticket.assigned", "router", {"line": "first", "because": "x"}, "Placed on the line «First line»"),
        ("ticket.linked", "agent:01ANNA", {"line": "first", "other": 7, "relation": "caused_by"}, "Linked to T-000007"),
    ],
)
def test_what_was_done_to_a_ticket_is_told_with_the_reason_somebody_gave(
    fact: str, by: str, detail: dict[str, object], told: str
) -> None:
    entry = HistoryEntry(at=NOON, fact=fact, by=by, detail=detail)
    assert words.fact(policy(), entry, {"01ANNA": "Анна"}) == told


def test_what_was_decided_is_named_by_its_title() -> None:
    found = policy()
    assert words.decided(found, "line", "second/data", {}) == "Second line · Data exchange"
    assert words.decided(found, "catalog", "billing/invoices", {}) == "Billing › Invoices"
    assert words.decided(found, "clocks", "first_response: 2026-11-23 10:00:00 UTC; resolution: none", {}) == (
        "First response, Resolution"
    )
    assert words.decided(found, "line", "gone", {}) == "gone"


def test_fields_of_a_form_are_told_once_and_in_words() -> None:
    given = {
        "name": "Ольга",
        "email": "a@b.cd",
        "consent": {"version": "7", "at": "noon"},
        "floor": 3,
        "vip": True,
        "x": "",
    }
    assert words.fields(given) == [("Consent", "version 7, at noon"), ("floor", "3"), ("vip", "yes")]
    assert words.field_value(["a", False]) == "a, no"


def test_services_of_a_form_stand_under_their_root() -> None:
    groups = dict(grouped([entry for entry in CATALOG if entry.form]))
    assert groups["Billing"] == [
        ("billing", "Billing"),
        ("billing/invoices", "Invoices"),
        ("billing/refunds", "Refunds"),
    ]


@pytest.mark.parametrize(
    ("english", "russian"),
    [
        ("Nothing links it to a ticket that exists.", "Ни с одним существующим обращением оно не связано."),
        (
            "Rule sync-words (rules.yaml:12) matched: subject has the words «обмен» and channel is «email».",
            "Сработало правило sync-words (rules.yaml:12): тема содержит слова «обмен» и канал: «email».",
        ),
        (
            "Impact is high, as usual for kind outage. Urgency is medium, as usual for kind outage. "
            "The matrix gives p2 for the two. Plan premium raises it to p1.",
            "Уровень влияния высокий, как обычно для вида «Сбой обмена данными». "
            "Уровень срочности средний, как обычно для вида «Сбой обмена данными». "
            "Вместе по матрице это P2. Тариф «Премиум» повышает его до P1.",
        ),
        (
            "ООО «Ромашка. Сервис» has no contract, so the plan is the default, standard.",
            "У организации ООО «Ромашка. Сервис» нет договора, поэтому тариф по умолчанию: «Стандарт».",
        ),
        (
            "Plan standard promises the first response within 1 h 30 min (cell standard/p2) of calendar office.",
            "Тариф «Стандарт» обещает первый ответ за 1 ч 30 мин (ячейка standard/p2) по календарю office.",
        ),
        (
            "Plan standard promises the first response within 4 h (cell standard/p3) of calendar moscow. "
            "Plan standard promises no resolution for p3 (cell standard/p3).",
            "Тариф «Стандарт» обещает первый ответ за 4 ч (ячейка standard/p3) по календарю moscow. "
            "Тариф «Стандарт» не обещает: решение, P3 (ячейка standard/p3).",
        ),
        (
            "The requester chose x/y, which the policy does not have. No rule named an entry, so it is the default.",
            "Заявитель выбрал x/y, которой нет в политике. "
            "Ни одно правило не назвало услугу, взята услуга по умолчанию.",
        ),
    ],
)
def test_reasons_are_said_in_the_readers_language(english: str, russian: str) -> None:
    i18n.speaking.set("en")
    assert reasons.because(policy(), english) == (english, "en")
    i18n.speaking.set("ru")
    assert reasons.because(policy(), english) == (russian, "ru")


def test_a_reason_that_is_not_known_stays_whole_in_english() -> None:
    i18n.speaking.set("ru")
    strange = "Nothing links it to a ticket that exists. The moon was full."
    assert reasons.because(policy(), strange) == (strange, "en")
    assert reasons.tried("nobody knows") == ("nobody knows", "en")


@pytest.mark.parametrize(
    ("english", "russian"),
    [
        ("text has none of the words «счёт», «акт»", "текст с темой не содержит слов «счёт», «акт»"),
        ("organization is absent", "организация: нет"),
        ("catalog is under none of «a», «b» and 3 more", "услуга вне «a», «b» и ещё 3"),
        ("excluded, since channel is «alert»", "исключено: канал: «alert»"),
        (
            "subject contains none of «a»; sender.domain is in «b.org»",
            "тема не содержит «a»; домен отправителя внутри «b.org»",
        ),
        ("fields.version is «4»", "«version»: «4»"),
        (
            "text has the words «касса»; but catalog was set by rule cash and kind was set by the requester",
            "текст с темой содержит слова «касса»; но поле «услуга» задало правило cash; "
            "но поле «вид» выбрал заявитель",
        ),
        ("could have it", "может взять"),
        ("has 8 of 30 in hand", "в работе 8 из 30"),
        ("is not on shift (calendar moscow)", "не на смене (календарь moscow)"),
        ("has skill cash at 1, and 2 is needed", "навык cash: 1, нужен 2"),
    ],
)
def test_tried_rules_are_said_in_the_readers_language(english: str, russian: str) -> None:
    i18n.speaking.set("ru")
    assert reasons.tried(english) == (russian, "ru")


def test_every_template_recognises_itself() -> None:
    i18n.speaking.set("ru")
    for template in reasons.SENTENCES:
        filled = template.format_map(_Anything())
        assert reasons.because(policy(), filled)[1] == "ru", template


class _Anything(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return {"number": "T-000001", "days": "14"}.get(key, "x")
