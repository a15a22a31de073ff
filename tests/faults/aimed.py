"""Starts Priyom with an aim: ``python aimed.py run ROLE...`` is ``priyom run ROLE...``, functions wrapped from outside.

- ``PRIYOM_TEST_AIM`` names a folder. A file ``ROLE-ROLE SPOT`` there makes the process of these roles kill itself with
  SIGKILL when it next comes to that spot, once.
- ``PRIYOM_TEST_CLOCK`` is by how many seconds its clock is wrong.
- ``PRIYOM_TEST_WINDOW`` is how many seconds the bus remembers the ids of what was published.
"""

import functools
import importlib
import inspect
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

PROGRAM: Sequence[str] = (sys.executable, __file__)

BEFORE_THE_BUS = "before the bus has it"
AFTER_THE_BUS = "after the bus has it"
SPOOLED_AND_SENT = "the bus has what is still in the spool"
BEFORE_MESSAGES = "before messages are published"
AFTER_MESSAGES = "after messages are published"
BEFORE_COMMIT = "before the commit"
AFTER_COMMIT = "after the commit"
BEFORE_SEEN = "before mails are marked as seen"
AFTER_SEEN = "after mails are marked as seen"
BEFORE_BOOKMARK = "before the bookmark moves"
AFTER_BOOKMARK = "after the bookmark has moved"
FACTS_SENT = "facts are published and still in the outbox"

_SPOTS: Mapping[str, tuple[str, str]] = {
    BEFORE_THE_BUS: ("before", "gateway.bus:Bus.publish"),
    AFTER_THE_BUS: ("after", "gateway.bus:Bus.publish"),
    SPOOLED_AND_SENT: ("after", "gateway.intake:BusIntake.follow"),
    BEFORE_MESSAGES: ("before", "gateway.bus:Bus.publish_many"),
    AFTER_MESSAGES: ("after", "gateway.bus:Bus.publish_many"),
    BEFORE_COMMIT: ("after", "store.uow:SqlUnitOfWork.save"),
    AFTER_COMMIT: ("before", "gateway.relay:Relay.push"),
    BEFORE_SEEN: ("before", "channels.imap.session:Session.flag"),
    AFTER_SEEN: ("after", "channels.imap.session:Session.flag"),
    BEFORE_BOOKMARK: ("before", "store.channels:SqlChannels.set_bookmark"),
    AFTER_BOOKMARK: ("after", "store.channels:SqlChannels.set_bookmark"),
    FACTS_SENT: ("before", "store.outbox:SqlOutbox.sent"),
}


def _fall(armed: Path) -> None:
    try:
        armed.unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def _wrapped(real: Callable[..., Any], when: str, armed: Path) -> Callable[..., Any]:
    before = when == "before"
    if inspect.iscoroutinefunction(real):

        @functools.wraps(real)
        async def waiting(*words: Any, **named: Any) -> Any:
            if before:
                _fall(armed)
            answer = await real(*words, **named)
            if not before:
                _fall(armed)
            return answer

        return waiting

    @functools.wraps(real)
    def plain(*words: Any, **named: Any) -> Any:
        if before:
            _fall(armed)
        answer = real(*words, **named)
        if not before:
            _fall(armed)
        return answer

    return plain


def _aim(folder: Path, roles: Sequence[str]) -> None:
    for spot, (when, where) in _SPOTS.items():
        module, _, path = where.partition(":")
        kind, _, name = path.partition(".")
        owner = getattr(importlib.import_module(module), kind)
        setattr(owner, name, _wrapped(getattr(owner, name), when, folder / f"{'-'.join(roles)} {spot}"))


def _set_clock(seconds: float) -> None:
    """The clock and the ids, which have the time in them: all that the house knows of it."""
    system: Any = importlib.import_module("gateway.system")
    system.time = SimpleNamespace(time_ns=lambda: time.time_ns() + int(seconds * 1e9))
    system.SystemClock.now = lambda _self: datetime.now(UTC) + timedelta(seconds=seconds)


def main() -> int:
    if folder := os.environ.get("PRIYOM_TEST_AIM"):
        _aim(Path(folder), [word for word in sys.argv[2:] if word != "gateway.process"])
    if seconds := os.environ.get("PRIYOM_TEST_CLOCK"):
        _set_clock(float(seconds))
    if window := os.environ.get("PRIYOM_TEST_WINDOW"):
        bus: Any = importlib.import_module("gateway.bus")
        bus.DUPLICATE_WINDOW = float(window)
    if sys.argv[1:3] == ["-m", "gateway.process"]:  # a child of `priyom up`
        from gateway import process

        sys.argv[1:3] = []
        return process.main()
    if sys.argv[1:2] == ["up"] and folder:  # its children are to be started like this as well
        launcher = Path(folder) / "python"
        launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "$@"\n', encoding="ascii")
        launcher.chmod(0o755)
        sys.executable = str(launcher)
    from gateway import cli

    cli.main()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
