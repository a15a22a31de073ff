"""Accounts of channels: a mailbox, a bot, a telephony provider. Who runs one tells how it fares."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

AccountCondition = Literal["connected", "lagging", "failing"]
"""``lagging``: it is connected, and what waits there grows old. ``failing``: it cannot be reached, or refuses us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """How an account of a channel fares, as its receiver (or sender) last told.

    ``adapter`` is the section of the settings that it stands in (``imap``), ``channel`` what its messages are of
    (``email``). ``since``: when ``condition`` began; ``error``: why it is failing, for an operator, without personal
    data; ``last_message_at``: when a message last came or went; ``oldest_at``: how long the oldest one that is not yet
    taken has been waiting there, where that can be told; ``told_at``: when it was heard of, which grows old when
    nobody runs it."""

    adapter: str
    account: str
    channel: str
    condition: AccountCondition
    since: datetime
    told_at: datetime
    error: str = ""
    last_message_at: datetime | None = None
    oldest_at: datetime | None = None
