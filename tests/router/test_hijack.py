"""Who gets into a ticket: token x From x participant x domain check x channel, through the router and its store.

Anna's ticket is T-000005; Boris takes part in it; T-000006 is somebody else's. ``mallory`` writes from an address of
their own, ``spoofed`` as if from Anna's.
"""

import asyncio
import json
from dataclasses import replace

import pytest

from domain.effects import Appended, Opened
from domain.identity import Identity
from domain.message import Address, AuthenticationResult, Envelope, Message
from domain.status import Status
from domain.tokens import sign_ticket
from normalizer import form
from router.service import Router
from tests.fakes_store import CountingIds, FakeStore, FixedClock, FixedPolicy
from tests.router.make import SECRET, message, ticket
from tests.router.policies import NOW, make_policy

ADDRESS = {
    "email": {"anna": "anna@client.example", "boris": "boris@client.example", "mallory": "m@stranger.example"},
    "telegram": {"anna": "777", "boris": "778", "mallory": "666"},
    "form": {"anna": "anna@client.example", "boris": "boris@client.example", "mallory": "m@stranger.example"},
    "phone": {"anna": "+79161234567", "boris": "+79161234568", "mallory": "+79160000000"},
}
"""By the channel that they write on; a form's sender is known by what was typed into it: nothing proves it."""

TABLE = """
channel   who      token   link       check  -> ticket  flag

email     anna     -       -          none   -> new     -
email     anna     own     -          none   -> joins   -
email     anna     own     -          pass   -> joins   -
email     spoofed  own     -          fail   -> new     dmarc_fail
email     anna     forged  -          none   -> new     forged_token
email     anna     forged  reference  pass   -> new     forged_token
email     anna     other   -          none   -> new     foreign_sender
email     anna     other   reference  none   -> joins   -
email     anna     -       reference  none   -> joins   -
email     anna     -       reference  pass   -> joins   -
email     spoofed  -       reference  fail   -> new     dmarc_fail
email     anna     -       handle     none   -> joins   -
email     spoofed  -       handle     fail   -> new     dmarc_fail
email     anna     -       number     none   -> new     -
email     anna     -       number     pass   -> new     -
email     spoofed  -       number     fail   -> new     dmarc_fail
email     boris    -       -          none   -> new     -
email     boris    own     -          none   -> joins   -
email     boris    own     -          fail   -> new     dmarc_fail
email     boris    -       reference  none   -> joins   -
email     boris    -       reference  fail   -> new     dmarc_fail
email     boris    -       number     pass   -> new     -
email     boris    forged  reference  none   -> new     forged_token
email     mallory  -       -          none   -> new     -
email     mallory  own     -          none   -> new     foreign_sender
email     mallory  own     -          pass   -> new     foreign_sender
email     mallory  own     reference  pass   -> new     foreign_sender
email     mallory  own     -          fail   -> new     dmarc_fail
email     mallory  forged  -          none   -> new     forged_token
email     mallory  forged  reference  pass   -> new     forged_token
email     mallory  -       reference  none   -> new     foreign_reference
email     mallory  -       reference  pass   -> new     foreign_reference
email     mallory  -       number     pass   -> new     -
email     mallory  -       copy       pass   -> new     -
telegram  anna     -       reference  -      -> joins   -
telegram  anna     -       handle     -      -> joins   -
telegram  anna     -       number     -      -> new     -
telegram  mallory  -       reference  -      -> new     foreign_reference
telegram  mallory  -       number     -      -> new     -
telegram  mallory  own     -          -      -> new     foreign_sender
telegram  anna     -       choice     -      -> joins   -
telegram  mallory  -       choice     -      -> new     -
form      anna     -       number     -      -> new     -
form      anna     own     -          -      -> new     -
form      anna     -       reference  -      -> new     -
form      mallory  own     -          -      -> new     -
phone     anna     -       number     -      -> new     -
phone     mallory  -       choice     -      -> new     -
"""
ROWS = [line.replace("->", "").split() for line in TABLE.strip().splitlines()[2:]]


