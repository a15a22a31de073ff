"""Telephone calls as the store keeps them: what belongs together, and whether its ticket is still waited for.

A call's events come in any order, each with some of the call's keys (``domain.message.Call.keys``). Whatever shares a
key is one call. Read by the unit of work's ``recall``, decided on by ``router.calling``, written with its ``save``.
"""

from dataclasses import dataclass
from datetime import datetime

from domain.message import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCall:
    """``events``: what came of it so far, in the order in which it was kept. ``number``: its ticket, None while it
    waits for one. ``wait_until``: when it gets one whatever has come; None: it waits no more, or for a person.
    ``touched``: somebody works on the ticket, or it was passed on: what comes late does not move it any more."""

    id: str
    account: str
    keys: frozenset[str]
    number: int | None = None
    wait_until: datetime | None = None
    events: tuple[Message, ...] = ()
    touched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallKept:
    """What is to be kept of a call. ``events`` are those that it has not had, ``keys`` all that name it now.
    ``absorbed``: calls that have turned out to be this one. ``gathered``: events that were parked, and are part of the
    ticket from now on: their ledger lines become ``appended``. ``preview``: the ticket's first words, None where they
    stay. ``revision``: of the transcript that stands."""

    id: str
    account: str
    keys: tuple[str, ...]
    events: tuple[Message, ...]
    number: int | None = None
    wait_until: datetime | None = None
    revision: int = 0
    absorbed: tuple[str, ...] = ()
    gathered: tuple[Message, ...] = ()
    preview: str | None = None
