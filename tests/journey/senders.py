"""Senders that keep their own ledger, independent of the one that is tested: what was answered to which mail."""

import contextlib
import itertools
import random
import re
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bench.corpus import RECIPIENT, Mail, generate
from tests.journey.system import System, until

Word = Literal["acknowledged", "refused", "unknown"]
_ENVELOPE = re.compile(rb"Accepted as ([0-9A-Z]{26})")


@dataclass(slots=True)
class Sent:
    """One mail and what its sender was told. ``unknown``: the connection broke after DATA and before the answer."""

    mail: Mail
    words: list[Word] = field(default_factory=list)
    envelopes: list[str] = field(default_factory=list)

    @property
    def acknowledged(self) -> bool:
        return "acknowledged" in self.words


class Senders:
    """So many connections at once, each sending mail after mail until all are sent or ``finish`` is called.

    Every second mail that was not acknowledged is sent again, byte for byte, until it is; the others are not, and of
    those the oracle allows none or one."""

    def __init__(
        self, place: tuple[str, int], mails: Iterable[Mail], *, connections: int = 4, rate: float = 0.0
    ) -> None:
        self._place = place
        self._mails = enumerate(mails)
        self._taking = threading.Lock()
        self._finish = threading.Event()
        self._pause = connections / rate if rate else 0.0
        self.sent: list[Sent] = []
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(connections)]

    def __enter__(self) -> "Senders":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self) -> None:
        """No further mails; those in hand are brought to an end."""
        self._finish.set()
        self.join()

    def join(self) -> None:
        """Until every mail was sent."""
        for thread in self._threads:
            thread.join(120)
            assert not thread.is_alive(), "a sender hangs"

    def take(self, more: int) -> None:
        """Until that many further mails are acknowledged: what comes next falls into the load."""
        before = len(self.acknowledged)
        until(f"{more} more are acknowledged", lambda: len(self.acknowledged) >= before + more, every=0.01)

    @property
    def acknowledged(self) -> list[Sent]:
        return [sent for sent in list(self.sent) if sent.acknowledged]

    @property
    def envelopes(self) -> list[str]:
        return [envelope for sent in list(self.sent) for envelope in sent.envelopes]

    def _work(self) -> None:
        client: smtplib.SMTP | None = None
        while not self._finish.is_set():
            with self._taking:
                number, mail = next(self._mails, (0, None))
            if mail is None:
                break
            sent = Sent(mail)
            self.sent.append(sent)
            client = self._send(client, sent, retry=number % 2 == 0)
            if self._pause:
                self._finish.wait(self._pause)
        if client is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                client.quit()

    def _send(self, client: smtplib.SMTP | None, sent: Sent, *, retry: bool) -> smtplib.SMTP | None:
        pauses = itertools.chain((0.05, 0.1, 0.2), itertools.repeat(0.4))
        ends = time.monotonic() + 90
        while True:
            client = self._once(client, sent)
            tried = sent.words[-1] != "refused" or client is not None
            if sent.acknowledged or (tried and not retry) or time.monotonic() > ends:
                return client
            time.sleep(next(pauses) * random.uniform(0.5, 1.5))

    def _once(self, client: smtplib.SMTP | None, sent: Sent) -> smtplib.SMTP | None:
        """One try. Gives the connection back where it can still be used."""
        begun = False
        try:
            if client is None:
                client = smtplib.SMTP(*self._place, timeout=30)
                client.ehlo("journey.example")
            code, _ = client.mail(sent.mail.sender)
            code = client.rcpt(RECIPIENT)[0] if code == 250 else code
            if code != 250:
                sent.words.append("refused")
                client.close()
                return None
            begun = True
            code, text = client.data(sent.mail.raw)
        except (OSError, smtplib.SMTPException):
            sent.words.append("unknown" if begun else "refused")
            if client is not None:
                client.close()
            return None
        if code == 250:
            sent.words.append("acknowledged")
            found = _ENVELOPE.search(text)
            assert found, text
            sent.envelopes.append(found[1].decode())
            return client
        sent.words.append("refused")
        return client


def mails(count: int, *, seed: int = 1) -> Sequence[Mail]:
    """Small text mails, each with a Message-ID and subject of its own."""
    return list(generate(count, seed=seed, text_only=True))


def endless(*, seed: int = 1) -> Iterator[Mail]:
    """Such mails for as long as they are wanted."""
    return generate(1_000_000, seed=seed, text_only=True)


def hold_to_account(system: System, senders: Senders, *, within: float = 120.0) -> dict[str, dict[str, int]]:
    """The oracle: acknowledged means exactly one ticket with that Message-ID and subject, whatever else happened;
    never acknowledged means none or one. And the books add up. Returns the ledger."""
    system.wait_settled(senders.envelopes, within=within)
    ledger = system.quiet_ledger(within=within)
    own = {sent.mail.message_id for sent in senders.sent}
    every = system.rows("SELECT native_id, subject, number FROM messages")
    rows = [row for row in every if row["native_id"] in own]
    found = Counter((row["native_id"], row["subject"]) for row in rows)
    sure = {(sent.mail.message_id, sent.mail.subject): 1 for sent in senders.acknowledged}
    assert {mail: found[mail] for mail in sure} == sure
    rest = {(sent.mail.message_id, sent.mail.subject) for sent in senders.sent} - sure.keys()
    assert {mail: found[mail] for mail in rest if found[mail] > 1} == {}
    assert set(found) <= sure.keys() | rest
    sizes = Counter(row["number"] for row in every)
    assert {row["number"]: sizes[row["number"]] for row in rows} == {row["number"]: 1 for row in rows}
    assert ledger["total"]["quarantined"] == 0, system.rows("SELECT reason, origin FROM held")
    return ledger
