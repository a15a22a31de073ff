"""What an operator may say of one mailbox account: ``[channels.imap.<account>]``. See docs/channels/imap.md."""

import re
from dataclasses import dataclass, field
from typing import Literal

_LARGEST_BATCH = 200
"""aioimaplib handles an answer's lines by recursion."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapAccount:
    """``folders`` and ``move_to`` are named as people read them; ``poll_s`` is seconds, ``max_size`` bytes. Raises
    ``ValueError`` with a sentence for values that make no sense."""

    host: str
    port: int = 993
    username: str
    password: str = field(repr=False)
    security: Literal["tls", "starttls", "none"] = "tls"
    ca_file: str | None = None
    folders: tuple[str, ...] = ("INBOX",)
    after: Literal["seen", "move"] = "seen"
    move_to: str | None = None
    idle: bool = True
    poll_s: float = 60.0
    batch: int = 50
    max_size: int = 26_214_400
    since_days: int | None = None

    def __post_init__(self) -> None:
        for name in ("host", "username", "password", *(["move_to"] if self.move_to is not None else [])):
            value = getattr(self, name)
            if not value or _CONTROL.search(value):
                raise ValueError(f"{name} is empty or has control characters in it")
        if not self.folders or any(not one or _CONTROL.search(one) for one in self.folders):
            raise ValueError("folders names at least one folder, and no empty ones")
        if len(set(self.folders)) < len(self.folders):
            raise ValueError("folders names a folder twice")
        if not 1 <= self.port <= 65_535:
            raise ValueError("port is from 1 to 65535")
        if (self.after == "move") != (self.move_to is not None):
            raise ValueError("after = move and move_to go together: one of them is missing")
        if self.move_to in self.folders:
            raise ValueError("move_to is one of the folders that are read")
        if not 1 <= self.batch <= _LARGEST_BATCH:
            raise ValueError(f"batch is from 1 to {_LARGEST_BATCH}")
        if not 1 <= self.poll_s <= 86_400:
            raise ValueError("poll_s is from 1 to 86400 seconds")
        if self.max_size < 1:
            raise ValueError("max_size is at least 1 byte")
        if self.since_days is not None and not 0 <= self.since_days <= 36_500:
            raise ValueError("since_days is from 0 to 36500")
        if self.ca_file is not None and self.security == "none":
            raise ValueError("ca_file is for tls and starttls, and security is none")
