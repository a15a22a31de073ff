"""Prometheus metrics of every stage, and their exposition.

Counters are set where the work is done; depth and age of each stage by the timekeeper, which looks at the bus. With
``PROMETHEUS_MULTIPROC_DIR`` set (``priyom up`` does), one page shows all processes of the machine.
"""

import os

from prometheus_client import REGISTRY as DEFAULT_REGISTRY
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)

ACCEPTED = Counter("priyom_accepted", "Messages accepted: their bytes are durable.", ["channel", "adapter", "way"])
REFUSED = Counter("priyom_refused", "Messages refused, told to the peer in its protocol.", ["channel", "reason"])
ACCEPT_SECONDS = Histogram("priyom_accept_seconds", "From the last byte to durable.", ["channel"], buckets=_SECONDS)
STAGE_MESSAGES = Counter("priyom_stage_messages", "Messages a stage has settled.", ["stage", "outcome"])
STAGE_SECONDS = Histogram("priyom_stage_seconds", "Time to handle one batch.", ["stage"], buckets=_SECONDS)
STAGE_PAUSED = Gauge(
    "priyom_stage_paused", "1 while a stage waits for a dependency.", ["stage"], multiprocess_mode="livemax"
)
STAGE_PENDING = Gauge(
    "priyom_stage_pending", "Messages that wait for a stage.", ["stage"], multiprocess_mode="mostrecent"
)
STAGE_OLDEST = Gauge(
    "priyom_stage_oldest_seconds", "Age of the oldest unsettled message.", ["stage"], multiprocess_mode="mostrecent"
)
ACCOUNT = Gauge(
    "priyom_account",
    "1 for the condition that an account of a channel is in.",
    ["adapter", "account", "condition"],
    multiprocess_mode="mostrecent",
)
ACCOUNT_TOLD = Gauge(
    "priyom_account_told_seconds",
    "Since an account was heard of.",
    ["adapter", "account"],
    multiprocess_mode="mostrecent",
)
ACCOUNT_OLDEST = Gauge(
    "priyom_account_oldest_seconds",
    "Age of the oldest message that an account has not yet given.",
    ["adapter", "account"],
    multiprocess_mode="mostrecent",
)
ROUTED_SECONDS = Histogram(
    "priyom_accepted_to_routed_seconds", "From acceptance to the commit of its ticket.", ["channel"], buckets=_SECONDS
)
SENT = Counter("priyom_sent", "Attempts to send, by what became of them.", ["channel", "state"])
LOOKUPS = Counter("priyom_lookups", "Questions to the lookup about who writes.", ["outcome"])
SPOOLED = Gauge("priyom_spooled", "Messages in the local spool.", multiprocess_mode="livesum")
RELAYED = Counter("priyom_relayed", "Facts sent to the bus.", ["way"])
RECONCILED = Counter("priyom_reconciled", "What the reconciler mended.", ["what"])


def page() -> bytes:
    """The exposition format, text version 0.0.4."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return bytes(generate_latest(registry))
    return bytes(generate_latest(DEFAULT_REGISTRY))
