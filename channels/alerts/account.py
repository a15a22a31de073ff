"""What the settings may say of one monitoring system: ``[channels.alerts.<account>]``. Read by gateway at the start."""

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from domain.message import WhenResolved

LARGEST = 1_048_576
"""Bytes of a request at most."""
_SHORTEST_TOKEN = 16
_CATALOG = re.compile(r"[a-z0-9][a-z0-9_-]*(?:/[a-z0-9][a-z0-9_-]*)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertAccount:
    """``dialect``: how the system speaks. ``token``: what it has to show, as a bearer token or as the password of basic
    authentication. ``catalog``: the entry that its tickets start from. ``product_labels``: the labels, of which the
    first that is there names the product. ``resolved``: what a resolved alert does to its ticket. ``max_size``: bytes
    of a request.

    ``annotate_url``: where agents' answers on its tickets are posted, with ``annotate_token`` as a bearer token.
    ``annotate_private``: that address may be one of our own network."""

    dialect: Literal["alertmanager", "zabbix", "plain"]
    token: str = field(repr=False)
    catalog: str | None = None
    product_labels: tuple[str, ...] = ("product", "service")
    resolved: WhenResolved = "policy"
    max_size: int = LARGEST
    annotate_url: str | None = None
    annotate_token: str = field(default="", repr=False)
    annotate_private: bool = False

    def __post_init__(self) -> None:
        if len(self.token) < _SHORTEST_TOKEN:
            raise ValueError(f"token has fewer than {_SHORTEST_TOKEN} characters")
        if not 1024 <= self.max_size <= LARGEST:
            raise ValueError(f"max_size is {self.max_size}, and may be from 1024 to {LARGEST} bytes")
        if self.catalog is not None and not _CATALOG.fullmatch(self.catalog):
            raise ValueError(f"catalog is {self.catalog!r}, and is the path of an entry: general/monitoring")
        if not all(label.strip() for label in self.product_labels):
            raise ValueError("product_labels has an empty name")
        if self.annotate_url is not None:
            self._can_be_posted_to(self.annotate_url)
        elif self.annotate_token:
            raise ValueError("annotate_token is given without annotate_url")
        if not (self.annotate_token.isascii() and self.annotate_token.isprintable()):
            raise ValueError("annotate_token has characters that no header may have")

    @staticmethod
    def _can_be_posted_to(url: str) -> None:
        try:
            parts = urlsplit(url)
            named = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
        except ValueError:  # no port, or half an address in brackets
            named = False
        if not named:
            raise ValueError("annotate_url is no address of the form https://host/path")

    @property
    def annotates(self) -> bool:
        return self.annotate_url is not None
