"""What requesters are told by itself: which letter, in which words, to whom, and when nothing is sent."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.commands import Actor, Escalate, SetStatus
from domain.facts import LettersMuted, MessageAppended, NoticeDue
from domain.message import Automatic
from domain.outgoing import Correspondence, Correspondent, Outgoing, Outlet
from domain.policy import Closing, Letter, LetterBudget, Reaction, Text
from domain.status import Status
from domain.ticket import TicketState
from domain.views import Scope
from router.actions import TicketActions
from router.service import Router
from router.timekeeper import Timekeeper
from tests.fakes_store import CountingIds, FakeStore, FixedClock, FixedPolicy
from tests.router.make import SECRET, message
from tests.router.policies import HOUR, NOW, make_policy

EVERYTHING = Scope(reader="test", lines=None)
VERA = Actor(id="agent:A1", name="Вера", agent="A1")
MAIL = Outlet(channels=frozenset({"email"}))


def letter(key: str, on: str | None, body: str = "", **changes: Any) -> Letter:
    words = body or f"{key} {{number}}"
    values: dict[str, Any] = {"key": key, "subject": Text(ru=f"[{{number}}] {key} ру", en=f"[{{number}}] {key}")}
    return Letter(**{**values, "body": Text(ru=words, en=words), "on": on, **changes})


def letters(*given: Letter) -> dict[str, Letter]:
    return {each.key: each for each in given}


class Office:
    """Router, actions and timekeeper over one store; mail can be sent."""

    def __init__(self, *given: Letter, outlet: Outlet = MAIL, **policy: Any) -> None:
        self.store, self.clock, self.ids = FakeStore(), FixedClock(NOW), CountingIds()
        self.policy = FixedPolicy(make_policy(letters=letters(*given), **policy))
        self.router = Router(self.store, self.policy, self.clock, self.ids, SECRET, outlet)
        self.actions = TicketActions(self.store, self.policy, self.clock, self.ids, outlet)
        self.timekeeper = Timekeeper(self.store, self.policy, self.clock, self.ids, outlet)
        self._count = 0

    def write(self, text: str = "вопрос", **changes: Any) -> TicketState:
        self._count += 1
        values = {"envelope_id": f"E{self._count}", "key": f"K{self._count}", "received_at": self.clock.at, **changes}
        asyncio.run(self.router.route([message(text, **values)]))
        return self.store.tables.states[max(self.store.tables.states)]

    def known(self, number: int, **changes: Any) -> None:
        """Whom letters on a ticket may go to."""
        person = Correspondent(id="I1", channel="email", account="smtp", name="Анна", wrote=True, requester=True)
        values: dict[str, Any] = {"people": (person,), "organization": "ООО Ромашка"}
        self.store.tables.correspondences[number] = Correspondence(**{**values, **changes})

    def act(self, number: int, command: Any) -> list[Outgoing]:
        """The letters that a command had written."""
        before = len(self.store.tables.changes)
        asyncio.run(self.actions.act(EVERYTHING, number, command, VERA))
        return [each for change in self.store.tables.changes[before:] for each in change.letters]

    def at(self, moment: datetime) -> list[Outgoing]:
        self.clock.at = moment
        before = len(self.store.tables.changes)
        asyncio.run(self._work())
        return [each for change in self.store.tables.changes[before:] for each in change.letters]

    async def _work(self) -> None:
        await self.timekeeper.fire()
        while (done := await self.timekeeper.follow()).count:
            assert not done.failed, done.failed

    @property
    def acknowledged(self) -> list[Outgoing]:
        return [each for effect in self.store.tables.effects for each in getattr(effect, "letters", ())]


ACKNOWLEDGEMENT = letter("acknowledgement", "opened")


def test_a_new_request_is_acknowledged_in_its_own_language_and_nothing_of_it_is_repeated() -> None:
    office = Office(letter("acknowledgement", "opened", "Номер {number}. {company}"))
    office.write("Совсем не печатает чек", language="ru")
    (told,) = office.acknowledged
    assert (told.subject, told.text) == ("[T-000001] acknowledgement ру", "Номер T-000001. Test\n")
    assert (told.channel, told.automatic, told.letter, told.to) == ("email", True, "acknowledgement", "I1")


@pytest.mark.parametrize(
    "changes",
    [
        {"automatic": Automatic(kind="bulk", because="Precedence: bulk")},
        {"flags": ("no_auto_reply",)},
        {"flags": ("dmarc_fail",)},
        {"parent": 1},
    ],
    ids=["a program wrote it", "it asks for no answer", "its sender is not who they say", "one of us asks"],
)
def test_nothing_is_acknowledged_where(changes: dict[str, Any]) -> None:
    office = Office(ACKNOWLEDGEMENT)
    office.write("первый")
    office.write("второй", **changes)
    assert len(office.acknowledged) == 1


def test_a_letter_that_is_off_or_of_another_plan_is_not_sent() -> None:
    office = Office(
        replace(ACKNOWLEDGEMENT, enabled=False), letter("for-premium", "opened", plans=frozenset({"premium"}))
    )
    office.write()
    assert office.acknowledged == []


def test_without_an_account_to_send_from_nothing_is_written() -> None:
    office = Office(ACKNOWLEDGEMENT, outlet=Outlet())
    office.write()
    assert office.acknowledged == []


def test_a_correspondent_who_has_had_their_share_is_muted_and_their_tickets_are_kept() -> None:
    office = Office(ACKNOWLEDGEMENT, budget=LetterBudget(per_hour=3, per_day=5))
    for _ in range(5):
        office.write()
        sent = len(office.acknowledged)
        office.store.tables.mailed["I1"] = (sent, sent)
    assert len(office.store.tables.states) == 5
    assert len(office.acknowledged) == 3
    muted = [f for effect in office.store.tables.effects for f in effect.facts if isinstance(f, LettersMuted)]
    assert [(fact.ticket, fact.count) for fact in muted] == [(4, 3), (5, 3)]


def test_a_muted_correspondent_is_an_alarm_of_the_policy() -> None:
    alarm = Reaction(key="storm", on="letters_muted", notify=frozenset({"lead"}), mark="storm")
    office = Office(ACKNOWLEDGEMENT, budget=LetterBudget(per_hour=1, per_day=1), reactions=(alarm,))
    office.write()
    office.store.tables.mailed["I1"] = (1, 1)
    office.write()
    office.at(NOW)
    assert "storm" in office.store.tables.states[2].flags
    told = [f for change in office.store.tables.changes for f in change.facts if isinstance(f, NoticeDue)]
    assert [(fact.ticket, fact.whom, fact.about) for fact in told] == [(2, ("lead",), "letters_muted")]


def test_one_batch_counts_against_the_budget_too() -> None:
    office = Office(ACKNOWLEDGEMENT, budget=LetterBudget(per_hour=2, per_day=5))
    batch = [message("вопрос", envelope_id=f"E{n}", key=f"K{n}", conversation=(f"c{n}",)) for n in range(5)]
    asyncio.run(office.router.route(batch))
    assert (len(office.store.tables.states), len(office.acknowledged)) == (5, 2)


def test_what_happens_to_the_ticket_is_told_by_the_letter_of_the_moment() -> None:
    office = Office(
        letter("up", "escalated", "{line}: {agent}", lines=frozenset({"second"})),
        letter("wait", "waiting"),
        letter("done", "solved", "{name}, {organization}"),
    )
    number = office.write().number
    office.known(number)
    office.act(number, SetStatus(status=Status.IN_PROGRESS))
    (up,) = office.act(number, Escalate(reason="нужен эксперт"))
    assert (up.letter, up.text) == ("up", "second: second\n")
    assert [each.letter for each in office.act(number, SetStatus(status=Status.WAITING_REQUESTER))] == ["wait"]
    (done,) = office.act(number, SetStatus(status=Status.FEEDBACK))
    assert (done.letter, done.text, done.to) == ("done", "Анна, ООО Ромашка\n", "I1")
    change = office.store.tables.changes[-1]
    assert [fact.message for fact in change.facts if isinstance(fact, MessageAppended)] == [done.id]


def test_who_waits_for_the_requester_reminds_them_once_with_what_was_asked() -> None:
    office = Office(letter("remind", "reminder", "Вы не ответили на: {text}", after_s=2 * HOUR))
    number = office.write().number
    office.known(number, last_words="Какая у вас версия?")
    office.act(number, SetStatus(status=Status.WAITING_REQUESTER))
    assert office.at(NOW + timedelta(hours=1, minutes=59)) == []
    (told,) = office.at(NOW + timedelta(hours=2))
    assert told.text == "Вы не ответили на: Какая у вас версия?\n"
    # Whatever sets its timers anew does not remind again.
    office.known(number, written={"remind": office.clock.at})
    waiting = office.store.tables.states[number]
    assert waiting.status is Status.WAITING_REQUESTER
    office.act(number, SetStatus(status=Status.CLASSIFICATION))
    office.known(number)
    office.act(number, SetStatus(status=Status.WAITING_REQUESTER))
    assert len(office.at(NOW + timedelta(hours=4))) == 1


def test_who_has_answered_is_not_reminded() -> None:
    office = Office(letter("remind", "reminder", after_s=2 * HOUR))
    number = office.write(conversation=("c1",)).number
    office.known(number)
    office.act(number, SetStatus(status=Status.WAITING_REQUESTER))
    office.write("вот ответ", conversation=("c1",))
    assert office.at(NOW + timedelta(hours=9)) == []


def test_a_ticket_that_closes_by_itself_says_so() -> None:
    policy = make_policy()
    kinds = {key: replace(kind, closing=Closing(after_s=HOUR)) for key, kind in policy.kinds.items()}
    office = Office(letter("gone", "closed"), kinds=kinds)
    number = office.write().number
    office.known(number)
    office.act(number, SetStatus(status=Status.IN_PROGRESS))
    office.act(number, SetStatus(status=Status.FEEDBACK))
    (told,) = office.at(NOW + timedelta(hours=2))
    assert (told.letter, office.store.tables.states[number].status) == ("gone", Status.CLOSED)


def test_the_due_time_is_told_in_the_zone_of_its_calendar_and_empty_lines_do_not_pile_up() -> None:
    office = Office(letter("acknowledgement", "opened", "До {due}.\n\n{text}\n\n{url}\n\nВсё."))
    office.write("вопрос", language="ru")
    assert office.acknowledged[0].text == "До 23.11.2026 14:00.\n\nВсё.\n"


def test_letters_go_to_a_verified_address_where_the_one_that_wrote_cannot_be_reached() -> None:
    office = Office(letter("wait", "waiting"))
    number = office.write().number
    gone = Correspondent(id="I1", channel="email", account="smtp", wrote=True, requester=True, unreachable="5.1.1")
    unproven = Correspondent(id="I2", channel="email", account="smtp", requester=True)
    proven = Correspondent(id="I3", channel="email", account="smtp", requester=True, verified=True)
    office.known(number, people=(gone, unproven, proven))
    (told,) = office.act(number, SetStatus(status=Status.WAITING_REQUESTER))
    assert told.to == "I3"
