"""Idempotency keys of form clients in a bucket on the bus (``domain.ports.Reservations``)."""

import asyncio
from typing import Any

import nats.errors
from nats.js.errors import Error as JetStreamError
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError

from domain.errors import Conflict, Unavailable
from gateway.bus import Bus

_KEPT_S = 86_400.0


class BusReservations:
    """A key is held for a day. The value is ``<body hash> <value>``."""

    def __init__(self, bus: Bus, *, bucket: str = "form-keys") -> None:
        self._bus = bus
        self._bucket = bucket
        self._opened: Any = None
        self._opening = asyncio.Lock()

    async def reserve(self, key: str, body_hash: str, value: str) -> str:
        """See ``domain.ports.Reservations.reserve``."""
        try:
            bucket = await self._open()
            try:
                await bucket.create(key, f"{body_hash} {value}".encode())
            except KeyWrongLastSequenceError:
                standing = (await bucket.get(key)).value.decode()
            else:
                return value
        except KeyNotFoundError:  # it went out of date between the two
            return value
        except (nats.errors.Error, JetStreamError, TimeoutError) as error:
            raise Unavailable("bus", reason=f"bus: {type(error).__name__}") from error
        standing_hash, _, standing_value = standing.partition(" ")
        if standing_hash != body_hash:
            raise Conflict("This idempotency key was used with other content")
        return str(standing_value)

    async def _open(self) -> Any:
        async with self._opening:
            if self._opened is None:
                self._opened = await self._bus.key_value(self._bucket, ttl=_KEPT_S)
        return self._opened
