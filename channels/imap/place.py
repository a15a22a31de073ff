"""How far one folder has been read. Pure; called by ``channels.imap.receiver``, which keeps it as a bookmark.

The bookmark is the highest UID below which everything is settled: taken and marked, refused, or gone. What is settled
above it is remembered only as long as the process lives; after that it comes again, and is seen to be a duplicate.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any


@dataclass(slots=True)
class Place:
    """``since``: mails that came before that day were never wanted. ``accepted``: intake has them, the mailbox does not
    know it yet. ``tried``: how often a mail was not handed out; ``lost``: how often in a row the connection was lost
    while it was."""

    validity: int
    uid: int = 0
    since: date | None = None
    accepted: set[int] = field(default_factory=set)
    settled: set[int] = field(default_factory=set)
    tried: Counter[int] = field(default_factory=Counter)
    lost: Counter[int] = field(default_factory=Counter)

    @classmethod
    def from_bookmark(cls, value: Mapping[str, Any]) -> "Place":
        since = value.get("since")
        return cls(int(value["validity"]), int(value["uid"]), date.fromisoformat(since) if since else None)

    @property
    def bookmark(self) -> Mapping[str, Any]:
        since = {"since": self.since.isoformat()} if self.since else {}
        return {"validity": self.validity, "uid": self.uid, **since}

    def waiting(self, listed: Sequence[int]) -> list[int]:
        """What of the folder's mails above the bookmark (ascending, all of them) is to be done; the bookmark moves over
        what is done."""
        for uid in listed:
            if uid not in self.settled:
                break
            self.uid = uid
        there = set(listed)
        self.accepted &= there
        self.settled = {uid for uid in self.settled & there if uid > self.uid}
        return [uid for uid in listed if uid > self.uid and uid not in self.settled]

    def settle(self, uids: Iterable[int], waiting: Sequence[int]) -> None:
        """``waiting``: what was waiting from the bookmark on, ascending."""
        self.settled.update(uids)
        self.accepted.difference_update(self.settled)
        for uid in waiting:
            if uid > self.uid and uid not in self.settled:
                break
            self.uid = max(uid, self.uid)
