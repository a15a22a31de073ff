"""The ledger: accepted = ticketed + appended + duplicate + suppressed + quarantined + in flight, per channel.

The two sides come from different books. Accepted: what the raw log holds, what was purged from it (a durable counter)
and what waits in the spool. Outcomes: the durable counters, written in the transactions that had the effects. In
flight: raw messages above the settled floor that have no ledger line, counted one by one, and the spool.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from domain.views import LedgerRow
from gateway.bus import Bus
from gateway.reconciler import envelope_of
from gateway.spool import spooled_in
from gateway.topology import INTAKE
from store import Database

_READINGS = 40
_BETWEEN = 0.05
OUTCOMES = ("ticketed", "appended", "duplicate", "suppressed", "quarantined", "in_flight")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """``balanced``: the equation held in one reading. While messages move, several may be needed to see it."""

    rows: Sequence[LedgerRow]
    balanced: bool

    @property
    def total(self) -> LedgerRow:
        names = ("accepted", *OUTCOMES)
        return LedgerRow(channel="total", **{name: sum(getattr(row, name) for row in self.rows) for name in names})


def adds_up(row: LedgerRow) -> bool:
    return bool(row.accepted == sum(getattr(row, name) for name in OUTCOMES))


async def read(bus: Bus, database: Database, spool: Path | None) -> Ledger:
    """Reads until the books agree, at most two seconds."""
    rows: Sequence[LedgerRow] = ()
    for _ in range(_READINGS):
        rows = await _reading(bus, database, spool)
        if all(adds_up(row) for row in rows):
            return Ledger(rows=rows, balanced=True)
        await asyncio.sleep(_BETWEEN)
    return Ledger(rows=rows, balanced=False)


async def _reading(bus: Bus, database: Database, spool: Path | None) -> Sequence[LedgerRow]:
    spooled = Counter(spooled_in(spool) if spool is not None else {})
    state = await bus.stream_state(INTAKE)
    held = Counter({subject.rpartition(".")[2]: count for subject, count in state.subjects.items()})
    settled = {row.channel: row for row in await database.views.ledger()}
    flying, doubled = await _in_flight(bus, database, state.last)
    rows = []
    for channel in sorted({*settled, *held, *spooled}):
        row = settled.get(channel, LedgerRow(channel=channel, accepted=0))
        rows.append(
            replace(
                row,
                accepted=row.accepted + held[channel] + spooled[channel] - doubled[channel],
                in_flight=flying[channel] + spooled[channel],
            )
        )
    return rows


async def _in_flight(bus: Bus, database: Database, last: int) -> tuple[Counter[str], Counter[str]]:
    """Raw messages without a ledger line; and raw messages that stand twice (a publish whose answer was lost)."""
    flying: Counter[str] = Counter()
    doubled: Counter[str] = Counter()
    seen: set[str] = set()
    async for batch in bus.traces(INTAKE, await database.books.floor() + 1, last):
        names: Mapping[int, str] = {trace.sequence: envelope_of(INTAKE, trace) for trace in batch}
        settled = await database.books.settled(names.values())
        for trace in batch:
            name, channel = names[trace.sequence], trace.subject.rpartition(".")[2]
            if name in seen:
                doubled[channel] += 1
            elif name not in settled:
                flying[channel] += 1
            seen.add(name)
    return flying, doubled
