"""The real clock and the real identifiers: the only place that reads the time or the random source for ids."""

import secrets
import time
from datetime import UTC, datetime

from ulid import base32

_TIME_BITS = 80
_LEAP_BITS = 64


class SystemClock:
    """``domain.ports.Clock``."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class UlidIds:
    """``domain.ports.Ids``: ULIDs (48 bits of milliseconds, then 80 bits), as the ULID specification encodes them.

    Of one object each is greater than the one before. Within a millisecond it is so by a random leap of 64 bits, not
    by one as the specification has it: an id must not be guessed from its neighbour.
    """

    def __init__(self) -> None:
        self._last = 0

    def new(self) -> str:
        floor = time.time_ns() // 1_000_000 << _TIME_BITS
        last = self._last  # read once: threads may ask at the same time, and then only the order is lost
        fresh = floor + secrets.randbits(_TIME_BITS - 1) if last < floor else last + 1 + secrets.randbits(_LEAP_BITS)
        self._last = fresh
        return str(base32.encode(fresh.to_bytes(16, "big")))
