"""Errors that say whether to try again, and that speak with two voices.

``public`` is safe to show to a stranger on the other end of a protocol; ``reason`` and ``detail`` are for the
operator's log and the ticket's history. Neither holds message bodies or addresses.
"""

from typing import Any


class Fault(Exception):
    """Base of every error that Priyom raises on purpose."""

    def __init__(self, public: str, *, reason: str = "", **detail: Any) -> None:
        super().__init__(reason or public)
        self.public = public
        self.reason = reason or public
        self.detail = detail


class Temporary(Fault):
    """This message could not be handled now; the retry ladder tries it again."""


class Unavailable(Temporary):
    """A dependency (bus, database, blobs) is away. Fetching pauses until it is back; no attempt is spent."""

    def __init__(self, dependency: str, *, reason: str = "", **detail: Any) -> None:
        super().__init__("The service is temporarily unavailable", reason=reason or f"{dependency} is away", **detail)
        self.dependency = dependency


class Uncertain(Fault):
    """It was handed over, and nobody can say whether it arrived: trying again might do it twice."""


class Permanent(Fault):
    """This message will never succeed as it is: it goes to the dead letters with its reason."""


class Invalid(Permanent):
    """Input that breaks a rule. ``field`` names where, ``public`` says why."""

    def __init__(self, field: str, why: str, **detail: Any) -> None:
        super().__init__(f"{field}: {why}", reason=f"{field}: {why}", **detail)
        self.field = field
        self.why = why


class Conflict(Fault):
    """The request contradicts what stands already (an idempotency key with another body, a stale version)."""


class NotFound(Fault):
    """Absent, or outside the caller's scope: the two are never told apart."""


class Refused(Conflict):
    """An action that the process does not allow as the ticket stands. ``missing``: (what, why) for each thing that
    would have to be there."""

    def __init__(self, public: str, missing: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(public, reason="; ".join([public, *(f"{what}: {why}" for what, why in missing)]))
        self.missing = missing
