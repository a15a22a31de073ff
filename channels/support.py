"""What HTTP adapters share: limits over a sliding window, safe file names, the sniffed type of a file. No I/O."""

import re
from collections import deque
from collections.abc import Hashable
from datetime import datetime, timedelta

import puremagic

MAX_KEYS = 50_000
"""Callers a window remembers at once; beyond, those with no recent call are forgotten first."""
UNKNOWN = "application/octet-stream"
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class SlidingWindow:
    """At most ``limit`` calls per key within ``window``. In memory, for one process: a brake, not a ledger."""

    def __init__(self, limit: int, window: timedelta) -> None:
        self.limit = limit
        self.window = window
        self._calls: dict[Hashable, deque[datetime]] = {}

    def wait(self, key: Hashable, now: datetime) -> float:
        """Seconds until the key may call again; 0 counts this call."""
        calls = self._calls.setdefault(key, deque())
        while calls and now - calls[0] >= self.window:
            calls.popleft()
        if len(calls) >= self.limit:
            return max(1.0, (calls[0] + self.window - now).total_seconds())
        calls.append(now)
        if len(self._calls) > MAX_KEYS:
            self._forget(now)
        return 0.0

    def _forget(self, now: datetime) -> None:
        recent = {key: calls for key, calls in self._calls.items() if calls and now - calls[-1] < self.window}
        oldest_first = sorted(recent.items(), key=lambda item: item[1][-1])
        self._calls = dict(oldest_first[-MAX_KEYS // 2 :])


def safe_name(name: str) -> str:
    """No path, no control or direction characters, no leading dots, never empty."""
    last = _UNSAFE.sub("", name).replace("\\", "/").rpartition("/")[2].strip(" .")
    return last[-150:] or "file"


def describe(name: str, content: bytes) -> tuple[str, str]:
    """The name and the media type under which a file is kept."""
    return safe_name(name), sniff(content)


def sniff(content: bytes) -> str:
    """What the content says it is. Text has no signature: there, whether its beginning is UTF-8 decides."""
    try:
        return str(puremagic.from_string(content[:262_144], mime=True)) or UNKNOWN
    except (puremagic.PureError, ValueError):
        return _text_or_unknown(content[:4096])


def _text_or_unknown(head: bytes) -> str:
    if b"\0" in head:
        return UNKNOWN
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character cut in two at the very end is still text.
        if len(head) - error.start > 3:
            return UNKNOWN
    return "text/plain" if head else UNKNOWN
