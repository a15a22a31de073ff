"""Listening sockets. ``priyom up`` opens them once and hands them to its front process, so that connections wait
instead of being refused while that process is started again, and a free port, once picked, stays the same."""

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from domain.errors import Permanent
from gateway.settings import split_address

VARIABLE = "PRIYOM_RUN_SOCKETS"
"""``{"http": 7, "smtp": 8}``: names and file descriptors of what was handed over."""
READY_VARIABLE = "PRIYOM_RUN_READY"
"""Folder in which a process leaves a file for each name that it serves."""


def bind(name: str, address: str) -> socket.socket:
    """Raises ``Permanent`` with one sentence for a port that is taken or an address that is not ours."""
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(512)
    except OSError as error:
        listening.close()
        raise Permanent(f"{name}: cannot listen on {address}: {error.strerror or error}") from error
    listening.setblocking(False)
    return listening


class Listeners:
    """``take`` gives the socket handed over under a name, or opens one; ``serving`` tells the parent about it."""

    def __init__(self, handed: Mapping[str, int], ready: Path | None) -> None:
        self._handed = dict(handed)
        self._ready = ready

    @classmethod
    def from_environment(cls) -> "Listeners":
        handed = json.loads(os.environ.get(VARIABLE, "{}"))
        folder = os.environ.get(READY_VARIABLE)
        return cls(handed, Path(folder) if folder else None)

    def take(self, name: str, address: str) -> socket.socket:
        if name in self._handed:
            listening = socket.socket(fileno=self._handed[name])
            listening.setblocking(False)
            return listening
        return bind(name, address)

    def serving(self, name: str, listening: socket.socket) -> None:
        if self._ready is not None:
            host, port = listening.getsockname()[:2]
            (self._ready / name).write_text(f"{host}:{port}\n", encoding="ascii")

    def ready(self, name: str) -> None:
        if self._ready is not None:
            (self._ready / name).write_text("ready\n", encoding="ascii")
