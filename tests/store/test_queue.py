"""Lists of tickets: scope, order, cursors, filters, search."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.clocks import ClockRecord
from domain.effects import Changed
from domain.errors import Invalid
from domain.facts import TicketMarked
from domain.ticket import UNASSIGNED, Priority
from domain.views import Filter, LineCount, Scope
from store import Database
from store.views import queue
from tests.make import NOON, attachment, clock_record, message, open_tickets

EVERY = Scope(reader="t", lines=None)
FIRST = Scope(reader="t", lines=frozenset({"first"}))
NONE = Scope(reader="t", lines=frozenset())


def due_in(hours: float) -> tuple[ClockRecord, ...]:
    return (clock_record(hours=hours),)


async def test_a_line_works_by_priority_then_nearest_due_then_number(database: Database) -> None:
    for priority, hours in ((Priority.P3, 1.0), (Priority.P1, 8.0), (Priority.P1, 2.0), (Priority.P1, 8.0)):
        await open_tickets(database.store, [message()], priority=priority, clocks=due_in(hours))
    await open_tickets(database.store, [message()], priority=Priority.P1, clocks=())
    page = await database.views.queue(FIRST, Filter())
    assert [row.number for row in page.items] == [3, 2, 4, 5, 1]
    assert page.items[0].due_at == NOON + timedelta(hours=2)
    assert page.items[3].due_at is None


async def test_what_could_be_given_to_nobody_stands_first_of_its_priority(database: Database) -> None:
    await open_tickets(database.store, [message()], priority=Priority.P2, clocks=due_in(1.0))
    await open_tickets(database.store, [message()], priority=Priority.P2, clocks=due_in(9.0), flags=(UNASSIGNED,))
    await open_tickets(database.store, [message()], priority=Priority.P1, clocks=due_in(20.0))
    assert [row.number for row in (await database.views.queue(FIRST, Filter())).items] == [3, 2, 1]
    async with database.store.begin() as uow:
        found = (await uow.states([2]))[2]
        given = replace(found, flags=())
        fact = TicketMarked(ticket=2, at=NOON, by="router", line="first", flag="x")
        await uow.change([Changed(before=found, after=given, facts=(fact,))], NOON)
    assert [row.number for row in (await database.views.queue(FIRST, Filter())).items] == [3, 1, 2]


@pytest.mark.parametrize("sort", ["urgency", "newest", "oldest", "updated"])
async def test_pages_by_cursor_are_the_whole_list_without_gap_or_repeat(database: Database, sort: str) -> None:
    await open_tickets(database.store, [message() for _ in range(7)])
    whole = [row.number for row in (await database.views.queue(FIRST, Filter(), sort=sort)).items]  # type: ignore[arg-type]
    paged, cursor = [], None
    for _ in range(4):
        page = await database.views.queue(FIRST, Filter(), sort=sort, cursor=cursor, limit=2)  # type: ignore[arg-type]
        paged += [row.number for row in page.items]
        cursor = page.next
    assert paged == whole
    assert cursor is None


@pytest.mark.parametrize("cursor", ["", "x", "WyJuZXdlc3QiLDFd", "e30", "WyJ1cmdlbmN5Iix7fSwxLDJd", "%%%"])
async def test_a_cursor_that_is_not_ours_is_refused_by_name(database: Database, cursor: str) -> None:
    if not cursor:
        assert (await database.views.queue(FIRST, Filter(), cursor=cursor)).items == ()
        return
    with pytest.raises(Invalid, match="cursor"):
        await database.views.queue(FIRST, Filter(), cursor=cursor)


async def test_a_ticket_outside_the_scope_is_in_no_list_count_or_search(database: Database) -> None:
    await open_tickets(database.store, [message(text="канарейка")], line="second")
    for scope in (FIRST, NONE):
        assert (await database.views.queue(scope, Filter())).items == ()
        assert (await database.views.queue(scope, Filter(q="канарейка"))).total == 0
        assert (await database.views.queue(scope, Filter(line=("second",)))).items == ()
        assert await database.views.rows(scope, [1]) == []
        assert await database.views.counts(scope, NOON) == []
    assert (await database.views.queue(EVERY, Filter(q="канарейка"))).total == 1


async def test_filters_narrow_by_every_attribute(database: Database) -> None:
    await open_tickets(database.store, [message(address="boris@x.example")], kind="question", catalog="mobile/orders")
    await open_tickets(database.store, [message()], priority=Priority.P1)

    async def found(wanted: Filter) -> list[int]:
        return [row.number for row in (await database.views.queue(EVERY, wanted)).items]

    assert await found(Filter(kind=("question",))) == [1]
    assert await found(Filter(catalog="mobile")) == [1]
    assert await found(Filter(catalog="mob")) == []
    assert await found(Filter(customer="Boris@x.example")) == [1]
    assert await found(Filter(priority=("p1",))) == [2]
    assert await found(Filter(status=("closed",))) == []
    assert await found(Filter(channel=("email",), open_only=True)) == [2, 1]
    assert await found(Filter(assignee=("none",))) == [2, 1]
    assert await found(Filter(created_from=NOON + timedelta(seconds=1))) == []
    assert await found(Filter(created_to=NOON + timedelta(seconds=1))) == [2, 1]


@pytest.mark.parametrize(
    "query",
    [
        "накладной",
        "НАКЛАДНУЮ склад",
        "наклад",
        "invoices",
        "printing invoice",
        "T-000001",
        "1",
        "отчет",
        "anna@romashka.example",
        "версия-8.3",
        "снимок",
    ],
)
async def test_search_finds_stems_prefixes_numbers_and_names(database: Database, query: str) -> None:
    text = "Не проводится накладная на складе. Отчёт пуст. Версия-8.3. The invoices are not printed"
    await open_tickets(database.store, [message(text=text, attachments=(attachment(),))])
    await open_tickets(database.store, [message(text="совсем другое", subject="иное", address="b@x.example")])
    assert [row.number for row in (await database.views.queue(EVERY, Filter(q=query))).items] == [1]


@pytest.mark.parametrize("query", ['"', "'", "a:b", "x* OR y", "NEAR(", "' | '", "\\", "-", "()", "; DROP TABLE"])
async def test_no_search_text_is_ever_read_as_syntax(database: Database, query: str) -> None:
    await open_tickets(database.store, [message()])
    assert (await database.views.queue(EVERY, Filter(q=query))).items == ()


async def test_totals_are_exact_to_the_cap_and_then_say_so(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await open_tickets(database.store, [message() for _ in range(4)])
    monkeypatch.setattr(queue, "TOTAL_CAP", 4)
    page = await database.views.queue(EVERY, Filter())
    assert (page.total, page.capped) == (4, False)
    monkeypatch.setattr(queue, "TOTAL_CAP", 3)
    page = await database.views.queue(EVERY, Filter())
    assert (page.total, page.capped) == (3, True)


async def test_counts_are_open_unassigned_and_overdue_by_line(database: Database) -> None:
    await open_tickets(database.store, [message(), message()])
    await open_tickets(database.store, [message()], line="second", clocks=())
    found = await database.views.counts(EVERY, NOON + timedelta(hours=5))
    assert found == [
        LineCount(line="first", open=2, unassigned=2, overdue=2),
        LineCount(line="second", open=1, unassigned=1, overdue=0),
    ]


async def test_a_row_says_who_wrote_and_begins_with_the_text(database: Database) -> None:
    source = message(text="Первая строка\n\n" + "слово " * 60)
    await open_tickets(database.store, [source])
    (row,) = await database.views.rows(FIRST, [1])
    assert (row.requester_name, row.requester_address) == ("Анна", "anna@romashka.example")
    assert row.preview.startswith("Первая строка слово слово")
    assert len(row.preview) <= 160
    assert replace(row, preview="") == replace((await database.views.queue(FIRST, Filter())).items[0], preview="")
