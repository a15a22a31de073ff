"""Who wrote to whom. Called by the pipeline and by the fallback.

The requester is From; Reply-To is where answers go, and a mismatch is flagged, since it is what a fraud looks like.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.message import Address
from normalizer.mail import addresses, caps
from normalizer.mail.headers import Headers, to_text


@dataclass(frozen=True, slots=True)
class Parties:
    sender: Address
    reply_to: Address | None
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    recipients: tuple[str, ...]
    flags: tuple[str, ...]


UNKNOWN = Parties(addresses.NOBODY, None, (), (), (), ())


def read(headers: Headers, meta: Mapping[str, Any]) -> Parties:
    """Addresses of the header, and the envelope's recipients where the transport knew them."""
    flags: list[str] = []
    to = _list(headers, "to", flags)
    cc = _list(headers, "cc", flags)
    sender = _sender(headers, meta)
    answers, _ = addresses.parse(headers.plain("reply-to")) if "reply-to" in headers else ((), False)
    reply_to = next((one for one in answers if one.address), None)
    if reply_to is not None and all(one.address != sender.address for one in answers):
        flags.append("reply_to_mismatch")
    return Parties(sender, reply_to, to, cc, _recipients(headers, meta, to, cc), tuple(flags))


def _list(headers: Headers, name: str, flags: list[str]) -> tuple[Address, ...]:
    values = headers.all(name)
    if not values:
        return ()
    found, capped = addresses.parse(", ".join(to_text(value, headers.hint) for value in values[:10]))
    if (capped or max(map(len, values)) >= caps.HEADER_VALUE) and "capped:addresses" not in flags:
        flags.append("capped:addresses")
    return tuple(one for one in found if one.address)


def _sender(headers: Headers, meta: Mapping[str, Any]) -> Address:
    """From; if it names no address: Sender, Return-Path, then the transport's reverse path."""
    name = ""
    for field in ("from", "sender", "return-path", "x-envelope-from"):
        if field not in headers:
            continue
        found, _ = addresses.parse(headers.plain(field))
        for one in found:
            if one.address:
                return one if one.name or not name else Address(channel="email", address=one.address, name=name)
            name = name or one.name
    return addresses.make(str(meta.get("mail_from") or ""), name)


def _recipients(
    headers: Headers, meta: Mapping[str, Any], to: tuple[Address, ...], cc: tuple[Address, ...]
) -> tuple[str, ...]:
    given = meta.get("rcpt_tos")
    if isinstance(given, list | tuple) and given:
        found = [addresses.normalize(str(one)) or str(one).strip().lower() for one in given]
        return tuple(dict.fromkeys(found))[: caps.ADDRESSES]
    delivered = [
        one.address
        for field in ("x-original-to", "delivered-to", "x-envelope-to", "envelope-to")
        for value in headers.all(field)[:10]
        for one in addresses.parse(to_text(value, headers.hint))[0]
    ]
    listed = delivered or [one.address for one in (*to, *cc)]
    return tuple(dict.fromkeys(address for address in listed if address))[: caps.ADDRESSES]
