"""What a receiver of a channel is given. Made by ``gateway.wiring`` for each account of the settings."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from channels.health import Health
from domain.ports import Blobs, Bookmarks, Clock, Ids, Intake, OwnRequests, PolicySource


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiving:
    """``account`` is its name in the settings. ``refused`` counts what is not taken, by a short reason. ``log`` takes
    ``noun.verb`` events with surrogate ids, never bodies."""

    account: str
    intake: Intake
    blobs: Blobs
    bookmarks: Bookmarks
    requests: OwnRequests
    policy: PolicySource
    health: Health
    clock: Clock
    ids: Ids
    log: Any
    refused: Callable[[str], None]


class Receiver(Protocol):
    """Takes in what comes on one account until it is told to stop. It says "received" to the other side only once
    ``intake.accept`` has returned; what it raises ends its process, so a fault of the other side is told to ``health``
    and tried again."""

    async def run(self, stop: asyncio.Event) -> None: ...
