"""A raw SMTP conversation, for what no well-behaved client would say."""

import contextlib
import socket
from collections.abc import Iterator

from tests.journey.instance import Instance
from tests.journey.system import until


class Conversation:
    def __init__(self, place: tuple[str, int], source: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection(place, timeout=60, source_address=(source, 0))
        self._lines = self.socket.makefile("rb")
        self.greeting = self.reply()

    def reply(self) -> str:
        """The next reply's last line; "" where the peer hung up."""
        while True:
            line = self._lines.readline().decode()
            if line[3:4] != "-":
                return line.rstrip("\r\n")

    def write(self, data: bytes) -> None:
        self.socket.sendall(data)

    def say(self, line: str) -> str:
        self.write(line.encode() + b"\r\n")
        return self.reply()

    def say_all(self, *lines: str) -> list[str]:
        return [self.say(line) for line in lines]

    def begin(self, sender: str = "someone@client.example") -> None:
        """Up to DATA."""
        lines = ("EHLO client.example", f"MAIL FROM:<{sender}>", "RCPT TO:<support@example.org>", "DATA")
        assert [reply[:3] for reply in self.say_all(*lines)] == ["250", "250", "250", "354"]

    def mail(self, data: bytes) -> str:
        """One mail, its end of data included; the answer."""
        self.begin()
        self.write(data + b"\r\n.\r\n")
        return self.reply()

    def close(self) -> None:
        self._lines.close()
        self.socket.close()


@contextlib.contextmanager
def conversation(place: tuple[str, int], source: str = "127.0.0.1") -> Iterator[Conversation]:
    talking = Conversation(place, source)
    try:
        yield talking
    finally:
        talking.close()


def send(place: tuple[str, int], data: bytes) -> str:
    """One mail in a conversation of its own; its answer."""
    with conversation(place) as talking:
        return talking.mail(data)


def ticketed(priyom: Instance, data: bytes) -> int:
    """Sends a mail; the number of the ticket it went into."""
    line = priyom.outcome(priyom.envelope_of(send(priyom.smtp, data)))
    number = line["number"]
    assert number is not None, line
    return int(number)


def nothing_new(priyom: Instance, accepted: int) -> None:
    """The raw log holds no more than before."""
    until("the ledger is as before", lambda: priyom.ledger()["total"]["accepted"] == accepted, within=10)
