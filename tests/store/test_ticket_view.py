"""One ticket as its page shows it."""

import pytest

from domain.errors import NotFound
from domain.message import Automatic, Message
from domain.status import Status
from domain.views import Scope
from store import Database
from tests.make import NOON, appended, attachment, message, open_tickets, repeated

EVERY = Scope(reader="t", lines=None)
FOREIGN = Scope(reader="t", lines=frozenset({"second"}))


async def test_a_ticket_reads_back_as_it_was_written(database: Database) -> None:
    source = message(
        attachments=(attachment(content_id="img1", inline=True),), html="<p>Принтер</p>", quoted="> раньше"
    )
    await open_tickets(database.store, [source])
    view = await database.views.ticket(EVERY, 1)
    assert (view.number, view.subject, view.status, view.line) == (1, "Не печатает", "classification", "first")
    assert view.requester.identities[0].address == "anna@romashka.example"
    (shown,) = view.messages
    assert (shown.text, shown.quoted, shown.html) == (source.text, source.quoted, source.html)
    assert [a.file for a in shown.attachments] == list(source.attachments)
    assert [clock.target for clock in view.clocks] == ["first_response", "resolution"]
    assert view.clocks[0].segments[0].kind == "running"
    assert view.decision is not None
    assert view.decision.outcome("line") == "first"
    assert [entry.fact for entry in view.history] == ["ticket.created", "ticket.assigned"]


async def test_the_opening_message_comes_back_whole_for_explaining(database: Database) -> None:
    source = message(
        attachments=(attachment(),),
        automatic=Automatic(kind="list", because="List-Id"),
        fields={"product": "склад", "seats": 3},
        references=("parent@x.example",),
        flags=("charset_guessed",),
    )
    await open_tickets(database.store, [source])
    found, _ = await database.views.opening_message(EVERY, 1)
    assert found == source


async def test_a_later_message_of_the_ticket_does_not_replace_the_decision_that_opened_it(database: Database) -> None:
    first = message()
    await open_tickets(database.store, [first])
    answer = message()
    async with database.store.begin() as uow:
        author = (await uow.recall([answer], NOON)).identities["email", answer.sender.address].id
        await uow.save([appended(1, author, answer, Status.IN_PROGRESS)], NOON)
    found, _ = await database.views.opening_message(EVERY, 1)
    view = await database.views.ticket(EVERY, 1)
    assert found.envelope_id == first.envelope_id
    assert [m.envelope_id for m in view.messages] == [first.envelope_id, answer.envelope_id]


async def test_the_second_copy_of_a_mail_adds_its_recipient_to_the_first(database: Database) -> None:
    first = message(recipients=("support@example.org",))
    await open_tickets(database.store, [first])
    copy = message(key=first.key, recipients=("billing@example.org", "support@example.org"))
    async with database.store.begin() as uow:
        await uow.recall([copy], NOON)
        await uow.save([repeated(copy, 1, first.envelope_id)], NOON)
    (shown,) = (await database.views.ticket(EVERY, 1)).messages
    assert shown.recipients == ("support@example.org", "billing@example.org")


async def test_nothing_of_a_foreign_ticket_can_be_read(database: Database) -> None:
    source: Message = message(attachments=(attachment(),), html="<p>x</p>")
    await open_tickets(database.store, [source])
    shown = (await database.views.ticket(EVERY, 1)).messages[0]
    views = database.views
    for read in (
        views.ticket(FOREIGN, 1),
        views.opening_message(FOREIGN, 1),
        views.attachment(FOREIGN, shown.attachments[0].id),
        views.raw_key(FOREIGN, shown.id),
        views.message_html(FOREIGN, shown.id),
    ):
        with pytest.raises(NotFound):
            await read
    assert await views.raw_key(EVERY, shown.id) == source.raw
    assert (await views.attachment(EVERY, shown.attachments[0].id)).file == source.attachments[0]
    assert (await views.message_html(EVERY, shown.id))[0] == "<p>x</p>"
