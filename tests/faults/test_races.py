"""Two routers at once, on PostgreSQL: one conversation is one ticket, and one mail is one effect."""

import threading
from collections import Counter

import pytest

from tests.journey.cluster import cluster
from tests.journey.conversation import conversation
from tests.servers import NatsServer, PostgresServer

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.timeout(300)]

ROUNDS = 40


def _at_once(place: tuple[str, int], pairs: list[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """Sends the two mails of each pair at the same moment, over two connections; their answers."""
    meet = threading.Barrier(2)
    answers: tuple[list[str], list[str]] = ([], [])

    def work(side: int) -> None:
        with conversation(place) as talking:
            for pair in pairs:
                talking.begin()
                meet.wait(60)
                talking.write(pair[side] + b"\r\n.\r\n")
                answers[side].append(talking.reply())

    threads = [threading.Thread(target=work, args=(side,)) for side in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return list(zip(*answers, strict=True))


def _mail(number: int, name: str, more: str = "") -> bytes:
    return (
        f"From: anna@client.example\r\nSubject: Round {number}\r\nMessage-ID: <{name}{number}@client.example>\r\n{more}"
        f"\r\n{name}\r\n"
    ).encode()


def test_a_mail_and_its_reply_at_the_same_time_are_always_one_ticket(
    nats: NatsServer, postgres: PostgresServer
) -> None:
    pairs = [(_mail(n, "a"), _mail(n, "b", f"In-Reply-To: <a{n}@client.example>\r\n")) for n in range(ROUNDS)]
    with cluster(nats, postgres, ["router.2", "normalizer.2"]) as priyom:
        answers = _at_once(priyom.smtp, pairs)
        envelopes = [tuple(map(priyom.envelope_of, pair)) for pair in answers]
        priyom.wait_settled([envelope for pair in envelopes for envelope in pair])

        settled = priyom.settled()
        numbers = [{settled[envelope]["number"] for envelope in pair} for pair in envelopes]
        assert [len(pair) for pair in numbers] == [1] * ROUNDS
        assert len(set.union(*numbers)) == ROUNDS
        assert Counter(line["outcome"] for line in settled.values()) == {"ticketed": ROUNDS, "appended": ROUNDS}
        priyom.quiet_ledger()
        both = [name for name in ("router", "router.2") if "message.settled" in priyom.log(name)]
        assert both == ["router", "router.2"]  # else it was no race


def test_the_same_mail_twice_at_the_same_time_is_one_ticket_and_one_duplicate(
    nats: NatsServer, postgres: PostgresServer
) -> None:
    pairs = [(_mail(n, "same"), b"Received: by other.example\r\n" + _mail(n, "same")) for n in range(ROUNDS)]
    with cluster(nats, postgres, ["router.2", "normalizer.2"]) as priyom:
        answers = _at_once(priyom.smtp, pairs)
        envelopes = [tuple(map(priyom.envelope_of, pair)) for pair in answers]
        priyom.wait_settled([envelope for pair in envelopes for envelope in pair])

        settled = priyom.settled()
        outcomes = [sorted(settled[envelope]["outcome"] for envelope in pair) for pair in envelopes]
        assert outcomes == [["duplicate", "ticketed"]] * ROUNDS
        assert len({line["number"] for line in settled.values()}) == ROUNDS
        assert priyom.quiet_ledger()["total"]["duplicate"] == ROUNDS
