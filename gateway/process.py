"""A process of roles: what ``priyom run`` is, and what the supervisor starts twice. Uses uvloop."""

import asyncio
import gc
import sys
from collections.abc import Sequence

import uvloop

from domain.errors import Fault
from gateway import logs, roles
from gateway.settings import Settings, load
from gateway.sockets import Listeners
from gateway.wiring import build, opened

_SWITCH = 0.0005
"""Seconds a thread may hold the interpreter while another waits. The database's and the disk's threads need it for
microseconds, some dozen times a batch; with the default of 5 ms each of them waits behind a mail being parsed."""


async def _main(names: Sequence[str], settings: Settings) -> None:
    listeners = Listeners.from_environment()
    async with opened(build(settings, process="-".join(names))) as house:
        _spare_the_collector()
        await roles.run(names, house, listeners)


def _spare_the_collector() -> None:
    """What stands now (modules, the compiled policy) stays: the cyclic collector need not look at it again and again,
    and batches make many objects that reference counting frees."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    sys.setswitchinterval(_SWITCH)


def run(names: Sequence[str], settings: Settings) -> None:
    """Returns when the process was told to stop. Raises ``Fault`` for what stopped its start or its work."""
    logs.configure(settings.log_level, process="-".join(names))
    try:
        uvloop.run(_main(names, settings))
    except* asyncio.CancelledError:
        pass


def first_fault(error: BaseException) -> BaseException:
    """The reason inside nested groups of errors: the first of ours, else the first."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    inner = [first_fault(e) for e in error.exceptions]
    return next((e for e in inner if isinstance(e, Fault)), inner[0])


def main() -> int:
    """``python -m gateway.process ROLE...``, for the supervisor."""
    try:
        run(sys.argv[1:], load())
    except BaseException as error:
        fault = first_fault(error)
        reason = fault.reason if isinstance(fault, Fault) else f"{type(fault).__name__}: {fault}"
        logs.get().error("process.failed", reason=reason, exc_info=None if isinstance(fault, Fault) else fault)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
