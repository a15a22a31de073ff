"""A way between two processes that can be interrupted: a TCP proxy in the test's own process.

It stands in for a network: while it is held, connections stay open and nothing passes, as where a cable is pulled; what
was said meanwhile arrives once it is healed, as TCP would repeat it. A connection begun meanwhile is taken and hears
nothing. ``cut`` loses what is under way together with the connections.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST


class Way:
    """From a free port of ours to ``target`` on this machine."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listening.getsockname()[1]
        self._open = threading.Event()
        self._open.set()
        self._quick = threading.Event()
        self._quick.set()
        self._delay = 0.0
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self.passed = 0
        """Bytes that went either way."""
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self) -> None:
        self._open.clear()

    def slow(self, seconds: float) -> None:
        """Whatever the near side says takes so long to arrive: each question and answer takes it once."""
        self._delay = seconds
        self._quick.clear()

    def heal(self) -> None:
        self._quick.set()
        self._open.set()

    def cut(self) -> None:
        with self._lock:
            broken, self._sockets = self._sockets, set()
        for end in broken:
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                end.shutdown(socket.SHUT_RD)
            end.close()

    def close(self) -> None:
        self._listening.close()
        self.cut()
        self.heal()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        with self._lock:
            self._sockets.add(near)
        self._open.wait()
        try:
            far = socket.create_connection(("127.0.0.1", self._target), timeout=10)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._sockets.add(far)
        threading.Thread(target=self._pump, args=(far, near, False), daemon=True).start()
        self._pump(near, far, True)

    def _pump(self, source: socket.socket, sink: socket.socket, asking: bool) -> None:
        with contextlib.suppress(OSError):
            while said := source.recv(65_536):
                if asking:
                    self._quick.wait(self._delay)
                self._open.wait()
                sink.sendall(said)
                self.passed += len(said)
        self._open.wait()
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def way(target: int) -> Iterator[Way]:
    made = Way(target)
    try:
        yield made
    finally:
        made.close()
