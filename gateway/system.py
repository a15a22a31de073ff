"""The real clock and the real identifiers: the only place that reads the time or the random source for ids."""

import secrets
import time
from datetime import UTC, datetime

from ulid import base32


class SystemClock:
    """``domain.ports.Clock``."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class UlidIds:
    """``domain.ports.Ids``: ULIDs (48 bits of milliseconds, 80 random bits), as the ULID specification encodes them."""

    def new(self) -> str:
        return str(base32.encode((time.time_ns() // 1_000_000).to_bytes(6, "big") + secrets.token_bytes(10)))
