"""kill -9 of whoever sends, around the relay's 250: nothing that was to be sent is forgotten, and what arrives twice is
known as one by its Message-ID."""

from collections.abc import Iterator

import pytest

from tests.journey.instance import Instance, instance
from tests.journey.system import until
from tests.journey.test_mail_both_ways import letter, mail_settings, only_ticket, write
from tests.relay import Relay, Taken, relay

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.timeout(300), pytest.mark.slow]


@pytest.fixture
def post() -> Iterator[Relay]:
    with relay() as running:
        yield running


@pytest.fixture
def priyom(post: Relay) -> Iterator[Instance]:
    with instance(settings=mail_settings(post.port)) as running:
        yield running


@pytest.mark.parametrize("word", ["250 taken", "451 not now"], ids=["after it was taken", "before it was taken"])
def test_killed_while_the_relay_answers(priyom: Instance, post: Relay, word: str) -> None:
    address = "anna@client.example"
    killed: list[Taken] = []

    def answer(mail: Taken) -> str:
        if killed:
            return "250 taken"
        killed.append(mail)
        priyom.kill_part("work")  # nobody hears the answer
        return word

    post.answer = answer
    write(priyom, letter("Вопрос", "Когда обновление?", sender=address), sender=address)
    number = only_ticket(priyom, address)
    wanted = 2 if word.startswith("250") else 1
    until("it is sent by the next process", lambda: len(post.to(address)) >= wanted, within=120)
    until(
        "its delivery says so",
        lambda: priyom.get(f"/api/v1/tickets/{number}")["messages"][-1]["delivery"]["state"] == "sent",
    )
    assert len({mail.mail["Message-ID"] for mail in (*post.to(address), killed[0])}) == 1
    assert len(post.to(address)) == wanted
    assert priyom.get(f"/api/v1/tickets/{number}")["messages"][-1]["delivery"]["attempts"] == 2


def test_what_waits_while_nobody_sends_is_sent_when_somebody_does(priyom: Instance, post: Relay) -> None:
    """The router commits, then everything is killed before the sender has looked."""
    post.answer = lambda _mail: "451 not now"
    addresses = [f"a{n}@client.example" for n in range(5)]
    for address in addresses:
        write(priyom, letter("Вопрос", "Когда?", sender=address), sender=address)
    for address in addresses:
        only_ticket(priyom, address)
    priyom.kill_whole()
    post.answer = lambda _mail: "250 taken"
    priyom.start()
    for address in addresses:
        until(f"{address} has its letter", lambda to=address: post.to(to), within=90)  # type: ignore[misc]
    assert {len({mail.mail["Message-ID"] for mail in post.to(address)}) for address in addresses} == {1}
