"""Requests to addresses that an administrator has written down, kept from reaching our own network through them.

A name says nothing of where it leads, and may lead elsewhere a moment later. So nothing is looked at before: whoever
opens a connection asks for a socket with the very address that is about to be dialled, and is refused one of our own
network there. Redirects are not followed, and no proxy of the environment is used.

Called by senders that post to webhooks, and by whatever fetches from such an address.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

from aiohttp import ClientSession, ClientTimeout, TCPConnector
from aiohttp.abc import AbstractResolver

Ip = IPv4Address | IPv6Address
_TRANSLATED = IPv6Network("64:ff9b::/96")
"""NAT64 (RFC 6052): the last four bytes are an address of the old sort."""


class AddressRefused(OSError):
    """The name leads into our own network, or nowhere that the world can see."""


def meant(address: Ip) -> Ip:
    """The address that one written in another's form stands for (mapped, 6to4, Teredo, NAT64)."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _TRANSLATED else address


def is_public(address: str) -> bool:
    """Whether an address as text is one of the world's. What is no address is not."""
    try:
        found = meant(ip_address(address.partition("%")[0]))
    except ValueError:
        return False
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified)


def public_socket(dialled: Any) -> socket.socket:
    """A socket for an address that is about to be dialled, as ``getaddrinfo`` gives it. Raises ``AddressRefused``."""
    family, kind, protocol, _, place = dialled
    if not is_public(str(place[0])):
        # Without the address: of several that are refused alike, one refusal is told.
        raise AddressRefused("the name leads into our own network")
    return socket.socket(family=family, type=kind, proto=protocol)


def guarded_session(
    *, private: bool = False, timeout_s: float = 20.0, resolver: AbstractResolver | None = None
) -> ClientSession:
    """A session for one administrator's address. ``private``: they say that it is one of our own network. Callers pass
    ``allow_redirects=False`` with every request, since whoever answers must not choose the next address."""
    connector = TCPConnector(
        socket_factory=None if private else public_socket,
        resolver=resolver,
        use_dns_cache=False,
        limit=8,
        force_close=True,
    )
    return ClientSession(connector=connector, timeout=ClientTimeout(total=timeout_s), trust_env=False)


def was_refused(error: BaseException) -> bool:
    """Whether it was the guard that kept a request from its way."""
    return isinstance(getattr(error, "os_error", error), AddressRefused)
