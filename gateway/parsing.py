"""Parsing that could run away happens in killable worker processes: what takes too long is killed, alone.

Called by gateway.normalizing. Light messages are parsed in place; the heavy ones (``normalizer.weigh``) in a worker
with a time limit. A message whose worker had to be killed, or that broke it, still becomes a ticket with its raw bytes.
"""

import asyncio
import multiprocessing
from concurrent.futures import TimeoutError as FutureTimeout

from pebble import ProcessExpired, ProcessPool

from domain.message import Envelope, Normalized
from gateway import logs, metrics
from normalizer.fallback import raw_only
from normalizer.language import tell
from normalizer.pipeline import normalize
from normalizer.weigh import is_heavy

log = logs.get()

UNPARSED = "unparsed"


class Parser:
    """``limit_s``: seconds that one message may take in a worker."""

    def __init__(self, *, workers: int = 1, limit_s: float = 2.0) -> None:
        self._workers = workers
        self._limit = limit_s
        self._pool: ProcessPool | None = None

    def open(self) -> None:
        """Workers are made by the spawn method: the process that calls has threads and an event loop."""
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPool(max_workers=self._workers, max_tasks=500, context=context)
        self._pool.schedule(warm_up)
        warm_up()

    def close(self) -> None:
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool.join(timeout=5)

    async def parse(self, envelope: Envelope, raw: bytes) -> Normalized:
        """Raises ``Permanent`` only for what is no message of its channel at all (a form that is not JSON)."""
        if self._pool is None or not is_heavy(envelope, raw):
            return _counted(normalize(envelope, raw))
        task = self._pool.schedule(normalize, args=(envelope, raw), timeout=self._limit)
        try:
            done: Normalized = await asyncio.wrap_future(task)
            return _counted(done)
        except (TimeoutError, FutureTimeout):
            flag = "capped:time"
        except (ProcessExpired, MemoryError):
            flag = "capped:crash"
        metrics.STAGE_MESSAGES.labels(stage="parser", outcome=flag).inc()
        log.warning("message.unparsed", envelope=envelope.id, flag=flag, size=envelope.size)
        return raw_only(envelope, raw, flag)


def _counted(done: Normalized) -> Normalized:
    """A mail that no step could read is a fault of ours to be noticed, though its ticket stands."""
    if UNPARSED in done.message.flags:
        metrics.STAGE_MESSAGES.labels(stage="parser", outcome=UNPARSED).inc()
        log.error("message.unparsed", envelope=done.message.envelope_id, flag=UNPARSED)
    return done


def warm_up() -> None:
    """Loads what parsing needs (a language model among it) before the first message would have to wait for it."""
    tell("Hello, this is a sentence in plain English, so that the model for it is there.")
