"""What the settings may say of one telephony account: ``[channels.ivr.<account>]``. Read by gateway at the start."""

from dataclasses import dataclass, field
from typing import Literal

LARGEST = 524_288
"""Bytes of a request at most: its event travels with the envelope, and a bus message has room for no more."""
_SHORTEST_SECRET = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class IvrAccount:
    """``dialect``: how the provider speaks. ``secret``: what it signs with (canonical: the HMAC secret; Twilio: the
    auth token; Mango: the salt). ``key``: Mango's ``vpbx_api_key``.

    ``region``: where numbers without a country code belong. ``public_url``: this hook as the provider calls it, where a
    proxy stands before us. ``language``: what callers speak, for transcripts that do not say it. ``max_size``: bytes of
    a request. ``twiml``: what Twilio does after a Gather, a Record or an arriving call; by default it hangs up.
    ``transcripts``: whether the transcript of a call is waited for; None: as the dialect goes, and Mango has none.

    ``recordings_user`` and ``recordings_password`` (of a bearer: the token) open recordings, and are sent to
    ``recordings_hosts`` alone; ``recordings_private``: these may be inside our own network."""

    dialect: Literal["canonical", "twilio", "mango"]
    secret: str = field(repr=False)
    key: str = field(default="", repr=False)
    region: str = "RU"
    public_url: str | None = None
    language: str | None = None
    max_size: int = 262_144
    twiml: str = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
    transcripts: bool | None = None
    recordings_hosts: tuple[str, ...] = ()
    recordings_user: str = ""
    recordings_password: str = field(default="", repr=False)
    recordings_private: bool = False

    def __post_init__(self) -> None:
        if len(self.secret) < _SHORTEST_SECRET:
            raise ValueError(f"secret has fewer than {_SHORTEST_SECRET} characters")
        if self.dialect == "mango" and not self.key:
            raise ValueError("key is needed for the dialect mango: it is the provider's vpbx_api_key")
        if not 1024 <= self.max_size <= LARGEST:
            raise ValueError(f"max_size is {self.max_size}, and may be from 1024 to {LARGEST} bytes")
        if not (len(self.region) == 2 and self.region.isascii() and self.region.isupper()):
            raise ValueError(f"region is {self.region!r}, and is a country in two capitals: RU, KZ, DE")
        if self.public_url is not None and not self.public_url.startswith(("https://", "http://")):
            raise ValueError("public_url begins with https:// or http://")

    @property
    def transcribes(self) -> bool:
        return self.dialect != "mango" if self.transcripts is None else self.transcripts
