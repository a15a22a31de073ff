"""Structured logs: one JSON line an event on standard error, named noun.verb, with surrogate ids only.

Bodies, subjects, addresses and secrets are never logged; the JSON encoding keeps control characters of any value from
breaking out of its line. ``envelope`` follows a message through every stage.
"""

import logging
import sys
from typing import Any

import msgspec
import structlog


def _dumps(event: Any, **_options: Any) -> bytes:
    return msgspec.json.encode(event, enc_hook=str)


def configure(level: str = "info", *, process: str = "") -> None:
    """Call once a process, before anything logs. Libraries' own loggers speak at warning and above."""
    chosen = getattr(logging, level.upper())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(serializer=_dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(chosen),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    if process:
        structlog.contextvars.bind_contextvars(process=process)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Plain())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    logging.getLogger("aiohttp.access").setLevel(logging.ERROR)


class _Plain(logging.Formatter):
    """Libraries' records as the same kind of JSON line. Their messages may quote a peer's data, so only the name of an
    exception's class is kept of it."""

    def format(self, record: logging.LogRecord) -> str:
        line = {"event": "library.logged", "logger": record.name, "level": record.levelname.lower()}
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
        line["message"] = str(record.msg)[:500]
        return msgspec.json.encode(line).decode()


def get() -> Any:
    """The process's logger."""
    return structlog.get_logger()