class Case:
    """The two tickets, and one message."""

    def __init__(self, channel: str) -> None:
        self.store = FakeStore()
        known = "email" if channel == "form" else channel
        names = ADDRESS[channel]
        for key in ("anna", "boris"):
            self.store.add_identity(Identity(id=f"I-{key}", channel=known, address=names[key]))
        mine = ticket(5, Status.IN_PROGRESS, "I-anna", "I-boris")
        self.store.add_ticket(mine, handles=("anna's thread",), natives=("ours@example.org",))
        self.store.add_ticket(ticket(6, Status.IN_PROGRESS, "I-other"))
        self.router = Router(self.store, FixedPolicy(make_policy()), FixedClock(NOW), CountingIds(), SECRET)
        self.channel, self.sender_channel, self.names = channel, known, names

    def write(self, who: str, token: str, link: str, check: str) -> tuple[str, tuple[str, ...]]:
        address = self.names["anna" if who == "spoofed" else who]
        tokens = {
            "-": (),
            "own": (sign_ticket(5, SECRET),),
            "other": (sign_ticket(6, SECRET),),
            "forged": (sign_ticket(5, b"another secret"),),
        }[token]
        sent = (
            self._form(address, tokens, link)
            if self.channel == "form"
            else replace(
                message(
                    "Прошу ответить.",
                    "Re: T-000005" if link == "number" else "Вопрос",
                    channel=self.channel,
                    tokens=tokens,
                    references=("ours@example.org",) if link == "reference" else (),
                    conversation=("anna's thread",) if link == "handle" else (f"{who}'s own thread",),
                    cc=(Address(channel="email", address="anna@client.example"),) if link == "copy" else (),
                    choice=5 if link == "choice" else None,
                    authentication=checked(check),
                ),
                sender=Address(channel=self.sender_channel, address=address),
            )
        )
        routed = asyncio.run(self.router.route([sent]))
        assert not routed.failed
        (effect,) = routed.effects
        assert isinstance(effect, Opened | Appended)
        joined = isinstance(effect, Appended)
        assert not joined or effect.number == 5  # type: ignore[union-attr]
        flags = effect.message.flags
        return "joins" if joined else "new", tuple(flag for flag in flags if flag != "automatic")

    def _form(self, address: str, tokens: tuple[str, ...], link: str) -> Message:
        """What somebody types into a form, with everything in it that they could have copied from a letter."""
        typed = {
            "email": address,
            "subject": "Re: T-000005" if link == "number" else "Вопрос",
            "body": " ".join(["Прошу ответить.", *tokens, "<ours@example.org>"]),
            "fields": {"in_reply_to": "<ours@example.org>", "token": " ".join(tokens)},
        }
        raw = json.dumps(typed).encode()
        envelope = Envelope(
            id="E1",
            channel="form",
            account="default",
            adapter="form",
            received_at=NOW,
            media_type="application/json",
            size=len(raw),
            sha256="0" * 64,  # type: ignore[arg-type]
            raw=raw,
        )
        return form.normalize(envelope, raw).message


def checked(check: str) -> tuple[AuthenticationResult, ...]:
    return (AuthenticationResult(authserv_id="mx.example.org", dmarc=check),) if check in ("pass", "fail") else ()


def test_the_table_has_every_channel_everybody_and_every_token() -> None:
    for column, wanted in (
        (0, {"email", "telegram", "form", "phone"}),
        (1, {"anna", "boris", "mallory", "spoofed"}),
        (2, {"-", "own", "other", "forged"}),
        (3, {"-", "reference", "handle", "number", "copy", "choice"}),
        (4, {"-", "none", "pass", "fail"}),
    ):
        assert {row[column] for row in ROWS} == wanted


@pytest.mark.parametrize("row", ROWS, ids=["-".join(part for part in row[:5] if part != "-") for row in ROWS])
def test_who_gets_into_a_ticket(row: list[str]) -> None:
    channel, who, token, link, check, outcome, flag = row
    assert Case(channel).write(who, token, link, check) == (outcome, () if flag == "-" else (flag,))


@pytest.mark.parametrize("who", ["anna", "boris", "mallory"])
def test_what_did_not_join_is_shown_beside_the_ticket_that_it_points_to(who: str) -> None:
    case = Case("email")
    case.write(who, "forged", "number", "pass")
    (effect,) = case.store.tables.effects
    assert isinstance(effect, Opened)
    assert effect.decision.snapshot["suggestions"] == [5]


def test_a_proven_second_channel_joins_as_the_requester_does() -> None:
    case = Case("telegram")
    case.store.add_ticket(ticket(7, Status.IN_PROGRESS, "I-elsewhere", "I-anna"), natives=("elsewhere@example.org",))
    sent = message("Вот ответ", channel="telegram", references=("elsewhere@example.org",), conversation=("c",))
    sent = replace(sent, sender=Address(channel="telegram", address="777"))
    (effect,) = asyncio.run(case.router.route([sent])).effects
    assert isinstance(effect, Appended)
    assert effect.number == 7
