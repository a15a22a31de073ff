"""The running policy: the store's head revision, compiled once and swapped in whole.

The router looks at its number before each batch, so that what is decided after ``apply`` is decided by it. Everything
else hears a notice on the bus, and finds it by a look every few seconds all the same. A revision that does not compile
is logged and the last good one stays.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from importlib.metadata import version

from config.loader import compile_policy, vanished
from config.problems import PolicyInvalid
from domain.errors import Permanent, Temporary
from domain.policy import Policy
from domain.ports import Clock
from gateway import logs
from gateway.bus import Bus
from gateway.topology import POLICY_NOTICE
from store import Database, Revision

log = logs.get()

_LOOK_EVERY = 3.0


class Policies:
    """``domain.ports.PolicySource``. ``load`` must have succeeded before ``current`` is read."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._current: Policy | None = None
        self._refused = 0
        self._loading = asyncio.Lock()

    @property
    def current(self) -> Policy:
        if self._current is None:
            raise Permanent("There is no policy yet: apply one with `priyom policy apply DIR`")
        return self._current

    @property
    def loaded(self) -> bool:
        return self._current is not None

    async def load(self) -> None:
        """Takes the head if it is another than the running one. Raises ``PolicyInvalid`` for a first one that does
        not compile, ``Permanent`` where there is none."""
        async with self._loading:
            head = await self._database.revisions.head_number()
            if head == 0:
                raise Permanent("There is no policy yet: apply one with `priyom policy apply DIR`")
            if head in (self._refused, self._current.revision if self._current else 0):
                return
            revision = await self._database.revisions.get(head)
            if revision is None:
                return
            try:
                self._current = await asyncio.to_thread(compile_policy, revision.documents, revision.revision)
            except PolicyInvalid as error:
                if self._current is None:
                    raise
                self._refused = head
                log.error("policy.refused", revision=head, problems=len(error.problems), kept=self._current.revision)
            else:
                log.info("policy.loaded", revision=head)

    async def watch(self, bus: Bus, stop: asyncio.Event) -> None:
        """Follows the head until told to stop."""
        noticed = asyncio.Event()
        listening = asyncio.create_task(_listen(bus, noticed))
        waking = asyncio.create_task(_wake(stop, noticed))
        try:
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_EVERY):
                        await noticed.wait()
                noticed.clear()
                with contextlib.suppress(Temporary):
                    await self.load()
        finally:
            for task in (listening, waking):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task


async def _wake(stop: asyncio.Event, noticed: asyncio.Event) -> None:
    await stop.wait()
    noticed.set()


async def _listen(bus: Bus, noticed: asyncio.Event) -> None:
    while True:
        with contextlib.suppress(Temporary):
            async for _ in bus.listen(POLICY_NOTICE):
                noticed.set()
        await asyncio.sleep(1)


async def apply(
    database: Database, bus: Bus | None, documents: Mapping[str, str], *, author: str, comment: str, clock: Clock
) -> int:
    """Makes the documents the next revision and tells every process. Returns its number.

    Raises ``PolicyInvalid`` with every problem, also where a catalog entry of the head is gone, and ``Conflict`` where
    somebody else was quicker."""
    number = await database.revisions.head_number() + 1
    policy = await asyncio.to_thread(compile_policy, documents, number)
    head = await database.revisions.get(number - 1)
    gone = vanished(documents, head.documents) if head else ()
    if gone:
        raise PolicyInvalid(gone)
    expanded = {"calendars": sorted(policy.calendars), "tzdata": _tzdata_version()}
    await database.revisions.add(
        Revision(
            revision=number,
            author=author,
            comment=comment,
            at=clock.now(),
            documents=dict(documents),
            expanded=expanded,
        )
    )
    if bus is not None:
        with contextlib.suppress(Temporary):
            await bus.announce(POLICY_NOTICE)
    return number


def _tzdata_version() -> str:
    return version("tzdata")


def differs(folder: Mapping[str, str], head: Revision) -> list[str]:
    """Names of the files in which a folder and a revision are not the same."""
    names = sorted({*folder, *head.documents})
    return [name for name in names if folder.get(name) != head.documents.get(name)]
